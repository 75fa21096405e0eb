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
mod pipeline;
mod refused;

const TIMEOUT_NS: u64 = 1_000_000;
const RTT_NS: u64 = 50_000;

fn plan(mode: Mode, warmup: u64, count: u64) -> Plan {
    let requests = |count| Limit {
        duration_ns: None,
        count: Some(count),
    };
    Plan {
        mode,
        payload_len: 64,
        timeout_ns: TIMEOUT_NS,
        warmup: requests(warmup),
        measure: requests(count),
        seed: 42,
        protocol: Protocol::Fathom,
    }
}

fn open(rate: u32) -> Mode {
    Mode::Open {
        rate: Rate::per_second(rate),
        arrivals: Arrivals::Even,
    }
}

/// Measures against `script` until the plan is done.
fn measure(plan: &Plan, script: impl FnMut(&Header, &[u8]) -> Vec<Answer>) -> (Tally, Log) {
    let clock = VirtualClock::default();
    let mut link = FakeLink::new(&clock, script);
    let mut log = Log::default();
    let bench = Bench {
        link: &mut link,
        observer: &mut log,
        now_ns: || clock.now_ns(),
        cancel: &AtomicBool::new(false),
        check: |_: &Progress| Ok::<_, Infallible>(()),
    };
    let (tally, ending) = run(plan, Some(BOOT_ID), bench);
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
    let lasting = |ns| Limit {
        duration_ns: Some(ns),
        count: None,
    };
    let plan = Plan {
        warmup: lasting(1_000_000),
        measure: lasting(10_000_000),
        ..plan(open(10_000), 0, 0)
    };
    let (tally, log) = measure(&plan, |_, request| vec![(RTT_NS, reply(request))]);
    assert_eq!((tally.warmup_discarded, tally.sent), (10, 100));
    assert_eq!(log.started_ns, Some(tally.started_ns));
    expect_rate(&tally, 10_000.0);
}

#[test]
fn an_open_loop_may_send_less_than_once_a_second() {
    let lasting = |ns| Limit {
        duration_ns: Some(ns),
        count: None,
    };
    let slow = |warmup_ns, measure_ns| Plan {
        warmup: lasting(warmup_ns),
        measure: lasting(measure_ns),
        ..plan(
            Mode::Open {
                rate: "0.2".parse().unwrap(),
                arrivals: Arrivals::Even,
            },
            0,
            0,
        )
    };
    let mut sent_ns = Vec::new();
    let (tally, log) = measure(&slow(500_000_000, 60_000_000_000), |header, request| {
        sent_ns.push(header.t1_ns);
        vec![(RTT_NS, reply(request))]
    });
    assert_eq!((tally.warmup_discarded, tally.sent, tally.lost), (1, 12, 0));
    expect_rate(&tally, 0.2);
    assert_eq!(tally.sending_ns, 60_000_000_000);
    assert!(log.lateness_ns.iter().all(|&ns| ns < 10_000));
    // One to warm up, the first that is measured when that is over, and then one every five seconds.
    let apart_s = |pair: &[u64]| (pair[1] - pair[0]) as f64 / 1e9;
    let apart: Vec<f64> = sent_ns.windows(2).map(apart_s).collect();
    assert!((apart[0] - 0.5).abs() < 1e-4, "{apart:?}");
    assert!(
        apart[1..].iter().all(|s| (s - 5.0).abs() < 1e-4),
        "{apart:?}"
    );
    // A measurement shorter than an interval is one request, at once.
    let (tally, log) = measure(&slow(0, 1_000_000_000), |_, request| {
        vec![(RTT_NS, reply(request))]
    });
    assert_eq!((tally.sent, tally.received), (1, 1));
    assert!(log.lateness_ns[0] < 10_000);
}

#[test]
fn random_arrivals_are_sent_at_their_times_and_limit_no_generator() {
    let rate = Rate::per_second(10_000);
    let arrivals = Arrivals::Poisson;
    let plan = plan(Mode::Open { rate, arrivals }, 0, 10_000);
    let mut sent_ns = Vec::new();
    let (tally, log) = measure(&plan, |header, request| {
        sent_ns.push(header.t1_ns);
        vec![(RTT_NS, reply(request))]
    });
    assert_eq!((tally.sent, tally.lost), (10_000, 0));
    let mut schedule = schedule::Schedule::new(tally.started_ns, rate, arrivals, plan.seed);
    for &at_ns in &sent_ns {
        // A handful of calls of 10 ns each, for each of those that are due at nearly the same time.
        let late_ns = at_ns - schedule.due_ns();
        assert!(late_ns < 500, "{late_ns}");
        schedule.advance();
    }
    assert!(log.lateness_ns.iter().all(|&ns| ns < 500));
    // By chance the rate is off by as much as one in a hundred, and that is no fault of the generator's.
    let off = tally.achieved_rate().unwrap() / 10_000.0 - 1.0;
    assert!(off.abs() < 0.04, "{off}");
    assert!(!tally.is_generator_limited(0), "{tally:?}");
}

#[test]
fn an_open_loop_counts_from_when_a_request_was_due() {
    // The link is dead for 2 ms after request 20, as if the whole host had stopped: the clock jumps.
    let clock = VirtualClock::default();
    let stall = clock.clone();
    let mut link = FakeLink::new(&clock, move |header: &Header, request: &[u8]| {
        if header.seq == 20 {
            stall.advance_to(header.t1_ns + 2_000_000);
        }
        vec![(RTT_NS, reply(request))]
    });
    let mut log = Log::default();
    let bench = Bench {
        link: &mut link,
        observer: &mut log,
        now_ns: || clock.now_ns(),
        cancel: &AtomicBool::new(false),
        check: |_: &Progress| Ok::<_, Infallible>(()),
    };
    let (tally, _) = run(&plan(open(10_000), 0, 100), Some(BOOT_ID), bench);
    assert_eq!(tally.sent, 100);
    // Requests 21 to 39 were due while it stood still: 1.9 ms late, 1.8 ms, and so on.
    let late = log.lateness_ns.iter().filter(|&&ns| ns > 90_000).count();
    assert_eq!(late, 19);
    assert!(log.lateness_ns[21] >= 1_900_000);
    let waited = |sample: &&Sample| sample.latency_ns > RTT_NS + 90_000;
    assert!(log.samples.iter().filter(waited).count() >= 19);
    for sample in &log.samples {
        assert!(sample.latency_ns >= sample.round_trip_ns);
    }
}

#[test]
fn a_service_that_stands_still_costs_a_client_that_waits_one_sample() {
    // Replies to what is sent from 2 ms to 4 ms come together at 4 ms.
    let plan = Plan {
        timeout_ns: 10_000_000,
        ..plan(open(10_000), 0, 100)
    };
    let mut first_ns = None;
    let (tally, log) = measure(&plan, |header, request| {
        let since_ns = header.t1_ns - *first_ns.get_or_insert(header.t1_ns);
        let waits_ns = match since_ns {
            2_000_000..4_000_000 => 4_000_000 - since_ns,
            _ => 0,
        };
        vec![(waits_ns + RTT_NS, reply(request))]
    });
    assert_eq!((tally.sent, tally.lost), (100, 0));
    let delayed = |sample: &&Sample| sample.latency_ns > RTT_NS + 10_000;
    let delayed: Vec<&Sample> = log.samples.iter().filter(delayed).collect();
    // One every 0.1 ms, each by 0.1 ms less than the one before.
    assert!((19..=20).contains(&delayed.len()), "{}", delayed.len());
    let waited_for: Vec<_> = delayed
        .iter()
        .filter(|sample| sample.is_waited_for)
        .collect();
    assert_eq!(waited_for.len(), 1);
    assert!(
        waited_for[0].round_trip_ns > 1_900_000,
        "{:?}",
        waited_for[0]
    );
    // Before and after, each is.
    let waited_for = log
        .samples
        .iter()
        .filter(|sample| sample.is_waited_for)
        .count();
    assert!((100 - 21..=100 - 18).contains(&waited_for), "{waited_for}");
}

#[test]
fn an_open_loop_that_fell_behind_floods_no_queue() {
    // The far end holds 16 datagrams, as a small ring would, and the host stands still for 900 us:
    // 90 requests are due at once when it goes on.
    let clock = VirtualClock::default();
    let stall = clock.clone();
    let mut link = FakeLink::new(&clock, move |header: &Header, request: &[u8]| {
        if header.seq == 50 {
            stall.advance_to(header.t1_ns + 900_000);
        }
        // There as soon as it is looked for.
        vec![(1, reply(request))]
    });
    link.room = 16;
    let mut log = Log::default();
    let bench = Bench {
        link: &mut link,
        observer: &mut log,
        now_ns: || clock.now_ns(),
        cancel: &AtomicBool::new(false),
        check: |_: &Progress| Ok::<_, Infallible>(()),
    };
    let (tally, _) = run(&plan(open(100_000), 0, 2000), Some(BOOT_ID), bench);
    assert_eq!((tally.sent, tally.received, tally.lost), (2000, 2000, 0));
    // It caught up: the last ones are on time again.
    assert!(log.lateness_ns[51] > 880_000);
    assert!(log.lateness_ns[1000..].iter().all(|&ns| ns < 1000));
}

#[test]
fn an_open_loop_does_not_wait_for_replies() {
    let slow_ns = 900_000;
    let plan = plan(open(10_000), 0, 200);
    let (tally, log) = measure(&plan, |_, request| vec![(slow_ns, reply(request))]);
    assert_eq!((tally.sent, tally.received), (200, 200));
    assert!(log.lateness_ns.iter().all(|&ns| ns < 1000));
    assert!(tally.elapsed_ns < 200 * 100_000 + 2 * slow_ns);
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
fn break_off(mode: Mode, looks: u32, cancels: bool) -> (Tally, Ending<&'static str>) {
    let clock = VirtualClock::default();
    let mut link = FakeLink::new(&clock, |_: &Header, request: &[u8]| {
        vec![(RTT_NS, reply(request))]
    });
    let cancel = AtomicBool::new(false);
    let mut left = looks;
    let bench = Bench {
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
    run(&plan(mode, 0, 1_000_000), Some(BOOT_ID), bench)
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
                Ending::Cancelled => assert!(cancels),
                Ending::Unhealthy("the machine is gone") => assert!(!cancels),
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
    let bench = Bench {
        link: &mut link,
        observer: &mut Log::default(),
        now_ns: || clock.now_ns(),
        cancel: &AtomicBool::new(false),
        check: |_: &Progress| Ok::<_, Infallible>(()),
    };
    let (tally, _) = run(&plan(Mode::Closed, 0, 5), None, bench);
    assert_eq!((tally.received, tally.foreign), (3, 2));
}

/// What happens to one request on a bad link.
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

/// What a request with this fate is answered.
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
    let mut log = Log::default();
    let mut link = FakeLink::new(&clock, |_: &Header, request: &[u8]| {
        vec![(RTT_NS, request.to_vec())]
    });
    let bench = Bench {
        link: &mut link,
        observer: &mut log,
        now_ns: || clock.now_ns(),
        cancel: &AtomicBool::new(false),
        check: |_: &Progress| Ok::<_, Infallible>(()),
    };
    let (tally, _) = run(&plan, None, bench);
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
