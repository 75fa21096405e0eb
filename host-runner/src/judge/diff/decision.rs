//! Decisions: from intervals to outcomes, and from those to one.
//!
//! A claim of a difference is held to 5 % over all findings together (Holm's procedure) and has to be larger than
//! the margin. That nothing is worse by more than the margin has to hold of every finding, so that each is held to 5 %
//! by itself (an intersection-union test: all of them together are wrong no more often).

use super::findings::{Band, ExactFinding, LatencyFinding, Outcome};
use crate::stats::comparison::independent::IndependentDifference;

/// Share of intervals that miss the difference: each end is that of a test at the half of it.
const ALPHA: f64 = 0.1;

/// More boots than these are not asked for: something else is in the way.
const MOST_ROUNDS: f64 = 200.0;

/// A difference of logarithms between two sets of boots.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    difference: IndependentDifference,
    /// Number of boots of the smaller set.
    rounds: usize,
    /// The ratio with its interval.
    pub band: Band,
}

impl Sample {
    /// Takes the difference between `rounds` boots of each result, or more; `has_low` and `has_high` tell whether the
    /// ratio has ends: it has none where requests were lost.
    pub fn new(
        difference: IndependentDifference,
        rounds: usize,
        (has_low, has_high): (bool, bool),
    ) -> Self {
        let (low, high) = difference.interval(ALPHA);
        Self {
            band: Band {
                ratio: difference.centre().exp(),
                low: has_low.then(|| low.exp()),
                high: has_high.then(|| high.exp()),
            },
            difference,
            rounds,
        }
    }

    /// Returns the probabilities of a difference that is lower, or higher, by chance.
    fn p_values(&self) -> (f64, f64) {
        let (lower, higher) = self.difference.p_values();
        (
            self.band.high.map_or(1.0, |_| lower),
            self.band.low.map_or(1.0, |_| higher),
        )
    }
}

/// Returns the hull of the intervals of `samples`, with the estimate of the first; `None` without any.
pub(super) fn hull(samples: &[Sample]) -> Option<Band> {
    let bands: Vec<Band> = samples.iter().map(|sample| sample.band).collect();
    let ends = |end: fn(&Band) -> Option<f64>| bands.iter().map(end).collect::<Option<Vec<f64>>>();
    Some(Band {
        ratio: bands.first()?.ratio,
        low: ends(|band| band.low).map(|ends| ends.into_iter().fold(f64::MAX, f64::min)),
        high: ends(|band| band.high).map(|ends| ends.into_iter().fold(0.0, f64::max)),
    })
}

/// Returns the probabilities of both kinds of claim by chance; a claim has to hold in all `samples`.
fn p_values(samples: &[Sample]) -> Option<(f64, f64)> {
    let all = samples.iter().map(Sample::p_values);
    all.reduce(|(lower, higher), other| (lower.max(other.0), higher.max(other.1)))
}

/// Returns the probability of a difference as large by chance, on either side; `None` without samples.
pub(super) fn p_value(samples: &[Sample]) -> Option<f64> {
    let (lower, higher) = p_values(samples)?;
    Some((2.0 * lower.min(higher)).min(1.0))
}

/// Decides a finding at the `margin`, a share, and `level`; with the number of further boots that would decide it, if
/// it is open.
pub(super) fn decide(samples: &[Sample], margin: f64, level: f64) -> (Outcome, Option<u32>) {
    let (Some((lower, higher)), Some(band)) = (p_values(samples), hull(samples)) else {
        return (Outcome::CannotTell, None);
    };
    let most = (1.0 + margin).ln();
    let centres = || samples.iter().map(|sample| sample.difference.centre());
    let least = centres().fold(f64::MAX, f64::min);
    let greatest = centres().fold(f64::MIN, f64::max);
    if 2.0 * higher <= level && least > most {
        return (Outcome::Regression, None);
    }
    if 2.0 * lower <= level && greatest < -most {
        return (Outcome::Improvement, None);
    }
    if band.high.is_some_and(|high| high.ln() <= most) {
        return (Outcome::NoRegression, None);
    }
    (Outcome::CannotTell, rounds_missing(samples, most, level))
}

/// Returns the number of further boots of each result after which eight of ten results like these would be decided;
/// `None` if too many.
fn rounds_missing(samples: &[Sample], most: f64, level: f64) -> Option<u32> {
    let wanted = samples.iter().map(|sample| {
        let centre = sample.difference.centre();
        // To the margin, to be told to be below it; to zero, to be told to be above that.
        let (distance, alpha) = match centre > most {
            true => (centre, level / 2.0),
            false => (most - centre, ALPHA / 2.0),
        };
        let rounds = sample.rounds as f64;
        rounds * (sample.difference.detectable(alpha) / distance).powi(2)
    });
    let wanted = wanted.fold(0.0, f64::max);
    let rounds = samples.iter().map(|sample| sample.rounds).min()? as f64;
    // Samples that lie on either side of the margin disagree, however many boots there are.
    let above = samples
        .iter()
        .filter(|sample| sample.difference.centre() > most)
        .count();
    let is_agreed = above == 0 || above == samples.len();
    let missing = (wanted - rounds).ceil().max(1.0);
    (is_agreed && missing <= MOST_ROUNDS).then_some(missing as u32)
}

/// Returns the outcome of all findings together, with the reasons in words.
pub(super) fn overall(
    exact: &[ExactFinding],
    latency: &[LatencyFinding],
) -> (Outcome, Vec<String>) {
    let counted = exact
        .iter()
        .map(|finding| (finding.outcome, finding.figure.words().to_owned(), finding));
    let counted = counted
        .map(|(outcome, figure, finding)| (outcome, format!("{figure} of {}", finding.target)));
    let timed = (latency.iter()).map(|finding| (finding.outcome, finding.words()));
    let all: Vec<(Outcome, String)> = counted.chain(timed).collect();
    if all.is_empty() {
        return (
            Outcome::CannotTell,
            vec!["neither result has figures that are counted".to_owned()],
        );
    }
    let of = |outcome: Outcome| -> Vec<String> {
        let findings = all.iter().filter(|finding| finding.0 == outcome);
        findings.map(|finding| finding.1.clone()).collect()
    };
    for outcome in [
        Outcome::Regression,
        Outcome::CannotTell,
        Outcome::Improvement,
    ] {
        let because = of(outcome);
        if !because.is_empty() {
            return (outcome, because);
        }
    }
    (Outcome::NoRegression, Vec::new())
}
