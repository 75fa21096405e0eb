//! A network namespace for QEMU alone: its user network then reaches nothing of the host's, whatever the guest sends,
//! and the forwarded port is reached by one socket, which the child makes there and sends here (unix(7), SCM_RIGHTS).
//!
//! The child makes the namespace itself, between fork(2) and execve(2): there it has one thread, so that it may make
//! a user namespace as well, which takes no privilege (unshare(2)).
#![forbid(unsafe_code)]

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::UdpSocket;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixDatagram;

use linux_process::network::{self, Owner};
use rustix::cmsg_space;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

/// End of the connection that receives the child's socket.
#[derive(Debug)]
pub(crate) struct Socket(UnixDatagram);

/// End of the connection that the child has.
#[derive(Debug)]
pub(crate) struct Maker {
    owner: Owner,
    to: UnixDatagram,
}

/// Returns the two ends.
///
/// # Errors
///
/// Those of socketpair(2).
pub(crate) fn pair() -> io::Result<(Socket, Maker)> {
    let (from, to) = UnixDatagram::pair()?;
    let owner = if rustix::process::geteuid().is_root() {
        Owner::Current
    } else {
        Owner::New
    };
    Ok((Socket(from), Maker { owner, to }))
}

impl Maker {
    /// Moves the calling thread into a new namespace and sends a UDP socket of it; or does nothing where the kernel
    /// allows no namespace. Neither allocates nor locks.
    ///
    /// # Errors
    ///
    /// Those of socket(2), ioctl(2) and sendmsg(2).
    pub fn make(&self) -> io::Result<()> {
        if network::unshare(self.owner).is_err() {
            return Ok(());
        }
        let socket = network::loopback_socket()?;
        let sockets = [socket.as_fd()];
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
        let mut message = SendAncillaryBuffer::new(&mut space);
        message.push(SendAncillaryMessage::ScmRights(&sockets));
        sendmsg(
            &self.to,
            &[IoSlice::new(b"socket")],
            &mut message,
            SendFlags::NOSIGNAL,
        )?;
        Ok(())
    }
}

impl Socket {
    /// Takes the socket that a child has sent before its execve(2), which is over; `None` if it has no namespace of its
    /// own.
    pub fn take(self) -> Option<UdpSocket> {
        let mut bytes = [0; 16];
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
        let mut message = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
        let mut into = [IoSliceMut::new(&mut bytes)];
        recvmsg(&self.0, &mut into, &mut message, flags).ok()?;
        let sent = message.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut sockets) => sockets.next(),
            _ => None,
        });
        sent.map(|socket: OwnedFd| socket.into())
    }
}
