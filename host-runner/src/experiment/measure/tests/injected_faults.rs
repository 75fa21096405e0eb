//! Measurements under injected faults, on virtual time: every request is accounted for, by direction.

use std::convert::Infallible;
use std::num::NonZeroU16;
use std::sync::atomic::AtomicBool;

use crate::link::Link as _;
use crate::link::fault::{
    Delay, DirectionCounts, FaultParameters, InjectedFaults, Rates, Reorder, RequestOutcomes, Share,
};
use crate::load::fake::VirtualClock;
use crate::load::{self, Ending, Limit, LoadContext, Mode, Plan, Progress, Tally};
use crate::record::run::FaultRecord;
use crate::stats::RunRecorder;
use crate::sut::null::BOOT_ID;
use crate::sut::null::immediate::faulty_link_on;

const TIMEOUT_NS: u64 = 5_000_000;

fn percent(percent: u32) -> Share {
    Share::from_millionths(percent * 10_000).unwrap()
}

fn both_ways(rates: Rates) -> FaultParameters {
    FaultParameters {
        to_guest: rates,
        from_guest: rates,
        seed: 7,
    }
}

/// Measures `requests` requests in a pipeline, after a warm-up of 100.
fn measured(parameters: FaultParameters, requests: u64) -> (Tally, InjectedFaults) {
    let clock = VirtualClock::default();
    let mut link = faulty_link_on(&clock, 20_000, parameters);
    let plan = Plan {
        mode: Mode::Pipeline {
            depth: NonZeroU16::new(64).unwrap(),
        },
        timeout_ns: TIMEOUT_NS,
        warmup: Limit::requests(100),
        measure: Limit::requests(requests),
        ..Plan::FIXTURE
    };
    let mut recorder = RunRecorder::new(&plan);
    let context = LoadContext {
        link: &mut link,
        observer: &mut recorder,
        now_ns: || clock.now_ns(),
        cancel: &AtomicBool::new(false),
        check: |_: &Progress| Ok::<(), Infallible>(()),
    };
    let (tally, ending) = load::run(&plan, Some(BOOT_ID), context);
    assert!(matches!(ending, Ending::Completed), "{ending:?}");
    assert_eq!(
        (tally.sent, tally.received + tally.lost),
        (requests, requests)
    );
    assert_eq!(recorder.latency.count(), requests);
    (tally, link.take_faults().unwrap())
}

/// Checks that every loss has its place.
fn expect_exact(tally: &Tally, faults: &InjectedFaults) -> RequestOutcomes {
    let record = FaultRecord::new(faults, tally);
    let requests = record.requests;
    assert_eq!(requests.total(), tally.sent);
    let lost = requests.lost_to_guest
        + requests.corrupted_to_guest
        + requests.unanswered
        + requests.lost_from_guest
        + requests.corrupted_from_guest;
    assert_eq!(lost + record.answered_late, tally.lost);
    assert_eq!(requests.answered - record.answered_late, tally.received);
    // Checksums refuse whatever was altered.
    assert_eq!((tally.corrupted, tally.foreign), (0, 0));
    let sent = tally.sent + tally.warmup_discarded;
    assert_eq!(faults.to_guest.frames, sent);
    requests
}

#[test]
fn a_million_requests_with_loss_and_corruption_are_accounted_for_exactly_by_direction() {
    let parameters = both_ways(Rates {
        loss: percent(15),
        corrupt: percent(15),
        ..Rates::default()
    });
    let (tally, faults) = measured(parameters, 1_000_000);
    let requests = expect_exact(&tally, &faults);
    assert_eq!(
        (requests.unanswered, tally.late, tally.duplicated),
        (0, 0, 0)
    );
    // Every request that arrived intact was answered, and no other.
    let DirectionCounts {
        frames,
        lost,
        corrupted,
        ..
    } = faults.to_guest;
    assert_eq!(faults.from_guest.frames, frames - lost - corrupted);
    // Seven out of ten arrive, and of their answers as many: five standard deviations are 0.25 %.
    let share = tally.received as f64 / tally.sent as f64;
    assert!(
        (share - (0.85_f64 * 0.85).powi(2)).abs() < 0.0025,
        "{share}"
    );
    for (count, expected) in [
        (requests.lost_to_guest, 0.15),
        (requests.corrupted_to_guest, 0.85 * 0.15),
        (requests.lost_from_guest, 0.7225 * 0.15),
        (requests.corrupted_from_guest, 0.7225 * 0.85 * 0.15),
    ] {
        let share = count as f64 / tally.sent as f64;
        assert!((share - expected).abs() < 0.0025, "{requests:?}");
    }
}

#[test]
fn all_faults_together_are_accounted_for_and_the_seed_repeats_them() {
    let rates = Rates {
        loss: percent(5),
        duplicate: percent(10),
        corrupt: percent(5),
        reorder: Reorder {
            share: percent(5),
            gap: 3,
        },
        delay: Delay {
            share: percent(5),
            delay_ns: 300_000,
        },
    };
    let parameters = FaultParameters {
        from_guest: Rates {
            loss: percent(20),
            ..rates
        },
        ..both_ways(rates)
    };
    let (tally, faults) = measured(parameters, 20_000);
    let requests = expect_exact(&tally, &faults);
    assert!(
        requests.lost_from_guest > 2 * requests.lost_to_guest,
        "{requests:?}"
    );
    assert!(tally.duplicated > 0 && tally.reordered > 0, "{tally:?}");
    for counts in [faults.to_guest, faults.from_guest] {
        assert!(counts.duplicated > 0 && counts.reordered > 0 && counts.delayed > 0);
    }
    let (again, repeated) = measured(parameters, 20_000);
    assert_eq!(
        (again.lost, repeated.to_guest),
        (tally.lost, faults.to_guest)
    );
    assert_eq!(repeated, faults);
    let other = FaultParameters {
        seed: 8,
        ..parameters
    };
    assert_ne!(measured(other, 20_000).1.to_guest, faults.to_guest);
}

#[test]
fn one_direction_alone_is_hit_by_its_own_faults() {
    let parameters = FaultParameters {
        to_guest: Rates {
            loss: percent(50),
            ..Rates::default()
        },
        ..FaultParameters::default()
    };
    let (tally, faults) = measured(parameters, 1000);
    let requests = expect_exact(&tally, &faults);
    assert_eq!(requests.lost_to_guest, tally.lost);
    let untouched = DirectionCounts {
        frames: faults.to_guest.frames - faults.to_guest.lost,
        ..DirectionCounts::default()
    };
    assert_eq!(faults.from_guest, untouched);
}

#[test]
fn an_answer_held_beyond_the_timeout_is_late_and_no_fault_of_anybody() {
    let parameters = FaultParameters {
        from_guest: Rates {
            delay: Delay {
                share: percent(10),
                delay_ns: 2 * TIMEOUT_NS,
            },
            ..Rates::default()
        },
        ..FaultParameters::default()
    };
    let (tally, faults) = measured(parameters, 1000);
    let record = FaultRecord::new(&faults, &tally);
    assert!(record.answered_late > 0);
    assert_eq!(
        (record.answered_late, record.requests.answered),
        (tally.lost, 1000)
    );
    expect_exact(&tally, &faults);
}
