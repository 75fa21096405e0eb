//! A network namespace without a name (network_namespaces(7)): it lives as long as a thread or
//! process is in it or a descriptor belongs to it, and takes its devices with it. So there is nothing
//! to remove, however this process ends.
#![forbid(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic::resume_unwind;
use std::thread;

use linux_process::network::{self, Owner};
use rustix::fs::{Mode, OFlags};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Path of the calling thread's own namespace.
const OWN: &str = "/proc/thread-self/ns/net";

/// A network namespace, by a descriptor of it.
#[derive(Debug)]
pub struct Namespace(OwnedFd);

impl Namespace {
    /// A new one, with nothing in it but a loopback device that is down.
    ///
    /// # Errors
    ///
    /// If this process lacks CAP_SYS_ADMIN, or has no descriptor left.
    pub fn new() -> io::Result<Self> {
        on_a_thread(|| {
            network::unshare(Owner::Current)?;
            let own = rustix::fs::open(OWN, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
            Ok(Self(own))
        })
    }

    /// Has `act` done inside. What it opens there stays there: a socket belongs to the namespace that
    /// it was made in, whoever uses it.
    ///
    /// # Errors
    ///
    /// Those of `act`, or what the system says if it lets nobody in.
    pub fn inside<T: Send>(&self, act: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
        on_a_thread(|| {
            move_into_link_name_space(self.0.as_fd(), Some(LinkNameSpaceType::Network))?;
            act()
        })
    }

    /// Another descriptor of it.
    ///
    /// # Errors
    ///
    /// If this process has no descriptor left (`EMFILE`).
    pub fn try_clone(&self) -> io::Result<OwnedFd> {
        self.0.try_clone()
    }
}

impl AsFd for Namespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Runs `act` on a thread of its own, which takes the namespace that it got into with it: the caller
/// stays where it is.
fn on_a_thread<T: Send>(act: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("namespace".to_owned());
        let thread = thread.spawn_scoped(scope, act)?;
        thread.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}
