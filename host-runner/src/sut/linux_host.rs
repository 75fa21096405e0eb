//! The service as a process on this host: no guest, no QEMU. What is left of a round trip is Linux's own
//! network stack and the wake-ups of two processes.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Pid;

use super::{Responder, SutError};
use crate::host::assignment::Assignment;
use crate::host::placement::Placement;
use crate::host::placement::{self, Work};
use crate::machine::child;
use crate::machine::process::{Process, Seen};

/// How long the responder may take to start: a process needs milliseconds.
const READY_TIMEOUT: Duration = Duration::from_secs(10);

/// How often the caller is asked whether it has given up.
const CANCEL_INTERVAL: Duration = Duration::from_millis(20);

/// Where the responder is to serve.
#[derive(Debug)]
pub struct Place {
    /// Its address; port 0 picks a free one.
    pub listen: SocketAddr,
    /// The network namespace that has this address, if it is not this process's own.
    pub namespace: Option<OwnedFd>,
}

impl Place {
    /// A free port on the host's loopback network.
    #[must_use]
    pub fn loopback() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            namespace: None,
        }
    }
}

/// A responder that serves, or did. Dropped, it is killed.
#[derive(Debug)]
pub struct Host {
    process: Process,
    ready: wire::Ready,
}

impl Host {
    /// Starts `program` in `mode` at `place`, and waits until it is ready. What it prints goes to `log`.
    ///
    /// # Errors
    ///
    /// [`SutError`] if it can't be started or refuses; no process is left running.
    pub fn start(
        program: &Path,
        mode: Responder,
        place: Place,
        log: File,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Self, SutError> {
        let mut command = Command::new(program);
        command.args(["--mode", mode.name(), "--listen"]);
        command.arg(place.listen.to_string());
        if let Some(namespace) = place.namespace {
            child::enter(&mut command, namespace);
        }
        child::tie_to_this_thread(&mut command, Vec::new());
        let process = Process::start(command, log).map_err(|source| SutError::NotStarted {
            path: program.to_owned(),
            source,
        })?;
        let ready = wait(&process, cancelled)?;
        Ok(Self { process, ready })
    }

    /// What it said when it was ready.
    #[must_use]
    pub const fn ready(&self) -> &wire::Ready {
        &self.ready
    }

    /// When it was started, in nanoseconds of [`crate::clock`].
    #[must_use]
    pub const fn started_at_ns(&self) -> u64 {
        self.process.started_at_ns()
    }

    /// Returns the responder's process.
    #[must_use]
    pub fn pid(&self) -> Pid {
        self.process.pid()
    }

    /// How much of its memory is in the host's, in bytes; `None` if it is gone.
    #[must_use]
    pub fn resident_bytes(&self) -> Option<u64> {
        self.process.resident_bytes()
    }

    /// Where it serves.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        let ip = self.ready.ip.map_or(Ipv4Addr::LOCALHOST, |(ip, _)| ip);
        (ip, self.ready.port).into()
    }

    /// Whether it still serves: one relaxed atomic load while it does.
    ///
    /// # Errors
    ///
    /// [`SutError::Refused`] or [`SutError::Ended`].
    pub fn check(&self) -> Result<(), SutError> {
        if !self.process.in_trouble() {
            return Ok(());
        }
        self.process.seen(failure).map_or(Ok(()), Err)
    }

    /// Gives the responder and the calling thread, which is to measure, the CPUs of `assignment`, the
    /// latter with the right to go first; or leaves all as it is and says why.
    #[must_use]
    pub fn place(&self, assignment: Option<&Assignment>) -> Placement {
        let pid = self.process.pid();
        // Its first thread is the one that serves.
        placement::place(pid, pid, false, Work::Schedule, assignment)
    }
}

fn wait(process: &Process, cancelled: &dyn Fn() -> bool) -> Result<wire::Ready, SutError> {
    let deadline = Instant::now() + READY_TIMEOUT;
    let settled = |seen: &Seen| seen.console.ready().is_some() || failure(seen).is_some();
    while !process.wait_until(CANCEL_INTERVAL, settled) {
        if cancelled() {
            return Err(SutError::Cancelled);
        }
        if Instant::now() >= deadline {
            return Err(SutError::NotReady {
                waited_ms: READY_TIMEOUT.as_millis(),
            });
        }
    }
    process.seen(|seen| match (failure(seen), seen.console.ready()) {
        (Some(error), _) => Err(error),
        (None, Some(ready)) => ready.map_err(SutError::BadReadyLine),
        // Settled is one or the other.
        (None, None) => Err(SutError::Cancelled),
    })
}

/// What ended it, if anything did: its own words go before how it ended.
fn failure(seen: &Seen) -> Option<SutError> {
    if let Some(message) = seen.console.fatal() {
        let message = message.to_owned();
        return Some(SutError::Refused { message });
    }
    seen.exit.map(|status| SutError::Ended {
        status,
        stderr: seen.stderr.text(),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const READY: &str = "FATHOM READY ip=127.0.0.1/8 ip6=none port=4242 mac=none boot_us=1 \
                         boot_id=00000007 counters=none";

    fn start(script: &str, cancelled: bool) -> Result<Host, SutError> {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("responder");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let log = File::create(directory.path().join("log")).unwrap();
        Host::start(&program, Responder::Busy, Place::loopback(), log, &|| {
            cancelled
        })
    }

    #[test]
    fn is_told_its_mode_and_says_where_it_serves() {
        let script =
            format!("[ \"$*\" = '--mode busy --listen 127.0.0.1:0' ] && echo '{READY}'; sleep 60");
        let host = start(&script, false).unwrap();
        assert_eq!(host.address(), "127.0.0.1:4242".parse().unwrap());
        assert_eq!(host.ready().boot_id, 7);
        assert!(host.check().is_ok());
    }

    #[test]
    fn its_own_words_go_before_how_it_ended() {
        let error = start("echo 'FATHOM FATAL no such mode'; exit 1", false).unwrap_err();
        assert!(matches!(error, SutError::Refused { .. }), "{error}");
        assert!(error.to_string().contains("no such mode"));
        let error = start("echo trouble >&2; exit 3", false).unwrap_err();
        assert!(error.to_string().contains("exit status: 3"), "{error}");
        assert!(error.to_string().contains("trouble"), "{error}");
    }

    #[test]
    fn an_end_after_the_start_is_noticed() {
        let host = start(&format!("echo '{READY}'; sleep 60"), false).unwrap();
        host.process.signal(rustix::process::Signal::KILL);
        host.process.wait_for_exit(Duration::from_secs(20));
        assert!(matches!(host.check(), Err(SutError::Ended { .. })));
    }

    #[test]
    fn waiting_can_be_given_up_and_a_program_must_be_there() {
        assert!(matches!(start("sleep 60", true), Err(SutError::Cancelled)));
        let log = tempfile::tempfile().unwrap();
        let missing = Path::new("/nonexistent/responder");
        let error = Host::start(missing, Responder::Busy, Place::loopback(), log, &|| false);
        let error = error.unwrap_err();
        assert!(error.to_string().contains("make linux-guest"), "{error}");
    }
}
