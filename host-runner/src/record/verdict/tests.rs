//! Verdicts as records and in words.

use super::*;
use crate::stats::comparison::losses::LossRatio;
use crate::stats::percentile_rule::PERCENTILES;

fn value(ns: u64, is_censored: bool) -> Value {
    Value {
        ns,
        width_ns: 1,
        is_censored,
    }
}

fn pairing() -> Pairing {
    Pairing {
        target: "a".to_owned(),
        baseline: "b".to_owned(),
        link: "unix".to_owned(),
        mode: Some("closed".into()),
        lost: (0.012, 0.05),
    }
}

/// Seven boots at 80 against 100 µs.
fn difference() -> Difference {
    let round = |round| Values {
        round,
        target: value(80_000, false),
        baseline: value(100_000, false),
    };
    Difference {
        percentile: PERCENTILES[2],
        rounds: (1..=7).map(round).collect(),
        outcome: Verdict::Lower,
        ratio: Some(0.8),
        interval: Some((Some(0.757), Some(0.862))),
        confidence: Some(0.95),
        detectable_ratio: Some(1.04),
        losses: None,
    }
}

#[test]
fn a_verdict_is_codes_and_numbers_and_its_words_are_made_of_them() {
    let comparison = Comparison::new(pairing(), &difference());
    assert_eq!(
        comparison.verdict,
        "p99 lower in 7 of 7 boots, by 20 % (14 to 24 %)"
    );
    assert_eq!(
        (comparison.outcome(), comparison.rounds),
        (Verdict::Lower, 7)
    );
    assert_eq!(
        (comparison.target_ns, comparison.baseline_ns),
        (80_000, 100_000)
    );
    assert_eq!(comparison.difference_ns, Some(-20_000));
    let (low, high) = (comparison.low_ns.unwrap(), comparison.high_ns.unwrap());
    assert!(low < -20_000 && -20_000 < high && high < 0, "{low} {high}");
    assert_eq!(
        (comparison.rounds_lower, comparison.rounds_higher),
        (Some(7), Some(0))
    );
    assert_eq!(comparison.per_round.len(), 7);
    assert!(comparison.method.is_some());
    // The words follow the fields, whatever stood there before.
    let other = Comparison {
        verdict: "p99 higher in 7 of 7 boots".to_owned(),
        ..comparison
    };
    assert_eq!(other.outcome(), Verdict::Lower);
    assert_eq!(other.words(), "lower in 7 of 7 boots, by 20 % (14 to 24 %)");
}

#[test]
fn large_ratios_are_factors() {
    let words = |outcome, ratio, low, high| {
        let difference = Difference {
            outcome,
            ratio: Some(ratio),
            interval: Some((Some(low), Some(high))),
            ..difference()
        };
        Comparison::new(pairing(), &difference).by()
    };
    assert_eq!(
        words(Verdict::Higher, 7.13, 5.9, 8.6),
        "by a factor of 7.1 (5.9 to 8.6)"
    );
    assert_eq!(
        words(Verdict::Lower, 0.14, 0.1163, 0.1695),
        "by a factor of 7.1 (5.9 to 8.6)"
    );
    assert_eq!(
        words(Verdict::Higher, 1.5, 1.042, 2.2),
        "by 50 % (4.2 to 120 %)"
    );
}

#[test]
fn no_difference_says_what_would_have_been_found() {
    let words = |detectable_ratio| {
        let difference = Difference {
            outcome: Verdict::NoDifference,
            detectable_ratio,
            ..difference()
        };
        Comparison::new(pairing(), &difference).words()
    };
    assert_eq!(
        words(Some(1.2)),
        "no difference seen (20 % or more would have been found)"
    );
    assert_eq!(
        words(Some(3.21)),
        "no difference seen (a factor of 3.2 or more would have been found)"
    );
}

#[test]
fn a_bound_is_at_least_and_has_no_upper_end() {
    let mut censored = Difference {
        ratio: None,
        interval: Some((None, Some(0.13))),
        detectable_ratio: None,
        ..difference()
    };
    for values in &mut censored.rounds {
        values.baseline = value(1_000_000_000, true);
    }
    let comparison = Comparison::new(pairing(), &censored);
    assert_eq!(
        comparison.words(),
        "lower in 7 of 7 boots, by a factor of at least 7.7"
    );
    assert_eq!(
        (
            comparison.difference_ns,
            comparison.low_ns,
            comparison.high_ns
        ),
        (None, None, None)
    );
    assert_eq!(comparison.per_round[0].baseline_ns, None);
    assert_eq!(comparison.per_round[0].target_ns, Some(80_000));
    let json = serde_json::to_value(&comparison).unwrap();
    assert_eq!(json["ratio_low"], serde_json::Value::Null);
    assert_eq!(json["ratio_high"], 0.13);
    assert_eq!(
        comparison.lost_shares().as_deref(),
        Some("1.20 % against 5.00 %")
    );
    censored.interval = Some((None, Some(0.85)));
    let by = Comparison::new(pairing(), &censored).by();
    assert_eq!(by, "by at least 15 %");
}

#[test]
fn losses_are_reported_where_both_are_lossy() {
    let lossy = Difference {
        outcome: Verdict::BothCensored,
        ratio: None,
        interval: None,
        confidence: None,
        detectable_ratio: None,
        losses: Some(LossRatio {
            ratio: 0.24,
            low: 0.2,
            high: 0.29,
        }),
        ..difference()
    };
    let comparison = Comparison::new(pairing(), &lossy);
    assert_eq!(
        comparison.words(),
        "both lose more than 1 %: compare losses, 1.20 % against 5.00 %, a ratio of 0.24 (0.20 to 0.29)"
    );
}

/// As versions before wrote them.
#[test]
fn records_without_an_outcome_are_told_by_their_interval() {
    for (low_ns, high_ns, outcome, words) in [
        (
            Some(-48_000),
            Some(-41_000),
            Verdict::Lower,
            "lower by 41.0–48.0 µs",
        ),
        // -0.2, rounded outwards.
        (Some(-9), Some(0), Verdict::Lower, "lower by 0–9 ns"),
        (Some(0), Some(9), Verdict::Higher, "higher by 0–9 ns"),
        (
            Some(-1),
            Some(1),
            Verdict::NoDifference,
            "no difference seen",
        ),
        (
            Some(0),
            Some(0),
            Verdict::NoDifference,
            "no difference seen",
        ),
        (None, None, Verdict::TooFewRounds, "too few rounds to say"),
    ] {
        let json = serde_json::json!({
            "target": "a", "baseline": "b", "link": "unix", "percentile": "p50", "rounds": 3,
            "target_ns": 1, "baseline_ns": 2, "difference_ns": -1, "low_ns": low_ns,
            "high_ns": high_ns, "verdict": "whatever stands here",
        });
        let comparison: Comparison = serde_json::from_value(json).unwrap();
        assert_eq!(
            (comparison.outcome(), &*comparison.words()),
            (outcome, words)
        );
    }
}
