//! The rules, each with numbers.

use super::super::counts::Slot;
use super::super::interference::{MeasuringGaps, Waits};
use super::*;

/// Recordings of a run.
#[derive(Default)]
struct Recorded {
    latency: Recording,
    round_trip: Recording,
    stalls: Stalls,
    lost: u64,
    dropped: u64,
}

/// Timeout of a request.
const TIMEOUT_NS: u64 = 1_000_000_000;

impl Recorded {
    /// A reply: its latency since it was due, and its round trip since it was sent.
    fn reply(&mut self, latency_ns: u64, round_trip_ns: u64) {
        let at_ns = self.latency.count() * 1000;
        self.stalls
            .record_at(Slot::of(latency_ns), at_ns, latency_ns);
        self.latency.record(latency_ns);
        self.round_trip.record(round_trip_ns);
    }

    fn loss(&mut self) {
        self.reply(TIMEOUT_NS, TIMEOUT_NS);
        self.lost += 1;
    }

    fn state(&self, is_open: bool, host: &Interference<'_>, name: &str) -> PercentileState {
        let evidence = Evidence {
            latency: &self.latency,
            round_trip: is_open.then_some(&self.round_trip),
            stalls: &self.stalls,
            lost: self.lost,
            dropped: self.dropped,
            timeout_ns: TIMEOUT_NS,
            host,
        };
        let states = evidence.states();
        let found = states
            .iter()
            .find(|(percentile, _)| percentile.name == name);
        found.unwrap().1
    }

    fn states(&self, is_open: bool, host: &Interference<'_>) -> [State; PERCENTILES.len()] {
        PERCENTILES.map(|it| self.state(is_open, host, it.name).state)
    }
}

/// `count` replies of 1000 ns, of which every hundredth takes 5000.
fn ordinary(count: u64) -> Recorded {
    let mut recorded = Recorded::default();
    for index in 0..count {
        let ns = if index % 50 == 49 { 5000 } else { 1000 };
        recorded.reply(ns, ns);
    }
    recorded
}

const UNOBSERVED: Interference<'static> = Interference {
    gaps: None,
    on_the_way: Vec::new(),
    answering: Vec::new(),
    in_flight: 1.0,
    due_per_ns: 0.0,
    resolution_ns: 150,
};

#[test]
fn a_quiet_run_is_clean_as_far_as_it_has_requests() {
    let recorded = ordinary(1000);
    let [p50, p90, p99, rest @ ..] = recorded.states(false, &UNOBSERVED);
    assert_eq!([p50, p90, p99], [State::Clean; 3]);
    assert_eq!(rest, [State::Few; 2]);
    let p99 = recorded.state(false, &UNOBSERVED, "p99");
    assert_eq!((p99.low_ns, p99.high_ns), (Some(5000), Some(5000)));
    assert_eq!(p99.host_share, None);
    let few = recorded.state(false, &UNOBSERVED, "p99.9");
    assert_eq!((few.low_ns, few.high_ns, few.stalls), (None, None, None));
    assert!(!few.counts(false));
}

#[test]
fn a_percentile_among_lost_requests_is_at_least_the_timeout() {
    // Of 2000 requests, 20 lie beyond p99: with 20 losses it is still an answer, with 21 not.
    for (losses, expected) in [(20, State::Clean), (21, State::Censored)] {
        let mut recorded = ordinary(2000 - losses);
        for _ in 0..losses {
            recorded.loss();
            recorded.reply(1000, 1000);
        }
        let mut recorded_in_all = Recorded::default();
        // The replies between the losses are ordinary ones, so that each loss is a stall of its own.
        for index in 0..2000 {
            if index % (2000 / losses) == 0 && recorded_in_all.lost < losses {
                recorded_in_all.loss();
            } else {
                recorded_in_all.reply(1000, 1000);
            }
        }
        let p99 = recorded_in_all.state(false, &UNOBSERVED, "p99");
        assert_eq!(p99.state, expected, "{losses}");
        if expected == State::Censored {
            assert_eq!((p99.low_ns, p99.high_ns), (Some(TIMEOUT_NS), None));
        }
        assert!(p99.counts(false));
        assert_eq!(p99.counts(true), expected == State::Clean);
    }
}

#[test]
fn a_late_generator_makes_a_bracket() {
    // Every 50th request is sent 4 us late.
    let mut recorded = Recorded::default();
    for index in 0..10_000_u64 {
        let late_ns = if index % 50 == 49 { 4000 } else { 50 };
        recorded.reply(1000 + late_ns, 1000);
    }
    let p50 = recorded.state(true, &UNOBSERVED, "p50");
    assert_eq!(p50.state, State::Clean, "50 ns are under a tenth");
    let p99 = recorded.state(true, &UNOBSERVED, "p99");
    assert_eq!(p99.state, State::Late);
    assert_eq!((p99.low_ns, p99.high_ns), (Some(1000), Some(5000)));
    assert!(p99.counts(false) && !p99.counts(true));
    // What the clock does not resolve is nobody's fault.
    let coarse = Interference {
        resolution_ns: 4000,
        ..UNOBSERVED
    };
    assert_eq!(recorded.state(true, &coarse, "p99").state, State::Clean);
    // A loop that waits is never late.
    assert_eq!(
        recorded.state(false, &UNOBSERVED, "p99").state,
        State::Clean
    );
}

#[test]
fn gaps_that_account_for_half_of_what_lies_beyond_are_the_hosts() {
    // 10,000 replies, of which 200 take 5000 ns: p99 is 5000, 4000 over the median.
    let recorded = ordinary(10_000);
    for (gaps, expected) in [
        (9, State::Clean),
        (10, State::Partly),
        (49, State::Partly),
        (50, State::Host),
    ] {
        let mut lengths = Recording::default();
        (0..gaps).for_each(|_| lengths.record(4000));
        // Too short to have put anything there.
        (0..400).for_each(|_| lengths.record(2000));
        let host = Interference {
            gaps: Some(MeasuringGaps {
                lengths: &lengths,
                foreign_share: 1.0,
            }),
            ..UNOBSERVED
        };
        let p99 = recorded.state(false, &host, "p99");
        assert_eq!(p99.state, expected, "{gaps}");
        assert_eq!(p99.host_share, Some(f64::from(gaps) / 100.0));
        assert_eq!(p99.counts(false), expected != State::Host);
        assert_eq!(p99.counts(true), expected == State::Clean);
        assert_eq!(recorded.state(false, &host, "p50").state, State::Clean);
    }
}

#[test]
fn requests_lost_while_the_service_had_no_cpu_are_the_hosts() {
    // Every second request of a closed loop is lost; meanwhile the service's thread waited for 3 s.
    let mut recorded = Recorded::default();
    for _ in 0..15 {
        recorded.loss();
        recorded.reply(50_000, 50_000);
    }
    recorded.loss();
    let kept_off = |total_ns| Interference {
        answering: vec![Waits {
            count: 900,
            after_sleep: 0,
            total_ns,
        }],
        ..UNOBSERVED
    };
    let p50 = recorded.state(false, &kept_off(3_000_000_000), "p50");
    assert_eq!(p50.state, State::Host);
    assert_eq!((p50.low_ns, p50.high_ns), (Some(TIMEOUT_NS), None));
    assert!(!p50.counts(false));
    // On a quiet host the same losses are the service's, which is a true statement about it.
    let p50 = recorded.state(false, &kept_off(4_000_000), "p50");
    assert_eq!(p50.state, State::Censored);
    assert!(p50.counts(false));
}

#[test]
fn what_the_instrument_dropped_is_never_the_services() {
    let mut recorded = ordinary(10_000);
    for (dropped, expected) in [(10, State::Clean), (11, State::Dropped)] {
        recorded.dropped = dropped;
        let p99 = recorded.state(true, &UNOBSERVED, "p99");
        assert_eq!(p99.state, expected, "{dropped} of 100 beyond");
        assert_eq!(p99.counts(false), expected == State::Clean);
        assert_eq!(recorded.state(true, &UNOBSERVED, "p90").state, State::Clean);
    }
}

#[test]
fn a_tail_of_one_stall_says_so_and_counts() {
    let mut recorded = ordinary(50_000);
    // One stall that hits 300 requests, six times as many as lie beyond p99.9.
    for index in 0..300 {
        let ns = 1_390_000 - index * 4000;
        recorded.reply(ns, ns);
    }
    (0..1000).for_each(|_| recorded.reply(1000, 1000));
    let tail = recorded.state(false, &UNOBSERVED, "p99.9");
    assert_eq!((tail.state, tail.stalls), (State::Few, Some(1)));
    assert!(tail.low_ns.unwrap() > 1_000_000);
    assert!(tail.counts(false) && !tail.counts(true));
    let p99 = recorded.state(false, &UNOBSERVED, "p99");
    assert!(p99.stalls.unwrap() >= MIN_STALLS, "{p99:?}");
    assert_eq!(p99.state, State::Clean);
}
