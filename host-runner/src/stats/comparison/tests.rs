//! Simulated targets: levels that move from round to round as boots do, rounds that somebody else
//! spoilt, tails.

use super::*;
use crate::stats::Recording;

const SAMPLES: usize = 2000;

/// How a simulated target behaves.
#[derive(Clone, Copy)]
struct Noise {
    /// By how much the level moves from round to round, as the sigma of a log-normal factor.
    sigma: f64,
    /// Which share of rounds is spoilt, to up to three times the level.
    outliers: f64,
}

fn normal(random: &mut SplitMix64) -> f64 {
    let radius = (-2.0 * (1.0 - random.fraction()).ln()).sqrt();
    radius * (std::f64::consts::TAU * random.fraction()).cos()
}

/// One repetition around `level_ns`.
fn repetition(level_ns: f64, noise: Noise, random: &mut SplitMix64) -> Distribution {
    let mut level_ns = level_ns * (noise.sigma * normal(random)).exp();
    if random.happens(noise.outliers) {
        level_ns *= 1.0 + 2.0 * random.fraction();
    }
    let tail_share = 0.02 * (0.3 * normal(random)).exp();
    let mut recording = Recording::default();
    for _ in 0..SAMPLES {
        let mut ns = level_ns * (0.1 * normal(random)).exp();
        if random.happens(tail_share) {
            // A few times the level, rarely many times.
            ns *= (1.0 - random.fraction()).powf(-0.5) * 2.0;
        }
        recording.record(ns as u64);
    }
    Distribution::from(&recording)
}

/// The differences that `rounds` rounds of targets at two levels make.
fn differences(
    levels_ns: (f64, f64),
    rounds: usize,
    noise: Noise,
    random: &mut SplitMix64,
) -> Vec<Difference> {
    let rounds: Vec<_> = (0..rounds)
        .map(|_| {
            (
                repetition(levels_ns.0, noise, random),
                repetition(levels_ns.1, noise, random),
            )
        })
        .collect();
    let rounds: Vec<_> = rounds.iter().map(|(a, b)| (a, b)).collect();
    compare(&rounds, 1)
}

fn is_claim(difference: &Difference) -> bool {
    matches!(difference.verdict(), Verdict::Lower | Verdict::Higher)
}

/// In how many of `pairs` pairs without a difference any percentile claims one.
fn false_claims(pairs: usize, rounds: usize, noise: Noise) -> usize {
    let mut random = SplitMix64(7);
    let claims = (0..pairs).filter(|_| {
        let differences = differences((50_000.0, 50_000.0), rounds, noise, &mut random);
        assert_eq!(differences.len(), if rounds < 5 { 3 } else { 4 });
        differences.iter().any(is_claim)
    });
    claims.count()
}

#[test]
fn a_target_differs_from_itself_in_less_than_one_pair_in_twenty() {
    for (rounds, sigma, outliers) in [
        (3, 0.05, 0.1),
        (5, 0.05, 0.0),
        (5, 0.1, 0.1),
        (7, 0.05, 0.1),
        (7, 0.3, 0.0),
        (10, 0.05, 0.1),
        (10, 0.1, 0.0),
    ] {
        let pairs = 200;
        let claims = false_claims(pairs, rounds, Noise { sigma, outliers });
        eprintln!("{rounds} rounds, sigma {sigma}, outliers {outliers}: {claims} of {pairs}");
        assert!(claims < pairs / 20, "{claims} of {pairs}");
    }
}

#[test]
fn twenty_comparisons_of_a_target_with_itself_claim_at_most_one_difference() {
    let noise = Noise {
        sigma: 0.07,
        outliers: 0.1,
    };
    assert!(false_claims(20, 5, noise) <= 1);
}

/// In how many of 40 pairs with levels a fifth apart p50 is said to be lower.
fn found(rounds: usize, noise: Noise) -> usize {
    let mut random = SplitMix64(9);
    let found = (0..40).filter(|_| {
        let differences = differences((40_000.0, 50_000.0), rounds, noise, &mut random);
        assert!(differences.iter().all(|d| d.verdict() != Verdict::Higher));
        differences[0].verdict() == Verdict::Lower
    });
    found.count()
}

#[test]
fn a_fifth_less_is_found() {
    for (rounds, sigma, outliers, least) in [
        (5, 0.02, 0.0, 38),
        (5, 0.05, 0.0, 25),
        (10, 0.05, 0.0, 38),
        (10, 0.05, 0.05, 25),
    ] {
        let found = found(rounds, Noise { sigma, outliers });
        eprintln!("{rounds} rounds, sigma {sigma}, outliers {outliers}: {found} of 40");
        assert!(found >= least, "{rounds} {sigma} {outliers}: {found}");
    }
}

#[test]
fn an_interval_holds_the_true_difference() {
    let noise = Noise {
        sigma: 0.05,
        outliers: 0.0,
    };
    let mut random = SplitMix64(3);
    let holds = (0..40).filter(|_| {
        let differences = differences((40_000.0, 50_000.0), 5, noise, &mut random);
        let (low, high) = differences[0].interval_ns.unwrap();
        (low..=high).contains(&-10_000.0)
    });
    assert!(holds.count() >= 38);
}

/// A repetition with the same latency again and again.
fn always(ns: u64) -> Distribution {
    let mut recording = Recording::default();
    (0..SAMPLES).for_each(|_| recording.record(ns));
    Distribution::from(&recording)
}

#[test]
fn one_spoilt_round_of_ten_does_not_hide_what_all_show() {
    let (target, baseline, spoilt) = (always(10_000), always(100_000), always(3_000_000));
    let mut rounds = vec![(&target, &baseline); 10];
    rounds[2].1 = &spoilt;
    for difference in compare(&rounds, 1) {
        assert_eq!(difference.verdict(), Verdict::Lower, "{difference:?}");
    }
    // In the target it is the tail, and nothing can be told of that.
    let mut rounds = vec![(&target, &baseline); 10];
    rounds[2].0 = &spoilt;
    let differences = compare(&rounds, 1);
    assert_eq!(differences[0].verdict(), Verdict::Lower);
    for difference in &differences[2..] {
        let verdict = difference.verdict();
        assert_eq!(verdict, Verdict::NoDifference, "{difference:?}");
    }
}

/// Boots of two kinds, a third of them at three times the level of the others.
fn of_two_kinds(level_ns: f64, random: &mut SplitMix64) -> Distribution {
    let noise = Noise {
        sigma: 0.05,
        outliers: 0.0,
    };
    let factor = if random.happens(0.33) { 3.0 } else { 1.0 };
    repetition(factor * level_ns, noise, random)
}

/// Counts, of `pairs` pairs of targets with boots of two kinds, those of which `what` holds.
fn pairs_of_two_kinds(
    pairs: usize,
    levels_ns: (f64, f64),
    rounds: usize,
    what: fn(&[Difference]) -> bool,
) -> usize {
    let mut random = SplitMix64(21);
    let holds = (0..pairs).filter(|_| {
        let mut of = |level_ns| -> Vec<Distribution> {
            (0..rounds)
                .map(|_| of_two_kinds(level_ns, &mut random))
                .collect()
        };
        let (targets, baselines) = (of(levels_ns.0), of(levels_ns.1));
        let rounds: Vec<_> = targets.iter().zip(&baselines).collect();
        what(&compare(&rounds, 1))
    });
    holds.count()
}

#[test]
fn boots_of_two_kinds_do_not_hide_what_the_order_of_rounds_shows() {
    let is_lower = |differences: &[Difference]| {
        assert!(differences.iter().all(|d| d.verdict() != Verdict::Higher));
        differences[0].verdict() == Verdict::Lower
    };
    let found = pairs_of_two_kinds(40, (30_000.0, 240_000.0), 7, is_lower);
    assert!(found >= 38, "{found} of 40");
    let claims = pairs_of_two_kinds(200, (30_000.0, 30_000.0), 7, |differences| {
        differences.iter().any(is_claim)
    });
    assert!(claims < 10, "{claims} of 200");
}

#[test]
fn an_interval_holds_the_difference_itself() {
    let inside = |differences: &[Difference]| {
        differences.iter().all(|difference| {
            let (low, high) = difference.interval_ns.unwrap();
            (low..=high).contains(&difference.difference_ns())
        })
    };
    assert_eq!(pairs_of_two_kinds(40, (30_000.0, 60_000.0), 7, inside), 40);
    // Intervals that have nothing in common: the first one is told.
    assert_eq!(narrowed((0.0, 2.0), (3.0, 4.0), 1.0), (0.0, 2.0));
    assert_eq!(narrowed((0.0, 2.0), (1.5, 4.0), 1.0), (1.0, 2.0));
}

#[test]
fn turned_round_a_difference_has_the_other_sign() {
    let noise = Noise {
        sigma: 0.05,
        outliers: 0.1,
    };
    let mut random = SplitMix64(11);
    let rounds: Vec<_> = (0..5)
        .map(|_| {
            (
                repetition(4e4, noise, &mut random),
                repetition(5e4, noise, &mut random),
            )
        })
        .collect();
    let there: Vec<_> = rounds.iter().map(|(a, b)| (a, b)).collect();
    let back: Vec<_> = rounds.iter().map(|(a, b)| (b, a)).collect();
    for (there, back) in compare(&there, 1).iter().zip(compare(&back, 1)) {
        let ((low, high), (back_low, back_high)) =
            (there.interval_ns.unwrap(), back.interval_ns.unwrap());
        assert!((low + back_high).abs() < 1e-6 && (high + back_low).abs() < 1e-6);
        assert!((low..=high).contains(&there.difference_ns()));
    }
}

#[test]
fn two_rounds_say_nothing() {
    let (a, b) = (always(1000), always(2000));
    for rounds in 1..MIN_ROUNDS {
        let differences = compare(&vec![(&a, &b); rounds], 1);
        assert_eq!(differences[0].difference_ns(), -1000.0);
        assert!(differences.iter().all(|d| d.interval_ns.is_none()));
        assert_eq!(differences[0].to_string(), "too few rounds to say");
    }
    assert!(compare(&[], 1).is_empty());
    assert_eq!(compare(&[(&a, &b); 3], 1)[0].verdict(), Verdict::Lower);
}

#[test]
fn what_a_histogram_does_not_tell_apart_is_no_difference() {
    // 50,000 ns are known to 32 ns.
    let (a, b) = (always(50_000), always(50_040));
    assert_eq!(
        compare(&[(&a, &b); 5], 1)[0].verdict(),
        Verdict::NoDifference
    );
    let (a, b) = (always(500), always(504));
    let differences = compare(&[(&b, &a); 5], 1);
    assert_eq!(differences[0].to_string(), "higher by 2–6 ns at p50");
}

#[test]
fn percentiles_without_the_samples_are_left_out() {
    let mut recording = Recording::default();
    (0..40).for_each(|value| recording.record(value));
    let few = Distribution::from(&recording);
    let many = always(50);
    let names = |rounds: &[(&Distribution, &Distribution)]| -> Vec<&str> {
        let differences = compare(rounds, 1);
        differences.iter().map(|d| d.percentile.name).collect()
    };
    // 120, 120 and 10,000 samples.
    assert_eq!(names(&[(&few, &many); 3]), ["p50", "p90"]);
    assert_eq!(names(&[(&many, &few); 3]), ["p50", "p90"]);
    assert_eq!(names(&[(&many, &many); 5]), ["p50", "p90", "p99", "p99.9"]);
}

#[test]
fn verdicts_are_in_a_unit_that_suits_them() {
    let said = |low, high| {
        let difference = Difference {
            percentile: PERCENTILES[2],
            target_ns: 1,
            baseline_ns: 2,
            interval_ns: Some((low, high)),
        };
        difference.to_string()
    };
    assert_eq!(said(-48_000.0, -41_000.0), "lower by 41.0–48.0 µs at p99");
    assert_eq!(said(410.0, 480.0), "higher by 410–480 ns at p99");
    assert_eq!(said(900.0, 4_100.0), "higher by 0.90–4.10 µs at p99");
    assert_eq!(said(1e6, 2.5e8), "higher by 1–250 ms at p99");
    assert_eq!(said(-1.0, 5.0), "no difference seen at p99");
}

#[test]
fn the_same_seed_gives_the_same_interval() {
    let noise = Noise {
        sigma: 0.05,
        outliers: 0.1,
    };
    let with = |seed| differences((1e5, 2e5), 5, noise, &mut SplitMix64(seed));
    assert_eq!(with(4), with(4));
    assert_ne!(with(4), with(5));
}
