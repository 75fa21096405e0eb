//! A fuzzer on the wire: valid frames of every protocol, changed at random, into the running image. After each batch
//! the service and its network stack must still answer, and after some its counters must add up.
//!
//! Everything is made of a seed: a failure names it, and the batch. `make soak` sends millions.
#![forbid(unsafe_code)]

use fuzz_harness::{checksums, frames};
use tests::guest::Machine;
use tests::noise::Random;
use tests::packet::{self, Body};
use tests::qemu_lock::lock_qemu;
use tests::soak;
use wire::Counters;

/// Frames in the suite.
const FRAMES: u64 = 100_000;

/// Frames of a batch: fewer than the guest has buffers for, so that none is lost on the way.
const BATCH: u64 = 50;

/// Batches between two looks at the counters.
const LOOK: u64 = 20;

/// Longest Ethernet frame, in bytes.
const MAX_FRAME: usize = 1514;

/// Values that code is most likely to take for something else.
const VALUES: [u16; 10] = [0, 1, 7, 8, 20, 44, 0x7fff, 0x8000, 0xfffe, 0xffff];

/// Returns one of `corpus`, changed up to four times. Of most the checksums are made right again.
fn mutated(random: &mut Random, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut frame = random.of(corpus).clone();
    for _ in 0..random.below(5) {
        change(random, corpus, &mut frame);
    }
    frame.truncate(MAX_FRAME);
    // An empty datagram would end QEMU's link.
    if frame.is_empty() {
        frame.push(0);
    }
    if random.below(8) > 0 {
        checksums::mend(&mut frame);
    }
    frame
}

fn change(random: &mut Random, corpus: &[Vec<u8>], frame: &mut Vec<u8>) {
    if frame.is_empty() {
        return;
    }
    let at = random.below(frame.len());
    match random.below(7) {
        0 => frame[at] ^= 1 << random.below(8),
        1 => frame[at] = random.below(256) as u8,
        2 => {
            let value = random.of(&VALUES).to_be_bytes();
            frame.splice(at..(at + 2).min(frame.len()), value);
        }
        3 => frame.truncate(at),
        4 => {
            let noise = (0..random.below(64)).map(|_| random.below(256) as u8);
            let noise: Vec<u8> = noise.collect();
            frame.splice(at..at, noise);
        }
        // Goes on as another one does.
        5 => {
            let other = random.of(corpus);
            let from = at.min(other.len());
            frame.truncate(at);
            frame.extend(&other[from..]);
        }
        _ => {
            let len = random.below(MAX_FRAME);
            let fill = random.below(256) as u8;
            frame.resize(len, fill);
        }
    }
}

/// Holds the answers to a batch to what they may be.
fn check(answers: &[Vec<u8>], batch: &[Vec<u8>]) {
    let longest = batch.iter().map(Vec::len).max().unwrap_or(0);
    let mut datagrams = 0;
    for answer in answers {
        let packet = packet::parse(answer);
        let packet = packet.unwrap_or_else(|error| panic!("{error}: {answer:02x?}"));
        if let Body::Udp { .. } = packet.body {
            datagrams += 1;
            assert!(answer.len() <= longest, "{answer:02x?}");
        }
    }
    assert!(
        datagrams <= batch.len(),
        "{datagrams} answers to {} frames",
        batch.len()
    );
}

/// Holds counters to each other, and to those `before`.
fn check_counters(before: &Counters, counters: &Counters) {
    let pairs = before.to_array().into_iter().zip(counters.to_array());
    assert!(
        pairs.into_iter().all(|(before, now)| before <= now),
        "{before:?}, {counters:?}"
    );
    assert_eq!(counters.device_faults, 0);
    assert!(counters.add_up(), "{counters:?}");
}

#[test]
fn mutated_frames_of_every_protocol_are_survived() {
    let lock = lock_qemu();
    let arguments = "ip=10.0.2.15/24 ip6=2001:db8::15/64 echo=on";
    let mut guest = Machine::new(arguments).start(&lock);
    guest.ready();
    let seed = soak::count("FATHOM_MUTATION_SEED", 0x5eed_f00d);
    let count = soak::count("FATHOM_MUTATED_FRAMES", FRAMES);
    let mut corpus = frames::of_every_protocol();
    corpus.push(frames::dhcp(2, &[]));
    corpus.push(tests::dhcp::stray_offer(
        tests::station::MAC,
        tests::guest::MAC,
    ));
    let mut random = Random(seed.max(1));
    let mut before = guest.counters();
    for number in 0..count.div_ceil(BATCH) {
        let batch: Vec<_> = (0..BATCH).map(|_| mutated(&mut random, &corpus)).collect();
        for frame in &batch {
            guest.station.send(frame);
        }
        // Asks the service for timestamps, and the stack for an echo.
        match guest.station.try_settle() {
            Ok(answers) => check(&answers, &batch),
            Err(stalled) => panic!("seed {seed}, batch {number}: {stalled}: {batch:02x?}"),
        }
        if number % LOOK == 0 {
            let counters = guest.counters();
            check_counters(&before, &counters);
            before = counters;
        }
    }
    let counters = guest.counters();
    check_counters(&before, &counters);
    // The frames were of some use: each protocol was answered, and others were refused.
    let answered = [
        counters.replied,
        counters.echoed,
        counters.status_replies,
        counters.stamp_replies,
        counters.unsupported,
        counters.refusals(),
    ];
    let least = counters.datagrams_received / 10_000;
    assert!(answered.iter().all(|&count| count > least), "{counters:?}");
}
