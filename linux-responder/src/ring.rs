//! Serving with one io_uring (io_uring(7)), asleep in between.
//!
//! A fixed set of slots, each a buffer with room for the sender's address, waits in the kernel with
//! a `recvmsg` request. One that comes back with a question is answered in place and goes back
//! as two linked requests: `sendmsg`, which reports only failure, and after it the next `recvmsg`.
//! So a datagram costs one system call, which also waits for the next.
//!
//! Unsafe code is here because the kernel reads and writes a slot while its requests are under way.
//! A slot is therefore only ever touched through a raw pointer, only between its `recvmsg`'s
//! completion and its next submission, and never freed.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};
use std::os::fd::AsRawFd;
use std::ptr;

use io_uring::{IoUring, cqueue, opcode, squeue, types};
use rustix::io::Errno;

use crate::now_ns;
use crate::service::Service;
use crate::socket::MAX_DATAGRAM;

/// Number of datagrams that can be received before the first is answered; more wait in the socket.
const SLOTS: u32 = 16;

/// The socket's index among the ring's registered files.
const SOCKET: types::Fixed = types::Fixed(0);

/// Marks the completion of a `sendmsg`; that of a `recvmsg` carries its slot's number alone.
const SENDING: u64 = 1 << 32;

/// A ring that is set up.
pub struct Ring(IoUring);

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ring").field(self.0.params()).finish()
    }
}

/// A buffer, whom it came from and goes to, and the two requests' descriptions of them.
struct Slot {
    peer: libc::sockaddr_storage,
    receive_vector: libc::iovec,
    send_vector: libc::iovec,
    receive: libc::msghdr,
    send: libc::msghdr,
    buffer: [u8; MAX_DATAGRAM],
}

impl Ring {
    /// Sets up a ring that does its work when we ask for completions, where the kernel can do that
    /// (Linux 6.1), or else when we make a system call.
    ///
    /// # Errors
    ///
    /// If the kernel has no io_uring for this process, or an older one than Linux 5.17's.
    pub fn new() -> io::Result<Self> {
        let ring = IoUring::builder()
            .setup_single_issuer()
            .setup_defer_taskrun()
            .build(SLOTS * 2)
            .or_else(|_| IoUring::builder().build(SLOTS * 2))?;
        if ring.params().is_feature_skip_cqe_on_success() {
            Ok(Self(ring))
        } else {
            Err(io::Error::other("its io_uring is older than Linux 5.17's"))
        }
    }

    /// Serves until the socket or the ring fails, and says how.
    pub fn serve(mut self, socket: &UdpSocket, service: &mut Service<'_>) -> io::Error {
        match self.run(socket, service) {
            Ok(never) => match never {},
            Err(error) => error,
        }
    }

    fn run(
        &mut self,
        socket: &UdpSocket,
        service: &mut Service<'_>,
    ) -> io::Result<std::convert::Infallible> {
        self.0.submitter().register_files(&[socket.as_raw_fd()])?;
        // Saves looking it up at every call; older kernels look it up.
        let _ = self.0.submitter().register_ring_fd();
        let slots: Vec<*mut Slot> = (0..SLOTS).map(|_| Slot::leak()).collect();
        for (&slot, number) in slots.iter().zip(0..) {
            self.submit(&[receive(slot, number)])?;
        }
        loop {
            match self.0.submit_and_wait(1) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            while let Some(completion) = self.next() {
                let number = completion.user_data();
                let Some(&slot) = usize::try_from(number).ok().and_then(|at| slots.get(at)) else {
                    // A `sendmsg` that failed: the `recvmsg` linked to it says so too.
                    continue;
                };
                match answer(slot, completion.result(), service)? {
                    Some(len) => self.submit(&[send(slot, len), receive(slot, number)])?,
                    None => self.submit(&[receive(slot, number)])?,
                }
            }
        }
    }

    /// The next completion that is there already.
    fn next(&mut self) -> Option<cqueue::Entry> {
        self.0.completion().next()
    }

    /// Queues requests that belong together.
    fn submit(&mut self, entries: &[squeue::Entry]) -> io::Result<()> {
        // SAFETY: the requests point into a slot, which is never freed, and from here until their
        // completion nothing here touches it. The file is registered.
        let queued = unsafe { self.0.submission().push_multiple(entries) };
        // There is room for two requests of every slot, and a slot has no more.
        queued.map_err(io::Error::other)
    }
}

impl Slot {
    /// A slot for as long as the process lives: a ring that is closed lets go of its requests only
    /// later.
    fn leak() -> *mut Self {
        // SAFETY: every field is an integer, an array of integers or a pointer: zero is a value.
        let slot: *mut Self = Box::into_raw(unsafe { Box::new_zeroed().assume_init() });
        // SAFETY: the box was just made and nobody else has it.
        unsafe {
            let name = (&raw mut (*slot).peer).cast();
            let buffer = (&raw mut (*slot).buffer).cast();
            for (message, vector) in [
                (&raw mut (*slot).receive, &raw mut (*slot).receive_vector),
                (&raw mut (*slot).send, &raw mut (*slot).send_vector),
            ] {
                (*vector).iov_base = buffer;
                (*message).msg_name = name;
                (*message).msg_iov = vector;
                (*message).msg_iovlen = 1;
            }
            (*slot).receive_vector.iov_len = MAX_DATAGRAM;
        }
        slot
    }
}

/// A request for the next datagram.
fn receive(slot: *mut Slot, number: u64) -> squeue::Entry {
    // SAFETY: the slot has no request under way, or only a `sendmsg` before this in its chain,
    // which does not use this field.
    let message = unsafe {
        (*slot).receive.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
        &raw mut (*slot).receive
    };
    opcode::RecvMsg::new(SOCKET, message)
        .build()
        .user_data(number)
}

/// A request to send the first `len` bytes back, with the one queued after it linked to it.
fn send(slot: *mut Slot, len: usize) -> squeue::Entry {
    // SAFETY: the slot has no request under way.
    let message = unsafe {
        (*slot).send_vector.iov_len = len;
        (*slot).send.msg_namelen = (*slot).receive.msg_namelen;
        &raw const (*slot).send
    };
    opcode::SendMsg::new(SOCKET, message)
        // A full transmit queue is a loss: nothing must wait behind it.
        .flags(libc::MSG_DONTWAIT as u32)
        .build()
        .flags(squeue::Flags::IO_LINK | squeue::Flags::SKIP_SUCCESS)
        .user_data(SENDING)
}

/// Answers what a `recvmsg` brought: how long the answer is that is to be sent.
fn answer(slot: *mut Slot, result: i32, service: &mut Service<'_>) -> io::Result<Option<usize>> {
    let received_ns = now_ns();
    let Ok(len) = usize::try_from(result) else {
        return match Errno::from_raw_os_error(-result) {
            // The `sendmsg` before it failed.
            Errno::CANCELED => {
                service.unsent();
                Ok(None)
            }
            Errno::INTR | Errno::AGAIN => Ok(None),
            error => Err(error.into()),
        };
    };
    // SAFETY: the request has completed, so the slot is ours alone.
    let slot = unsafe { &mut *slot };
    let source = address(&slot.peer);
    let datagram = slot.buffer.get_mut(..len).unwrap_or_default();
    let is_answered = service.answer(source, datagram, received_ns, now_ns);
    Ok(is_answered.then_some(len))
}

/// The address that the kernel wrote.
fn address(storage: &libc::sockaddr_storage) -> Option<SocketAddr> {
    match i32::from(storage.ss_family) {
        libc::AF_INET => {
            // SAFETY: the storage is larger than any address and aligned for all, and any bytes
            // make an IPv4 one.
            let address = unsafe { ptr::from_ref(storage).cast::<libc::sockaddr_in>().read() };
            let ip = Ipv4Addr::from(address.sin_addr.s_addr.to_ne_bytes());
            Some((ip, u16::from_be(address.sin_port)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: as above, for an IPv6 one.
            let address = unsafe { ptr::from_ref(storage).cast::<libc::sockaddr_in6>().read() };
            let ip = Ipv6Addr::from(address.sin6_addr.s6_addr);
            let port = u16::from_be(address.sin6_port);
            Some(SocketAddrV6::new(ip, port, address.sin6_flowinfo, address.sin6_scope_id).into())
        }
        _ => None,
    }
}
