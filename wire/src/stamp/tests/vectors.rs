//! Packets, octet for octet.

use super::*;
use crate::stamp::key::NoSecret;

/// RFC 8762 §4.2.1, with the session identifier of RFC 8972 §3.
const REQUEST: &str = "
    00000007            ; sequence number
    e8d4a510 00000001   ; timestamp, NTP
    8a05                ; error estimate: S, scale 10, multiplier 5
    0102                ; SSID
    00000000 00000000 00000000 00000000 00000000 00000000 00000000";

/// RFC 8762 §4.3.1: the reply to it of a stateless reflector.
const REPLY: &str = "
    00000007            ; the sender's sequence number
    00000005 c0000000   ; 5.75 s
    3f02                ; not synchronised, 2 * 2^31 s
    0102                ; SSID
    00000005 80000000   ; received at 5.5 s
    00000007            ; sender's sequence number
    e8d4a510 00000001   ; sender's timestamp
    8a05                ; sender's error estimate
    0000
    40                  ; sender's time to live
    000000";

#[test]
fn a_stateless_reply_to_a_base_packet() {
    let mut reflector = Reflector::new(None, None);
    let request = octets(REQUEST);
    assert_eq!(reflected(&mut reflector, &request), octets(REPLY));
    let mut datagram = request.clone();
    let verdict = reflect(&mut reflector, &mut datagram);
    assert_eq!(verdict, Verdict::Reply { is_base_only: true });
    // Answered as often as it comes.
    assert_eq!(reflected(&mut reflector, &request), octets(REPLY));
}

#[test]
fn a_stateful_reflector_counts_each_sessions_replies_from_zero() {
    let mut memory = [Session::FREE; 16];
    let mut reflector = Reflector::new(None, Some(Sessions::new(&mut memory, 1)));
    for sequence in 0..3_u8 {
        let mut expected = octets(REPLY);
        expected[3] = sequence;
        assert_eq!(reflected(&mut reflector, &octets(REQUEST)), expected);
    }
    // Another SSID is another session.
    let mut other = octets(REQUEST);
    other[15] = 3;
    assert_eq!(reflected(&mut reflector, &other)[..4], [0; 4]);
    // So is another port.
    let mut datagram = octets(REQUEST);
    let arrival = Arrival {
        source: "192.0.2.1:40001".parse().unwrap(),
        ..arrival()
    };
    let _ = reflector.reflect(&mut datagram, &arrival, ClockState::SINCE_BOOT, || 1);
    assert_eq!(datagram[..4], [0; 4]);
    assert_eq!(
        reflected(&mut reflector, &octets(REQUEST))[..4],
        [0, 0, 0, 3]
    );
}

/// RFC 8186 §2: the sender's format is the reply's, in the bit Z and in both timestamps.
#[test]
fn a_reply_in_the_format_of_ptp() {
    let mut request = octets(REQUEST);
    request[12..14].copy_from_slice(&[0xca, 0x05]);
    let mut expected = octets(REPLY);
    // 750,000,000 and 500,000,000 ns.
    expected[4..14].copy_from_slice(&octets("00000005 2cb41780 7f02"));
    expected[16..24].copy_from_slice(&octets("00000005 1dcd6500"));
    expected[36] = 0xca;
    let mut reflector = Reflector::new(None, None);
    assert_eq!(reflected(&mut reflector, &request), expected);
}

/// RFC 8762 §4.2.2.
const AUTHENTICATED_REQUEST: &str = "
    00000007            ; sequence number
    00000000 00000000 00000000
    e8d4a510 00000001   ; timestamp
    8a05                ; error estimate
    0102                ; SSID (RFC 8972 §3)
    00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000
    00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000
    00000000
    ada09039bc88c18130b78ddf7813b05c";

/// RFC 8762 §4.3.2.
const AUTHENTICATED_REPLY: &str = "
    00000007            ; sequence number
    00000000 00000000 00000000
    00000005 c0000000   ; timestamp
    3f02                ; error estimate
    0102                ; SSID
    00000000
    00000005 80000000   ; receive timestamp
    00000000 00000000
    00000007            ; sender's sequence number
    00000000 00000000 00000000
    e8d4a510 00000001   ; sender's timestamp
    8a05                ; sender's error estimate
    0000 00000000
    40                  ; sender's time to live
    000000 00000000 00000000 00000000
    957a0864f73deb475d98069efd542315";

#[test]
fn a_reply_in_authenticated_mode() {
    let request = octets(AUTHENTICATED_REQUEST);
    let mut reflector = Reflector::new(Some(key()), None);
    assert_eq!(
        reflected(&mut reflector, &request),
        octets(AUTHENTICATED_REPLY)
    );
    // Each octet that the HMAC covers, and the HMAC's own.
    for at in 0..request.len() {
        let mut forged = request.clone();
        forged[at] ^= 0x10;
        assert_eq!(dropped(&mut reflector, &forged), DropReason::Forged, "{at}");
    }
    let short = &request[..request.len() - 1];
    assert_eq!(dropped(&mut reflector, short), DropReason::TooShort);
    // With a key, nothing is answered without one.
    let unsigned = [octets(REQUEST), std::vec![0; 100]].concat();
    assert_eq!(dropped(&mut reflector, &unsigned), DropReason::Forged);
}

/// RFC 4231 §4.2, truncated as RFC 4868 §2.1.1 says.
#[test]
fn the_hmac_is_sha_256s_truncated() {
    let key = Key::new(&"0b".repeat(20).parse().unwrap());
    let expected = octets("b0344c61 d8db3853 5ca8afce af0bf12b");
    assert_eq!(key.sign(&[b"Hi", b" There"])[..], expected);
}

#[test]
fn a_key_is_16_to_64_octets_in_hexadecimal() {
    for text in ["", "00", &"a".repeat(31), &"a".repeat(33), &"a".repeat(130)] {
        assert_eq!(text.parse::<Secret>(), Err(NoSecret), "{text}");
    }
    assert!("g".repeat(32).parse::<Secret>().is_err());
    assert!("é".repeat(16).parse::<Secret>().is_err());
    for len in [16, 64] {
        let secret: Secret = "aB".repeat(len).parse().unwrap();
        assert_eq!(Some(secret), Secret::new(&std::vec![0xab; len]));
        assert_eq!(std::format!("{secret:x}"), "ab".repeat(len));
    }
    let shown = std::format!("{:?} {:?}", KEY.parse::<Secret>().unwrap(), key());
    assert_eq!(shown, "Secret(32 octets) Key");
}

/// RFC 5357 §4.1.2: a sender's packet is 14 octets and padding. The reply (§4.2.1) has 41 octets before its
/// padding, and is never longer than the request.
#[test]
fn senders_of_twamp_light_are_answered_from_41_octets_on() {
    let mut reflector = Reflector::new(None, None);
    for len in 0..=100 {
        let mut request = octets(REQUEST);
        // Its padding is pseudo-random.
        request.truncate(14);
        request.extend((14..len.max(14)).map(|at| (at * 7 + 3) as u8));
        request.truncate(len);
        if len < 41 {
            assert_eq!(dropped(&mut reflector, &request), DropReason::TooShort);
            continue;
        }
        let mut expected = octets(REPLY);
        expected[14..16].copy_from_slice(&request[14..16]);
        expected.truncate(len);
        let reply = reflected(&mut reflector, &request);
        assert_eq!(reply.len(), len);
        assert_eq!(reply[..expected.len()], expected, "{len}");
    }
}

/// RFC 5357 §4.2: 255 where the time to live can't be had.
#[test]
fn an_unknown_time_to_live_is_255() {
    let mut datagram = octets(REQUEST);
    let arrival = Arrival {
        hop_limit: None,
        ..arrival()
    };
    let mut reflector = Reflector::new(None, None);
    let _ = reflector.reflect(&mut datagram, &arrival, ClockState::SINCE_BOOT, || {
        5_750_000_000
    });
    let mut expected = octets(REPLY);
    expected[40] = 255;
    assert_eq!(datagram, expected);
}

#[test]
fn the_view_reads_both_directions() {
    let request = octets(AUTHENTICATED_REQUEST);
    let sent = packet::Packet::new(&request, &packet::AUTHENTICATED).unwrap();
    assert_eq!((sent.sequence(), sent.ssid()), (7, 0x0102));
    assert_eq!(sent.timestamp(), 0xe8d4_a510_0000_0001);
    assert_eq!(sent.receive_timestamp(), 0);
    let reply = octets(REPLY);
    let reply = packet::Packet::new(&reply, &packet::UNAUTHENTICATED).unwrap();
    assert_eq!((reply.sender_sequence(), reply.sender_ttl()), (7, 64));
    assert_eq!(reply.sender_timestamp(), 0xe8d4_a510_0000_0001);
    assert_eq!(reply.sender_error_estimate(), ErrorEstimate(0x8a05));
    assert_eq!(reply.receive_timestamp(), 0x0000_0005_8000_0000);
    assert!(reply.extensions().is_empty());
    assert!(packet::Packet::new(&request[..43], &packet::UNAUTHENTICATED).is_none());
}
