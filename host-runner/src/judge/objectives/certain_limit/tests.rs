//! Limits that are broken before the end of a run, and stay so.

use proptest::prelude::*;

use super::*;
use crate::judge::objectives::sample_interval::{Chances, ranks};
use crate::load::{Limit, Observer, Plan, Sample};
use crate::stats::Distribution;

const CHANCE: f64 = 0.001;

fn limit(text: &str) -> CertainLimit {
    CertainLimit::of(&text.parse().unwrap())
        .unwrap()
        .held_to(CHANCE)
}

fn on_run(text: &str, total: u64) -> RunLimit {
    let planned = PlannedRequests::AtMost(total);
    limit(text).on("closed", planned).unwrap().unwrap()
}

/// A run so far: samples in a recorder, with the counts of them.
struct SoFar {
    recorder: RunRecorder,
    tally: Tally,
    at_ns: u64,
}

impl SoFar {
    fn new() -> Self {
        let plan = Plan {
            measure: Limit::requests(10_000),
            ..Plan::FIXTURE
        };
        Self {
            recorder: RunRecorder::new(&plan),
            tally: Tally::default(),
            at_ns: 0,
        }
    }

    fn reply(&mut self, latency_ns: u64) {
        self.tally.sent += 1;
        self.tally.received += 1;
        self.recorder.replied(Sample {
            at_ns: self.at_ns,
            latency_ns,
            round_trip_ns: latency_ns,
            is_closed_loop_sample: true,
            guest_times: None,
        });
    }

    /// Returns true if `limit` is broken a second later.
    fn breaks(&mut self, limit: &mut RunLimit) -> bool {
        self.at_ns += 1_000_000_000;
        limit.is_broken(self.at_ns, &self.tally, &self.recorder)
    }
}

#[test]
fn a_count_and_a_maximum_are_broken_beyond_their_limits() {
    let mut so_far = SoFar::new();
    so_far.tally.lost = 2;
    so_far.reply(2000);
    for (text, is_broken) in [
        ("lost == 0", true),
        ("lost <= 1", true),
        ("lost < 2", true),
        ("lost <= 2", false),
        ("corrupted == 0", false),
        ("max <= 2us", false),
        ("max < 2us", true),
        ("max <= 1.9995us", true),
        ("max <= 1s", false),
        ("lateness.max <= 0ns", false),
        ("lost_share <= 0.02%", false),
        ("lost_share < 0.02%", true),
        ("lost_share <= 0.019%", true),
        ("lost_share == 0%", true),
    ] {
        let found = so_far.breaks(&mut on_run(text, 10_000));
        assert_eq!(found, is_broken, "{text}");
    }
}

#[test]
fn a_percentile_is_broken_with_one_sample_more_above_its_limit_than_the_plan_allows() {
    let most = most_above(10_000, 0.99, CHANCE);
    let mut limit = on_run("p99 <= 1us", 10_000);
    let mut so_far = SoFar::new();
    for _ in 0..most {
        so_far.reply(2000);
    }
    for _ in 0..500 {
        so_far.reply(900);
    }
    assert!(!so_far.breaks(&mut limit));
    so_far.reply(2000);
    assert!(so_far.breaks(&mut limit));
    assert!(so_far.breaks(&mut on_run("p99 < 2us", 10_000)));
    assert!(!so_far.breaks(&mut on_run("p99 <= 2us", 10_000)));
}

#[test]
fn a_slot_that_reaches_below_the_limit_is_not_above_it() {
    // Three digits: 1,000,448 to 1,000,959 ns share a slot.
    let mut so_far = SoFar::new();
    (0..10_000).for_each(|_| so_far.reply(1_000_500));
    assert!(!so_far.breaks(&mut on_run("p50 <= 1000460ns", 10_000)));
    assert!(so_far.breaks(&mut on_run("p50 <= 999ns", 10_000)));
}

#[test]
fn samples_are_counted_only_if_they_can_be_too_many_and_not_again_at_once() {
    let mut limit = on_run("p50 <= 1us", 1000);
    let mut so_far = SoFar::new();
    (0..2000).for_each(|_| so_far.reply(900));
    assert!(!limit.is_broken(5, &so_far.tally, &so_far.recorder));
    (0..2000).for_each(|_| so_far.reply(2000));
    assert!(
        !limit.is_broken(6, &so_far.tally, &so_far.recorder),
        "too soon"
    );
    assert!(limit.is_broken(5 + COUNT_EVERY_NS, &so_far.tally, &so_far.recorder));
}

#[test]
fn a_limit_is_about_the_loads_of_its_mode() {
    let open = CertainLimit {
        mode: Some("open".to_owned()),
        ..limit("p99 <= 1us")
    };
    assert!(
        open.on("closed", PlannedRequests::Unknown)
            .unwrap()
            .is_none()
    );
    assert!(open.on("open", PlannedRequests::Unknown).is_err());
    let planned = PlannedRequests::AtMost(20_000);
    assert!(open.on("open", planned).unwrap().is_some());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever comes after the moment at which a limit counts as broken.
    #[test]
    fn what_is_broken_early_is_missed_at_the_end(
        above in 0..400_u64,
        below in 0..5000_u64,
        percent in prop::sample::select(vec!["p50", "p90", "p99"]),
        total in 10_000..20_000_u64,
    ) {
        let text = format!("{percent} <= 1us");
        let mut limit = on_run(&text, total);
        let mut so_far = SoFar::new();
        (0..below).for_each(|_| so_far.reply(1000));
        (0..above * 20).for_each(|_| so_far.reply(1001));
        let is_broken = so_far.breaks(&mut limit);
        // All others keep to the limit.
        let rest = total.saturating_sub(so_far.tally.sent);
        (0..rest).for_each(|_| so_far.reply(500));
        let samples = Distribution::from(&so_far.recorder.latency);
        let Metric::Time(_, Statistic::Percentile(percentile)) = percent.parse().unwrap() else {
            panic!("{percent} is a percentile");
        };
        let chances = Chances { low: CHANCE, high: CHANCE };
        let (low, _) = ranks(samples.count(), percentile.quantile(), chances);
        let is_missed = samples.at_rank(low).unwrap().ns > 1000;
        if so_far.tally.sent == total {
            prop_assert_eq!(is_broken, is_missed);
        } else if is_broken {
            // More came than were planned.
            prop_assert!(so_far.tally.sent > total);
        }
    }
}
