//! Errors of machines, each with its remedy.

use std::fmt;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitStatus;

use super::machine_config::{DEFAULT_MEMORY_MIB, MIN_MEMORY_MIB};
use super::qmp::QmpError;
use crate::host::emulators::QEMU_VARIABLE;

/// Reason why a machine could not be booted, or can't go on.
#[derive(Debug, thiserror::Error)]
pub enum MachineError {
    /// No such QEMU is installed.
    #[error(
        "QEMU not found: there is no `{}`; install it with `sudo apt-get install qemu-system-x86`, \
         or set {QEMU_VARIABLE} to its path",
        program.display()
    )]
    QemuMissing {
        /// The program.
        program: PathBuf,
    },
    /// QEMU is there but can't be run.
    #[error("could not start QEMU (`{}`)", program.display())]
    QemuNotStarted {
        /// The program.
        program: PathBuf,
        /// Error of the system.
        #[source]
        source: io::Error,
    },
    /// The image can't be read.
    #[error("the image {} can't be read; build it with `make build`", path.display())]
    ImageMissing {
        /// The image.
        path: PathBuf,
        /// Error of the system.
        #[source]
        source: io::Error,
    },
    /// The image is no image.
    #[error(
        "{} is no x86-64 ELF file that can be booted; build the image with `make build`",
        path.display()
    )]
    NotAnImage {
        /// The file.
        path: PathBuf,
    },
    /// The guest's memory can't even hold the image.
    #[error("the image does not fit into {memory_mib} MiB of memory; it needs {MIN_MEMORY_MIB}")]
    TooLittleMemory {
        /// The guest's memory in MiB.
        memory_mib: u32,
    },
    /// The console log can't be written.
    #[error("the console log {} can't be written; choose another directory", path.display())]
    ConsoleLog {
        /// The log.
        path: PathBuf,
        /// Error of the system.
        #[source]
        source: io::Error,
    },
    /// A pipe, socket or thread for QEMU could not be had.
    #[error("could not set up {what} for QEMU")]
    Setup {
        /// The resource.
        what: &'static str,
        /// Error of the system.
        #[source]
        source: io::Error,
    },
    /// KVM was asked for by name and can't be used.
    #[error("KVM can't be used: {reason}; use `--accel tcg`, or `--accel auto` to fall back to it")]
    KvmUnusable {
        /// The attempt and its outcome.
        reason: String,
    },
    /// Something else has the UDP port that was asked for.
    #[error("UDP port {port} of this host is in use; choose another, or 0 to have one picked")]
    PortInUse {
        /// The port.
        port: u16,
    },
    /// The guest says that it can't serve.
    #[error("the guest refused to start: {message}{hint}")]
    Fatal {
        /// The guest's own words.
        message: String,
        /// Possible cause, if one is known.
        hint: Hint,
    },
    /// The guest panicked.
    #[error("the guest panicked: {message}{hint}")]
    Panicked {
        /// Output, line by line.
        message: String,
        /// Possible cause, if one is known.
        hint: Hint,
    },
    /// QEMU ended.
    #[error("QEMU ended: {}{}{hint}", describe_exit(*status), said(stderr))]
    Died {
        /// Exit status.
        status: ExitStatus,
        /// The last lines of its standard error.
        stderr: String,
        /// Possible cause, if one is known.
        hint: Hint,
    },
    /// The guest did not get ready in time.
    #[error(
        "the guest was not ready within {waited_ms} ms{hint}; {}",
        if console.is_empty() { "its console is empty".to_owned() }
        else { format!("the end of its console:\n{console}") }
    )]
    NotReady {
        /// Time that it was given.
        waited_ms: u128,
        /// The last lines of its console.
        console: String,
        /// Possible cause, if one is known.
        hint: Hint,
    },
    /// The image and this program disagree about the ready line.
    #[error("the guest's ready line can't be read: {0}; rebuild both with `make build`")]
    BadReadyLine(wire::ready::NotReady),
    /// The guest keeps its counters to itself.
    #[error("the guest's counters can't be read: its ready line does not say where they are")]
    NoCounters,
    /// The caller gave up.
    #[error("cancelled while the machine was booting")]
    Cancelled,
    /// QEMU's monitor did not do as it was told.
    #[error("QEMU's monitor failed at {action}")]
    Monitor {
        /// The request.
        action: &'static str,
        /// Error of the monitor.
        #[source]
        source: QmpError,
    },
}

/// A suspicion to go with an error: shown only where there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hint {
    /// Nothing to add.
    None,
    /// The guest has less memory than the image is built for, in MiB.
    LittleMemory(u32),
}

impl Hint {
    /// Returns the hint that the size of the guest's memory gives.
    #[must_use]
    pub const fn from_memory(memory_mib: u32) -> Self {
        if memory_mib < MIN_MEMORY_MIB {
            Self::LittleMemory(memory_mib)
        } else {
            Self::None
        }
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::LittleMemory(mib) => write!(
                f,
                " (it has {mib} MiB of memory, and the image needs {MIN_MEMORY_MIB}: use `--memory {DEFAULT_MEMORY_MIB}`)"
            ),
        }
    }
}

/// An exit status in words, read the way QEMU's `isa-debug-exit` device means it.
fn describe_exit(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(0), _) => {
            "the guest powered off or reset (a triple fault looks like this)".to_owned()
        }
        (Some(1), _) => "exit status 1".to_owned(),
        (Some(code), _) if code & 1 == 1 => format!("the guest exited with code {}", code >> 1),
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("killed by signal {signal}"),
        (None, None) => status.to_string(),
    }
}

/// QEMU's last words, set off from how it ended.
fn said(stderr: &str) -> String {
    if stderr.is_empty() {
        String::new()
    } else {
        format!("; it said: {stderr}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn died(raw_status: i32, stderr: &str, memory_mib: u32) -> String {
        MachineError::Died {
            status: ExitStatus::from_raw(raw_status),
            stderr: stderr.to_owned(),
            hint: Hint::from_memory(memory_mib),
        }
        .to_string()
    }

    #[test]
    fn an_exit_is_told_in_the_guests_terms() {
        assert_eq!(
            died(0, "", 14),
            "QEMU ended: the guest powered off or reset (a triple fault looks like this) \
             (it has 14 MiB of memory, and the image needs 16: use `--memory 32`)"
        );
        assert_eq!(
            died(1 << 8, "no such device", 32),
            "QEMU ended: exit status 1; it said: no such device"
        );
        assert_eq!(
            died(7 << 8, "", 32),
            "QEMU ended: the guest exited with code 3"
        );
        assert_eq!(died(9, "", 32), "QEMU ended: killed by signal 9");
    }
}
