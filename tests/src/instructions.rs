//! Number of instructions that the guest takes to answer: the distance of two of its time stamps, which
//! is the whole cycle from one frame to the next, with everything that is done for a frame in it.
#![forbid(unsafe_code)]

use wire::stamp::packet::{AUTHENTICATED, AUTHENTICATED_HMAC, AUTHENTICATED_TEXT, UNAUTHENTICATED};
use wire::stamp::{Key, STAMP_PORT, tlv};
use wire::{DEFAULT_PORT, Header};

use crate::icount::{self, BURST, Counted};
use crate::packet::Packet;
use crate::station::request;

/// UDP port of the echo service (RFC 862).
const ECHO_PORT: u16 = 7;

/// Bursts until the driver has used each of its ring's entries for what it uses it for: it skips
/// what stands there already.
const WARMUP: usize = 12;

/// Bursts that must all show the same.
const BURSTS: usize = 3;

/// The payload of requests that stand before and behind an echo, in bytes.
const MARK_LEN: usize = 64;

/// The service asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// A timestamp request.
    Timestamp,
    /// An RFC 862 echo.
    Echo,
    /// A STAMP test packet (RFC 8762) of unauthenticated mode, with Extra Padding if it is longer than 44
    /// bytes.
    Stamp,
    /// A STAMP test packet of authenticated mode, signed with [`STAMP_KEY`].
    AuthenticatedStamp,
}

/// Key of [`Service::AuthenticatedStamp`], as the boot argument `stamp-key=` has it.
pub const STAMP_KEY: &str = "000102030405060708090a0b0c0d0e0f";

/// Instructions that one answer takes, the same in each of several bursts.
///
/// # Panics
///
/// If it is not the same in all of them, or an answer is wrong.
#[must_use]
pub fn per_answer(guest: &mut Counted<'_>, service: Service, payload_len: usize) -> u64 {
    match service {
        Service::Timestamp => steady(guest, |guest| {
            let frames = (0..BURST).map(|seq| timestamp(guest, seq, payload_len));
            distances(&guest.burst(&frames.collect::<Vec<_>>()))
        }),
        Service::Echo | Service::Stamp | Service::AuthenticatedStamp => {
            // An echo carries no time stamps, and STAMP's are in between: it stands between two requests, whose
            // own share goes.
            // The same guest answers no number of a session twice: each length has numbers of its own.
            let mut number = payload_len as u32 * 10_000;
            let both = steady(guest, |guest| {
                let frames = (0..BURST - 1).map(|seq| match seq % 2 {
                    0 => timestamp(guest, seq, MARK_LEN),
                    _ => {
                        number += 1;
                        let (port, payload) = payload(service, number, payload_len);
                        guest.frame(port, &payload)
                    }
                });
                let frames: Vec<_> = frames.collect();
                distances(&guest.burst(&frames))
            });
            both - per_answer(guest, Service::Timestamp, MARK_LEN)
        }
    }
}

/// Returns port and payload of request `number` to a service that is not the main one.
fn payload(service: Service, number: u32, len: usize) -> (u16, Vec<u8>) {
    let layout = match service {
        Service::Timestamp | Service::Echo => return (ECHO_PORT, vec![0xa5; len]),
        Service::Stamp => UNAUTHENTICATED,
        Service::AuthenticatedStamp => AUTHENTICATED,
    };
    let mut packet = vec![0; len];
    packet[layout.sequence].copy_from_slice(&number.to_be_bytes());
    packet[layout.timestamp].copy_from_slice(&u64::from(number).to_be_bytes());
    packet[layout.error_estimate].copy_from_slice(&[0x3f, 2]);
    if let Some((header, value)) = packet[layout.len..].split_at_mut_checked(tlv::HEADER_LEN) {
        let [high, low] = (value.len() as u16).to_be_bytes();
        header.copy_from_slice(&[tlv::UNRECOGNISED, tlv::EXTRA_PADDING, high, low]);
    }
    if service == Service::AuthenticatedStamp {
        let key = Key::new(&STAMP_KEY.parse().expect("hexadecimal digits"));
        let tag = key.sign(&[&packet[AUTHENTICATED_TEXT]]);
        packet[AUTHENTICATED_HMAC].copy_from_slice(&tag);
    }
    (STAMP_PORT, packet)
}

/// Instructions of one look at an empty receive ring. Alone in the guest a request is found after
/// some number of such looks, so the distances of lone requests differ by multiples of it: but for those few in which the
/// guest has looked at the clock and its log as well.
///
/// # Panics
///
/// If an answer is missing, or the differences have no such divisor.
#[must_use]
pub fn per_empty_poll(guest: &mut Counted<'_>) -> u64 {
    let mut lone = |seq| {
        let frame = timestamp(guest, seq, MARK_LEN);
        let answers = guest.burst(&[frame]);
        stamps(&answers)[0].t2_ns
    };
    let stamps: Vec<u64> = (0..4 * BURST).map(&mut lone).collect();
    // Those at the front are with a driver that is not warm.
    let distances: Vec<u64> = stamps[stamps.len() / 2..]
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .collect();
    let pairs = distances.windows(2);
    let differences: Vec<u64> = pairs.map(|pair| pair[0].abs_diff(pair[1])).collect();
    common_divisor(&differences).unwrap_or_else(|| panic!("no common divisor: {differences:?}"))
}

/// Returns the largest number that divides three quarters of `numbers`, if one above 1 does.
fn common_divisor(numbers: &[u64]) -> Option<u64> {
    let triples = numbers.windows(3);
    let divisors = triples.map(|numbers| numbers.iter().fold(0, |a, &b| gcd(a, b)));
    divisors
        .filter(|&divisor| {
            let multiples = numbers
                .iter()
                .filter(|&number| number % divisor.max(1) == 0);
            divisor > 1 && 4 * multiples.count() >= 3 * numbers.len()
        })
        .max()
}

const fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

fn timestamp(guest: &Counted<'_>, seq: usize, payload_len: usize) -> Vec<u8> {
    guest.frame(DEFAULT_PORT, &request(seq as u64, payload_len))
}

fn stamps(answers: &[Packet]) -> Vec<Header> {
    answers.iter().filter_map(icount::header).collect()
}

/// From each reply's time stamp to the next one's.
fn distances(answers: &[Packet]) -> Vec<u64> {
    let stamps = stamps(answers);
    let pairs = stamps.windows(2);
    pairs.map(|pair| pair[1].t2_ns - pair[0].t2_ns).collect()
}

/// The value that most of a burst shows, once it stays the same from burst to burst.
fn steady(guest: &mut Counted<'_>, mut burst: impl FnMut(&mut Counted<'_>) -> Vec<u64>) -> u64 {
    for _ in 0..WARMUP {
        burst(guest);
    }
    let modes = [(); BURSTS].map(|()| {
        let distances = burst(guest);
        let (mode, times) = icount::mode(&distances);
        assert!(
            2 * times > distances.len(),
            "no value prevails: {distances:?}"
        );
        mode
    });
    assert!(
        modes.iter().all(|&mode| mode == modes[0]),
        "not the same number every time: {modes:?}"
    );
    modes[0]
}
