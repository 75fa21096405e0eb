//! Rules of verdicts on made latencies; how often they are wrong is in [`super::simulation`].

use std::iter;

use proptest::prelude::*;

use super::*;
use crate::histogram::DurationHistogram;

const REQUESTS: usize = 2000;
const TIMEOUT_NS: u64 = 1_000_000_000;

/// Rounds of boots that lose nothing.
pub(super) fn rounds<'a>(boots: &[(&'a Distribution, &'a Distribution)]) -> Vec<Round<'a>> {
    let numbered = (1..).zip(boots);
    numbered
        .map(|(number, &(target, baseline))| Round {
            number,
            target: boot(target),
            baseline: boot(baseline),
        })
        .collect()
}

/// A boot that lost what its latency says.
fn boot(latency: &Distribution) -> Boot<'_> {
    let histogram = latency.histogram();
    let lost = histogram.count_between(TIMEOUT_NS, u64::MAX);
    Boot {
        latency,
        sent: latency.count(),
        lost,
        dropped: 0,
    }
}

/// A boot of latencies from half of `ns` to one and a half of it, of which a share of `lost` in a thousand
/// are lost.
fn spread(ns: u64, lost: usize) -> Distribution {
    let lost = REQUESTS * lost / 1000;
    let answered = (0..(REQUESTS - lost) as u64).map(|index| ns / 2 + ns * index / REQUESTS as u64);
    let unanswered = iter::repeat_n(TIMEOUT_NS + 1000, lost);
    let durations = DurationHistogram::of_values(answered.chain(unanswered));
    Distribution::from(&durations).censored_from((lost > 0).then_some(TIMEOUT_NS))
}

/// A boot with the same latency again and again.
fn always(ns: u64) -> Distribution {
    Distribution::from(&DurationHistogram::of_values([ns; REQUESTS]))
}

/// The verdicts on one pair alone.
fn compare_pair(boots: &[(&Distribution, &Distribution)]) -> Vec<Difference> {
    compare(&[rounds(boots)]).remove(0)
}

fn at<'a>(differences: &'a [Difference], name: &str) -> &'a Difference {
    let found = differences
        .iter()
        .find(|difference| difference.percentile.name == name);
    found.unwrap()
}

fn levels_ns() -> impl Strategy<Value = Vec<(u64, u64)>> {
    let level = 20_000..60_000_u64;
    prop::collection::vec((level.clone(), level), 3..9)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn turned_round_a_ratio_and_its_interval_are_inverted(levels_ns in levels_ns()) {
        let boots: Vec<_> = levels_ns.iter().map(|level| (spread(level.0, 0), spread(level.1, 0))).collect();
        let there: Vec<_> = boots.iter().map(|(a, b)| (a, b)).collect();
        let back: Vec<_> = boots.iter().map(|(a, b)| (b, a)).collect();
        for (there, back) in compare_pair(&there).iter().zip(compare_pair(&back)) {
            let ends = |difference: &Difference| {
                let (low, high) = difference.interval.unwrap();
                (low.unwrap(), difference.ratio.unwrap(), high.unwrap())
            };
            let ((low, ratio, high), (back_low, back_ratio, back_high)) = (ends(there), ends(&back));
            for product in [low * back_high, ratio * back_ratio, high * back_low] {
                prop_assert!((product - 1.0).abs() < 1e-6, "{}", product);
            }
            let turned = match there.outcome {
                Verdict::Lower => Verdict::Higher,
                Verdict::Higher => Verdict::Lower,
                other => other,
            };
            prop_assert_eq!(turned, back.outcome);
        }
    }

    #[test]
    fn a_slower_machine_changes_no_ratio(levels_ns in levels_ns(), times in 2..40_u64) {
        let ratios = |times: u64| -> Vec<f64> {
            let of = |(a, b): &(u64, u64)| (spread(a * times, 0), spread(b * times, 0));
            let boots: Vec<_> = levels_ns.iter().map(of).collect();
            let boots: Vec<_> = boots.iter().map(|(a, b)| (a, b)).collect();
            compare_pair(&boots).iter().map(|difference| difference.ratio.unwrap()).collect()
        };
        for (ratio, scaled) in ratios(1).into_iter().zip(ratios(times)) {
            // Slots have three digits.
            prop_assert!((scaled / ratio - 1.0).abs() < 0.01, "{} {}", ratio, scaled);
        }
    }
}

#[test]
fn a_difference_in_all_boots_is_a_verdict_with_its_interval() {
    let (a, b) = (spread(40_000, 0), spread(50_000, 0));
    let (slow_a, slow_b) = (spread(44_000, 0), spread(54_000, 0));
    let boots = [
        (&a, &b),
        (&slow_a, &slow_b),
        (&a, &b),
        (&slow_a, &slow_b),
        (&a, &b),
    ];
    let differences = compare_pair(&boots);
    assert_eq!(
        differences.len(),
        3,
        "p99.9 takes 10,000 requests of a boot"
    );
    for difference in differences {
        assert_eq!(difference.outcome, Verdict::Lower);
        let ratio = difference.ratio.unwrap();
        assert!((0.79..0.82).contains(&ratio), "{ratio}");
        let (low, high) = difference.interval.unwrap();
        assert!(low.unwrap() < ratio && ratio < high.unwrap() && high.unwrap() < 1.0);
        assert!((0.95..1.0).contains(&difference.confidence.unwrap()));
        assert!(difference.detectable_ratio.unwrap() > 1.0);
        assert_eq!(difference.rounds.len(), 5);
    }
}

#[test]
fn one_spoilt_round_of_ten_does_not_hide_what_all_show() {
    let (target, baseline, spoilt) = (always(10_000), always(100_000), always(3_000_000));
    for is_baseline in [true, false] {
        let mut boots = vec![(&target, &baseline); 10];
        match is_baseline {
            true => boots[2].1 = &spoilt,
            false => boots[2].0 = &spoilt,
        }
        for difference in compare_pair(&boots) {
            assert_eq!(difference.outcome, Verdict::Lower, "{difference:?}");
        }
    }
}

#[test]
fn the_more_pairs_there_are_the_more_certain_each_verdict_must_be() {
    let levels = [48_000, 49_500, 46_500, 48_500, 47_000].map(|ns| spread(ns, 0));
    let baseline = spread(50_000, 0);
    let pair: Vec<_> = levels.iter().map(|boot| (boot, &baseline)).collect();
    let same: Vec<_> = levels.iter().map(|boot| (boot, boot)).collect();
    let alone = compare(&[rounds(&pair)]).remove(0);
    let mut pairs = vec![rounds(&pair)];
    pairs.extend(std::iter::repeat_n(rounds(&same), 17));
    let among = compare(&pairs).remove(0);
    for (alone, among) in alone.iter().zip(&among) {
        assert!(alone.confidence < among.confidence, "{alone:?} {among:?}");
        let length = |difference: &Difference| {
            let (low, high) = difference.interval.unwrap();
            high.unwrap() / low.unwrap()
        };
        assert!(length(alone) < length(among));
        assert_eq!(alone.ratio, among.ratio);
    }
}

#[test]
fn tests_are_held_to_levels_step_by_step() {
    let is_near = |levels: &[f64], expected: &[f64]| {
        let mut pairs = levels.iter().zip(expected);
        levels.len() == expected.len() && pairs.all(|(a, b)| (a - b).abs() < 1e-12)
    };
    // The second claim would fail alone among four; those after the first failure are held to its level.
    let held = levels(&[Some(0.04), Some(0.001), None, Some(0.03), Some(0.016)]);
    let expected = [0.025, 0.0125, 0.05, 0.025, 0.05 / 3.0];
    assert!(is_near(&held, &expected), "{held:?}");
    assert!(is_near(&levels(&[Some(0.06), Some(0.5)]), &[0.025, 0.025]));
    assert!(levels(&[]).is_empty());
}

#[test]
fn two_rounds_say_nothing() {
    let (a, b) = (always(1000), always(2000));
    for count in 1..MIN_ROUNDS {
        let differences = compare_pair(&vec![(&a, &b); count]);
        assert_eq!(differences.len(), 3);
        for difference in differences {
            assert_eq!(
                (difference.outcome, difference.interval),
                (Verdict::TooFewRounds, None)
            );
            assert!((difference.ratio.unwrap() - 0.5).abs() < 0.01);
        }
    }
    assert!(compare_pair(&[]).is_empty());
    assert!(compare(&[]).is_empty());
    assert_eq!(compare_pair(&[(&a, &b); 3])[0].outcome, Verdict::Lower);
}

#[test]
fn values_within_one_bucket_are_no_difference() {
    // 50,000 ns are known to 32 ns.
    let (a, b) = (always(50_000), always(50_040));
    assert_eq!(
        compare_pair(&[(&a, &b); 7])[0].outcome,
        Verdict::NoDifference
    );
    let (a, b) = (always(50_000), always(51_000));
    assert_eq!(compare_pair(&[(&b, &a); 7])[0].outcome, Verdict::Higher);
}

#[test]
fn a_percentile_that_a_single_round_has_not_the_samples_for_gets_no_verdict() {
    let few = Distribution::from(&DurationHistogram::of_values(0..40));
    let many = always(50);
    let names = |boots: &[(&Distribution, &Distribution)]| -> Vec<&str> {
        let differences = compare_pair(boots);
        differences
            .iter()
            .map(|difference| difference.percentile.name)
            .collect()
    };
    // Forty samples are enough for p50 alone, and 2000 for p99, however many rounds there are.
    assert_eq!(
        names(&[(&few, &many), (&many, &many), (&many, &many)]),
        ["p50"]
    );
    assert_eq!(
        names(&[(&many, &few), (&many, &many), (&many, &many)]),
        ["p50"]
    );
    assert_eq!(names(&[(&many, &many); 9]), ["p50", "p90", "p99"]);
}

#[test]
fn two_lossy_targets_have_their_losses_compared_and_not_their_timeouts() {
    let (a, b) = (spread(40_000, 12), spread(50_000, 50));
    let differences = compare_pair(&[(&a, &b); 5]);
    // p50 and p90 are not among what was lost.
    assert_eq!(at(&differences, "p50").outcome, Verdict::Lower);
    assert_eq!(at(&differences, "p90").outcome, Verdict::Lower);
    let tail = at(&differences, "p99");
    assert_eq!(tail.outcome, Verdict::BothCensored);
    assert_eq!(
        (tail.ratio, tail.interval, tail.confidence),
        (None, None, None)
    );
    let losses = tail.losses.unwrap();
    assert!((0.22..0.27).contains(&losses.ratio), "{losses:?}");
    assert!(losses.low < losses.ratio && losses.ratio < losses.high && losses.high < 1.0);
    // Enough that one boot of each is so.
    let (sound, other) = (spread(40_000, 0), spread(50_000, 0));
    let boots = [
        (&a, &other),
        (&sound, &b),
        (&sound, &other),
        (&sound, &other),
    ];
    assert_eq!(
        at(&compare_pair(&boots), "p99").outcome,
        Verdict::BothCensored
    );
}

#[test]
fn against_a_lossy_target_a_difference_is_at_least_so_much() {
    let (sound, lossy) = (spread(40_000, 0), spread(50_000, 50));
    let lower = compare_pair(&[(&sound, &lossy); 5]);
    let tail = at(&lower, "p99");
    assert_eq!((tail.outcome, tail.ratio), (Verdict::Lower, None));
    let (low, high) = tail.interval.unwrap();
    assert_eq!(low, None);
    // 60 µs and a timeout of a second.
    assert!((5e-5..8e-5).contains(&high.unwrap()), "{high:?}");
    assert_eq!(tail.detectable_ratio, None);
    let higher = compare_pair(&[(&lossy, &sound); 5]);
    let tail = at(&higher, "p99");
    assert_eq!(
        (tail.outcome, tail.interval.unwrap().1),
        (Verdict::Higher, None)
    );
}

/// The sound target is slower than the other's timeout: bounds say nothing of that.
#[test]
fn a_bound_on_the_wrong_side_is_no_verdict() {
    let slow = always(5 * TIMEOUT_NS);
    let lossy = spread(50_000, 50);
    let tail = compare_pair(&[(&slow, &lossy); 5]);
    assert_eq!(at(&tail, "p99").outcome, Verdict::NoDifference);
}

#[test]
fn the_instruments_own_drops_decide_no_verdict() {
    let (a, b) = (spread(40_000, 0), spread(50_000, 0));
    let mut pair = rounds(&[(&a, &b); 5]);
    // A tenth of what lies beyond p99, and a little more.
    for (dropped, names) in [(2, ["p50", "p90", "p99"].as_slice()), (3, &["p50", "p90"])] {
        pair[1].target.dropped = dropped;
        let differences = compare(&[pair.clone()]).remove(0);
        let reported: Vec<&str> = differences
            .iter()
            .map(|difference| difference.percentile.name)
            .collect();
        assert_eq!(reported, names);
    }
}
