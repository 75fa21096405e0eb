//! Datagrams of the service in frames: the number of the request, and the bytes that checksums cover.

use std::ops::Range;

use smoltcp::wire::{ETHERNET_HEADER_LEN, IPV6_HEADER_LEN, UDP_HEADER_LEN};
use wire::HEADER_LEN;
use wire::header::{MAGIC, field};

/// Protocol number of UDP (RFC 768).
const UDP: u8 = 17;

/// A datagram of the service in a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceDatagram {
    /// Number of the request, or of the request that it answers.
    pub number: u64,
    /// Bytes of the frame any bit of which a checksum covers: all behind the Ethernet header, whose own check sequence
    /// these links do not carry, but for IPv6 only from the addresses on (RFC 8200 section 8.1).
    pub protected: Range<usize>,
    /// The place of the UDP checksum in the frame.
    pub checksum: Range<usize>,
}

impl ServiceDatagram {
    /// Finds the datagram in `frame`; `None` if it carries something else.
    #[must_use]
    pub fn find(frame: &[u8]) -> Option<Self> {
        let packet = frame.get(ETHERNET_HEADER_LEN..)?;
        let (header_len, protocol, protected) = match frame[12..ETHERNET_HEADER_LEN] {
            // RFC 791 section 3.1.
            [0x08, 0x00] => (usize::from(packet.first()? & 0x0f) * 4, packet.get(9)?, 0),
            // RFC 8200 section 3.
            [0x86, 0xdd] => (IPV6_HEADER_LEN, packet.get(6)?, 8),
            _ => return None,
        };
        let payload = packet.get(header_len + UDP_HEADER_LEN..)?;
        let header = payload.first_chunk::<HEADER_LEN>()?;
        if *protocol != UDP || header[field::MAGIC] != MAGIC {
            return None;
        }
        let mut number = [0; 8];
        number.copy_from_slice(&header[field::SEQ]);
        let checksum = ETHERNET_HEADER_LEN + header_len + 6;
        Some(Self {
            number: u64::from_le_bytes(number),
            protected: ETHERNET_HEADER_LEN + protected..frame.len(),
            checksum: checksum..checksum + 2,
        })
    }

    /// Inverts the bit of `frame` that `choice` chooses, one that a checksum covers.
    pub fn corrupt(&self, frame: &mut [u8], choice: u64) {
        let bits = (self.protected.len() * 8) as u64;
        let mut bit = (choice % bits) as usize;
        loop {
            let (byte, mask) = (self.protected.start + bit / 8, 1 << (bit % 8));
            frame[byte] ^= mask;
            // A checksum of zero says that there is none (RFC 768): the next bit then.
            if frame[self.checksum.clone()] != [0, 0] {
                return;
            }
            frame[byte] ^= mask;
            bit = (bit + 1) % bits as usize;
        }
    }
}

#[cfg(test)]
mod tests {
    use wire::Header;

    use super::*;
    use crate::link::frame::{Flow, MAX_FRAME, Parsed};

    fn flows() -> [Flow; 2] {
        [
            ("10.0.2.2:40000", "10.0.2.15:9000"),
            ("[fe80::1]:40000", "[fe80::2]:9000"),
        ]
        .map(|(own, peer)| Flow {
            own_mac: wire::Mac::new([0x52, 0x55, 10, 0, 2, 2]),
            peer_mac: wire::Mac::new([0x52, 0x54, 0, 0x12, 0x34, 0x56]),
            own: own.parse().unwrap(),
            peer: peer.parse().unwrap(),
        })
    }

    fn request(flow: &Flow, t1_ns: u64) -> Vec<u8> {
        let mut payload = [0x5a; 64];
        Header::request(7, t1_ns).encode(&mut payload).unwrap();
        let mut frame = [0; MAX_FRAME];
        let len = flow.build(&mut frame, &payload).unwrap();
        frame[..len].to_vec()
    }

    #[test]
    fn a_request_is_found_by_its_number_and_nothing_else_is() {
        for flow in flows() {
            let frame = request(&flow, 5);
            assert_eq!(ServiceDatagram::find(&frame).unwrap().number, 7);
            for len in 0..frame.len() - 64 + HEADER_LEN {
                assert_eq!(ServiceDatagram::find(&frame[..len]), None);
            }
            let mut other = [0; MAX_FRAME];
            let len = flow.build(&mut other, &[0x5a; 64]).unwrap();
            assert_eq!(ServiceDatagram::find(&other[..len]), None);
        }
        assert_eq!(ServiceDatagram::find(&[0xff; 60]), None);
    }

    #[test]
    fn every_bit_that_is_chosen_is_seen_to_be_wrong() {
        for flow in flows() {
            let frame = request(&flow, 5);
            let datagram = ServiceDatagram::find(&frame).unwrap();
            for choice in 0..(datagram.protected.len() * 8) as u64 {
                let mut damaged = frame.clone();
                datagram.corrupt(&mut damaged, choice);
                let parsed = flow.reversed().parse(&damaged);
                assert!(!matches!(parsed, Parsed::Datagram(_)), "bit {choice}");
                let bits = frame.iter().zip(&damaged);
                let wrong: u32 = bits.map(|(a, b)| (a ^ b).count_ones()).sum();
                assert_eq!(wrong, 1);
            }
        }
    }

    #[test]
    fn a_checksum_does_not_become_none_at_all() {
        let [flow, _] = flows();
        // One of these has a checksum with a single bit.
        let frames = (0..u64::MAX).map(|t1_ns| request(&flow, t1_ns));
        let checksum = 14 + 20 + 6;
        let single = |frame: &Vec<u8>| {
            u16::from_be_bytes([frame[checksum], frame[checksum + 1]]).is_power_of_two()
        };
        let mut frame = frames.take(1 << 16).find(single).unwrap();
        let datagram = ServiceDatagram::find(&frame).unwrap();
        let value = u16::from_be_bytes([frame[checksum], frame[checksum + 1]]);
        // The field's low byte is its second.
        let byte = checksum + usize::from(value <= 0xff);
        let bit =
            (byte - datagram.protected.start) as u64 * 8 + u64::from(value.trailing_zeros() % 8);
        datagram.corrupt(&mut frame, bit);
        assert_ne!(frame[checksum..checksum + 2], [0, 0]);
        let parsed = flow.reversed().parse(&frame);
        assert!(!matches!(parsed, Parsed::Datagram(_)), "{parsed:?}");
    }
}
