//! Frames put together, and taken apart with every length and checksum checked.
//!
//! Building is etherparse's; a test that wants a broken frame builds a good one and breaks it.
#![forbid(unsafe_code)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use etherparse::checksum::Sum16BitWords;
use etherparse::{
    ArpEthIpv4Packet, ArpOperation, Icmpv6Type, IpNumber, NetSlice, PacketBuilder, SlicedPacket,
};

/// An Ethernet address.
pub type Mac = [u8; 6];

/// Every station on the link.
pub const BROADCAST: Mac = [0xff; 6];

/// Where the Ethernet payload starts in a frame.
pub const IP: usize = 14;

/// Where the UDP header starts in an IPv4 frame without options.
pub const UDP4: usize = IP + 20;

/// Where the UDP header starts in an IPv6 frame without extensions.
pub const UDP6: usize = IP + 40;

/// Length of a UDP header, in bytes.
pub const UDP_HEADER: usize = 8;

/// Shortest frame on a real wire, without its check sequence, in bytes.
const MIN_FRAME: usize = 60;

const HOP_LIMIT: u8 = 64;

/// Neighbour discovery and its answers come from the link itself (RFC 4861 §7.1).
const ON_LINK: u8 = 255;

/// A frame, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Whose frame it is.
    pub from: Mac,
    /// To whom it is.
    pub to: Mac,
    /// What is in it.
    pub body: Body,
}

/// What is in a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// An ARP packet.
    Arp(ArpEthIpv4Packet),
    /// A UDP datagram.
    Udp {
        /// Whose datagram it is.
        from: SocketAddr,
        /// To whom it is.
        to: SocketAddr,
        /// What is in it.
        payload: Vec<u8>,
    },
    /// An ICMP or ICMPv6 message.
    Icmp {
        /// Whose message it is.
        from: IpAddr,
        /// To whom it is.
        to: IpAddr,
        /// Time to live, or hop limit.
        hop_limit: u8,
        /// Its type.
        kind: u8,
        /// Its code.
        code: u8,
        /// What follows the checksum.
        rest: Vec<u8>,
    },
    /// Something else, by its IP protocol number.
    Other(u8),
}

/// Takes a frame apart.
///
/// # Errors
///
/// What about it is not as it should be: a length, a checksum, something that is no IP or ARP.
pub fn parse(frame: &[u8]) -> Result<Packet, String> {
    let sliced = SlicedPacket::from_ethernet(frame).map_err(|error| error.to_string())?;
    let link = etherparse::Ethernet2Header::from_slice(frame)
        .map_err(|error| error.to_string())?
        .0;
    let body = match &sliced.net {
        None => return Err(format!("neither ARP nor IP: {:?}", link.ether_type)),
        Some(NetSlice::Arp(arp)) => {
            let arp = arp.to_packet().try_eth_ipv4();
            Body::Arp(arp.map_err(|error| error.to_string())?)
        }
        Some(NetSlice::Ipv4(ip)) => {
            let header = ip.header();
            if ones_complement(&[header.slice()]) != 0 {
                return Err("bad IPv4 header checksum".to_owned());
            }
            if ip.is_payload_fragmented() {
                return Err("a fragment".to_owned());
            }
            let end = IP + usize::from(header.total_len());
            check_end(frame, end)?;
            let segment = &frame[IP + header.slice().len()..end];
            let (from, to) = (header.source_addr(), header.destination_addr());
            above_ip(
                from.into(),
                to.into(),
                header.ttl(),
                header.protocol(),
                segment,
            )?
        }
        Some(NetSlice::Ipv6(ip)) => {
            let header = ip.header();
            let end = UDP6 + usize::from(header.payload_length());
            check_end(frame, end)?;
            let segment = ip.payload().payload;
            let (from, to) = (header.source_addr(), header.destination_addr());
            let protocol = ip.payload().ip_number;
            above_ip(
                from.into(),
                to.into(),
                header.hop_limit(),
                protocol,
                segment,
            )?
        }
    };
    Ok(Packet {
        from: link.source,
        to: link.destination,
        body,
    })
}

/// A frame ends where its packet does, unless it is padded to the shortest frame.
fn check_end(frame: &[u8], end: usize) -> Result<(), String> {
    if frame.len() == end || (end < MIN_FRAME && frame.len() == MIN_FRAME) {
        Ok(())
    } else {
        let len = frame.len();
        Err(format!(
            "a frame of {len} bytes around a packet that ends at {end}"
        ))
    }
}

fn above_ip(
    from: IpAddr,
    to: IpAddr,
    hop_limit: u8,
    protocol: IpNumber,
    segment: &[u8],
) -> Result<Body, String> {
    let pseudo = pseudo_header(from, to, protocol, segment.len());
    match protocol {
        IpNumber::UDP => {
            let header = segment.first_chunk::<UDP_HEADER>();
            let &[a, b, c, d, e, f, g, h] = header.ok_or("a UDP header cut short")?;
            if usize::from(u16::from_be_bytes([e, f])) != segment.len() {
                return Err("the UDP length is not what IP carries".to_owned());
            }
            let is_missing = [g, h] == [0, 0];
            if (is_missing && from.is_ipv6())
                || (!is_missing && ones_complement(&[&pseudo, segment]) != 0)
            {
                return Err("bad UDP checksum".to_owned());
            }
            Ok(Body::Udp {
                from: SocketAddr::new(from, u16::from_be_bytes([a, b])),
                to: SocketAddr::new(to, u16::from_be_bytes([c, d])),
                payload: segment[UDP_HEADER..].to_vec(),
            })
        }
        IpNumber::ICMP | IpNumber::IPV6_ICMP => {
            let pseudo: &[u8] = if from.is_ipv6() { &pseudo } else { &[] };
            let &[kind, code, ..] = segment.first_chunk::<8>().ok_or("ICMP cut short")?;
            if ones_complement(&[pseudo, segment]) != 0 {
                return Err("bad ICMP checksum".to_owned());
            }
            Ok(Body::Icmp {
                from,
                to,
                hop_limit,
                kind,
                code,
                rest: segment[4..].to_vec(),
            })
        }
        IpNumber(other) => Ok(Body::Other(other)),
    }
}

/// What UDP's and ICMPv6's checksums cover beside the segment (RFC 768, RFC 8200 §8.1); that the
/// two lay it out differently makes no difference to the sum.
fn pseudo_header(from: IpAddr, to: IpAddr, protocol: IpNumber, len: usize) -> Vec<u8> {
    let mut pseudo = Vec::new();
    for address in [from, to] {
        match address {
            IpAddr::V4(address) => pseudo.extend(address.octets()),
            IpAddr::V6(address) => pseudo.extend(address.octets()),
        }
    }
    pseudo.extend((len as u32).to_be_bytes());
    pseudo.extend([0, 0, 0, protocol.0]);
    pseudo
}

/// The Internet checksum of `parts`, all but the last of even length: zero over something that
/// holds its own right checksum.
fn ones_complement(parts: &[&[u8]]) -> u16 {
    parts
        .iter()
        .fold(Sum16BitWords::new(), |sum, part| sum.add_slice(part))
        .ones_complement()
}

/// Puts the right checksum into the header of an IPv4 frame that was changed on purpose.
pub fn mend_ipv4_checksum(frame: &mut [u8]) {
    let header_len = usize::from(frame[IP] & 0x0f) * 4;
    frame[IP + 10..IP + 12].fill(0);
    let checksum = ones_complement(&[&frame[IP..IP + header_len]]);
    // The words of the sum are in memory order.
    frame[IP + 10..IP + 12].copy_from_slice(&checksum.to_ne_bytes());
}

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

    /// What [`parse`] makes of the frame of a UDP datagram.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(from: &str, to: &str) -> Flow {
        Flow {
            from_mac: [2, 0, 0, 0, 0, 1],
            to_mac: [2, 0, 0, 0, 0, 2],
            from: from.parse().unwrap(),
            to: to.parse().unwrap(),
        }
    }

    #[test]
    fn takes_apart_what_it_puts_together() {
        for flow in [
            flow("10.0.0.1:1", "10.0.0.2:65535"),
            flow("[fe80::1]:1", "[fe80::2]:65535"),
        ] {
            for len in [0, 1, 2, 44, 1471, 1472] {
                let payload: Vec<u8> = (0..len).map(|i| i as u8).collect();
                assert_eq!(parse(&flow.udp(&payload)), Ok(flow.udp_packet(&payload)));
                assert!(parse(&flow.ping(1, 2, &payload)).is_ok());
            }
        }
    }

    #[test]
    fn any_damage_to_what_checksums_cover_is_found() {
        let good = flow("10.0.0.1:1", "10.0.0.2:3").udp(b"payload");
        for at in IP..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            assert!(parse(&bad).is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_mended_header_is_good_again() {
        let mut frame = flow("10.0.0.1:1", "10.0.0.2:3").udp(b"payload");
        let before = frame.clone();
        frame[IP + 8] = 1;
        mend_ipv4_checksum(&mut frame);
        assert!(parse(&frame).is_ok());
        frame[IP + 8] = before[IP + 8];
        mend_ipv4_checksum(&mut frame);
        assert_eq!(frame, before);
    }

    #[test]
    fn a_trailer_is_only_right_up_to_the_shortest_frame() {
        let mut frame = flow("10.0.0.1:1", "10.0.0.2:3").udp(b"");
        frame.resize(MIN_FRAME, 0);
        assert!(parse(&frame).is_ok());
        frame.push(0);
        assert!(parse(&frame).is_err());
    }
}
