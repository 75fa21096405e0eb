//! The reflector against packets worked out by hand from the RFCs, and against whoever would abuse it.

use core::net::SocketAddr;
use std::string::String;
use std::vec::Vec;

use super::*;

mod abuse;
mod tables;
mod times;
mod tlv_values;
mod tlvs;
mod vectors;

/// Key of the authenticated vectors: octets 0x40 to 0x5f.
const KEY: &str = "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f";

fn key() -> Key {
    Key::new(&KEY.parse().unwrap())
}

/// Octets from hexadecimal digits; blanks, and what follows `;` in a line, are passed over.
fn octets(text: &str) -> Vec<u8> {
    let digits: String = text
        .lines()
        .map(|line| line.split(';').next().unwrap())
        .flat_map(|line| line.chars().filter(|c| !c.is_whitespace()))
        .collect();
    let pairs = digits.as_bytes().chunks(2);
    let octet = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    pairs.map(octet).collect()
}

fn source() -> SocketAddr {
    "192.0.2.1:40000".parse().unwrap()
}

/// Arrival at 192.0.2.7, port 862, 5.5 s after the boot, with time to live 64 and class 0xb9: EF, ECT(1).
fn arrival() -> Arrival {
    Arrival {
        source: source(),
        own: "192.0.2.7:862".parse().unwrap(),
        received_ns: 5_500_000_000,
        hop_limit: Some(64),
        traffic_class: Some(0xb9),
    }
}

/// Answers `datagram`, sent 250 ms after its arrival.
fn reflect(reflector: &mut Reflector<'_>, datagram: &mut [u8]) -> Verdict {
    reflector.reflect(datagram, &arrival(), ClockState::SINCE_BOOT, || {
        5_750_000_000
    })
}

fn reflected(reflector: &mut Reflector<'_>, request: &[u8]) -> Vec<u8> {
    let mut datagram = request.to_vec();
    let verdict = reflect(reflector, &mut datagram);
    assert!(matches!(verdict, Verdict::Reply { .. }), "{verdict:?}");
    datagram
}

fn dropped(reflector: &mut Reflector<'_>, request: &[u8]) -> DropReason {
    let mut datagram = request.to_vec();
    let verdict = reflect(reflector, &mut datagram);
    assert_eq!(datagram, request, "what is not answered stays as it was");
    match verdict {
        Verdict::Drop(reason) => reason,
        Verdict::Reply { .. } => panic!("answered"),
    }
}

/// An authenticated sender's packet with this sequence number and timestamp, and `tlvs` behind it.
fn signed(sequence: u32, timestamp: u64, tlvs: &[u8]) -> Vec<u8> {
    let mut packet = std::vec![0; packet::AUTHENTICATED_LEN];
    packet[packet::AUTHENTICATED.sequence].copy_from_slice(&sequence.to_be_bytes());
    packet[packet::AUTHENTICATED.timestamp].copy_from_slice(&timestamp.to_be_bytes());
    packet[packet::AUTHENTICATED.error_estimate].copy_from_slice(&[0x3f, 0x02]);
    let tag = key().sign(&[&packet[packet::AUTHENTICATED_TEXT]]);
    packet[packet::AUTHENTICATED_HMAC].copy_from_slice(&tag);
    packet.extend(tlvs);
    packet
}

#[test]
fn each_verdict_has_its_own_counter() {
    use crate::counters::Counter;

    let expected = [
        (
            Verdict::Reply {
                is_base_only: false,
            },
            Counter::StampReplies,
        ),
        (Verdict::Drop(DropReason::TooShort), Counter::DroppedShort),
        (
            Verdict::Drop(DropReason::NotARequest),
            Counter::DroppedNotARequest,
        ),
        (Verdict::Drop(DropReason::Forged), Counter::StampForged),
        (Verdict::Drop(DropReason::Replayed), Counter::StampReplayed),
    ];
    for (verdict, counter) in expected {
        assert_eq!(verdict.counter(), counter);
    }
}

#[test]
fn a_reflector_with_a_key_is_stateful_by_default() {
    let secret: Secret = KEY.parse().unwrap();
    assert_eq!(Mode::by_default(Some(&secret)), Mode::Stateful);
    assert_eq!(Mode::by_default(None), Mode::Stateless);
    for (name, mode) in [
        ("stateful", Some(Mode::Stateful)),
        ("stateless", Some(Mode::Stateless)),
        ("Stateful", None),
        ("", None),
    ] {
        assert_eq!(Mode::from_name(name), mode, "{name}");
    }
}
