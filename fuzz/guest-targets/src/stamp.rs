//! Fuzz target: STAMP's Session-Reflector. A reply is as long as its request and no request, what is dropped stays
//! as it came, and a packet with a key's HMAC is answered once.
//!
//! An input is a byte of settings, then packets: a byte of settings, and a counted packet.

use std::net::SocketAddr;

use fuzz_harness::{Input, Target, put_counted};
use wire::stamp::packet::{
    AUTHENTICATED, AUTHENTICATED_HMAC, AUTHENTICATED_TEXT, Packet, UNAUTHENTICATED,
};
use wire::stamp::time::to_ns;
use wire::stamp::{Arrival, ClockState, Key, Reflector, Secret, Session, Sessions, Verdict};

/// The target.
pub const TARGET: Target = Target {
    name: "stamp",
    run,
    seeds,
};

/// Settings of an input: with a key, with sessions.
const WITH_KEY: u8 = 1;
const STATEFUL: u8 = 2;

/// Settings of a packet: it gets the HMAC that it should have, its arrival's fields are unknown; the port of its
/// source differs in the rest.
const SIGNED: u8 = 1;
const UNKNOWN_IP: u8 = 2;

/// The most packets of an input.
const MAX_PACKETS: usize = 16;

const SECRET: [u8; 16] = [7; 16];

fn key() -> Key {
    Key::new(&Secret::new(&SECRET).expect("long enough"))
}

fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let settings = input.u8();
    let has_key = settings & WITH_KEY != 0;
    let is_stateful = settings & STATEFUL != 0;
    let mut memory = [Session::FREE; 8];
    let sessions = is_stateful.then(|| Sessions::new(&mut memory, 3));
    let mut reflector = Reflector::new(has_key.then(key), sessions);
    // From 1: no packet comes at the very boot, whose timestamp is that of a request.
    for number in 1..=MAX_PACKETS as u64 {
        if input.is_empty() {
            return;
        }
        let settings = input.u8();
        let mut packet = input.counted().to_vec();
        if settings & SIGNED != 0 {
            sign(&mut packet);
        }
        let source = SocketAddr::from(([10, 0, 2, 2], 1024 + u16::from(settings)));
        let is_known = settings & UNKNOWN_IP == 0;
        let arrival = Arrival {
            source,
            own: SocketAddr::from(([10, 0, 2, 15], 862)),
            received_ns: number * 1_000,
            hop_limit: is_known.then_some(64),
            traffic_class: is_known.then_some(0xb9),
        };
        let mut reflect = |packet: &mut Vec<u8>| {
            reflector.reflect(packet, &arrival, ClockState::SINCE_BOOT, || {
                number * 1_000 + 7
            })
        };
        let asked = packet.clone();
        match reflect(&mut packet) {
            Verdict::Drop(_) => assert_eq!(packet, asked, "what is dropped stays as it came"),
            Verdict::Reply { is_base_only } => {
                check_reply(&asked, &packet, has_key);
                if is_base_only {
                    let len = UNAUTHENTICATED.len.min(packet.len());
                    assert_eq!(packet[len..], asked[len..]);
                }
                // Two reflectors that are made to talk to each other stop at once.
                assert!(
                    matches!(reflect(&mut packet.clone()), Verdict::Drop(_)),
                    "{packet:02x?}"
                );
                if has_key && is_stateful {
                    let again = reflect(&mut asked.clone());
                    assert!(matches!(again, Verdict::Drop(_)), "a replay: {asked:02x?}");
                }
            }
        }
    }
}

/// Gives a packet the HMAC of its base.
fn sign(packet: &mut [u8]) {
    if packet.len() >= AUTHENTICATED.len {
        let tag = key().sign(&[&packet[AUTHENTICATED_TEXT]]);
        packet[AUTHENTICATED_HMAC].copy_from_slice(&tag);
    }
}

fn check_reply(asked: &[u8], reply: &[u8], has_key: bool) {
    assert_eq!(
        asked.len(),
        reply.len(),
        "no amplification, and room for the way back"
    );
    let layout = if has_key {
        &AUTHENTICATED
    } else {
        &UNAUTHENTICATED
    };
    let (Some(asked), Some(base)) = (Packet::new(asked, layout), Packet::new(reply, layout)) else {
        // TWAMP-Light's shortest packets lack three octets.
        assert!(!has_key && reply.len() < layout.len);
        return;
    };
    assert_eq!(base.sender_sequence(), asked.sequence());
    assert_eq!(base.sender_timestamp(), asked.timestamp());
    assert_eq!(base.sender_error_estimate(), asked.error_estimate());
    assert_eq!(base.ssid(), asked.ssid());
    let format = asked.error_estimate().format();
    assert_eq!(
        base.error_estimate().format(),
        format,
        "the sender's format"
    );
    let service_ns = to_ns(base.timestamp(), format) - to_ns(base.receive_timestamp(), format);
    assert!((6..=8).contains(&service_ns), "{service_ns} ns, rounded");
    if has_key {
        let tag = reply[AUTHENTICATED_HMAC].first_chunk().expect("its length");
        assert!(key().is_signed(&[&reply[AUTHENTICATED_TEXT]], tag));
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let packet = |len: usize, tlvs: &[u8], error_estimate: usize| {
        let mut packet = vec![0; len];
        packet[3] = 1;
        packet[error_estimate] = 0x40;
        packet.extend(tlvs);
        packet
    };
    // Padding, class of service, an unknown TLV, HMAC (RFC 8972 §4).
    let padding = [0, 1, 0, 4, 1, 2, 3, 4];
    let class = [0, 4, 0, 4, 0xb8, 0, 0, 0];
    let unknown = [0, 99, 0, 2, 5, 5];
    let mac = [&[0, 8, 0, 16][..], &[9; 16]].concat();
    let cut = [0, 1, 0, 200, 1];
    let mut seeds = Vec::new();
    for settings in 0..4 {
        let len = [UNAUTHENTICATED.len, AUTHENTICATED.len][usize::from(settings & WITH_KEY)];
        let at = [12, 24][usize::from(settings & WITH_KEY)];
        let mut input = vec![settings];
        let tlvs = [&padding[..], &class, &unknown, &mac].concat();
        for (number, tlvs) in [&[][..], &tlvs, &class, &cut].into_iter().enumerate() {
            let mut packet = packet(len, tlvs, at);
            packet[3] = number as u8;
            input.push(SIGNED);
            put_counted(&mut input, &packet);
        }
        input.push(SIGNED | UNKNOWN_IP);
        put_counted(&mut input, &[0; 41]);
        seeds.push(input);
    }
    seeds
}
