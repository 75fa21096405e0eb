//! The part of a network stack that a link over raw frames can't do without: address resolution
//! both ways, and answers to pings. smoltcp's `Interface` does it; frames go in and out by hand,
//! so that whoever owns the socket decides when it is touched.
#![forbid(unsafe_code)]

use std::collections::VecDeque;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::udp;
use smoltcp::time::Instant;
use smoltcp::wire::{
    EthernetAddress, EthernetFrame, EthernetProtocol, IpCidr, IpProtocol, Ipv4Packet, Ipv6Packet,
};

use wire::{Cidr, Mac};

use super::frame::MAX_FRAME;
use crate::clock;

/// Addresses of one end of an Ethernet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Ethernet address.
    pub mac: Mac,
    /// IPv4 address, where there is IPv4.
    pub ip: Option<Cidr<Ipv4Addr>>,
    /// IPv6 address, where there is IPv6.
    pub ip6: Option<Cidr<Ipv6Addr>>,
}

/// Network stack of one end of an Ethernet: resolves addresses both ways and answers pings.
pub struct Stack {
    interface: Interface,
    sockets: SocketSet<'static>,
    queues: Queues,
}

impl std::fmt::Debug for Stack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stack")
            .field("addresses", &self.interface.ip_addrs())
            .finish_non_exhaustive()
    }
}

impl Stack {
    pub fn new(endpoint: Endpoint) -> Self {
        let mut queues = Queues::default();
        let mac = EthernetAddress(endpoint.mac.octets());
        let mut interface = Interface::new(Config::new(mac.into()), &mut queues, now());
        interface.update_ip_addrs(|addresses| {
            let ip = endpoint
                .ip
                .map(|ip| IpCidr::new(ip.address.into(), ip.prefix));
            let ip6 = endpoint
                .ip6
                .map(|ip6| IpCidr::new(ip6.address.into(), ip6.prefix));
            // There is room for two, one of each family.
            addresses.extend(ip.into_iter().chain(ip6));
        });
        Self {
            interface,
            sockets: SocketSet::new(Vec::new()),
            queues,
        }
    }

    /// Takes a frame from the network.
    pub fn input(&mut self, frame: &[u8]) {
        self.queues.incoming.push_back(frame.to_vec());
    }

    /// Lets time pass, and hands every frame that is to be sent to `send`.
    pub fn poll<E>(&mut self, mut send: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        self.interface
            .poll(now(), &mut self.queues, &mut self.sockets);
        self.queues
            .outgoing
            .drain(..)
            .try_for_each(|frame| send(&frame))
    }

    /// Begins to look for the Ethernet address of `peer`, by having something to say to it.
    ///
    /// The stack gives away whom it would send that to: [`Resolution::poll`] catches the frame,
    /// and it never leaves.
    pub fn resolve(&mut self, peer: SocketAddr) -> Resolution<'_> {
        let room = || udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY], vec![0; 1]);
        let mut socket = udp::Socket::new(room(), room());
        // The port that nothing is ever answered to, if it did leave.
        let bound = socket.bind(RESOLVING_PORT).is_ok();
        let queued = socket.send_slice(&[0], (peer.ip(), peer.port())).is_ok();
        debug_assert!(bound && queued, "a fresh socket has room for one byte");
        let handle = self.sockets.add(socket);
        Resolution {
            stack: self,
            handle,
        }
    }
}

/// The source port of the datagram that makes the stack look for a neighbour: discard (RFC 863).
const RESOLVING_PORT: u16 = 9;

/// A search for a neighbour's Ethernet address. Dropped, it is over.
pub struct Resolution<'s> {
    stack: &'s mut Stack,
    handle: SocketHandle,
}

impl Resolution<'_> {
    /// Takes a frame from the network.
    pub fn input(&mut self, frame: &[u8]) {
        self.stack.input(frame);
    }

    /// As [`Stack::poll`]; the neighbour's address once it is known.
    pub fn poll<E>(
        &mut self,
        mut send: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<Option<Mac>, E> {
        let mut found = None;
        self.stack.poll(|frame| match resolved(frame) {
            Some(mac) => {
                found = Some(mac);
                Ok(())
            }
            None => send(frame),
        })?;
        Ok(found)
    }
}

impl Drop for Resolution<'_> {
    fn drop(&mut self) {
        self.stack.sockets.remove(self.handle);
    }
}

/// The destination of the datagram from [`RESOLVING_PORT`], if `frame` is it.
fn resolved(frame: &[u8]) -> Option<Mac> {
    let frame = EthernetFrame::new_checked(frame).ok()?;
    let (protocol, payload) = match frame.ethertype() {
        EthernetProtocol::Ipv4 => {
            let packet = Ipv4Packet::new_checked(frame.payload()).ok()?;
            (packet.next_header(), packet.payload())
        }
        EthernetProtocol::Ipv6 => {
            let packet = Ipv6Packet::new_checked(frame.payload()).ok()?;
            (packet.next_header(), packet.payload())
        }
        _ => return None,
    };
    let ours = protocol == IpProtocol::Udp && payload.starts_with(&RESOLVING_PORT.to_be_bytes());
    ours.then_some(Mac::new(frame.dst_addr().0))
}

/// Returns the present time, as smoltcp counts.
fn now() -> Instant {
    Instant::from_micros(i64::try_from(clock::now_ns() / 1000).unwrap_or(i64::MAX))
}

/// A device made of two queues.
#[derive(Default)]
struct Queues {
    incoming: VecDeque<Vec<u8>>,
    outgoing: Vec<Vec<u8>>,
}

struct Incoming(Vec<u8>);

struct Outgoing<'q>(&'q mut Vec<Vec<u8>>);

impl Device for Queues {
    type RxToken<'a> = Incoming;
    type TxToken<'a> = Outgoing<'a>;

    fn receive(&mut self, _now: Instant) -> Option<(Incoming, Outgoing<'_>)> {
        let frame = self.incoming.pop_front()?;
        Some((Incoming(frame), Outgoing(&mut self.outgoing)))
    }

    fn transmit(&mut self, _now: Instant) -> Option<Outgoing<'_>> {
        Some(Outgoing(&mut self.outgoing))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = MAX_FRAME;
        capabilities
    }
}

impl RxToken for Incoming {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

impl TxToken for Outgoing<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut frame = vec![0; len];
        let result = f(&mut frame);
        self.0.push(frame);
        result
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn endpoint(number: u8) -> Endpoint {
        Endpoint {
            mac: Mac::new([2, 0, 0, 0, 0, number]),
            ip: Some(Cidr::new(Ipv4Addr::new(10, 0, 2, number), 24)),
            ip6: Some(Cidr::new(
                Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, number.into()),
                64,
            )),
        }
    }

    fn frames(stack: &mut Stack) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        let sent: Result<(), Infallible> = stack.poll(|frame| {
            frames.push(frame.to_vec());
            Ok(())
        });
        sent.unwrap();
        frames
    }

    fn resolve(peer: &str) -> Option<Mac> {
        let (mut here, mut there) = (Stack::new(endpoint(1)), Stack::new(endpoint(2)));
        let mut resolution = here.resolve(peer.parse().unwrap());
        // Question and answer: the third look must have it.
        for _ in 0..3 {
            let mut sent = Vec::new();
            let found: Result<_, Infallible> = resolution.poll(|frame| {
                sent.push(frame.to_vec());
                Ok(())
            });
            if let Some(mac) = found.unwrap() {
                return Some(mac);
            }
            sent.iter().for_each(|frame| there.input(frame));
            frames(&mut there)
                .iter()
                .for_each(|frame| resolution.input(frame));
        }
        None
    }

    #[test]
    fn neighbours_find_each_other() {
        assert_eq!(resolve("10.0.2.2:9000"), Some(endpoint(2).mac));
        assert_eq!(resolve("[fe80::2]:9000"), Some(endpoint(2).mac));
    }

    #[test]
    fn nobody_answers_for_another() {
        assert_eq!(resolve("10.0.2.3:9000"), None);
        assert_eq!(resolve("[fe80::3]:9000"), None);
    }

    #[test]
    fn a_stack_that_is_left_alone_says_nothing() {
        let mut stack = Stack::new(endpoint(1));
        drop(stack.resolve("10.0.2.2:9000".parse().unwrap()));
        assert_eq!(frames(&mut stack), Vec::<Vec<u8>>::new());
    }
}
