//! A host beside the guest, on a link of Ethernet frames.
//!
//! It answers ARP and neighbour discovery for its addresses, as any host does, and keeps that from
//! the test; what the guest sends on its own account (announcements, reports to routers) it passes
//! over. All else that comes is the test's to judge.
#![forbid(unsafe_code)]

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use etherparse::ArpOperation;
use wire::{Header, Kind, Ready};

use crate::packet::{self, Body, Flow, Mac, Packet};
use crate::{guest, timeouts};

mod settling;

pub use settling::Stalled;

/// The station's Ethernet address.
pub const MAC: Mac = [0x52, 0x54, 0x00, 0x00, 0x00, 0x02];

/// IPv4 address, on the subnet of most tests.
pub const IP4: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);

/// Link-local IPv6 address.
pub const LINK_LOCAL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2);

/// IPv6 address on the subnet of most tests that give the guest one.
pub const IP6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);

/// UDP port.
pub const PORT: u16 = 40000;

/// The port and the ICMP identifier that [`Station::settle`] uses and no test may.
const SETTLING: u16 = 60000;

/// ICMP types (RFC 792), and ICMPv6's (RFC 4443, RFC 4861, RFC 2710, RFC 3810).
mod icmp {
    pub const ECHO_REPLY: u8 = 0;
    pub const V6_ECHO_REPLY: u8 = 129;
    pub const MLD_REPORT: u8 = 131;
    pub const ROUTER_SOLICITATION: u8 = 133;
    pub const NEIGHBOUR_SOLICITATION: u8 = 135;
    pub const NEIGHBOUR_ADVERTISEMENT: u8 = 136;
    pub const MLD2_REPORT: u8 = 143;
}

/// A host on the guest's link.
#[derive(Debug)]
pub struct Station {
    socket: UnixDatagram,
    /// IPv4 address, on the guest's subnet.
    pub ip4: Ipv4Addr,
    guest_mac: Mac,
    guest: Option<Ready>,
    settled: u16,
}

impl Station {
    /// A station at one end of the link to the guest at `guest_mac`.
    ///
    /// # Panics
    ///
    /// If the socket can't be set up.
    #[must_use]
    pub fn new(socket: UnixDatagram, guest_mac: Mac) -> Self {
        let patience = Some(timeouts::ANSWER);
        socket.set_write_timeout(patience).expect("it is not zero");
        Self {
            socket,
            ip4: IP4,
            guest_mac,
            guest: None,
            settled: 0,
        }
    }

    /// Tells the station what the guest said about itself, and has each find the other: from now on
    /// the guest's network stack need not look for this station before it answers.
    ///
    /// # Panics
    ///
    /// If the guest does not answer address resolution.
    pub fn meet(&mut self, ready: &Ready) {
        self.guest = Some(*ready);
        let link_local = self.flow(LINK_LOCAL.into(), guest::LINK_LOCAL.into());
        let mut flows = vec![self.to_service_v6(), link_local];
        flows.extend(ready.ip.map(|_| self.to_service()));
        for flow in flows {
            self.ask(&resolution(&flow));
        }
    }

    fn guest(&self) -> &Ready {
        self.guest.as_ref().expect("the guest is ready")
    }

    /// From this station to the guest's service, over IPv4.
    ///
    /// # Panics
    ///
    /// If the guest has no IPv4 address.
    #[must_use]
    pub fn to_service(&self) -> Flow {
        let ip = self
            .guest()
            .ip
            .expect("the guest has an IPv4 address")
            .address;
        self.flow(self.ip4.into(), ip.into())
    }

    /// From this station to the guest's service, over IPv6: to the address in its ready line.
    #[must_use]
    pub fn to_service_v6(&self) -> Flow {
        let ip = self
            .guest()
            .ip6
            .expect("the guest has an IPv6 address")
            .address;
        let own = if ip.is_unicast_link_local() {
            LINK_LOCAL
        } else {
            IP6
        };
        self.flow(own.into(), ip.into())
    }

    /// From one of this station's addresses to one of the guest's.
    #[must_use]
    pub fn flow(&self, own: IpAddr, guests: IpAddr) -> Flow {
        Flow {
            from_mac: MAC,
            to_mac: self.guest_mac,
            from: SocketAddr::new(own, PORT),
            to: SocketAddr::new(guests, self.guest().port),
        }
    }

    /// Sends a frame.
    ///
    /// # Panics
    ///
    /// If QEMU does not take it.
    pub fn send(&self, frame: &[u8]) {
        assert!(!frame.is_empty(), "an empty datagram would end QEMU's link");
        self.socket.send(frame).expect("QEMU takes the frame");
    }

    /// Sends a frame and waits for the one that comes back.
    ///
    /// # Panics
    ///
    /// If none comes, or a broken one.
    pub fn ask(&mut self, frame: &[u8]) -> Packet {
        self.send(frame);
        self.expect_packet()
    }

    /// Sends the service at the end of `flow` a request of `len` bytes, and returns its reply's header.
    ///
    /// # Panics
    ///
    /// If no reply to that request comes.
    pub fn ask_service(&mut self, flow: &Flow, seq: u64, len: usize) -> Header {
        let answer = self.ask(&flow.udp(&request(seq, len)));
        let Body::Udp { payload, .. } = answer.body else {
            panic!("{answer:?}");
        };
        let header = Header::decode(&payload).expect("a header");
        assert_eq!((header.kind, header.seq), (Kind::Reply, seq));
        assert_eq!(payload.len(), len);
        header
    }

    /// Waits for a packet.
    ///
    /// # Panics
    ///
    /// If none comes, or a broken one.
    pub fn expect_packet(&mut self) -> Packet {
        let frame = self.receive(timeouts::ANSWER).expect("an answer");
        packet::parse(&frame).unwrap_or_else(|error| panic!("{error}: {frame:02x?}"))
    }

    /// Sends a frame that nobody may answer.
    ///
    /// # Panics
    ///
    /// If somebody does: `what` says to what.
    pub fn expect_silence(&mut self, what: &str, frame: &[u8]) {
        self.send(frame);
        let answers = self.settle();
        assert!(
            answers.is_empty(),
            "{what}: answered with {:?}",
            answers
                .iter()
                .map(|frame| packet::parse(frame))
                .collect::<Vec<_>>()
        );
    }

    /// Waits for a frame that is the test's to judge; `None` if none comes within `patience`.
    ///
    /// # Panics
    ///
    /// If the link fails.
    pub fn receive(&mut self, patience: Duration) -> Option<Vec<u8>> {
        let start = Instant::now();
        let mut buffer = [0; 65536];
        loop {
            let left = patience.checked_sub(start.elapsed())?;
            self.socket
                .set_read_timeout(Some(left.max(Duration::from_millis(1))))
                .expect("it is not zero");
            match self.socket.recv(&mut buffer) {
                Ok(len) if self.is_housekeeping(&buffer[..len]) => {}
                Ok(len) => return Some(buffer[..len].to_vec()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                Err(error) => panic!("receiving a frame: {error}"),
            }
        }
    }

    /// Waits for a frame of any kind, the guest's announcements among them, and answers none.
    ///
    /// # Panics
    ///
    /// If none comes.
    #[must_use]
    pub fn overhear(&mut self) -> Vec<u8> {
        let mut buffer = [0; 65536];
        let patience = Some(timeouts::BOOT);
        self.socket.set_read_timeout(patience).expect("not zero");
        let len = self.socket.recv(&mut buffer).expect("a frame");
        buffer[..len].to_vec()
    }

    fn is_ours(&self, address: IpAddr) -> bool {
        [self.ip4.into(), LINK_LOCAL.into(), IP6.into()].contains(&address)
    }

    /// Deals with what a host deals with on its own; returns whether `frame` was such.
    fn is_housekeeping(&self, frame: &[u8]) -> bool {
        let Ok(packet) = packet::parse(frame) else {
            return false;
        };
        match packet.body {
            Body::Arp(arp) => {
                let target = Ipv4Addr::from(arp.target_ipv4);
                if arp.operation != ArpOperation::REQUEST {
                    return false;
                }
                if self.is_ours(target.into()) {
                    self.send(&packet::arp(packet.from, &packet::arp_reply(MAC, &arp)));
                    return true;
                }
                let is_announcement = arp.sender_ipv4 == arp.target_ipv4;
                is_announcement || arp.sender_ipv4 == [0; 4]
            }
            Body::Icmp {
                kind: icmp::NEIGHBOUR_SOLICITATION,
                from: IpAddr::V6(from),
                rest,
                ..
            } => {
                let target = rest.get(4..20).and_then(|octets| octets.try_into().ok());
                let target = Ipv6Addr::from(target.unwrap_or([0; 16]));
                if !from.is_unspecified() && self.is_ours(target.into()) {
                    let advertisement =
                        packet::neighbour_advertisement(MAC, target, packet.from, from);
                    self.send(&advertisement);
                    return true;
                }
                from.is_unspecified()
            }
            Body::Icmp { kind, to, .. } => match kind {
                icmp::MLD_REPORT | icmp::MLD2_REPORT | icmp::ROUTER_SOLICITATION => true,
                icmp::NEIGHBOUR_ADVERTISEMENT => to.is_multicast(),
                _ => false,
            },
            Body::Udp { .. } | Body::Other(_) => false,
        }
    }
}

/// The question where the receiver of `flow` is, by which it learns where the sender is.
fn resolution(flow: &Flow) -> Vec<u8> {
    match (flow.from.ip(), flow.to.ip()) {
        (IpAddr::V4(own), IpAddr::V4(target)) => {
            packet::arp(packet::BROADCAST, &packet::arp_request(MAC, own, target))
        }
        (IpAddr::V6(own), IpAddr::V6(target)) => packet::neighbour_solicitation(MAC, own, target),
        _ => unreachable!("a flow stays within its family"),
    }
}

/// A request of `len` bytes with padding that differs from byte to byte and from `seq` to `seq`.
///
/// # Panics
///
/// If `len` has no room for the header.
#[must_use]
pub fn request(seq: u64, len: usize) -> Vec<u8> {
    let mut datagram: Vec<u8> = (0..len as u64).map(|i| (i * 7 + seq) as u8).collect();
    Header::request(seq, 0x0102_0304_0506_0708 ^ seq)
        .encode(&mut datagram)
        .expect("there is room for the header");
    datagram
}
