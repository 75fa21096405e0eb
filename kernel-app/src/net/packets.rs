//! The few frames that the service sends of its own accord, or shows its own stack.
//!
//! Layouts: RFC 826, RFC 4861 §4.4, RFC 791 §3.1, RFC 768. Pure bytes; no unsafe code.
#![forbid(unsafe_code)]

use core::net::{Ipv4Addr, Ipv6Addr};

use wire::Mac;
use wire::checksum::Sum;

/// EtherTypes (IANA).
pub const IPV4: [u8; 2] = [0x08, 0x00];
pub const ARP: [u8; 2] = [0x08, 0x06];
pub const IPV6: [u8; 2] = [0x86, 0xdd];

/// Offset of an Ethernet frame's payload, in bytes.
pub const IP: usize = 14;

/// ARP operations (RFC 826), after hardware and protocol types and lengths.
pub const ARP_REQUEST: u8 = 1;
pub const ARP_REPLY: u8 = 2;

/// Ethernet and IPv4, and the lengths of their addresses (RFC 826).
pub const ARP_ETHERNET_IPV4: [u8; 7] = [0, 1, 0x08, 0x00, 6, 4, 0];

/// Length of a frame with an ARP packet for Ethernet and IPv4, in bytes.
pub const ARP_LEN: usize = IP + 28;

/// Set in the first octet of a group's Ethernet address (IEEE 802 §8.2).
pub const GROUP: u8 = 1;

/// Protocols behind an IP header (IANA).
pub const HOP_BY_HOP: u8 = 0;
pub const ICMP: u8 = 1;
pub const UDP: u8 = 17;
pub const ICMPV6: u8 = 58;

/// Types of ICMPv6 messages (RFC 4861 §4).
pub const ROUTER_SOLICITATION: u8 = 133;
pub const ROUTER_ADVERTISEMENT: u8 = 134;
pub const NEIGHBOUR_SOLICITATION: u8 = 135;
pub const NEIGHBOUR_ADVERTISEMENT: u8 = 136;
pub const REDIRECT: u8 = 137;

/// Hop limit of neighbour discovery (RFC 4861 §7.1).
pub const DISCOVERY_HOP_LIMIT: u8 = 255;

/// Flag of an advertisement that replaces what its receiver knows (RFC 4861 §4.4).
const OVERRIDE: u8 = 0x20;

/// The option that carries the Ethernet address of the advertisement's target, in units of 8 bytes.
const TARGET_ADDRESS: [u8; 2] = [2, 1];

const IPV6_HEADER: usize = 40;

/// Offset of an ICMPv6 message in a frame without extension headers, in bytes.
pub const ICMPV6_MESSAGE: usize = IP + IPV6_HEADER;

/// Length of a frame with a neighbour advertisement, in bytes.
pub const ADVERTISEMENT_LEN: usize = ICMPV6_MESSAGE + 32;

/// An Ethernet and an IP address.
pub type Host<A> = (Mac, A);

fn ethernet(frame: &mut [u8], to: Mac, from: Mac, ethertype: [u8; 2]) {
    frame[..6].copy_from_slice(&to.octets());
    frame[6..12].copy_from_slice(&from.octets());
    frame[12..14].copy_from_slice(&ethertype);
}

/// An ARP packet, in a frame to the Ethernet address `to`.
pub fn arp(
    to: Mac,
    operation: u8,
    sender: Host<Ipv4Addr>,
    target: Host<Ipv4Addr>,
) -> [u8; ARP_LEN] {
    let mut frame = [0; ARP_LEN];
    ethernet(&mut frame, to, sender.0, ARP);
    frame[IP..IP + 7].copy_from_slice(&ARP_ETHERNET_IPV4);
    frame[IP + 7] = operation;
    for (at, (mac, ip)) in [(IP + 8, sender), (IP + 18, target)] {
        frame[at..at + 6].copy_from_slice(&mac.octets());
        frame[at + 6..at + 10].copy_from_slice(&ip.octets());
    }
    frame
}

/// Writes the headers in front of an ICMPv6 message, which fills the rest of `frame` and has its checksum computed.
pub fn icmpv6(frame: &mut [u8], from: Host<Ipv6Addr>, to: Host<Ipv6Addr>) {
    ethernet(frame, to.0, from.0, IPV6);
    let ip = &mut frame[IP..];
    let len = (ip.len() - IPV6_HEADER) as u16;
    ip[0] = 0x60;
    ip[4..6].copy_from_slice(&len.to_be_bytes());
    ip[6] = ICMPV6;
    ip[7] = DISCOVERY_HOP_LIMIT;
    ip[8..24].copy_from_slice(&from.1.octets());
    ip[24..40].copy_from_slice(&to.1.octets());
    let sum = icmpv6_sum(&ip[8..40], &ip[IPV6_HEADER..]);
    ip[IPV6_HEADER + 2..IPV6_HEADER + 4].copy_from_slice(&sum.checksum());
}

/// Returns the sum of an ICMPv6 message and its pseudo-header (RFC 4443 §2.3), which is good if the checksum is.
pub fn icmpv6_sum(addresses: &[u8], message: &[u8]) -> Sum {
    Sum::of(addresses)
        .plus(Sum::of(message))
        .plus(Sum::of_network_word(message.len() as u16))
        .plus(Sum::of_network_word(ICMPV6.into()))
}

/// A neighbour advertisement that nobody has asked for: `of` has its IP address at its Ethernet
/// address.
pub fn advertisement(of: Host<Ipv6Addr>, to: Host<Ipv6Addr>) -> [u8; ADVERTISEMENT_LEN] {
    let mut frame = [0; ADVERTISEMENT_LEN];
    let message = &mut frame[ICMPV6_MESSAGE..];
    message[0] = NEIGHBOUR_ADVERTISEMENT;
    message[4] = OVERRIDE;
    message[8..24].copy_from_slice(&of.1.octets());
    message[24..26].copy_from_slice(&TARGET_ADDRESS);
    message[26..32].copy_from_slice(&of.0.octets());
    icmpv6(&mut frame, of, to);
    frame
}

/// The address of all nodes on the link, and the Ethernet group it stands for (RFC 4291 §2.7.1,
/// RFC 2464 §7).
pub const ALL_NODES: Host<Ipv6Addr> = (
    Mac::new([0x33, 0x33, 0, 0, 0, 1]),
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1),
);

/// The address of all routers on the link.
pub const ALL_ROUTERS: Host<Ipv6Addr> = (
    Mac::new([0x33, 0x33, 0, 0, 0, 2]),
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2),
);

/// Returns the group that the hosts with an address like `address` listen to (RFC 4291 §2.7.1).
pub fn solicited_node(address: Ipv6Addr) -> Host<Ipv6Addr> {
    let [.., a, b, c] = address.octets();
    let low = u16::from_be_bytes([b, c]);
    (
        Mac::new([0x33, 0x33, 0xff, a, b, c]),
        Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | u16::from(a), low),
    )
}

/// Length of the headers of a UDP datagram over IPv4, in bytes.
pub const UDP4_HEADERS: usize = IP + 20 + 8;

/// Writes the headers in front of a UDP payload that fills the rest of `frame`.
pub fn udp4(
    frame: &mut [u8],
    to_mac: Mac,
    from_mac: Mac,
    (from, from_port): (Ipv4Addr, u16),
    (to, to_port): (Ipv4Addr, u16),
) {
    ethernet(frame, to_mac, from_mac, IPV4);
    let packet = &mut frame[IP..];
    let udp_len = (packet.len() - 20) as u16;
    let (ip, udp) = packet.split_at_mut(20);
    ip[0] = 0x45;
    ip[1..12].fill(0);
    ip[2..4].copy_from_slice(&(udp_len + 20).to_be_bytes());
    ip[6] = 0x40; // don't fragment
    ip[8] = 64; // time to live
    ip[9] = 17; // UDP
    ip[12..16].copy_from_slice(&from.octets());
    ip[16..20].copy_from_slice(&to.octets());
    let checksum = Sum::of(ip).checksum();
    ip[10..12].copy_from_slice(&checksum);
    udp[..2].copy_from_slice(&from_port.to_be_bytes());
    udp[2..4].copy_from_slice(&to_port.to_be_bytes());
    udp[4..6].copy_from_slice(&udp_len.to_be_bytes());
    udp[6..8].fill(0);
    let sum = Sum::of(udp)
        .plus(Sum::of(&ip[12..]))
        .plus(Sum::of_network_word(udp_len))
        .plus(Sum::of_network_word(17));
    udp[6..8].copy_from_slice(&sum.udp_checksum());
}

#[cfg(test)]
mod tests {
    use smoltcp::wire::{
        EthernetAddress, EthernetFrame, Icmpv6Packet, Icmpv6Repr, Ipv4Packet, Ipv6Packet,
        NdiscNeighborFlags, NdiscRepr, UdpPacket,
    };

    use super::*;
    use crate::testing::SERVICE_MAC;

    #[test]
    fn an_arp_packet_byte_for_byte() {
        let own = Ipv4Addr::new(10, 0, 2, 15);
        let frame = arp(
            Mac::BROADCAST,
            ARP_REQUEST,
            (SERVICE_MAC, own),
            (Mac::UNSPECIFIED, own),
        );
        let expected: [u8; 42] = [
            0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x52, 0x54, 0, 0x12, 0x34, 0x56, 0x08,
            0x06, //
            0, 1, 0x08, 0, 6, 4, 0, 1, 0x52, 0x54, 0, 0x12, 0x34, 0x56, 10, 0, 2, 15, //
            0, 0, 0, 0, 0, 0, 10, 0, 2, 15,
        ];
        assert_eq!(frame, expected);
    }

    #[test]
    fn an_advertisement_as_smoltcp_reads_it() {
        let own: Ipv6Addr = "fe80::1".parse().unwrap();
        let frame = advertisement((SERVICE_MAC, own), ALL_NODES);
        let ethernet = EthernetFrame::new_checked(&frame[..]).unwrap();
        assert_eq!(ethernet.dst_addr(), EthernetAddress(ALL_NODES.0.octets()));
        let ip = Ipv6Packet::new_checked(ethernet.payload()).unwrap();
        assert_eq!((ip.hop_limit(), ip.total_len()), (255, frame.len() - 14));
        let packet = Icmpv6Packet::new_checked(ip.payload()).unwrap();
        let checksums = smoltcp::phy::ChecksumCapabilities::default();
        let message = Icmpv6Repr::parse(&ip.src_addr(), &ip.dst_addr(), &packet, &checksums);
        let expected = Icmpv6Repr::Ndisc(NdiscRepr::NeighborAdvert {
            flags: NdiscNeighborFlags::OVERRIDE,
            target_addr: own,
            lladdr: Some(EthernetAddress(SERVICE_MAC.octets()).into()),
        });
        assert_eq!(message, Ok(expected));
    }

    #[test]
    fn a_datagram_as_smoltcp_reads_it() {
        for len in [0, 1, 300] {
            let mut frame = vec![0x5a; UDP4_HEADERS + len];
            let (from, to) = (Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST);
            udp4(
                &mut frame,
                Mac::BROADCAST,
                SERVICE_MAC,
                (from, 68),
                (to, 67),
            );
            let ip = Ipv4Packet::new_checked(&frame[IP..]).unwrap();
            assert!(ip.verify_checksum());
            let udp = UdpPacket::new_checked(ip.payload()).unwrap();
            assert!(udp.verify_checksum(&from.into(), &to.into()));
            assert_eq!((udp.src_port(), udp.dst_port()), (68, 67));
            assert_eq!(udp.payload(), vec![0x5a; len]);
        }
    }
}
