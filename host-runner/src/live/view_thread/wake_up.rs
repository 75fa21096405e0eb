//! The wake-up of the view's thread: once a second, by another thread, or by a signal.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::low_level::pipe;

/// Time between two drawings.
const INTERVAL: Timespec = Timespec {
    tv_sec: 1,
    tv_nsec: 0,
};

/// The thread's end of a socket pair to which a wake-up is a byte.
#[derive(Debug)]
pub struct WakeUp {
    woken: UnixStream,
    waker: UnixStream,
}

impl WakeUp {
    /// Returns it with the end for other threads, for [`wake`].
    ///
    /// # Errors
    ///
    /// If there can be no socket pair.
    pub fn new() -> io::Result<(Self, UnixStream)> {
        let (woken, waker) = UnixStream::pair()?;
        woken.set_nonblocking(true)?;
        waker.set_nonblocking(true)?;
        let for_others = waker.try_clone()?;
        Ok((Self { woken, waker }, for_others))
    }

    /// Has `signal` wake the thread.
    ///
    /// # Errors
    ///
    /// Those of sigaction(2).
    pub fn on_signal(&self, signal: i32) -> io::Result<()> {
        pipe::register(signal, self.waker.try_clone()?)?;
        Ok(())
    }

    /// Waits for the next wake-up, a second at most.
    pub fn wait(&mut self) {
        let mut events = [PollFd::new(&self.woken, PollFlags::IN)];
        // A signal ends it early, which is no fault.
        let _ = poll(&mut events, Some(&INTERVAL));
        let mut bytes = [0; 64];
        while self.woken.read(&mut bytes).is_ok_and(|count| count > 0) {}
    }
}

/// Wakes the thread whose other end `waker` is.
pub fn wake(mut waker: &UnixStream) {
    // If there is no room, it is woken already.
    let _ = waker.write(&[0]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_wakes_the_thread_and_is_taken() {
        let (mut wake_up, waker) = WakeUp::new().unwrap();
        wake(&waker);
        wake(&waker);
        wake_up.wait();
        let mut bytes = [0; 1];
        let error = wake_up.woken.read(&mut bytes).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }
}
