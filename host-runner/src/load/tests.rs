//! The loops on virtual time.

use std::convert::Infallible;
use std::num::NonZeroU16;
use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;
use wire::Header;
use wire::header::field;

use super::fake::{Answer, BOOT_ID, FakeLink, Log, SERVICE_NS, VirtualClock, reply};
use super::*;

mod behind;
mod late_sleeps;
mod open_loop;
mod pipeline_mode;
mod refused;

const TIMEOUT_NS: u64 = 1_000_000;
const RTT_NS: u64 = 50_000;

fn plan(mode: Mode, warmup: u64, count: u64) -> Plan {
    Plan {
        mode,
        timeout_ns: TIMEOUT_NS,
        warmup: Limit::requests(warmup),
        measure: Limit::requests(count),
        seed: 42,
        ..Plan::FIXTURE
    }
}

fn open(rate: u32) -> Mode {
    Mode::Open {
        rate: Rate::per_second(rate),
        arrivals: Arrivals::Even,
    }
}

/// Measures over `link`, on the time of `clock`, and asks nothing of how that ends.
fn run_over<L: Link + ?Sized>(
    link: &mut L,
    clock: &VirtualClock,
    plan: &Plan,
    boot_id: Option<u32>,
) -> (Tally, Ending<Failure<Infallible>>, Log) {
    let mut log = Log::default();
    let context = LoadContext {
        link,
        observer: &mut log,
        now_ns: || clock.now_ns(),
        cancel: &AtomicBool::new(false),
        check: |_: &Progress| Ok(()),
    };
    let (tally, ending) = run(plan, boot_id, context);
    (tally, ending, log)
}

/// Measures against `script` until the plan is done.
fn measure(plan: &Plan, script: impl FnMut(&Header, &[u8]) -> Vec<Answer>) -> (Tally, Log) {
    let clock = VirtualClock::default();
    let mut link = FakeLink::new(&clock, script);
    let (tally, ending, log) = run_over(&mut link, &clock, plan, Some(BOOT_ID));
    assert!(matches!(ending, Ending::Completed), "{ending:?}");
    assert_eq!(tally.in_flight_at_end, 0);
    assert_eq!(tally.received, log.samples.len() as u64);
    assert_eq!(tally.lost, log.losses.len() as u64);
    (tally, log)
}

/// Holds the rates to `per_second`, of a loop that is late by no more than a reading of the clock.
fn expect_rate(tally: &Tally, per_second: f64) {
    let is_close = |rate: f64| (rate / per_second - 1.0).abs() < 1e-4;
    assert!(tally.achieved_rate().is_some_and(is_close), "{tally:?}");
    assert!(!tally.is_generator_limited(0), "{tally:?}");
}

#[test]
fn a_closed_loop_on_a_perfect_link() {
    let plan = plan(Mode::Closed, 10, 100);
    let (tally, log) = measure(&plan, |_, request| vec![(RTT_NS, reply(request))]);
    assert_eq!((tally.warmup_discarded, tally.sent), (10, 100));
    assert_eq!((tally.received, tally.lost), (100, 0));
    assert!(log.lateness_ns.is_empty());
    for sample in &log.samples {
        assert_eq!(sample.latency_ns, RTT_NS);
        assert_eq!(sample.round_trip_ns, RTT_NS);
        let times = sample.guest_times.unwrap();
        assert_eq!(times.t3_ns - times.t2_ns, SERVICE_NS);
    }
}

#[test]
fn a_closed_loop_waits_out_a_lost_request() {
    let (tally, log) = measure(&plan(Mode::Closed, 0, 10), |header, request| {
        match header.seq {
            3 => vec![],
            _ => vec![(RTT_NS, reply(request))],
        }
    });
    assert_eq!((tally.sent, tally.received, tally.lost), (10, 9, 1));
    assert_eq!(log.losses[0].latency_ns, TIMEOUT_NS);
    assert!(tally.elapsed_ns >= 9 * RTT_NS + TIMEOUT_NS);
}

#[test]
fn durations_end_warm_up_and_measurement() {
    let plan = Plan {
        warmup: Limit::lasting(1_000_000),
        measure: Limit::lasting(10_000_000),
        ..plan(open(10_000), 0, 0)
    };
    let (tally, log) = measure(&plan, |_, request| vec![(RTT_NS, reply(request))]);
    assert_eq!((tally.warmup_discarded, tally.sent), (10, 100));
    assert_eq!(log.started_ns, Some(tally.started_ns));
    expect_rate(&tally, 10_000.0);
}

#[test]
fn every_kind_of_damage_is_corruption_and_the_request_is_lost() {
    type Damage = fn(&mut Vec<u8>);
    let damages: [Damage; 10] = [
        |reply| reply.push(0),
        |reply| reply.truncate(63),
        |reply| reply.truncate(3),
        |reply| reply[field::MAGIC][0] ^= 1,
        |reply| reply[field::VERSION] = 2,
        |reply| reply[field::KIND] = 2,
        |reply| reply[field::FLAGS][0] = 1,
        |reply| reply[field::SEQ][5] = 1,
        |reply| reply[field::T1][0] ^= 1,
        |reply| reply[63] ^= 1,
    ];
    for (which, damage) in damages.iter().enumerate() {
        let (tally, _) = measure(&plan(Mode::Closed, 0, 5), |header, request| {
            let mut answer = reply(request);
            if header.seq == 2 {
                damage(&mut answer);
            }
            vec![(RTT_NS, answer)]
        });
        assert_eq!((tally.corrupted, tally.lost), (1, 1), "damage {which}");
        assert_eq!((tally.received, tally.foreign), (4, 0), "damage {which}");
    }
}

#[test]
fn another_boots_reply_is_foreign() {
    let foreign = |header: &Header, request: &[u8]| {
        let mut answer = reply(request);
        if header.seq == 2 {
            answer[field::BOOT_ID][0] ^= 1;
        }
        vec![(RTT_NS, answer)]
    };
    let (tally, _) = measure(&plan(Mode::Closed, 0, 5), foreign);
    assert_eq!((tally.foreign, tally.lost, tally.corrupted), (1, 1, 0));
}

#[test]
fn late_and_duplicated_replies() {
    let plan = plan(open(10_000), 0, 50);
    let (tally, _) = measure(&plan, |header, request| match header.seq {
        4 => vec![(TIMEOUT_NS, reply(request))],
        5 => vec![(RTT_NS, reply(request)), (2 * RTT_NS, reply(request))],
        6 => vec![(RTT_NS, reply(request)), (2 * TIMEOUT_NS, reply(request))],
        _ => vec![(RTT_NS, reply(request))],
    });
    assert_eq!((tally.lost, tally.late, tally.duplicated), (1, 1, 2));
    assert_eq!((tally.received, tally.reordered), (49, 0));
}

#[test]
fn an_overtaken_reply_is_reordered() {
    let plan = plan(open(10_000), 0, 50);
    let (tally, _) = measure(&plan, |header, request| match header.seq {
        7 => vec![(350_000, reply(request))],
        _ => vec![(RTT_NS, reply(request))],
    });
    assert_eq!((tally.received, tally.reordered), (50, 1));
}

#[test]
fn guest_times_are_passed_on_unchanged_in_warm_up_too() {
    let (tally, log) = measure(&plan(Mode::Closed, 1, 4), |header, request| {
        let mut answer = reply(request);
        match header.seq {
            1 => answer[field::T3].copy_from_slice(&4999_u64.to_le_bytes()),
            2 => answer[field::T3].copy_from_slice(&u64::MAX.to_le_bytes()),
            _ => {}
        }
        vec![(RTT_NS, answer)]
    });
    assert_eq!(tally.received, 4);
    let t3_ns = |samples: &[Sample]| -> Vec<u64> {
        let times = samples.iter().map(|sample| sample.guest_times.unwrap());
        times
            .inspect(|times| assert_eq!(times.t2_ns, 5000))
            .map(|times| times.t3_ns)
            .collect()
    };
    let usual = 5000 + SERVICE_NS;
    assert_eq!(t3_ns(&log.samples), [4999, u64::MAX, usual, usual]);
    assert_eq!(t3_ns(&log.warm_up), [usual]);
}

/// Measures until the check has been called `looks` times, which then fails or cancels.
fn break_off(mode: Mode, looks: u32, cancels: bool) -> (Tally, Ending<Failure<&'static str>>) {
    let clock = VirtualClock::default();
    let mut link = FakeLink::new(&clock, |_: &Header, request: &[u8]| {
        vec![(RTT_NS, reply(request))]
    });
    let cancel = AtomicBool::new(false);
    let mut left = looks;
    let context = LoadContext {
        link: &mut link,
        observer: &mut Log::default(),
        now_ns: || clock.now_ns(),
        cancel: &cancel,
        check: |_: &Progress| {
            left -= 1;
            match (left, cancels) {
                (0, true) => {
                    cancel.store(true, Ordering::Relaxed);
                    Ok(())
                }
                (0, false) => Err("the machine is gone"),
                _ => Ok(()),
            }
        },
    };
    run(&plan(mode, 0, 1_000_000), Some(BOOT_ID), context)
}

#[test]
fn a_broken_off_measurement_keeps_its_counts() {
    let depth = NonZeroU16::new(16).unwrap();
    for mode in [
        Mode::Closed,
        open(10_000),
        open(100_000),
        Mode::Pipeline { depth },
    ] {
        for cancels in [false, true] {
            let (tally, ending) = break_off(mode, 10, cancels);
            match ending {
                Ending::Interrupted => assert!(cancels),
                Ending::Failed(Failure::Unhealthy("the machine is gone")) => assert!(!cancels),
                other => panic!("{other:?}"),
            }
            assert!(tally.sent > 50 && tally.sent < 10_000, "{tally:?}");
            let settled = tally.received + tally.lost;
            assert_eq!(tally.sent, settled + tally.in_flight_at_end);
        }
    }
}

#[test]
fn the_first_replys_boot_is_the_one_to_stay_with() {
    let clock = VirtualClock::default();
    let mut link = FakeLink::new(&clock, |header: &Header, request: &[u8]| {
        let mut answer = reply(request);
        if header.seq >= 3 {
            answer[field::BOOT_ID][3] = 9;
        }
        vec![(RTT_NS, answer)]
    });
    let (tally, _, _) = run_over(&mut link, &clock, &plan(Mode::Closed, 0, 5), None);
    assert_eq!((tally.received, tally.foreign), (3, 2));
}

/// Faults of one request on a bad link.
#[derive(Clone, Debug)]
struct Fate {
    delays_ns: Vec<u64>,
    is_damaged: bool,
}

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let delay = prop_oneof![4 => 1_000..200_000u64, 1 => 900_000..3_000_000u64];
    let fate = (
        prop::collection::vec(delay, 0..3),
        prop::bool::weighted(0.1),
    )
        .prop_map(|(delays_ns, is_damaged)| Fate {
            delays_ns,
            is_damaged,
        });
    prop::collection::vec(fate, 1..150)
}

/// Returns the answers to a request with these faults.
fn answers(fate: &Fate, request: &[u8]) -> Vec<Answer> {
    let mut answer = reply(request);
    if fate.is_damaged {
        answer[50] ^= 0x10;
    }
    let at = |&delay_ns: &u64| (delay_ns, answer.clone());
    fate.delays_ns.iter().map(at).collect()
}

proptest! {
    /// On any link every request ends in one place, and the open loop sends on time regardless.
    #[test]
    fn the_books_balance(fates in fates(), is_open: bool) {
        let mode = if is_open { open(10_000) } else { Mode::Closed };
        let count = fates.len() as u64;
        let (tally, log) = measure(&plan(mode, 0, count), |header, request| {
            answers(&fates[header.seq as usize], request)
        });
        prop_assert_eq!(tally.sent, count);
        prop_assert_eq!(tally.received + tally.lost, count);
        prop_assert!(tally.late <= tally.lost);
        prop_assert!(tally.reordered <= tally.received);
        let in_time = |fate: &&Fate| {
            !fate.is_damaged && fate.delays_ns.iter().any(|&ns| ns < TIMEOUT_NS - 1_000)
        };
        prop_assert!(tally.received >= fates.iter().filter(in_time).count() as u64);
        prop_assert!(log.lateness_ns.iter().all(|&ns| ns < 10_000));
        prop_assert!(log.losses.iter().all(|loss| loss.latency_ns >= TIMEOUT_NS));
        prop_assert!(log.samples.iter().all(|sample| sample.round_trip_ns < TIMEOUT_NS));
    }
}

#[test]
fn a_plain_echo_has_round_trips_and_no_service_times() {
    let plan = Plan {
        protocol: Protocol::Echo,
        ..plan(Mode::Closed, 0, 100)
    };
    let clock = VirtualClock::default();
    let mut link = FakeLink::new(&clock, |_: &Header, request: &[u8]| {
        vec![(RTT_NS, request.to_vec())]
    });
    let (tally, _, log) = run_over(&mut link, &clock, &plan, None);
    assert_eq!((tally.received, tally.corrupted), (100, 0));
    assert_eq!(tally.foreign, 0);
    assert!(
        log.samples
            .iter()
            .all(|sample| sample.guest_times.is_none())
    );
    assert!(
        log.samples
            .iter()
            .all(|sample| sample.round_trip_ns == RTT_NS)
    );
    // A service of Fathom's is no plain echo.
    let (tally, _) = measure(&plan, |_, request| vec![(RTT_NS, reply(request))]);
    assert_eq!((tally.received, tally.corrupted), (0, 100));
}
