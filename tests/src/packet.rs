//! Frames put together, and taken apart with every length and checksum checked.
//!
//! Building is etherparse's; a test that wants a broken frame builds a good one and breaks it.
#![forbid(unsafe_code)]

use etherparse::checksum::Sum16BitWords;

mod build;
mod parse;

pub use build::{
    Flow, arp, arp_reply, arp_request, mend_ipv4_checksum, neighbour_advertisement,
    neighbour_solicitation, router_advertisement,
};
pub use parse::{Body, Packet, parse};

/// An Ethernet address.
pub type Mac = [u8; 6];

/// Every station on the link.
pub const BROADCAST: Mac = [0xff; 6];

/// Offset of the Ethernet payload in a frame, in bytes.
pub const IP: usize = 14;

/// Offset of the UDP header in an IPv4 frame without options, in bytes.
pub const UDP4: usize = IP + 20;

/// Offset of the UDP header in an IPv6 frame without extensions, in bytes.
pub const UDP6: usize = IP + 40;

/// Length of a UDP header, in bytes.
pub const UDP_HEADER: usize = 8;

/// The Internet checksum of `parts`, all but the last of even length: zero over something that
/// holds its own right checksum.
fn ones_complement(parts: &[&[u8]]) -> u16 {
    parts
        .iter()
        .fold(Sum16BitWords::new(), |sum, part| sum.add_slice(part))
        .ones_complement()
}

#[cfg(test)]
mod tests {
    use super::parse::MIN_FRAME;
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
