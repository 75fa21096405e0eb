//! Ethernet frames over a Unix datagram socket pair, of which QEMU holds the other end.
//!
//! A frame sent costs one system call, and a frame received one or, if it had to be waited for, three.
#![forbid(unsafe_code)]

use std::io;
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

use super::ethernet::Frames;
use super::{DEPTH, LinkError, Mtu, Received, Sent, enlarge_buffers_for, wait};

/// The link's name.
pub const NAME: &str = "unix";

/// Bound of the frames that are taken out of the other end: more than its buffer holds.
const MOST_WAITING: usize = 1 << 16;

/// One end of an Ethernet made of a socket pair.
#[derive(Debug)]
pub struct FrameSocket {
    own: OwnedFd,
    /// The end that QEMU reads from, to take out what it has left there.
    other: Option<OwnedFd>,
}

impl FrameSocket {
    /// One end of an Ethernet that is there already.
    pub const fn new(socket: OwnedFd) -> Self {
        Self {
            own: socket,
            other: None,
        }
    }

    /// Returns the same end, which knows the `other` one as well: what still waits there can be counted and dropped.
    #[must_use]
    pub fn with_other_end(self, other: OwnedFd) -> Self {
        Self {
            other: Some(other),
            ..self
        }
    }

    /// A new Ethernet with the given MTU: our end and the other one.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn pair(mtu: Mtu) -> io::Result<(Self, OwnedFd)> {
        let (socket, other) = rustix::net::socketpair(
            AddressFamily::UNIX,
            SocketType::DGRAM,
            SocketFlags::CLOEXEC,
            None,
        )?;
        // What a socket may hold is counted against the sender, so both ends need the room.
        enlarge_buffers_for(mtu, &socket);
        enlarge_buffers_for(mtu, &other);
        Ok((Self::new(socket), other))
    }
}

impl Frames for FrameSocket {
    fn name(&self) -> &'static str {
        NAME
    }

    fn send(&mut self, frame: &[u8]) -> Result<Sent, LinkError> {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        match rustix::net::send(&self.own, frame, flags) {
            Ok(_) => Ok(Sent::Out),
            Err(error) => match wait::refusal(error) {
                Some(refusal) => Ok(Sent::Refused(refusal)),
                None => Err(failed("sending", error.into())),
            },
        }
    }

    fn drop_waiting(&mut self) -> u64 {
        let Some(other) = &self.other else {
            return 0;
        };
        let mut rest = [0; 1];
        let take = || rustix::net::recv(other, &mut rest, RecvFlags::DONTWAIT);
        let taken = std::iter::repeat_with(take).take_while(Result::is_ok);
        taken.take(MOST_WAITING).count() as u64
    }

    fn capacity(&self) -> Option<u64> {
        Some(DEPTH)
    }

    fn receive(
        &mut self,
        frame: &mut [u8],
        deadline_ns: u64,
    ) -> Result<Option<Received>, LinkError> {
        wait::receive(&self.own, frame, deadline_ns).map_err(|source| failed("receiving", source))
    }
}

fn failed(action: &'static str, source: io::Error) -> LinkError {
    LinkError::Io {
        link: NAME,
        action,
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Refusal;
    use super::super::frame::MAX_FRAME;
    use super::*;

    #[test]
    fn holds_256_full_frames() {
        for mtu in [Mtu::ETHERNET, Mtu::new(9216).unwrap()] {
            let (mut frames, theirs) = FrameSocket::pair(mtu).unwrap();
            let frame = vec![0; 14 + usize::from(mtu.bytes())];
            for _ in 0..DEPTH {
                assert_eq!(frames.send(&frame).unwrap(), Sent::Out);
            }
            let mut theirs = FrameSocket::new(theirs);
            let mut waiting = 0;
            while theirs.receive(&mut [0; MAX_FRAME], 0).unwrap().is_some() {
                waiting += 1;
            }
            assert_eq!(waiting, DEPTH);
        }
    }

    #[test]
    fn frames_that_nobody_took_are_counted_and_dropped() {
        let (frames, theirs) = FrameSocket::pair(Mtu::ETHERNET).unwrap();
        let mut frames = frames.with_other_end(theirs.try_clone().unwrap());
        for _ in 0..5 {
            assert_eq!(frames.send(&[7; 60]).unwrap(), Sent::Out);
        }
        let mut theirs = FrameSocket::new(theirs);
        assert!(theirs.receive(&mut [0; 60], 0).unwrap().is_some());
        assert_eq!((frames.drop_waiting(), frames.drop_waiting()), (4, 0));
        assert_eq!(theirs.receive(&mut [0; 60], 0).unwrap(), None);
        assert_eq!(theirs.drop_waiting(), 0, "it knows its own end alone");
    }

    #[test]
    fn only_datagrams_beyond_the_capacity_are_refused() {
        let (mut frames, theirs) = FrameSocket::pair(Mtu::ETHERNET).unwrap();
        let mut sent = 0_u64;
        let refusal = loop {
            match frames.send(&[7; MAX_FRAME]).unwrap() {
                Sent::Out => sent += 1,
                Sent::Refused(refusal) => break refusal,
            }
            assert!(sent < 1 << 20, "the queue has no end");
        };
        assert!(refusal.is_for_want_of_room(), "{refusal:?}");
        let mut theirs = FrameSocket::new(theirs);
        let mut take = || theirs.receive(&mut [0; MAX_FRAME], 0).unwrap().is_some();
        assert!(take());
        assert_eq!(frames.send(&[7; MAX_FRAME]).unwrap(), Sent::Out);
        let waiting = std::iter::repeat_with(&mut take)
            .take_while(|&is_there| is_there)
            .count() as u64;
        assert_eq!(
            waiting, sent,
            "all but the one that was taken, and the one after it"
        );
        drop(theirs);
        let gone = frames.send(&[7; MAX_FRAME]).unwrap();
        assert_eq!(gone, Sent::Refused(Refusal::NOBODY));
    }
}
