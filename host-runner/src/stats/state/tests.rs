//! The rules, each with numbers.

use proptest::prelude::*;

use super::super::interference::{MeasuringGaps, ThreadWaits, Waits};
use super::super::reason::{TakenBy, Thread};
use super::*;
use crate::histogram::slots::Slot;

/// Recordings of a run.
#[derive(Default)]
struct Recorded {
    latency: DurationHistogram,
    round_trip: DurationHistogram,
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
        PERCENTILES.map(|percentile| self.state(is_open, host, percentile.name).state)
    }
}

/// `count` replies of 1000 ns, of which every fiftieth takes 5000.
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
    waits: Vec::new(),
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

/// Gaps of `lengths`.
fn gapped(lengths: &DurationHistogram) -> Interference<'_> {
    Interference {
        gaps: Some(MeasuringGaps {
            lengths,
            account: None,
        }),
        ..UNOBSERVED
    }
}

/// 10,000 replies of 1000 ns, the slowest `own` of which take 3000 ns by themselves and `hit` of which take 5000
/// for a gap each, and those gaps.
fn hit(own: u64, hit: u64) -> (Recorded, DurationHistogram) {
    let mut recorded = Recorded::default();
    for index in 0..10_000 {
        let ns = match index % 2 {
            0 if index / 2 < own => 3000,
            1 if index / 2 < hit => 5000,
            _ => 1000,
        };
        recorded.reply(ns, ns);
    }
    let lengths = DurationHistogram::of_values((0..hit).map(|_| 4000));
    (recorded, lengths)
}

#[test]
fn gaps_make_a_bracket_to_where_it_meets_the_next_lower_percentile() {
    for (own, gaps, expected, low_ns) in [
        // Fewer than a tenth of the 100 beyond.
        (200, 9, State::Clean, 3000),
        // As many as there are, but the value would be the same without them.
        (200, 90, State::Clean, 3000),
        // The value is the gaps', and without them that of the target.
        (200, 110, State::Partly, 3000),
        (90, 110, State::Partly, 1000),
        (90, 850, State::Partly, 1000),
        // Without them it would be of a rank under p90's.
        (90, 950, State::Host, 1000),
    ] {
        let (recorded, mut lengths) = hit(own, gaps);
        // Too short to have put anything there.
        (0..400).for_each(|_| lengths.record(100));
        let p99 = recorded.state(false, &gapped(&lengths), "p99");
        assert_eq!(p99.state, expected, "{own} {gaps} {p99:?}");
        let is_wide = expected != State::Clean;
        let high_ns = if is_wide { 5000 } else { 3000 };
        assert!(p99.high_ns.unwrap().abs_diff(high_ns) < 10, "{p99:?}");
        assert!(p99.low_ns.unwrap().abs_diff(low_ns) < 10, "{p99:?}");
        let share = p99.host_share.unwrap();
        assert!((share - (gaps as f64 / 100.0).min(1.0)).abs() < 0.011);
        assert_eq!(p99.counts(false), expected != State::Host);
        assert_eq!(p99.counts(true), expected == State::Clean);
    }
}

#[test]
fn a_median_that_gaps_may_have_made_is_the_hosts() {
    for (own, gaps, expected) in [(2500, 3000, State::Partly), (100, 5000, State::Host)] {
        let (recorded, lengths) = hit(own, gaps);
        let p50 = recorded.state(false, &gapped(&lengths), "p50");
        assert_eq!(p50.state, expected);
        assert_eq!(p50.counts(false), expected == State::Partly);
        assert_eq!(p50.low_ns, Some(1000));
    }
    // Of a distribution that is alike up to there it says the same.
    let (recorded, lengths) = hit(0, 3000);
    let p50 = recorded.state(false, &gapped(&lengths), "p50");
    assert_eq!(p50.state, State::Clean, "{p50:?}");
    let p90 = recorded.state(false, &gapped(&lengths), "p90");
    assert_eq!(
        (p90.state, p90.low_ns),
        (State::Partly, Some(1000)),
        "{p90:?}"
    );
}

#[test]
fn a_late_bracket_begins_where_the_hosts_gaps_would_put_it() {
    let (recorded, lengths) = hit(90, 110);
    let mut late = Recorded::default();
    for index in 0..10_000 {
        let ns = match index % 2 {
            0 if index / 2 < 90 => 3000,
            1 if index / 2 < 110 => 5000,
            _ => 1000,
        };
        late.reply(ns + 4000, ns);
    }
    assert_eq!(
        recorded.state(true, &gapped(&lengths), "p99").state,
        State::Partly
    );
    let p99 = late.state(true, &gapped(&lengths), "p99");
    assert_eq!(
        (p99.state, p99.low_ns),
        (State::Late, Some(1000)),
        "{p99:?}"
    );
    assert!(p99.counts(false) && !p99.counts(true));
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
        waits: vec![ThreadWaits {
            thread: Thread::Answering,
            taken_by: TakenBy::Programs,
            waits: Waits {
                count: 900,
                after_sleep: 0,
                total_ns,
            },
        }],
        ..UNOBSERVED
    };
    let p50 = recorded.state(false, &kept_off(3_000_000_000), "p50");
    assert_eq!(p50.state, State::Host);
    assert_eq!((p50.low_ns, p50.high_ns), (Some(50_000), None));
    assert!(!p50.counts(false));
    // On a quiet host the same losses are the service's, which is a true statement about it.
    let p50 = recorded.state(false, &kept_off(400_000), "p50");
    assert_eq!(p50.state, State::Censored);
    assert!(p50.counts(false));
}

#[test]
fn losses_that_gaps_cannot_explain_are_the_services_on_a_busy_host_too() {
    // 200 of 2000 requests are lost, 100 more than lie beyond p95 and 180 more than beyond p99.
    let mut recorded = Recorded::default();
    for index in 0..2000 {
        if index % 10 == 9 {
            recorded.loss();
        } else {
            recorded.reply(1000, 1000);
        }
    }
    for (gaps, expected, low_ns) in [
        (179, State::Censored, TIMEOUT_NS),
        (180, State::Partly, 1000),
        (182, State::Host, 1000),
    ] {
        let lengths = DurationHistogram::of_values((0..gaps).map(|_| 2_000_000));
        let p99 = recorded.state(false, &gapped(&lengths), "p99");
        assert_eq!(p99.state, expected, "{gaps}");
        assert_eq!(p99.host_share, Some(1.0));
        assert_eq!((p99.low_ns, p99.high_ns), (Some(low_ns), None));
    }
}

#[test]
fn the_instruments_own_drops_are_never_the_services() {
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

/// A round trip without gaps: of one kind, or of two, with a long tail.
fn round_trip() -> impl Strategy<Value = u64> {
    prop_oneof![
        8 => 900..1100_u64,
        2 => 1500..3000_u64,
        1 => (8.0..16.0_f64).prop_map(f64::exp).prop_map(|ns| ns as u64),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_percentile_without_gaps_is_in_the_bracket(
        own in prop::collection::vec(round_trip(), 4000),
        gaps in prop::collection::vec((0..4000_usize, 1000..100_000_u64), 0..1200),
        shortest_ns in 1000..50_000_u64,
    ) {
        let mut sorted = own.clone();
        sorted.sort_unstable();
        let mut observed = own;
        let mut lengths = DurationHistogram::default();
        let mut is_hit = vec![false; observed.len()];
        for (index, gap_ns) in gaps {
            let gap_ns = gap_ns.max(shortest_ns);
            lengths.record(gap_ns);
            // A gap is longer than a round trip: none is hit twice.
            if !std::mem::replace(&mut is_hit[index], true) {
                observed[index] += gap_ns;
            }
        }
        let mut recorded = Recorded::default();
        observed.iter().for_each(|&ns| recorded.reply(ns, ns));
        for (name, rank) in [("p50", 2000), ("p90", 3600), ("p99", 3960)] {
            let found = recorded.state(false, &gapped(&lengths), name);
            // Of those that gaps hit one more or less than on average may have been slow by itself.
            let beyond = (4000 - rank) as f64;
            let chance = 4.0 * (beyond / 4000.0 * lengths.count() as f64).sqrt() + 1.0;
            let rank_up = (rank + chance as usize).min(3999);
            let least_ns = found.low_ns.unwrap() as f64 * 0.998;
            prop_assert!(found.high_ns.unwrap() >= sorted[rank - 1], "{name} {found:?}");
            if found.state == State::Host {
                continue;
            }
            // To within a tenth: of the value, and of the requests beyond.
            let least_ns = 0.9 * least_ns;
            let rank_up = (rank_up + beyond as usize / 10).min(3999);
            prop_assert!(least_ns <= sorted[rank_up] as f64, "{name} {found:?} {}", sorted[rank - 1]);
        }
    }
}
