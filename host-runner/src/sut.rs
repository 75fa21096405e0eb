//! What is measured: the service in one of its settings, ready to be booted or started.
//!
//! - [`hermit_sockets`]: the unikernel on Hermit's own sockets;
//! - [`linux_guest`]: a stock Linux kernel in QEMU whose process 1 is the responder;
//!   [`modules`] and [`initramfs`] are what it boots with, [`command_line`] what it is told;
//! - [`linux_host`]: the responder as a process on this host.
//!
//! The service's own image needs nothing of this: it is one file, see [`BootImage`]. No target knows of links:
//! a guest's network device is configured the same whatever is behind it.
#![forbid(unsafe_code)]

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

use clap::ValueEnum;

pub mod address;
pub mod command_line;
pub mod hermit_sockets;
pub mod initramfs;
mod link_choice;
pub mod linux_guest;
pub mod linux_host;
pub mod modules;
mod spec;

pub use link_choice::LinkChoice;
pub use spec::{GuestSpec, LinuxSpec, LogLevel, SMOLTCP, SystemSpec};

/// What is measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum SystemKind {
    /// The service in a Hermit unikernel
    #[default]
    Hermit,
    /// The same on Hermit's own sockets, driver and network stack
    HermitSockets,
    /// The service as the only process of a Linux guest, on the same machine
    LinuxGuest,
    /// The service as a process on this host
    LinuxHost,
    /// A thread that answers in the guest's place: the floor of every other figure
    Null,
}

impl SystemKind {
    /// The name that results carry.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hermit => "hermit",
            Self::HermitSockets => "hermit-sockets",
            Self::LinuxGuest => "linux-guest",
            Self::LinuxHost => "linux-host",
            Self::Null => "null",
        }
    }
}

/// Variant of a target: how the service on Linux waits for datagrams, or who answers in the unikernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Responder {
    /// recvfrom and sendto, asleep in between
    #[default]
    Blocking,
    /// recvfrom that does not wait, again and again, with SO_BUSY_POLL
    Busy,
    /// One io_uring, asleep in between
    #[value(name = "io_uring")]
    IoUring,
    /// Frames past the kernel's stack, polled (linux-host on link tap only)
    #[value(name = "af_xdp")]
    AfXdp,
    /// In the unikernel, smoltcp's sockets instead of the reflector below them; no mode of a service on Linux
    #[value(skip)]
    Smoltcp,
}

impl Responder {
    /// The name that results carry and the service knows.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Blocking => "blocking",
            Self::Busy => "busy",
            Self::IoUring => "io_uring",
            Self::AfXdp => "af_xdp",
            Self::Smoltcp => "smoltcp",
        }
    }
}

/// What a machine is to boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootImage {
    /// An image or a kernel.
    pub image: PathBuf,
    /// The kernel's initial file system, if it takes one.
    pub initrd: Option<PathBuf>,
    /// What it is told, as one line.
    pub boot_args: String,
    /// The memory to give it in MiB.
    pub memory_mib: u32,
    /// Whether its driver wants a network device without the legacy interface.
    pub modern_device: bool,
}

impl BootImage {
    /// How much is loaded to boot it, in bytes; `None` if a file is not there.
    #[must_use]
    pub fn bytes(&self) -> Option<u64> {
        let files = std::iter::once(&self.image).chain(&self.initrd);
        let sizes = files.map(|path| path.metadata().ok().map(|it| it.len()));
        sizes.sum()
    }
}

/// Why a target can't be had.
#[derive(Debug, thiserror::Error)]
pub enum SutError {
    /// A part of it is not there.
    #[error("the {what} {} can't be read; {remedy}", path.display())]
    Missing {
        /// Which part.
        what: &'static str,
        /// Where it was looked for.
        path: PathBuf,
        /// What to do.
        remedy: &'static str,
        /// What the system said.
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
        /// What is the matter with it.
        reason: String,
    },
    /// A module needs another that is not there.
    #[error("the kernel module {module} needs {needed}, which is not among the modules")]
    ModuleMissing {
        /// Which module.
        module: String,
        /// What it needs.
        needed: String,
    },
    /// The initial file system can't be written.
    #[error("the initial file system {} can't be written", path.display())]
    Initramfs {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The guest would not boot in so little memory.
    #[error("a Linux guest does not boot in {memory_mib} MiB of memory; it needs {least_mib}")]
    TooLittleMemory {
        /// What was asked for.
        memory_mib: u32,
        /// What it needs.
        least_mib: u32,
    },
    /// The responder can't be started.
    #[error("the responder {} can't be started; build it with `make linux-guest`", path.display())]
    NotStarted {
        /// The program.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The responder says that it can't serve.
    #[error("the responder refused to start: {message}")]
    Refused {
        /// Its own words.
        message: String,
    },
    /// The responder ended.
    #[error("the responder ended: {status}{}{stderr}", if stderr.is_empty() { "" } else { "; it said: " })]
    Ended {
        /// How.
        status: ExitStatus,
        /// The last lines of its standard error.
        stderr: String,
    },
    /// The responder did not get ready in time.
    #[error("the responder was not ready within {waited_ms} ms")]
    NotReady {
        /// How long it was given.
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
