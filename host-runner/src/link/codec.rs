//! The frames of one [`Flow`], fast: on a link without system calls, building a frame and taking its
//! answer apart are a good part of a round trip.
//!
//! A frame differs from the last one in its payload, its lengths and its checksums only, so the rest
//! is a template. What does not look like an ordinary answer is left to [`Flow::parse`], which says
//! the same at leisure.
#![forbid(unsafe_code)]

use smoltcp::wire::{ETHERNET_HEADER_LEN, IPV4_HEADER_LEN, IPV6_HEADER_LEN, UDP_HEADER_LEN};
use wire::checksum::Sum;

use super::frame::{Flow, MAX_FRAME, Parsed};

/// Offset of the IP header in the frame, in bytes.
const IP: usize = ETHERNET_HEADER_LEN;

/// Offsets of the IP header's fields, in bytes (RFC 791 §3.1, RFC 8200 §3).
const V4_CLASS: usize = 1;
const V4_TOTAL_LENGTH: usize = 2;
const V4_FRAGMENT: usize = 6;
const V4_PROTOCOL: usize = 9;
const V4_CHECKSUM: usize = 10;
const V4_ADDRESSES: usize = 12;
const V6_PAYLOAD_LENGTH: usize = 4;
const V6_ADDRESSES: usize = 8;

/// Offsets of the UDP header's fields, in bytes (RFC 768).
const UDP_LENGTH: usize = 4;
const UDP_CHECKSUM: usize = 6;

/// The number of UDP among the protocols (RFC 768).
const UDP_PROTOCOL: u16 = 17;

/// The longest headers: Ethernet, IPv6, UDP.
const MAX_HEADERS: usize = IP + IPV6_HEADER_LEN + UDP_HEADER_LEN;

/// Builds and takes apart the frames of a flow.
#[derive(Clone, Debug)]
pub struct Codec {
    flow: Flow,
    is_v4: bool,
    /// Offset of the UDP header in the frame, in bytes.
    udp: usize,
    /// The headers of a request, lengths and checksums zero.
    request: [u8; MAX_HEADERS],
    /// The IP and UDP headers of an answer as far as they are the same in every one: addresses,
    /// from the IP header's address field to the ports' end.
    answer: [u8; 2 * 16 + 4],
    /// The sums of what never changes: of the IPv4 header, and of UDP's pseudo-header and ports.
    ip_sum: Sum,
    udp_sum: Sum,
}

impl Codec {
    /// For the frames of `flow`.
    #[must_use]
    pub fn new(flow: Flow) -> Self {
        let mut frame = [0; MAX_FRAME];
        let len = flow.build(&mut frame, &[]).unwrap_or(0);
        let is_v4 = flow.peer.is_ipv4();
        let udp = len - UDP_HEADER_LEN;
        let mut request = [0; MAX_HEADERS];
        request[..len].copy_from_slice(&frame[..len]);
        let (length, addresses) = if is_v4 {
            request[IP + V4_CHECKSUM..][..2].fill(0);
            (V4_TOTAL_LENGTH, V4_ADDRESSES)
        } else {
            (V6_PAYLOAD_LENGTH, V6_ADDRESSES)
        };
        request[IP + length..][..2].fill(0);
        request[udp + UDP_LENGTH..][..4].fill(0);
        let addresses = &request[IP + addresses..udp];
        let ports = &request[udp..udp + UDP_LENGTH];
        let mut answer = [0; 36];
        let (from, to) = addresses.split_at(addresses.len() / 2);
        let same = [to, from, &ports[2..], &ports[..2]].concat();
        answer[..same.len()].copy_from_slice(&same);
        Self {
            flow,
            is_v4,
            udp,
            request,
            answer,
            ip_sum: Sum::of(&request[IP..udp]),
            udp_sum: Sum::of(addresses)
                .plus(Sum::of_network_word(UDP_PROTOCOL))
                .plus(Sum::of(ports)),
        }
    }

    /// The same, in packets of the type of service or traffic class `class`, which is 0 otherwise.
    #[must_use]
    pub fn in_class(mut self, class: u8) -> Self {
        if self.is_v4 {
            self.request[IP + V4_CLASS] = class;
            self.ip_sum = Sum::of(&self.request[IP..self.udp]);
        } else {
            let [version, rest] = [0x60 | class >> 4, class << 4];
            self.request[IP..][..2].copy_from_slice(&[version, rest]);
        }
        self
    }

    /// The flow.
    #[must_use]
    pub const fn flow(&self) -> &Flow {
        &self.flow
    }

    /// As [`Flow::build`], but for the class.
    #[must_use]
    #[inline]
    pub fn build(&self, frame: &mut [u8; MAX_FRAME], payload: &[u8]) -> Option<usize> {
        if payload.len() > self.flow.max_payload() {
            return None;
        }
        frame[..MAX_HEADERS].copy_from_slice(&self.request);
        let udp_len = (UDP_HEADER_LEN + payload.len()) as u16;
        if self.is_v4 {
            let total_len = IPV4_HEADER_LEN as u16 + udp_len;
            let checksum = self.ip_sum.plus(Sum::of_network_word(total_len)).checksum();
            frame[IP + V4_TOTAL_LENGTH..][..2].copy_from_slice(&total_len.to_be_bytes());
            frame[IP + V4_CHECKSUM..][..2].copy_from_slice(&checksum);
        } else {
            frame[IP + V6_PAYLOAD_LENGTH..][..2].copy_from_slice(&udp_len.to_be_bytes());
        }
        // The length stands in the pseudo-header too.
        let length = Sum::of_network_word(udp_len);
        let sum = self
            .udp_sum
            .plus(length)
            .plus(length)
            .plus(Sum::of(payload));
        let checksum = sum.udp_checksum();
        let udp = &mut frame[self.udp..];
        udp[UDP_LENGTH..][..2].copy_from_slice(&udp_len.to_be_bytes());
        udp[UDP_CHECKSUM..][..2].copy_from_slice(&checksum);
        udp[UDP_HEADER_LEN..][..payload.len()].copy_from_slice(payload);
        Some(self.udp + UDP_HEADER_LEN + payload.len())
    }

    /// As [`Flow::parse`].
    #[must_use]
    #[inline]
    pub fn parse<'f>(&self, frame: &'f [u8]) -> Parsed<'f> {
        match self.parse_answer(frame) {
            Some(payload) => Parsed::Datagram(payload),
            None => self.flow.parse(frame),
        }
    }

    /// The payload of an answer that has nothing out of the ordinary.
    #[inline]
    fn parse_answer<'f>(&self, frame: &'f [u8]) -> Option<&'f [u8]> {
        let (headers, _) = frame.split_at_checked(self.udp + UDP_HEADER_LEN)?;
        let ip = &headers[IP..self.udp];
        let mut is_usual =
            headers[..6] == self.flow.own_mac.octets() && headers[12..IP] == self.request[12..IP];
        let (ip_len, addresses) = if self.is_v4 {
            // Version and header length, and no fragment; the flag that forbids fragments is any.
            is_usual &= ip[0] == 0x45
                && u16::from(ip[V4_PROTOCOL]) == UDP_PROTOCOL
                && ip[V4_FRAGMENT] & 0x3f == 0
                && ip[V4_FRAGMENT + 1] == 0
                && Sum::of(ip).is_good();
            (
                field(ip, V4_TOTAL_LENGTH).checked_sub(IPV4_HEADER_LEN)?,
                V4_ADDRESSES,
            )
        } else {
            is_usual &= ip[0] >> 4 == 6 && u16::from(ip[6]) == UDP_PROTOCOL;
            (field(ip, V6_PAYLOAD_LENGTH), V6_ADDRESSES)
        };
        let same = &headers[IP + addresses..self.udp + UDP_LENGTH];
        let udp = frame[self.udp..].get(..ip_len)?;
        let (udp_header, _) = udp.split_at_checked(UDP_HEADER_LEN)?;
        let rest = Sum::of(&udp[UDP_LENGTH..]);
        let length = Sum::of_network_word(ip_len as u16);
        let sum = self.udp_sum.plus(length).plus(rest);
        let is_whole =
            field(udp_header, UDP_LENGTH) == ip_len && field(udp_header, UDP_CHECKSUM) != 0;
        let is_answer = is_usual && *same == self.answer[..same.len()] && is_whole && sum.is_good();
        is_answer.then(|| &udp[UDP_HEADER_LEN..])
    }
}

/// The 16-bit field at `at`, which is within `bytes`.
fn field(bytes: &[u8], at: usize) -> usize {
    u16::from_be_bytes([bytes[at], bytes[at + 1]]).into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use wire::Mac;

    use super::*;

    /// Returns the flow from this side to the peer.
    fn to_peer(is_v4: bool) -> Flow {
        let (own, peer) = if is_v4 {
            ("10.0.2.2:40000", "10.0.2.15:9000")
        } else {
            ("[fe80::2]:40000", "[fe80::15]:9000")
        };
        Flow {
            own_mac: Mac::new([0x52, 0x55, 10, 0, 2, 2]),
            peer_mac: Mac::new([0x52, 0x54, 0, 0x12, 0x34, 0x56]),
            own: own.parse().unwrap(),
            peer: peer.parse().unwrap(),
        }
    }

    /// Returns the same flow as the peer has it.
    fn from_peer(is_v4: bool) -> Flow {
        let here = to_peer(is_v4);
        Flow {
            own_mac: here.peer_mac,
            peer_mac: here.own_mac,
            own: here.peer,
            peer: here.own,
        }
    }

    proptest! {
        #[test]
        fn builds_what_the_flow_builds(
            is_v4: bool, payload in prop::collection::vec(any::<u8>(), 0..9200),
        ) {
            let flow = to_peer(is_v4);
            let (mut fast, mut slow) = ([0xaa; MAX_FRAME], [0xaa; MAX_FRAME]);
            let fast_len = Codec::new(flow).build(&mut fast, &payload);
            prop_assert_eq!(fast_len, flow.build(&mut slow, &payload));
            let len = fast_len.unwrap_or(0);
            prop_assert_eq!(&fast[..len], &slow[..len]);
        }

        #[test]
        fn packets_of_a_class_have_it_and_are_else_the_same(
            is_v4: bool, class: u8, payload in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let flow = to_peer(is_v4);
            let (mut fast, mut slow) = ([0xaa; MAX_FRAME], [0xaa; MAX_FRAME]);
            let codec = Codec::new(flow).in_class(class);
            let len = codec.build(&mut fast, &payload).unwrap();
            prop_assert_eq!(flow.build(&mut slow, &payload), Some(len));
            let peer = from_peer(is_v4);
            prop_assert_eq!(peer.parse(&fast[..len]), Parsed::Datagram(&payload[..]));
            if is_v4 {
                prop_assert_eq!(fast[IP + 1], class);
                // The class and the header's checksum.
                fast[IP + 1] = 0;
                fast[IP + V4_CHECKSUM..][..2].copy_from_slice(&slow[IP + V4_CHECKSUM..][..2]);
            } else {
                prop_assert_eq!([fast[IP], fast[IP + 1]], [0x60 | class >> 4, class << 4]);
                fast[IP..][..2].copy_from_slice(&[0x60, 0]);
            }
            prop_assert_eq!(&fast[..len], &slow[..len]);
        }

        /// Answers, some with one byte of the headers changed, cut off or with something behind.
        #[test]
        fn parses_what_the_flow_parses(
            is_v4: bool,
            payload in prop::collection::vec(any::<u8>(), 0..200),
            damage in prop::option::of((0..70_usize, 1..=255_u8)),
            len in -20..20_isize,
        ) {
            let mut frame = [0; MAX_FRAME];
            let whole = from_peer(is_v4).build(&mut frame, &payload).unwrap();
            if let Some((at, bits)) = damage {
                frame[at] ^= bits;
            }
            let frame = &frame[..whole.saturating_add_signed(len)];
            let flow = to_peer(is_v4);
            prop_assert_eq!(Codec::new(flow).parse(frame), flow.parse(frame));
        }
    }

    /// The IP header may say that there is less than a UDP header behind it.
    #[test]
    fn a_datagram_shorter_than_its_header_is_none() {
        for is_v4 in [true, false] {
            let mut frame = [0; MAX_FRAME];
            let whole = from_peer(is_v4).build(&mut frame, &[7; 64]).unwrap();
            let here = to_peer(is_v4);
            let (at, header_len) = if is_v4 {
                (IP + V4_TOTAL_LENGTH, 20)
            } else {
                (IP + V6_PAYLOAD_LENGTH, 0)
            };
            for udp_len in 0..8_u16 {
                frame[at..][..2].copy_from_slice(&(header_len + udp_len).to_be_bytes());
                let frame = &frame[..whole];
                let parsed = Codec::new(here).parse(frame);
                assert!(
                    !matches!(parsed, Parsed::Datagram(_)),
                    "{udp_len}: {parsed:?}"
                );
                assert_eq!(parsed, here.parse(frame), "{udp_len}");
            }
        }
    }

    #[test]
    fn an_ordinary_answer_takes_the_fast_way() {
        for is_v4 in [true, false] {
            let mut frame = [0; MAX_FRAME];
            let len = from_peer(is_v4).build(&mut frame, b"answer").unwrap();
            let answer = Codec::new(to_peer(is_v4));
            assert_eq!(answer.parse_answer(&frame[..len]), Some(&b"answer"[..]));
        }
    }
}
