//! Reasons why a system under test can't be started, or has failed.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

use crate::link::LinkError;
use crate::machine::{MachineError, NoVhost};

/// Reason why a system can't be started, or has failed.
#[derive(Debug, thiserror::Error)]
pub enum SutError {
    /// The options don't go together with the system or its link.
    #[error("{0}")]
    Incompatible(&'static str),
    /// The file to be used may have been put there by another user.
    #[error("{} may be another user's: its owner or its directory's is somebody else, or all may write there; go to a directory of your own, or name the file to use", path.display())]
    Untrusted {
        /// The file.
        path: PathBuf,
    },
    /// The machine could not be booted, or failed.
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// The host's kernel can't serve the guest's rings.
    #[error(transparent)]
    NoVhost(#[from] NoVhost),
    /// The link could not be set up, or failed.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The network namespace of a process can't be shared.
    #[error("could not set up the service's network namespace")]
    Namespace(#[source] io::Error),
    /// The log of what the system prints can't be written.
    #[error("can't write {}; is the disk full, or the directory somebody else's?", path.display())]
    Log {
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// A part of it is not there.
    #[error("the {what} {} can't be read; {remedy}", path.display())]
    Missing {
        /// Kind of the part.
        what: &'static str,
        /// Path at which it was expected.
        path: PathBuf,
        /// Remedy.
        remedy: &'static str,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// A file is no kernel.
    #[error(
        "{} is no Linux kernel for x86-64 that QEMU boots (a bzImage, or an ELF file with a PVH \
         note); name another with `--kernel PATH`",
        path.display()
    )]
    NotAKernel {
        /// The file.
        path: PathBuf,
    },
    /// A file is no kernel module, or one in a form that can't be read.
    #[error("{} is no kernel module for this: {reason}", path.display())]
    BadModule {
        /// The file.
        path: PathBuf,
        /// Reason.
        reason: String,
    },
    /// A module needs another that is not there.
    #[error("the kernel module {module} needs {needed}, which is not among the modules")]
    ModuleMissing {
        /// The module.
        module: String,
        /// The module that it needs.
        needed: String,
    },
    /// The initial file system can't be written.
    #[error("the initial file system {} can't be written", path.display())]
    Initramfs {
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The guest would not boot in so little memory.
    #[error("a Linux guest does not boot in {memory_mib} MiB of memory; it needs {least_mib}")]
    TooLittleMemory {
        /// Memory that was asked for, in MiB.
        memory_mib: u32,
        /// Memory that it needs, in MiB.
        least_mib: u32,
    },
    /// The responder can't be started.
    #[error("the responder {} can't be started; build it with `make linux-guest`", path.display())]
    NotStarted {
        /// The program.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The responder says that it can't serve.
    #[error("the responder refused to start: {message}")]
    Refused {
        /// Own words.
        message: String,
    },
    /// The responder ended.
    #[error("the responder ended: {status}{}{stderr}", if stderr.is_empty() { "" } else { "; it said: " })]
    Ended {
        /// Exit status.
        status: ExitStatus,
        /// The last lines of its standard error.
        stderr: String,
    },
    /// The responder did not get ready in time.
    #[error("the responder was not ready within {waited_ms} ms")]
    NotReady {
        /// Time that it was given, in milliseconds.
        waited_ms: u128,
    },
    /// The responder and this program disagree about the ready line.
    #[error(
        "the responder's ready line can't be read: {0}; rebuild both with `make build linux-guest`"
    )]
    BadReadyLine(wire::ready::NotReady),
    /// The caller gave up.
    #[error("cancelled while the responder was starting")]
    Cancelled,
}
