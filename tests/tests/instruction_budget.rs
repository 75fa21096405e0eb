//! Budgets of an answer, counted and not timed: the same numbers on every machine.
#![forbid(unsafe_code)]

use fathom::link::{LinkKind, Signals};
use tests::icount::Counted;
use tests::instructions::{self, Service};
use tests::notifications;
use tests::qemu_lock::lock_qemu;
use tests::station::request;

/// Guest instructions for a timestamp echo of 64 bytes by the reflector, at most.
const INSTRUCTIONS: u64 = 600;

/// Instructions that limits may add to that where all are set, at most: with those of the rules, which are never off,
/// less than 60.
const LIMITS: u64 = 40;

/// Frames of noise between two counts.
const NOISE: usize = 10_000;

/// Requests that are answered one by one.
const ECHOES: u64 = 200;

#[test]
fn an_echo_takes_few_instructions_and_always_the_same_number() {
    let lock = lock_qemu();
    let counts = [(); 2].map(|()| {
        let mut guest = Counted::boot("path=reflector", &lock);
        let before = guest.signals();
        let count = instructions::per_answer(&mut guest, Service::Timestamp, 64);
        assert_eq!(guest.signals(), before, "nobody was woken for it");
        count
    });
    assert_eq!(counts[0], counts[1], "from one boot to the next");
    assert!(counts[0] <= INSTRUCTIONS, "{counts:?}");
}

#[test]
fn limits_take_few_instructions_and_none_that_are_not_set() {
    let lock = lock_qemu();
    let all = "allow=10.0.2.0/24,fd00::/8 rate=10000000 rate-all=10000000";
    let [without, with] = ["", all].map(|arguments| {
        let mut guest = Counted::boot(arguments, &lock);
        instructions::per_answer(&mut guest, Service::Timestamp, 64)
    });
    assert!(without <= with, "{without} without limits, {with} with all");
    assert!(with - without <= LIMITS, "{without} and {with}");
}

/// Frames with some bytes changed, of which most are not to be answered.
fn noise(model: &[u8], seed: u64) -> Vec<Vec<u8>> {
    // SplitMix64 (Steele et al. 2014).
    let mut state = seed;
    let mut bits = move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    };
    let frames = (0..NOISE).map(|_| {
        let mut frame = model.to_vec();
        // The guest's Ethernet address stays, or nothing would be looked at.
        for _ in 0..1 + bits() % 4 {
            let at = 6 + bits() as usize % (frame.len() - 6);
            frame[at] = bits() as u8;
        }
        frame
    });
    frames.collect()
}

#[test]
fn noise_does_not_change_what_an_echo_takes() {
    let lock = lock_qemu();
    let mut guest = Counted::boot("", &lock);
    let before = instructions::per_answer(&mut guest, Service::Timestamp, 64);
    let model = guest.frame(guest.ready().port, &request(1, 64));
    guest.flood(&noise(&model, 14));
    let after = instructions::per_answer(&mut guest, Service::Timestamp, 64);
    assert_eq!(before, after);
}

#[test]
fn an_echo_on_vhost_user_wakes_nobody() {
    let lock = lock_qemu();
    let woken = notifications::by_lone_echoes(LinkKind::VhostUser, ECHOES, &lock);
    assert_eq!(woken, Signals::default());
}

#[test]
fn an_echo_through_qemu_takes_one_doorbell_and_no_interrupt() {
    let lock = lock_qemu();
    for link in [LinkKind::Unix, LinkKind::User] {
        let woken = notifications::by_lone_echoes(link, ECHOES, &lock);
        // QEMU may still be at the last answer when the next one is there, which then needs none.
        let one_each = ECHOES * 9 / 10..=ECHOES;
        assert!(
            one_each.contains(&woken.doorbells),
            "{}: {woken:?}",
            link.name()
        );
        assert_eq!(woken.interrupts, 0, "{}: {woken:?}", link.name());
    }
}
