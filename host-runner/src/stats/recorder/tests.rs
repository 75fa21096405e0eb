//! Samples in the distributions that they belong to.

use super::*;
use crate::load::{GuestTimes, Limit, Rate};

fn plan(mode: Mode) -> Plan {
    let count = Some(10);
    let duration_ns = None;
    Plan {
        mode,
        measure: Limit { duration_ns, count },
        seed: 0,
        ..Plan::FIXTURE
    }
}

const SAMPLE: Sample = Sample {
    at_ns: 5000,
    latency_ns: 900,
    round_trip_ns: 700,
    is_closed_loop_sample: true,
    guest_times: Some(GuestTimes {
        t2_ns: 5000,
        t3_ns: 5200,
        error_estimate: None,
    }),
};

#[test]
fn a_reply_goes_into_each_distribution() {
    let rate = Rate::per_second(1000);
    let mut recorder = RunRecorder::new(&plan(Mode::Open {
        rate,
        arrivals: crate::load::Arrivals::Even,
    }));
    recorder.started(1000);
    recorder.sent(200);
    recorder.replied(SAMPLE);
    recorder.end(1000);
    let open = recorder.open.as_ref().unwrap();
    assert_eq!(recorder.latency.max_ns(), Some(900));
    assert_eq!(recorder.service.max_ns(), Some(200));
    assert_eq!(recorder.path.max_ns(), Some(500));
    assert_eq!(open.uncorrected.max_ns(), Some(700));
    assert_eq!(open.lateness.max_ns(), Some(200));
    assert_eq!(
        recorder
            .intervals
            .each()
            .next()
            .map(|interval| interval.histogram.len()),
        Some(1)
    );
}

#[test]
fn impossible_guest_times_are_bounded_kept_and_counted() {
    let mut recorder = RunRecorder::new(&plan(Mode::Closed));
    for t3_ns in [4999, u64::MAX, 5700] {
        let t2_ns = 5000;
        recorder.replied(Sample {
            guest_times: Some(GuestTimes {
                t2_ns,
                t3_ns,
                error_estimate: None,
            }),
            ..SAMPLE
        });
    }
    recorder.end(1000);
    assert_eq!(recorder.impossible_times, 2);
    assert_eq!((recorder.service.count(), recorder.path.count()), (3, 3));
    assert_eq!(recorder.service.min_ns(), Some(0));
    assert_eq!(recorder.service.max_ns(), Some(SAMPLE.round_trip_ns));
    assert_eq!(recorder.path.min_ns(), Some(0));
}

#[test]
fn requests_that_a_waiting_client_would_not_send_are_not_in_its_record() {
    let rate = Rate::per_second(1000);
    let mut recorder = RunRecorder::new(&plan(Mode::Open {
        rate,
        arrivals: crate::load::Arrivals::Even,
    }));
    recorder.replied(SAMPLE);
    recorder.replied(Sample {
        is_closed_loop_sample: false,
        ..SAMPLE
    });
    recorder.lost(Loss {
        at_ns: 9000,
        latency_ns: 1_000_000_000,
        round_trip_ns: 1_000_000_000,
        is_closed_loop_sample: false,
    });
    recorder.end(1000);
    let open = recorder.open.as_ref().unwrap();
    assert_eq!((open.uncorrected.count(), open.round_trip.count()), (1, 3));
    assert_eq!(open.round_trip.max_ns(), Some(1_000_000_000));
    assert_eq!(recorder.latency.count(), 3);
    assert_eq!(recorder.path.count(), 2);
}

#[test]
fn a_request_that_was_not_sent_is_a_latency_and_nothing_else() {
    let rate = Rate::per_second(1000);
    let mut recorder = RunRecorder::new(&plan(Mode::Open {
        rate,
        arrivals: crate::load::Arrivals::Even,
    }));
    recorder.dropped(Dropped {
        at_ns: 2_000_000_000,
        latency_ns: 1_000_000_000,
    });
    assert_eq!(recorder.latency.max_ns(), Some(1_000_000_000));
    assert_eq!(recorder.censored.count, 1);
    let open = recorder.open.unwrap();
    assert_eq!((open.uncorrected.count(), open.lateness.count()), (0, 0));
    let samples = recorder
        .intervals
        .each()
        .map(|interval| interval.histogram.len());
    assert_eq!(samples.sum::<u64>(), 1);
}

#[test]
fn a_loss_is_a_latency_and_a_reply_without_guest_times_has_no_service() {
    let mut recorder = RunRecorder::new(&plan(Mode::Closed));
    recorder.replied(Sample {
        guest_times: None,
        ..SAMPLE
    });
    recorder.lost(Loss {
        at_ns: 2_000_000_000,
        latency_ns: 1_000_000_000,
        round_trip_ns: 1_000_000_000,
        is_closed_loop_sample: true,
    });
    assert_eq!(recorder.latency.count(), 2);
    assert_eq!(recorder.latency.max_ns(), Some(1_000_000_000));
    let mut censored = recorder.censored;
    assert_eq!((censored.count, censored.from_ns), (1, Some(1_000_000_000)));
    censored.add(Censored {
        count: 2,
        from_ns: Some(5),
    });
    censored.add(Censored::default());
    assert_eq!((censored.count, censored.from_ns), (3, Some(5)));
    assert_eq!((recorder.service.count(), recorder.path.count()), (0, 0));
    assert!(recorder.open.is_none());
}
