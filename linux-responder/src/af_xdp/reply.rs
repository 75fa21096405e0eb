//! A frame with a request becomes the frame with its reply, in place.
//!
//! The request's UDP checksum is not looked at: between two devices of one host it is never made, and no
//! wire could have damaged the frame. A service behind a socket is not shown it either. The reply's is
//! made.
#![forbid(unsafe_code)]

use std::net::{Ipv4Addr, SocketAddr};

use wire::Mac;
use wire::checksum::Sum;

/// Set in the Ethernet address of a group (IEEE 802 §8.2).
const GROUP: u8 = 1;

/// Addresses of the service.
#[derive(Clone, Copy, Debug)]
pub struct Own {
    /// Of its network device.
    pub mac: Mac,
    /// Of its socket.
    pub socket: SocketAddr,
}

/// Offsets of Ethernet's, IPv4's and UDP's headers and of UDP's payload in the frame: the program at the device lets no
/// IPv4 options through.
const IP: usize = 14;
const UDP: usize = IP + 20;
const PAYLOAD: usize = UDP + 8;

/// Offsets of fields in the frame (RFC 791 §3.1, RFC 768).
const IP_TOTAL_LENGTH: usize = IP + 2;
const IP_TIME_TO_LIVE: usize = IP + 8;
const IP_CHECKSUM: usize = IP + 10;
const IP_SOURCE: usize = IP + 12;
const IP_DESTINATION: usize = IP + 16;
const UDP_LENGTH: usize = UDP + 4;
const UDP_CHECKSUM: usize = UDP + 6;

const TIME_TO_LIVE: u8 = 64;
const UDP_PROTOCOL: u16 = 17;

/// Has `answer` answer the datagram in `frame`, whose source it is told, and makes the frame a reply to
/// that: how long it is, if it is to be sent. A frame that is not for `own` is left alone.
pub fn make_reply(
    frame: &mut [u8],
    own: Own,
    answer: impl FnOnce(SocketAddr, &mut [u8]) -> bool,
) -> Option<usize> {
    let (source, len) = datagram(frame, own)?;
    if !answer(source, &mut frame[PAYLOAD..len]) {
        return None;
    }
    swap(frame, 0, 6, 6);
    swap(frame, IP_SOURCE, IP_DESTINATION, 4);
    swap(frame, UDP, UDP + 2, 2);
    frame[IP_TIME_TO_LIVE] = TIME_TO_LIVE;
    frame[IP_CHECKSUM..][..2].fill(0);
    let checksum = Sum::of(&frame[IP..UDP]).checksum();
    frame[IP_CHECKSUM..][..2].copy_from_slice(&checksum);
    frame[UDP_CHECKSUM..][..2].fill(0);
    let pseudo_header = Sum::of(&frame[IP_SOURCE..UDP])
        .plus(Sum::of_network_word(UDP_PROTOCOL))
        .plus(Sum::of_network_word((len - UDP) as u16));
    let checksum = pseudo_header.plus(Sum::of(&frame[UDP..len])).udp_checksum();
    frame[UDP_CHECKSUM..][..2].copy_from_slice(&checksum);
    Some(len)
}

/// Returns who sent the datagram in `frame`, and its end; `None` if it is not wholly there or not for `own`.
fn datagram(frame: &[u8], own: Own) -> Option<(SocketAddr, usize)> {
    let headers = frame.first_chunk::<PAYLOAD>()?;
    // A reply goes back to where its request came from by Ethernet too, so that must be one host and not a group.
    let is_between_hosts = headers[..6] == own.mac.octets() && headers[6] & GROUP == 0;
    let is_plain = headers[12..IP] == [0x08, 0x00]
        && headers[IP] == 0x45
        && u16::from(headers[IP + 9]) == UDP_PROTOCOL;
    let address = |at: usize| {
        let octets: [u8; 4] = std::array::from_fn(|byte| headers[at + byte]);
        Ipv4Addr::from(octets)
    };
    let word = |at: usize| u16::from_be_bytes([headers[at], headers[at + 1]]);
    let to = SocketAddr::from((address(IP_DESTINATION), word(UDP + 2)));
    let len = IP + usize::from(word(IP_TOTAL_LENGTH));
    let udp_len = usize::from(word(UDP_LENGTH));
    let is_whole = (PAYLOAD..=frame.len()).contains(&len) && UDP + udp_len == len;
    let source = SocketAddr::from((address(IP_SOURCE), word(UDP)));
    let is_good = is_between_hosts && is_plain && Sum::of(&headers[IP..UDP]).is_good();
    (is_good && to == own.socket && is_whole).then_some((source, len))
}

/// Swaps the `len` bytes at `a` and at `b`, which do not overlap.
fn swap(frame: &mut [u8], a: usize, b: usize, len: usize) {
    let (first, second) = frame.split_at_mut(b);
    first[a..a + len].swap_with_slice(&mut second[..len]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> Own {
        Own {
            mac: Mac::new([2, 0, 0, 0, 0, 1]),
            socket: "10.0.2.15:9000".parse().unwrap(),
        }
    }

    /// A request with the payload `abc`, and two bytes of Ethernet's padding behind it.
    fn request() -> Vec<u8> {
        let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
        frame.extend([0x45, 0, 0, 31, 0, 7, 0x40, 0, 9, 17, 0, 0]);
        frame.extend([10, 0, 2, 2, 10, 0, 2, 15]);
        frame.extend([0x9c, 0x40, 0x23, 0x28, 0, 11, 0xde, 0xad]);
        frame.extend(b"abc\0\0");
        mend(&mut frame);
        frame
    }

    /// Makes the checksum of the IP header right.
    fn mend(frame: &mut [u8]) {
        frame[IP_CHECKSUM..][..2].fill(0);
        let checksum = Sum::of(&frame[IP..UDP]).checksum();
        frame[IP_CHECKSUM..][..2].copy_from_slice(&checksum);
    }

    #[test]
    fn a_request_is_answered_in_its_own_frame() {
        let mut frame = request();
        let len = make_reply(&mut frame, own(), |source, datagram| {
            assert_eq!(source, "10.0.2.2:40000".parse().unwrap());
            assert_eq!(datagram, b"abc");
            datagram.copy_from_slice(b"xyz");
            true
        });
        assert_eq!(len, Some(45));
        let reply = &frame[..45];
        assert_eq!(reply[..14], [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0]);
        assert_eq!(
            reply[26..38],
            [10, 0, 2, 15, 10, 0, 2, 2, 0x23, 0x28, 0x9c, 0x40]
        );
        assert_eq!(&reply[42..], b"xyz");
        assert!(Sum::of(&reply[14..34]).is_good());
        let pseudo_header = Sum::of(&reply[26..34])
            .plus(Sum::of_network_word(17))
            .plus(Sum::of_network_word(11));
        assert!(pseudo_header.plus(Sum::of(&reply[34..])).is_good());
    }

    #[test]
    fn frames_for_others_and_unanswered_ones_are_passed_on() {
        let mut frame = request();
        assert_eq!(make_reply(&mut frame, own(), |_, _| false), None);
        assert_eq!(frame, request());
        let never = |_: SocketAddr, _: &mut [u8]| -> bool { panic!("it was offered") };
        for (at, value) in [
            (12, 9),
            (14, 0x46),
            (23, 6),
            (33, 16),
            (37, 0x29),
            (17, 99),
            (39, 12),
        ] {
            let mut frame = request();
            frame[at] = value;
            mend(&mut frame);
            assert_eq!(make_reply(&mut frame, own(), never), None, "byte {at}");
        }
        // Another station's, from a group, a damaged header.
        for (at, value) in [(5, 2), (6, 0xff), (22, 8)] {
            let mut frame = request();
            frame[at] = value;
            assert_eq!(make_reply(&mut frame, own(), never), None, "byte {at}");
        }
        for len in 0..45 {
            assert_eq!(
                make_reply(&mut request()[..len], own(), never),
                None,
                "{len} bytes"
            );
        }
    }
}
