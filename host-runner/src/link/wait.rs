//! Waiting for a link's next message: the one place to tune it.
//!
//! A message that is there already costs one system call. Else the thread sleeps in `ppoll` until
//! one comes or the deadline passes. It does not spin: the guest spins on one processor, and where
//! there are but two, the other one is needed by QEMU's own thread, which carries every message;
//! a client that keeps it busy waits for itself. (Spinning was tried in a closed loop, with and without
//! yielding, and was slower each time, at the median and in the tail. An open loop, which needs a timer for each
//! sleep, does better to stay awake and yield: [`super::Link::receive_yielding`].) That its CPU is awake when the message comes is
//! seen to by [`crate::host::cpu_latency`].
#![forbid(unsafe_code)]

use std::io;
use std::num::NonZeroU64;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::net::RecvFlags;

use super::{Received, Refusal};
use crate::clock;

/// Lets this thread's sleeps end on time: by default the kernel may end them 50 us late, to save
/// power. Where it refuses, sleeps stay as they were.
pub(super) fn sharpen_sleeps() {
    let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
}

/// Takes the next message from `socket`, waiting for it until `deadline_ns` of [`crate::clock`].
///
/// Errors that mean that a message was lost ([`is_loss`]) are passed over: the wait goes on.
pub(super) fn receive(
    socket: impl AsFd,
    buffer: &mut [u8],
    deadline_ns: u64,
) -> io::Result<Option<Received>> {
    Ok(receive_unless(socket, buffer, deadline_ns, |_| false)?)
}

/// As [`receive`], but for errors that `ends` the wait.
pub(super) fn receive_unless(
    socket: impl AsFd,
    buffer: &mut [u8],
    deadline_ns: u64,
    ends: impl Fn(Errno) -> bool,
) -> Result<Option<Received>, Errno> {
    let socket = socket.as_fd();
    let passes = |error| is_loss(error) && !ends(error);
    receive_by(socket, buffer, deadline_ns, passes, |buffer| {
        take_from(socket, buffer)
    })
}

/// As [`receive`], from a descriptor that is no socket: `take` reads from it without waiting. Errors
/// that `passes` names are passed over.
pub(super) fn receive_by(
    from: BorrowedFd<'_>,
    buffer: &mut [u8],
    deadline_ns: u64,
    passes: impl Fn(Errno) -> bool,
    take: impl Fn(&mut [u8]) -> Result<usize, Errno>,
) -> Result<Option<Received>, Errno> {
    loop {
        match take(buffer) {
            Ok(len) => {
                let at_ns = clock::now_ns();
                return Ok(Some(Received { len, at_ns }));
            }
            Err(Errno::AGAIN) => {
                if !readable(Some(from), deadline_ns)? {
                    return Ok(None);
                }
            }
            // One after the other may come for as long as somebody sends them.
            Err(error) if error == Errno::INTR || passes(error) => {
                if clock::now_ns() >= deadline_ns {
                    return Ok(None);
                }
            }
            Err(error) => return Err(error),
        }
    }
}

/// Takes the next message from `socket`, if there is one.
pub(super) fn take_from(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<usize, Errno> {
    rustix::net::recv(socket, buffer, RecvFlags::DONTWAIT).map(|(len, _)| len)
}

/// Sleeps until `deadline_ns` of [`crate::clock`].
pub(super) fn sleep_until(deadline_ns: u64) -> io::Result<()> {
    Ok(readable(None, deadline_ns).map(|_| ())?)
}

/// Waits until `socket` has something, if there is one, or until the deadline: whether it has.
fn readable(socket: Option<BorrowedFd<'_>>, deadline_ns: u64) -> Result<bool, Errno> {
    loop {
        let timeout = time_until(deadline_ns);
        if timeout == Timespec::default() {
            return Ok(false);
        }
        let mut fds = socket.map(|socket| PollFd::from_borrowed_fd(socket, PollFlags::IN));
        match rustix::event::poll(fds.as_mut_slice(), Some(&timeout)) {
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => return Ok(true),
            Err(error) => return Err(error),
        }
    }
}

/// The time from now to `deadline_ns` of [`crate::clock`]; none if that is past.
pub(super) fn time_until(deadline_ns: u64) -> Timespec {
    let left_ns = deadline_ns.saturating_sub(clock::now_ns());
    Timespec {
        // A deadline too far away for the kernel's clock is as good as none.
        tv_sec: i64::try_from(left_ns / 1_000_000_000).unwrap_or(i64::MAX),
        tv_nsec: (left_ns % 1_000_000_000) as _,
    }
}

/// Returns whether an error of a receive means that a datagram was lost, and no more than that: word from
/// the network that an earlier datagram did not arrive.
pub(super) fn is_loss(error: Errno) -> bool {
    refusal(error).is_some()
}

/// Returns the refusal that an error of a send of frames means. If QEMU, at the other end, is gone for
/// good, the machine knows.
pub(super) fn refusal(error: Errno) -> Option<Refusal> {
    match error {
        Errno::CONNRESET | Errno::PIPE | Errno::NOTCONN => Some(Refusal::NOBODY),
        error => Refusal::of(error),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use super::*;

    #[test]
    fn a_message_that_is_there_is_taken_though_the_deadline_is_past() {
        let (here, there) = UnixDatagram::pair().unwrap();
        there.send(b"hello").unwrap();
        let before_ns = clock::now_ns();
        let mut buffer = [0; 16];
        let received = receive(&here, &mut buffer, 0).unwrap().unwrap();
        assert_eq!(&buffer[..received.len], b"hello");
        assert!((before_ns..=clock::now_ns()).contains(&received.at_ns));
        assert_eq!(receive(&here, &mut buffer, 0).unwrap(), None);
    }

    #[test]
    fn a_message_that_comes_later_is_waited_for() {
        let (here, there) = UnixDatagram::pair().unwrap();
        let sender = std::thread::spawn(move || there.send(b"late").unwrap());
        let received = receive(&here, &mut [0; 16], u64::MAX).unwrap();
        assert_eq!(received.map(|received| received.len), Some(4));
        sender.join().unwrap();
    }

    #[test]
    fn waiting_ends_at_the_deadline_and_not_before() {
        let (here, _there) = UnixDatagram::pair().unwrap();
        let deadline_ns = clock::now_ns() + 2_000_000;
        assert_eq!(receive(&here, &mut [0; 16], deadline_ns).unwrap(), None);
        assert!(clock::now_ns() >= deadline_ns);
        let deadline_ns = clock::now_ns() + 2_000_000;
        sleep_until(deadline_ns).unwrap();
        assert!(clock::now_ns() >= deadline_ns);
    }
}
