//! Ethernet frames over a Unix datagram socket pair, of which QEMU holds the other end.
//!
//! A frame sent costs one system call, and a frame received one or, if it had to be waited for, three.
#![forbid(unsafe_code)]

use std::io;
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType};

use super::ethernet::Frames;
use super::{LinkError, Received, enlarge_buffers, wait};

/// The link's name.
pub const NAME: &str = "unix";

/// One end of an Ethernet made of a socket pair.
#[derive(Debug)]
pub struct FrameSocket(OwnedFd);

impl FrameSocket {
    /// One end of an Ethernet that is there already.
    pub(super) const fn new(socket: OwnedFd) -> Self {
        Self(socket)
    }

    /// A new Ethernet: our end and the other one.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn pair() -> io::Result<(Self, OwnedFd)> {
        let (socket, other) = rustix::net::socketpair(
            AddressFamily::UNIX,
            SocketType::DGRAM,
            SocketFlags::CLOEXEC,
            None,
        )?;
        // What a socket may hold is counted against the sender, so both ends need the room.
        enlarge_buffers(&socket);
        enlarge_buffers(&other);
        Ok((Self(socket), other))
    }
}

impl Frames for FrameSocket {
    fn name(&self) -> &'static str {
        NAME
    }

    fn send(&mut self, frame: &[u8]) -> Result<(), LinkError> {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        match rustix::net::send(&self.0, frame, flags) {
            Ok(_) => Ok(()),
            Err(error) if wait::is_loss(error) => Ok(()),
            Err(error) => Err(failed("sending", error.into())),
        }
    }

    fn receive(
        &mut self,
        frame: &mut [u8],
        deadline_ns: u64,
    ) -> Result<Option<Received>, LinkError> {
        wait::receive(&self.0, frame, deadline_ns).map_err(|source| failed("receiving", source))
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
    use super::super::frame::MAX_FRAME;
    use super::*;

    #[test]
    fn holds_256_full_frames() {
        let (mut frames, theirs) = FrameSocket::pair().unwrap();
        for _ in 0..256 {
            frames.send(&[0; MAX_FRAME]).unwrap();
        }
        let mut theirs = FrameSocket(theirs);
        let mut waiting = 0;
        while theirs.receive(&mut [0; MAX_FRAME], 0).unwrap().is_some() {
            waiting += 1;
        }
        assert_eq!(waiting, 256);
    }
}
