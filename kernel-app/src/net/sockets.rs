//! The services on smoltcp's UDP sockets: the boot argument `path=smoltcp`.
//!
//! Everything the reflector leaves out is in it, as a program on sockets has it: the payload is
//! copied out of the frame, out of the socket, into the socket and into a frame, and an answer goes
//! where the neighbour cache says. What the reflector buys is the difference.
//!
//! The memory of a server is here too: of sockets, and of the limiter.
#![forbid(unsafe_code)]

use core::net::{IpAddr, SocketAddr};

use smoltcp::iface::{SocketHandle, SocketSet, SocketStorage};
use smoltcp::socket::AnySocket;
use smoltcp::socket::udp::{PacketBuffer, PacketMetadata, Socket, UdpMetadata};
use wire::limits::Limiter;
use wire::{MAX_JUMBO_PAYLOAD, MAX_PAYLOAD};

/// Datagrams that a socket holds each way: each is answered before the next is taken in, but an
/// answer may have to wait for its neighbour.
const DATAGRAMS: usize = 4;

/// Bytes that a socket holds each way: of so many datagrams on a network with an MTU of 1500, or of the longest of
/// jumbo frames.
const SOCKET_BYTES: usize = if DATAGRAMS * MAX_PAYLOAD > MAX_JUMBO_PAYLOAD {
    DATAGRAMS * MAX_PAYLOAD
} else {
    MAX_JUMBO_PAYLOAD
};

/// The longest of payloads.
pub type Payload = [u8; MAX_JUMBO_PAYLOAD];

/// Room for the sockets of `N` services and what they hold, and for what is known of sources.
#[derive(Debug)]
pub struct Storage<'s, const N: usize> {
    sockets: [SocketStorage<'s>; N],
    buffers: [SocketBuffers; N],
    limiter: Limiter,
    payload: Payload,
}

/// Buffers of one socket: the datagrams received, and those to be sent.
#[derive(Clone, Copy, Debug)]
pub struct SocketBuffers([Buffer; 2]);

#[derive(Clone, Copy, Debug)]
struct Buffer {
    metadata: [PacketMetadata; DATAGRAMS],
    bytes: [u8; SOCKET_BYTES],
}

impl Buffer {
    // Not a constant, which would be 18 KiB of zeros in the image.
    fn new() -> Self {
        Self {
            metadata: [PacketMetadata::EMPTY; DATAGRAMS],
            bytes: [0; SOCKET_BYTES],
        }
    }

    fn packets(&mut self) -> PacketBuffer<'_> {
        PacketBuffer::new(&mut self.metadata[..], &mut self.bytes[..])
    }
}

impl<'s, const N: usize> Storage<'s, N> {
    /// Creates room for sockets, empty.
    #[inline(never)]
    #[must_use]
    pub fn new() -> Self {
        Self {
            sockets: [SocketStorage::EMPTY; N],
            buffers: [SocketBuffers([Buffer::new(), Buffer::new()]); N],
            limiter: Limiter::new(),
            payload: [0; MAX_JUMBO_PAYLOAD],
        }
    }

    /// Returns what the stack needs, and what the server does.
    pub(crate) fn split(&'s mut self) -> (SocketMemory<'s>, &'s mut Limiter, &'s mut Payload) {
        let memory = SocketMemory {
            sockets: SocketSet::new(&mut self.sockets[..]),
            buffers: &mut self.buffers,
        };
        (memory, &mut self.limiter, &mut self.payload)
    }
}

/// Memory of a stack's sockets.
pub(crate) struct SocketMemory<'s> {
    pub(super) sockets: SocketSet<'s>,
    pub(super) buffers: &'s mut [SocketBuffers],
}

impl<const N: usize> Default for Storage<'_, N> {
    fn default() -> Self {
        Self::new()
    }
}

/// Opens a socket for each service, at its port.
pub(super) fn open<'s>(
    sockets: &mut SocketSet<'s>,
    buffers: &'s mut [SocketBuffers],
    ports: impl Iterator<Item = u16>,
) {
    for (SocketBuffers([receive, transmit]), port) in buffers.iter_mut().zip(ports) {
        let mut socket = Socket::new(receive.packets(), transmit.packets());
        let bound = socket.bind(port);
        debug_assert!(bound.is_ok(), "a new socket and a port that is not 0");
        sockets.add(socket);
    }
}

/// Returns whether one of the services is at `port`.
pub(super) fn has(sockets: &SocketSet<'_>, port: u16) -> bool {
    let mut sockets = sockets
        .iter()
        .filter_map(|(_, socket)| Socket::downcast(socket));
    sockets.any(|socket| socket.endpoint().port == port)
}

/// Takes a datagram for one of the services, the payload into `payload`.
pub(super) fn take(sockets: &mut SocketSet<'_>, payload: &mut Payload) -> Option<Received> {
    sockets.iter_mut().find_map(|(handle, socket)| {
        let socket = Socket::downcast_mut(socket)?;
        let (len, metadata) = socket.recv_slice(payload).ok()?;
        let endpoint = metadata.endpoint;
        Some(Received {
            port: socket.endpoint().port,
            len,
            source: SocketAddr::new(endpoint.addr.into(), endpoint.port),
            destination: metadata.local_address?.into(),
            handle,
            metadata,
        })
    })
}

/// Queues the reply to a datagram for its source. Returns false if there was no room for it.
pub(super) fn send_back(sockets: &mut SocketSet<'_>, request: &Received, reply: &[u8]) -> bool {
    sockets
        .get_mut::<Socket<'_>>(request.handle)
        .send_slice(reply, request.metadata)
        .is_ok()
}

/// A datagram that was received on a socket.
#[derive(Clone, Copy, Debug)]
pub struct Received {
    /// Port of the service it is for.
    pub port: u16,
    /// Length of the payload, in bytes.
    pub len: usize,
    /// Source address and port.
    pub source: SocketAddr,
    /// Destination address.
    pub destination: IpAddr,
    handle: SocketHandle,
    metadata: UdpMetadata,
}
