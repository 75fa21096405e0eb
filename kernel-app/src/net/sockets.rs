//! The services on smoltcp's UDP sockets: the boot argument `path=smoltcp`.
//!
//! Everything the reflector leaves out is in it, as a program on sockets has it: the payload is
//! copied out of the frame, out of the socket, into the socket and into a frame, and an answer goes
//! where the neighbour cache says. What the reflector buys is the difference.

use core::net::{IpAddr, SocketAddr};

use smoltcp::iface::{SocketHandle, SocketSet, SocketStorage};
use smoltcp::socket::udp::{PacketBuffer, PacketMetadata, Socket, UdpMetadata};
use wire::MAX_PAYLOAD;

use crate::services::{ECHO_PORT, Service};

/// The services'.
const SOCKETS: usize = 2;

/// Datagrams that a socket holds each way: each is answered before the next is taken in, but an
/// answer may have to wait for its neighbour.
const DATAGRAMS: usize = 4;

/// Room for the stack's sockets and what they hold.
#[derive(Debug)]
pub struct Storage<'s> {
    sockets: [SocketStorage<'s>; SOCKETS],
    buffers: [SocketBuffers; 2],
}

/// What one socket holds.
#[derive(Debug)]
pub struct SocketBuffers([Buffer; 2]);

#[derive(Debug)]
struct Buffer {
    metadata: [PacketMetadata; DATAGRAMS],
    bytes: [u8; DATAGRAMS * MAX_PAYLOAD],
}

impl Buffer {
    // Not a constant, which would be 12 KiB of zeros in the image.
    fn new() -> Self {
        Self {
            metadata: [PacketMetadata::EMPTY; DATAGRAMS],
            bytes: [0; DATAGRAMS * MAX_PAYLOAD],
        }
    }

    fn packets(&mut self) -> PacketBuffer<'_> {
        PacketBuffer::new(&mut self.metadata[..], &mut self.bytes[..])
    }
}

impl<'s> Storage<'s> {
    /// Room for sockets, empty.
    #[must_use]
    pub fn new() -> Self {
        let buffers = || SocketBuffers([Buffer::new(), Buffer::new()]);
        Self {
            sockets: [SocketStorage::EMPTY; SOCKETS],
            buffers: [buffers(), buffers()],
        }
    }

    pub(super) fn split(&'s mut self) -> (SocketSet<'s>, &'s mut [SocketBuffers; 2]) {
        (SocketSet::new(&mut self.sockets[..]), &mut self.buffers)
    }
}

impl Default for Storage<'_> {
    fn default() -> Self {
        Self::new()
    }
}

/// The services' sockets.
#[derive(Clone, Copy, Debug)]
pub struct ServiceSockets([(Service, SocketHandle); 2]);

impl ServiceSockets {
    pub(super) fn open<'s>(
        sockets: &mut SocketSet<'s>,
        buffers: &'s mut [SocketBuffers; 2],
        port: u16,
    ) -> Self {
        let [timestamp, echo] = buffers;
        let mut open = |SocketBuffers([receive, transmit]): &'s mut SocketBuffers, port: u16| {
            let mut socket = Socket::new(receive.packets(), transmit.packets());
            let bound = socket.bind(port);
            debug_assert!(bound.is_ok(), "a new socket and a port that is not 0");
            sockets.add(socket)
        };
        Self([
            (Service::Timestamp, open(timestamp, port)),
            (Service::Echo, open(echo, ECHO_PORT)),
        ])
    }

    /// Takes a datagram for one of the services, the payload into `payload`.
    pub(super) fn take(
        self,
        sockets: &mut SocketSet<'_>,
        payload: &mut [u8; MAX_PAYLOAD],
    ) -> Option<Received> {
        self.0.into_iter().find_map(|(service, handle)| {
            let socket = sockets.get_mut::<Socket<'_>>(handle);
            let (len, metadata) = socket.recv_slice(payload).ok()?;
            let endpoint = metadata.endpoint;
            Some(Received {
                service,
                len,
                source: SocketAddr::new(endpoint.addr.into(), endpoint.port),
                destination: metadata.local_address?.into(),
                metadata,
            })
        })
    }

    /// Queues the answer to a datagram for where that came from. Returns false if there was no room for it.
    pub(super) fn send_back(
        self,
        sockets: &mut SocketSet<'_>,
        question: &Received,
        answer: &[u8],
    ) -> bool {
        sockets
            .get_mut::<Socket<'_>>(self.handle(question.service))
            .send_slice(answer, question.metadata)
            .is_ok()
    }

    fn handle(self, service: Service) -> SocketHandle {
        let [timestamp, echo] = self.0.map(|(_, handle)| handle);
        match service {
            Service::Timestamp => timestamp,
            Service::Echo => echo,
        }
    }
}

/// A datagram that came by a socket.
#[derive(Clone, Copy, Debug)]
pub struct Received {
    /// For which service.
    pub service: Service,
    /// Length of the payload, in bytes.
    pub len: usize,
    /// Where it came from.
    pub source: SocketAddr,
    /// Where it went to.
    pub destination: IpAddr,
    metadata: UdpMetadata,
}
