//! One measurement at a time: two of them on one host measure each other.
//!
//! A process that measures holds an abstract Unix socket (unix(7)) that listens under a well-known name. The
//! kernel gives the name to one process, of any user, and takes it back when that process ends, however it
//! ends; there is no file that could be left behind, lack a permission or be a link to somewhere else. A
//! process that comes second connects to the socket: the kernel then says which process listens, and hangs up
//! when it is gone. Such names are known within a network namespace: measurements in containers with networks
//! of their own are not seen.
//!
//! A process that measures although another does sends [`BESIDE`], so that both records name the other.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt as _;
use std::time::{Duration, Instant};

use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::PeerCredentials;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, accept_with,
    bind, connect, listen, recv, send, socket_with,
};

use super::process::Process;

/// The name of the lock unless [`VARIABLE`] names another.
const NAME: &str = "fathom-measures";

/// The environment variable that names another lock: only those with the same one wait for each other.
pub const VARIABLE: &str = "FATHOM_LOCK";

/// Maximum number of connected processes that wait, or that measure all the same.
const BACKLOG: i32 = 128;

/// Byte sent by a process that measures although another one does.
const BESIDE: u8 = b'&';

/// Interval between checks for what does not wake this process up: Ctrl-C, and a lock without a queue.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// The name of a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(Vec<u8>);

impl Name {
    /// The one that the environment names, else the one that all measurements share.
    #[must_use]
    pub fn from_environment() -> Self {
        let named = std::env::var_os(VARIABLE).filter(|name| !name.is_empty());
        named.map_or_else(|| Self(NAME.into()), Self::from)
    }
}

impl From<OsString> for Name {
    fn from(name: OsString) -> Self {
        Self(name.into_vec())
    }
}

/// Course of action while another process measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// Wait until it has ended, for so long at most.
    Wait(Duration),
    /// Measure beside it.
    Beside,
}

/// Reason for not getting the lock.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process still measures.
    #[error(
        "another measurement has this host: {}; wait longer with `--wait DURATION`, or measure beside it, \
         each disturbing the other, with `--concurrent`", name(.holder.as_ref())
    )]
    Taken {
        /// The process that holds it, if the kernel says.
        holder: Option<Process>,
    },
    /// The wait was broken off.
    #[error("interrupted while waiting for another measurement")]
    Cancelled,
    /// The system has no such socket to give.
    #[error("no lock can be had to measure alone on this host")]
    Io(#[source] io::Error),
}

/// A process as messages name it.
#[must_use]
pub fn name(holder: Option<&Process>) -> String {
    holder.map_or_else(
        || "a process that can't be seen from here".to_owned(),
        Process::to_string,
    )
}

/// The right to measure, until it is dropped or the process ends.
#[derive(Debug)]
pub enum HostLock {
    /// Alone, as far as others ask.
    Alone(Listener),
    /// Beside a process that was there first.
    Beside {
        /// The process, if the kernel says which.
        holder: Option<Process>,
        /// Tells it.
        connection: Option<OwnedFd>,
    },
}

/// The held lock.
#[derive(Debug)]
pub struct Listener(OwnedFd);

/// A lock that another process holds.
struct Held {
    /// Hung up when that process ends; none if too many are connected already.
    connection: Option<OwnedFd>,
    holder: Option<Process>,
}

impl HostLock {
    /// Takes the lock `name`. While another process has it `on_wait` is told once which, and
    /// `is_cancelled` may end the wait.
    ///
    /// # Errors
    ///
    /// [`LockError`] if the other one has not ended in time, on cancellation, or where there are no
    /// such sockets.
    pub fn take(
        name: &Name,
        patience: Patience,
        mut on_wait: impl FnMut(Option<&Process>),
        is_cancelled: impl Fn() -> bool,
    ) -> Result<Self, LockError> {
        let begin = Instant::now();
        let mut is_reported = false;
        loop {
            if let Some(listener) = Listener::bind(name)? {
                return Ok(Self::Alone(listener));
            }
            // It may end right now; then there is none to connect to, and the next try succeeds.
            let held = Held::find(name)?;
            let wait = match patience {
                Patience::Wait(wait) => wait,
                Patience::Beside => {
                    let Held { connection, holder } = held;
                    if let Some(connection) = &connection {
                        // If it has ended meanwhile there is nobody to be told.
                        let _ = send(connection, &[BESIDE], SendFlags::NOSIGNAL);
                    }
                    return Ok(Self::Beside { holder, connection });
                }
            };
            if begin.elapsed() >= wait {
                return Err(LockError::Taken {
                    holder: held.holder,
                });
            }
            if !is_reported && held.connection.is_some() {
                is_reported = true;
                on_wait(held.holder.as_ref());
            }
            held.wait(begin + wait, &is_cancelled)?;
        }
    }

    /// The processes that have measured at the same time, as far as is known.
    #[must_use]
    pub fn others(&self) -> Vec<Process> {
        match self {
            Self::Alone(listener) => listener.others(),
            Self::Beside { holder, .. } => holder.iter().cloned().collect(),
        }
    }
}

impl Listener {
    /// Takes the name, if it is free.
    fn bind(name: &Name) -> Result<Option<Self>, LockError> {
        let (socket, address) = socket(name)?;
        match bind(&socket, &address) {
            Ok(()) => {
                listen(&socket, BACKLOG).map_err(io_error)?;
                Ok(Some(Self(socket)))
            }
            Err(Errno::ADDRINUSE) => Ok(None),
            Err(error) => Err(io_error(error)),
        }
    }

    /// Returns the connected processes that measure.
    fn others(&self) -> Vec<Process> {
        let mut others: Vec<Process> = Vec::new();
        while let Ok(connection) =
            accept_with(&self.0, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)
        {
            let mut said = [0; 1];
            let is_beside = matches!(
                recv(&connection, &mut said[..], RecvFlags::empty()),
                Ok((1, _))
            );
            let peer = peer(&connection).filter(|_| is_beside && said == [BESIDE]);
            others.extend(peer);
        }
        others
    }
}

impl Held {
    fn find(name: &Name) -> Result<Self, LockError> {
        let (socket, address) = socket(name)?;
        match connect(&socket, &address) {
            Ok(()) => Ok(Self {
                holder: peer(&socket),
                connection: Some(socket),
            }),
            // Too many are connected; or it does not listen yet, or has ended.
            Err(Errno::AGAIN | Errno::CONNREFUSED) => Ok(Self {
                connection: None,
                holder: None,
            }),
            Err(error) => Err(io_error(error)),
        }
    }

    /// Waits until the lock may be free, but not beyond `deadline`.
    fn wait(&self, deadline: Instant, is_cancelled: &impl Fn() -> bool) -> Result<(), LockError> {
        loop {
            if is_cancelled() {
                return Err(LockError::Cancelled);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let interval = left.min(LOOK_INTERVAL);
            let Some(connection) = &self.connection else {
                std::thread::sleep(interval);
                return Ok(());
            };
            let mut fds = [PollFd::new(connection, PollFlags::empty())];
            let timeout = Timespec::try_from(interval).ok();
            match poll(&mut fds, timeout.as_ref()) {
                Ok(0) | Err(Errno::INTR) if left > interval => {}
                Ok(_) | Err(Errno::INTR) => return Ok(()),
                Err(error) => return Err(io_error(error)),
            }
        }
    }
}

/// A socket, and the address that `name` is.
fn socket(name: &Name) -> Result<(OwnedFd, SocketAddrUnix), LockError> {
    let address = SocketAddrUnix::new_abstract_name(&name.0).map_err(io_error)?;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None);
    Ok((socket.map_err(io_error)?, address))
}

/// The process at the other end: of a connection to a listener, the one that listens. None if it is
/// outside of this PID namespace, where its number is zero (which rustix has no type for).
fn peer(connection: &OwnedFd) -> Option<Process> {
    let credentials = getsockopt(connection, PeerCredentials).ok()?;
    let pid = u32::try_from(credentials.pid())
        .ok()
        .filter(|&pid| pid > 0)?;
    Some(Process::find(pid))
}

fn io_error(error: Errno) -> LockError {
    LockError::Io(error.into())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    /// Long enough for any host: it only bounds a test that would hang.
    const LONG: Patience = Patience::Wait(Duration::from_secs(60));

    fn named(what: &str) -> Name {
        OsString::from(format!("fathom-test-{}-{what}", std::process::id())).into()
    }

    fn take(name: &Name, patience: Patience) -> Result<HostLock, LockError> {
        HostLock::take(name, patience, |_| {}, || false)
    }

    #[test]
    fn the_second_learns_who_has_the_lock_and_gets_it_afterwards() {
        let name = named("second");
        let first = take(&name, LONG).unwrap();
        let at_once = take(&name, Patience::Wait(Duration::ZERO)).unwrap_err();
        let own = std::process::id();
        assert!(
            matches!(&at_once, LockError::Taken { holder: Some(holder) } if holder.pid == own),
            "{at_once}"
        );
        let message = at_once.to_string();
        assert!(message.contains(&format!("process {own}, `")), "{message}");
        assert!(message.contains("--concurrent"), "{message}");

        let (reporter, reported) = mpsc::channel();
        let second = {
            let name = name.clone();
            let on_wait = move |holder: Option<&Process>| {
                reporter.send(holder.map(|holder| holder.pid)).unwrap()
            };
            thread::spawn(move || HostLock::take(&name, LONG, on_wait, || false))
        };
        assert_eq!(reported.recv(), Ok(Some(own)));
        assert_eq!(first.others(), [], "one that waits does not measure");
        drop(first);
        let second = second.join().unwrap().unwrap();
        assert!(matches!(second, HostLock::Alone(_)));
        assert!(reported.recv().is_err(), "reported once");
    }

    #[test]
    fn two_that_measure_at_the_same_time_know_of_each_other() {
        let name = named("beside");
        let first = take(&name, LONG).unwrap();
        let beside = take(&name, Patience::Beside).unwrap();
        let own = [std::process::id()];
        let pids = |lock: &HostLock| {
            lock.others()
                .iter()
                .map(|process| process.pid)
                .collect::<Vec<_>>()
        };
        assert_eq!(pids(&beside), own);
        assert_eq!(pids(&first), own);
        drop((beside, first));
        let alone = take(&name, Patience::Beside).unwrap();
        assert!(
            matches!(alone, HostLock::Alone(_)),
            "there is nobody beside it"
        );
        assert_eq!(alone.others(), []);
    }

    #[test]
    fn a_wait_can_be_broken_off() {
        let name = named("cancelled");
        let _first = take(&name, LONG).unwrap();
        let looks = Cell::new(0);
        let is_cancelled = || {
            looks.set(looks.get() + 1);
            looks.get() > 2
        };
        let outcome = HostLock::take(&name, LONG, |_| {}, is_cancelled);
        assert!(matches!(outcome, Err(LockError::Cancelled)));
    }

    /// Of a name that somebody bound without listening nothing can be learned: it is waited for.
    #[test]
    fn a_lock_without_a_queue_is_waited_for_all_the_same() {
        let name = named("deaf");
        let (deaf, address) = socket(&name).unwrap();
        bind(&deaf, &address).unwrap();
        let wait = Patience::Wait(Duration::from_millis(1));
        let outcome = take(&name, wait);
        assert!(matches!(outcome, Err(LockError::Taken { holder: None })));
        let beside = take(&name, Patience::Beside).unwrap();
        assert_eq!(beside.others(), []);
        drop(deaf);
        assert!(matches!(take(&name, LONG), Ok(HostLock::Alone(_))));
    }

    #[test]
    fn a_name_that_is_too_long_is_refused() {
        let name = Name::from(OsString::from("x".repeat(200)));
        assert!(matches!(take(&name, LONG), Err(LockError::Io(_))));
    }
}
