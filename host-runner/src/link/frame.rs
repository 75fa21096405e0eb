//! UDP datagrams in Ethernet frames, both ways, for one pair of endpoints: pure functions over
//! buffers, on smoltcp's wire types. Everything that is no datagram of ours is left to a stack.
#![forbid(unsafe_code)]

use std::net::{IpAddr, SocketAddr};

use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    ETHERNET_HEADER_LEN, EthernetAddress, EthernetFrame, EthernetProtocol, EthernetRepr,
    IPV4_HEADER_LEN, IPV6_HEADER_LEN, IpProtocol, Ipv4Packet, Ipv4Repr, Ipv6Packet, Ipv6Repr,
    UDP_HEADER_LEN, UdpPacket, UdpRepr,
};
use wire::{MAX_MTU, Mac};

/// The longest frame on any link, without its check sequence, in bytes: a jumbo frame.
pub const MAX_FRAME: usize = ETHERNET_HEADER_LEN + MAX_MTU;

/// The hop limit of what we send.
const HOP_LIMIT: u8 = 64;

/// The two ends of a conversation, seen from ours. Both addresses are of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Our Ethernet address.
    pub own_mac: Mac,
    /// The peer's.
    pub peer_mac: Mac,
    /// Our address and port.
    pub own: SocketAddr,
    /// The peer's.
    pub peer: SocketAddr,
}

/// Meaning of a frame to a [`Flow`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed<'f> {
    /// A datagram from the peer: its payload.
    Datagram(&'f [u8]),
    /// A datagram from the peer, damaged on the way: a wrong checksum or length.
    Damaged,
    /// Something else.
    Other,
}

impl Flow {
    /// The same, seen from the other end.
    #[must_use]
    pub const fn reversed(self) -> Self {
        Self {
            own_mac: self.peer_mac,
            peer_mac: self.own_mac,
            own: self.peer,
            peer: self.own,
        }
    }

    /// The most bytes of payload that fit a frame.
    #[must_use]
    pub const fn max_payload(&self) -> usize {
        let ip_header_len = match self.peer {
            SocketAddr::V4(_) => IPV4_HEADER_LEN,
            SocketAddr::V6(_) => IPV6_HEADER_LEN,
        };
        MAX_FRAME - ETHERNET_HEADER_LEN - ip_header_len - UDP_HEADER_LEN
    }

    /// Writes a frame to the peer with `payload` into `buffer`: its length, or `None` if
    /// `payload` is longer than [`Flow::max_payload`].
    #[must_use]
    pub fn build(&self, buffer: &mut [u8; MAX_FRAME], payload: &[u8]) -> Option<usize> {
        if payload.len() > self.max_payload() {
            return None;
        }
        let ethertype = match self.peer {
            SocketAddr::V4(_) => EthernetProtocol::Ipv4,
            SocketAddr::V6(_) => EthernetProtocol::Ipv6,
        };
        let mut frame = EthernetFrame::new_unchecked(&mut buffer[..]);
        EthernetRepr {
            src_addr: EthernetAddress(self.own_mac.octets()),
            dst_addr: EthernetAddress(self.peer_mac.octets()),
            ethertype,
        }
        .emit(&mut frame);
        let udp_len = UDP_HEADER_LEN + payload.len();
        let ip = frame.payload_mut();
        let ip_header_len = match (self.own.ip(), self.peer.ip()) {
            (IpAddr::V4(src_addr), IpAddr::V4(dst_addr)) => {
                Ipv4Repr {
                    src_addr,
                    dst_addr,
                    next_header: IpProtocol::Udp,
                    payload_len: udp_len,
                    hop_limit: HOP_LIMIT,
                }
                .emit(
                    &mut Ipv4Packet::new_unchecked(&mut *ip),
                    &ChecksumCapabilities::default(),
                );
                IPV4_HEADER_LEN
            }
            (IpAddr::V6(src_addr), IpAddr::V6(dst_addr)) => {
                Ipv6Repr {
                    src_addr,
                    dst_addr,
                    next_header: IpProtocol::Udp,
                    payload_len: udp_len,
                    hop_limit: HOP_LIMIT,
                }
                .emit(&mut Ipv6Packet::new_unchecked(&mut *ip));
                IPV6_HEADER_LEN
            }
            // A flow has one family.
            _ => return None,
        };
        UdpRepr {
            src_port: self.own.port(),
            dst_port: self.peer.port(),
        }
        .emit(
            &mut UdpPacket::new_unchecked(&mut ip[ip_header_len..ip_header_len + udp_len]),
            &self.own.ip().into(),
            &self.peer.ip().into(),
            payload.len(),
            |room| room.copy_from_slice(payload),
            &ChecksumCapabilities::default(),
        );
        Some(ETHERNET_HEADER_LEN + ip_header_len + udp_len)
    }

    /// Takes a frame apart.
    #[must_use]
    pub fn parse<'f>(&self, frame: &'f [u8]) -> Parsed<'f> {
        let Ok(frame) = EthernetFrame::new_checked(frame) else {
            return Parsed::Other;
        };
        if frame.dst_addr().0 != self.own_mac.octets() {
            return Parsed::Other;
        }
        match frame.ethertype() {
            EthernetProtocol::Ipv4 => self.parse_ipv4(frame.payload()),
            EthernetProtocol::Ipv6 => self.parse_ipv6(frame.payload()),
            _ => Parsed::Other,
        }
    }

    fn parse_ipv4<'f>(&self, packet: &'f [u8]) -> Parsed<'f> {
        let Ok(packet) = Ipv4Packet::new_checked(packet) else {
            return Parsed::Other;
        };
        let ours = packet.version() == 4
            && packet.next_header() == IpProtocol::Udp
            && !packet.more_frags()
            && packet.frag_offset() == 0
            && IpAddr::V4(packet.src_addr()) == self.peer.ip()
            && IpAddr::V4(packet.dst_addr()) == self.own.ip();
        match (ours, packet.verify_checksum()) {
            (false, _) => Parsed::Other,
            (true, false) => Parsed::Damaged,
            (true, true) => self.parse_udp(packet.payload()),
        }
    }

    fn parse_ipv6<'f>(&self, packet: &'f [u8]) -> Parsed<'f> {
        let Ok(packet) = Ipv6Packet::new_checked(packet) else {
            return Parsed::Other;
        };
        let ours = packet.version() == 6
            && packet.next_header() == IpProtocol::Udp
            && IpAddr::V6(packet.src_addr()) == self.peer.ip()
            && IpAddr::V6(packet.dst_addr()) == self.own.ip();
        if ours {
            self.parse_udp(packet.payload())
        } else {
            Parsed::Other
        }
    }

    fn parse_udp<'f>(&self, packet: &'f [u8]) -> Parsed<'f> {
        let Ok(packet) = UdpPacket::new_checked(packet) else {
            return Parsed::Damaged;
        };
        let ports = (packet.src_port(), packet.dst_port());
        if ports != (self.peer.port(), self.own.port()) {
            return Parsed::Other;
        }
        let checked = UdpRepr::parse(
            &packet,
            &self.peer.ip().into(),
            &self.own.ip().into(),
            &ChecksumCapabilities::default(),
        );
        match checked {
            Ok(_) => Parsed::Datagram(packet.payload()),
            Err(_) => Parsed::Damaged,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A flow of either family and the same flow seen from the other end.
    fn ends(own: &str, peer: &str) -> (Flow, Flow) {
        let here = Flow {
            own_mac: Mac::new([0x52, 0x55, 10, 0, 2, 2]),
            peer_mac: Mac::new([0x52, 0x54, 0, 0x12, 0x34, 0x56]),
            own: own.parse().unwrap(),
            peer: peer.parse().unwrap(),
        };
        let there = Flow {
            own_mac: here.peer_mac,
            peer_mac: here.own_mac,
            own: here.peer,
            peer: here.own,
        };
        (here, there)
    }

    fn v4() -> (Flow, Flow) {
        ends("10.0.2.2:40000", "10.0.2.15:9000")
    }

    fn v6() -> (Flow, Flow) {
        ends("[fe80::1]:40000", "[fe80::2]:9000")
    }

    #[test]
    fn an_ipv4_frame_byte_for_byte() {
        let mut buffer = [0xee; MAX_FRAME];
        let len = v4().0.build(&mut buffer, b"hi").unwrap();
        #[rustfmt::skip]
        let expected = [
            0x52, 0x54, 0, 0x12, 0x34, 0x56, 0x52, 0x55, 10, 0, 2, 2, 0x08, 0x00,
            0x45, 0, 0, 30, 0, 0, 0x40, 0, 64, 17, 0x22, 0xbf, 10, 0, 2, 2, 10, 0, 2, 15,
            0x9c, 0x40, 0x23, 0x28, 0, 10, 0xbf, 0xf7, b'h', b'i',
        ];
        assert_eq!(buffer[..len], expected);
    }

    #[test]
    fn every_payload_arrives_as_it_was_sent() {
        for (here, there) in [v4(), v6()] {
            let payload: Vec<u8> = (0..here.max_payload()).map(|i| i as u8).collect();
            let mut buffer = [0; MAX_FRAME];
            let longest = payload.len();
            for len in (0..=1500)
                .chain((1500..longest).step_by(97))
                .chain([longest])
            {
                let frame_len = here.build(&mut buffer, &payload[..len]).unwrap();
                let parsed = there.parse(&buffer[..frame_len]);
                assert_eq!(parsed, Parsed::Datagram(&payload[..len]));
            }
            assert_eq!(here.build(&mut buffer, &[0; 9189]), None);
        }
        assert_eq!(v4().0.max_payload(), wire::MAX_JUMBO_PAYLOAD);
    }

    #[test]
    fn each_damaged_bit_is_noticed() {
        for (here, there) in [v4(), v6()] {
            let mut buffer = [0; MAX_FRAME];
            let len = here.build(&mut buffer, b"payload").unwrap();
            // Ethernet has its own check sequence, which a socket does not carry.
            for bit in ETHERNET_HEADER_LEN * 8..len * 8 {
                buffer[bit / 8] ^= 1 << (bit % 8);
                let parsed = there.parse(&buffer[..len]);
                let harmless = there.peer.is_ipv6() && is_unprotected_in_ipv6(bit);
                assert_eq!(matches!(parsed, Parsed::Datagram(_)), harmless, "bit {bit}");
                buffer[bit / 8] ^= 1 << (bit % 8);
            }
        }
    }

    /// IPv6 has no header checksum: traffic class, flow label and hop limit may change unnoticed.
    fn is_unprotected_in_ipv6(bit: usize) -> bool {
        let byte = bit / 8 - ETHERNET_HEADER_LEN;
        (byte == 0 && bit % 8 < 4) || (1..4).contains(&byte) || byte == 7
    }

    #[test]
    fn frames_for_others_are_ignored() {
        let (here, there) = v4();
        let mut buffer = [0; MAX_FRAME];
        let len = here.build(&mut buffer, b"x").unwrap();
        let own_mac = Mac::new([2; 6]);
        assert_eq!(
            Flow { own_mac, ..there }.parse(&buffer[..len]),
            Parsed::Other
        );
        let own = "10.0.2.15:9001".parse().unwrap();
        assert_eq!(Flow { own, ..there }.parse(&buffer[..len]), Parsed::Other);
        let peer = "10.0.2.3:40000".parse().unwrap();
        assert_eq!(Flow { peer, ..there }.parse(&buffer[..len]), Parsed::Other);
    }

    #[test]
    fn fragments_are_left_to_the_stack() {
        let (here, there) = v4();
        let mut buffer = [0; MAX_FRAME];
        let len = here.build(&mut buffer, b"x").unwrap();
        let mut packet = Ipv4Packet::new_unchecked(&mut buffer[ETHERNET_HEADER_LEN..]);
        packet.set_more_frags(true);
        packet.fill_checksum();
        assert_eq!(there.parse(&buffer[..len]), Parsed::Other);
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken(
            tail: Vec<u8>, ethertype in prop_oneof![Just(0x0800_u16), Just(0x86dd), any::<u16>()],
        ) {
            let (_, there) = v4();
            let mut frame = there.own_mac.octets().to_vec();
            frame.extend(there.peer_mac.octets());
            frame.extend(ethertype.to_be_bytes());
            frame.extend(tail);
            let _ = there.parse(&frame);
            let _ = v6().1.parse(&frame);
        }
    }
}
