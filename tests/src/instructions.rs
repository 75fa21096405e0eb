//! Number of instructions that the guest takes to answer: the distance of two of its time stamps, which
//! is the whole cycle from one frame to the next, with everything that is done for a frame in it.
#![forbid(unsafe_code)]

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
}

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
        Service::Echo => {
            // An echo carries no time stamps: it stands between two requests, whose own share goes.
            let both = steady(guest, |guest| {
                let frames = (0..BURST - 1).map(|seq| match seq % 2 {
                    0 => timestamp(guest, seq, MARK_LEN),
                    _ => guest.frame(ECHO_PORT, &vec![0xa5; payload_len]),
                });
                let frames: Vec<_> = frames.collect();
                distances(&guest.burst(&frames))
            });
            both - per_answer(guest, Service::Timestamp, MARK_LEN)
        }
    }
}

/// Instructions of one look at an empty receive ring. Alone in the guest a request is found after
/// some number of such looks, so the distances of lone requests differ by multiples of it.
///
/// # Panics
///
/// If an answer is missing.
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
    pairs.fold(0, |divisor, pair| gcd(divisor, pair[0].abs_diff(pair[1])))
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
