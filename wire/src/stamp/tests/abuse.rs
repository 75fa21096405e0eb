//! Forgers, replays, and reflectors that are set on each other.

use proptest::prelude::*;

use super::*;
use crate::{Header, handle};

const MILLION: u32 = 1_000_000;

/// A stateful reflector with a key.
fn authenticated(memory: &mut [Session]) -> Reflector<'_> {
    Reflector::new(Some(key()), Some(Sessions::new(memory, 3)))
}

#[test]
fn a_million_forged_packets_have_no_answer() {
    let mut memory = [Session::FREE; 64];
    let mut reflector = authenticated(&mut memory);
    let mut packet = signed(0, 0, &[]);
    let mut random = 1_u64;
    for number in 1..=MILLION {
        // Other numbers and times, and an HMAC of the forger's: some of the right one's octets, at random.
        packet[..4].copy_from_slice(&number.to_be_bytes());
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        packet[16..24].copy_from_slice(&random.to_be_bytes());
        let at = packet::AUTHENTICATED_HMAC.start + (random >> 60) as usize;
        packet[at] = (random >> 40) as u8;
        let verdict = reflect(&mut reflector, &mut packet);
        assert_eq!(verdict, Verdict::Drop(DropReason::Forged));
    }
    assert!(matches!(
        reflect(&mut reflector, &mut signed(9, 9, &[])),
        Verdict::Reply { .. }
    ));
    drop(reflector);
    let taken = memory.iter().filter(|session| **session != Session::FREE);
    assert_eq!(taken.count(), 1, "the forged have no place in the table");
}

#[test]
fn a_million_replayed_packets_have_the_one_answer_of_the_first() {
    let mut memory = [Session::FREE; 64];
    let mut reflector = authenticated(&mut memory);
    let originals: Vec<_> = (0..100).map(|at| signed(at, u64::from(at), &[])).collect();
    for packet in &originals {
        let _ = reflected(&mut reflector, packet);
    }
    let mut packet = Vec::new();
    for number in 0..MILLION {
        packet.clone_from(&originals[(number % 100) as usize]);
        let verdict = reflect(&mut reflector, &mut packet);
        assert_eq!(verdict, Verdict::Drop(DropReason::Replayed));
    }
    let _ = reflected(&mut reflector, &signed(100, 100, &[]));
}

#[test]
fn a_stateless_reflector_answers_replays_as_it_says() {
    let mut reflector = Reflector::new(Some(key()), None);
    let packet = signed(1, 1, &[]);
    for _ in 0..3 {
        let _ = reflected(&mut reflector, &packet);
    }
}

/// Whatever the first packet is, each of two reflectors answers once at most, and then it ends.
#[test]
fn two_reflectors_exchange_one_reply() {
    for len in 41..=200 {
        let mut packet: Vec<u8> = (0..len).map(|at| (at * 5 + 1) as u8).collect();
        let mut memory = [Session::FREE; 16];
        let mut stateful = Reflector::new(None, Some(Sessions::new(&mut memory, 1)));
        let mut stateless = Reflector::new(None, None);
        assert!(matches!(
            reflect(&mut stateless, &mut packet),
            Verdict::Reply { .. }
        ));
        for reflector in [&mut stateless, &mut stateful] {
            assert_eq!(
                dropped(reflector, &packet),
                DropReason::NotARequest,
                "{len}"
            );
        }
    }
    // In authenticated mode too, with the same key at both.
    let reply = reflected(&mut Reflector::new(Some(key()), None), &signed(7, 1, &[]));
    let mut memory = [Session::FREE; 16];
    assert_eq!(
        dropped(&mut authenticated(&mut memory), &reply),
        DropReason::NotARequest
    );
}

/// A reply of the timestamp protocol's is none of STAMP's requests, nor the other way round.
#[test]
fn a_reflector_and_the_timestamp_service_exchange_one_reply() {
    let mut reflector = Reflector::new(None, None);
    for (version, kind) in [(1, 0), (1, 1), (2, 0), (1, 2), (1, 3)] {
        let mut datagram = [0; 300];
        Header::request(1, 2).encode(&mut datagram).unwrap();
        (datagram[4], datagram[5]) = (version, kind);
        assert_eq!(dropped(&mut reflector, &datagram), DropReason::NotARequest);
    }
    // No reply of the reflector's has the magic, or the service would have a request in it once.
    let mut stamp = std::vec![0; 44];
    stamp[..4].copy_from_slice(b"FTHL");
    let mut reply = reflected(&mut reflector, &stamp);
    assert!(matches!(
        handle(&mut reply, 1, 2, || 3),
        crate::Verdict::Drop(_)
    ));
}

proptest! {
    #[test]
    fn no_datagram_is_answered_by_more_octets_than_it_had(
        datagram in prop::collection::vec(any::<u8>(), 0..300),
        zero_from in 0..300_usize,
        is_stateful: bool,
        is_signed: bool,
    ) {
        let mut datagram = datagram;
        if let Some(rest) = datagram.get_mut(zero_from..) {
            rest.fill(0);
        }
        if is_signed && datagram.len() >= packet::AUTHENTICATED_LEN {
            datagram[packet::AUTHENTICATED.receive_timestamp].fill(0);
            let tag = key().sign(&[&datagram[packet::AUTHENTICATED_TEXT]]);
            datagram[packet::AUTHENTICATED_HMAC].copy_from_slice(&tag);
        }
        let before = datagram.clone();
        let mut memory = [Session::FREE; 16];
        let sessions = is_stateful.then(|| Sessions::new(&mut memory, 1));
        let mut reflector = Reflector::new(is_signed.then(key), sessions);
        match reflect(&mut reflector, &mut datagram) {
            Verdict::Drop(_) => prop_assert_eq!(datagram, before),
            Verdict::Reply { is_base_only } => {
                prop_assert_eq!(datagram.len(), before.len());
                if is_base_only {
                    prop_assert_eq!(&datagram[44.min(before.len())..], &before[44.min(before.len())..]);
                }
                if !is_stateful {
                    let again = reflect(&mut reflector, &mut datagram);
                    prop_assert_eq!(again, Verdict::Drop(DropReason::NotARequest));
                }
            }
        }
    }
}
