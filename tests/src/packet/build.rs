//! Frames put together.
#![forbid(unsafe_code)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use etherparse::{ArpEthIpv4Packet, ArpOperation, Icmpv6Type, PacketBuilder};

use super::{Body, IP, Mac, Packet, ones_complement};

const HOP_LIMIT: u8 = 64;

/// Neighbour discovery and its answers come from the link itself (RFC 4861 §7.1).
const ON_LINK: u8 = 255;

/// From whom to whom, on both layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// The frame's sender.
    pub from_mac: Mac,
    /// The frame's receiver.
    pub to_mac: Mac,
    /// The datagram's sender; a message without ports uses the address alone.
    pub from: SocketAddr,
    /// The datagram's receiver.
    pub to: SocketAddr,
}

impl Flow {
    /// The other way round: how an answer goes.
    #[must_use]
    pub const fn reversed(self) -> Self {
        Self {
            from_mac: self.to_mac,
            to_mac: self.from_mac,
            from: self.to,
            to: self.from,
        }
    }

    /// The frame of a UDP datagram.
    #[must_use]
    pub fn udp(&self, payload: &[u8]) -> Vec<u8> {
        let mut frame = Vec::new();
        let ethernet = PacketBuilder::ethernet2(self.from_mac, self.to_mac);
        let ip = match self.addresses() {
            Addresses::V4(from, to) => ethernet.ipv4(from, to, HOP_LIMIT),
            Addresses::V6(from, to) => ethernet.ipv6(from, to, HOP_LIMIT),
        };
        ip.udp(self.from.port(), self.to.port())
            .write(&mut frame, payload)
            .expect("it fits");
        frame
    }

    /// Returns the packet that [`parse`] makes of the frame of a UDP datagram.
    #[must_use]
    pub fn udp_packet(&self, payload: &[u8]) -> Packet {
        Packet {
            from: self.from_mac,
            to: self.to_mac,
            body: Body::Udp {
                from: self.from,
                to: self.to,
                payload: payload.to_vec(),
            },
        }
    }

    /// The frame of an ICMP or ICMPv6 echo request.
    #[must_use]
    pub fn ping(&self, id: u16, seq: u16, payload: &[u8]) -> Vec<u8> {
        let mut frame = Vec::new();
        let ethernet = PacketBuilder::ethernet2(self.from_mac, self.to_mac);
        match self.addresses() {
            Addresses::V4(from, to) => ethernet
                .ipv4(from, to, HOP_LIMIT)
                .icmpv4_echo_request(id, seq)
                .write(&mut frame, payload),
            Addresses::V6(from, to) => ethernet
                .ipv6(from, to, HOP_LIMIT)
                .icmpv6_echo_request(id, seq)
                .write(&mut frame, payload),
        }
        .expect("it fits");
        frame
    }

    fn addresses(&self) -> Addresses {
        match (self.from.ip(), self.to.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => Addresses::V4(from.octets(), to.octets()),
            (IpAddr::V6(from), IpAddr::V6(to)) => Addresses::V6(from.octets(), to.octets()),
            _ => panic!("a flow stays within its family: {self:?}"),
        }
    }
}

enum Addresses {
    V4([u8; 4], [u8; 4]),
    V6([u8; 16], [u8; 16]),
}

/// The frame of an ARP packet to `to_mac`.
#[must_use]
pub fn arp(to_mac: Mac, packet: &ArpEthIpv4Packet) -> Vec<u8> {
    let mut frame = Vec::new();
    PacketBuilder::ethernet2(packet.sender_mac, to_mac)
        .arp(packet.clone().into())
        .write(&mut frame)
        .expect("it fits");
    frame
}

/// An ARP request: who has `target`?
#[must_use]
pub fn arp_request(mac: Mac, ip: Ipv4Addr, target: Ipv4Addr) -> ArpEthIpv4Packet {
    ArpEthIpv4Packet {
        operation: ArpOperation::REQUEST,
        sender_mac: mac,
        sender_ipv4: ip.octets(),
        target_mac: [0; 6],
        target_ipv4: target.octets(),
    }
}

/// The reply of the station at `mac` to an ARP request.
#[must_use]
pub fn arp_reply(mac: Mac, request: &ArpEthIpv4Packet) -> ArpEthIpv4Packet {
    ArpEthIpv4Packet {
        operation: ArpOperation::REPLY,
        sender_mac: mac,
        sender_ipv4: request.target_ipv4,
        target_mac: request.sender_mac,
        target_ipv4: request.sender_ipv4,
    }
}

/// The frame of a neighbour solicitation (RFC 4861 §4.3): who has `target`? It goes to the
/// target's solicited-node group, as a host does that has not found it yet.
#[must_use]
pub fn neighbour_solicitation(mac: Mac, ip: Ipv6Addr, target: Ipv6Addr) -> Vec<u8> {
    let [.., a, b, c] = target.octets();
    let group_mac = [0x33, 0x33, 0xff, a, b, c];
    let words = [0xff00 | u16::from(a), u16::from_be_bytes([b, c])];
    let group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, words[0], words[1]);
    // The target, then the option "source link-layer address".
    let mut payload = target.octets().to_vec();
    payload.extend([1, 1]);
    payload.extend(mac);
    let mut frame = Vec::new();
    PacketBuilder::ethernet2(mac, group_mac)
        .ipv6(ip.octets(), group.octets(), ON_LINK)
        .icmpv6(Icmpv6Type::NeighborSolicitation)
        .write(&mut frame, &payload)
        .expect("it fits");
    frame
}

/// The frame of a neighbour advertisement (RFC 4861 §4.4): `target` is at `mac`.
#[must_use]
pub fn neighbour_advertisement(mac: Mac, target: Ipv6Addr, to_mac: Mac, to: Ipv6Addr) -> Vec<u8> {
    let header = etherparse::icmpv6::NeighborAdvertisementHeader {
        router: false,
        solicited: true,
        r#override: true,
    };
    let mut payload = target.octets().to_vec();
    payload.extend([2, 1]);
    payload.extend(mac);
    let mut frame = Vec::new();
    PacketBuilder::ethernet2(mac, to_mac)
        .ipv6(target.octets(), to.octets(), ON_LINK)
        .icmpv6(Icmpv6Type::NeighborAdvertisement(header))
        .write(&mut frame, &payload)
        .expect("it fits");
    frame
}

/// The frame of a router advertisement to all nodes (RFC 4861 §4.2) from the router at `mac` and `ip`: for an hour
/// `prefix`/64 is for autoconfiguration.
#[must_use]
pub fn router_advertisement(mac: Mac, ip: Ipv6Addr, prefix: Ipv6Addr) -> Vec<u8> {
    const HOUR_S: u32 = 3600;
    let header = etherparse::icmpv6::RouterAdvertisementHeader {
        cur_hop_limit: HOP_LIMIT,
        managed_address_config: false,
        other_config: false,
        router_lifetime: 1800,
    };
    // Two timers that are not specified, and the option "prefix information" with the flags "on-link" and "autonomous".
    let mut payload = vec![0; 8];
    payload.extend([3, 4, 64, 0xc0]);
    payload.extend([HOUR_S.to_be_bytes(), HOUR_S.to_be_bytes(), [0; 4]].concat());
    payload.extend(prefix.octets());
    let all_nodes = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
    let mut frame = Vec::new();
    PacketBuilder::ethernet2(mac, [0x33, 0x33, 0, 0, 0, 1])
        .ipv6(ip.octets(), all_nodes.octets(), ON_LINK)
        .icmpv6(Icmpv6Type::RouterAdvertisement(header))
        .write(&mut frame, &payload)
        .expect("it fits");
    frame
}

/// Puts the right checksum into the header of an IPv4 frame that was changed on purpose.
pub fn mend_ipv4_checksum(frame: &mut [u8]) {
    let header_len = usize::from(frame[IP] & 0x0f) * 4;
    frame[IP + 10..IP + 12].fill(0);
    let checksum = ones_complement(&[&frame[IP..IP + header_len]]);
    // The words of the sum are in memory order.
    frame[IP + 10..IP + 12].copy_from_slice(&checksum.to_ne_bytes());
}
