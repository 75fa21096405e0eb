//! Verdicts of a comparison: a percentile of two targets, held against each other.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::stats::comparison::{Difference, METHOD, Values, Verdict};
use crate::stats::distribution::Value;

mod words;

/// One percentile of two targets, held against each other: a verdict about boots, of which each weighs the
/// same.
#[derive(Clone, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Comparison {
    /// The one target, with its mode.
    pub target: String,
    /// The other, which it is held against.
    pub baseline: String,
    /// The link of both.
    pub link: String,
    /// The percentile's name, as in summaries.
    pub percentile: Cow<'static, str>,
    /// Number of rounds that both have.
    pub rounds: usize,
    /// The target's percentile over those, in nanoseconds: that of a typical boot, by `ratio` apart from the
    /// baseline's. Without a ratio, the median of its boots; a lower bound where that is censored.
    pub target_ns: u64,
    /// The baseline's.
    pub baseline_ns: u64,
    /// The one less the other; null where either is censored.
    pub difference_ns: Option<i64>,
    /// The lower end of a confidence interval of that; null if it has none.
    pub low_ns: Option<i64>,
    /// The upper end.
    pub high_ns: Option<i64>,
    /// `closed`, `open` or `pipeline`.
    #[serde(default)]
    pub mode: Option<Cow<'static, str>>,
    /// Outcome, as a code.
    #[serde(default)]
    pub outcome: Option<Verdict>,
    /// The typical boot's ratio, target by baseline. Null where it can't be told, as where either is
    /// censored.
    #[serde(default)]
    pub ratio: Option<f64>,
    /// The lower end of its confidence interval; null if it has none.
    #[serde(default)]
    pub ratio_low: Option<f64>,
    /// The upper end.
    #[serde(default)]
    pub ratio_high: Option<f64>,
    /// The confidence of the interval, from 0 to 1: corrected for all verdicts of the comparison.
    #[serde(default)]
    pub confidence: Option<f64>,
    /// Name and version of the method.
    #[serde(default)]
    pub method: Option<Cow<'static, str>>,
    /// The least ratio, above one, that a comparison with so many boots that vary so much would have found
    /// in eight of ten.
    #[serde(default)]
    pub detectable_ratio: Option<f64>,
    /// The values of each round that both have.
    #[serde(default)]
    pub per_round: Vec<RoundPair>,
    /// Number of rounds in which the target's value was the lower one; a censored value is above all others.
    #[serde(default)]
    pub rounds_lower: Option<usize>,
    /// Number of rounds in which it was the higher one.
    #[serde(default)]
    pub rounds_higher: Option<usize>,
    /// Share of the target's requests that were lost, the mean over boots.
    #[serde(default)]
    pub target_lost: Option<f64>,
    /// The same of the baseline.
    #[serde(default)]
    pub baseline_lost: Option<f64>,
    /// The typical boot's ratio of these shares, where the percentile of both is censored.
    #[serde(default)]
    pub loss_ratio: Option<f64>,
    /// The lower end of its confidence interval.
    #[serde(default)]
    pub loss_ratio_low: Option<f64>,
    /// The upper end.
    #[serde(default)]
    pub loss_ratio_high: Option<f64>,
    /// Outcome in words made from the fields.
    pub verdict: String,
}

/// One percentile of both targets in one round; null where it is censored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RoundPair {
    /// Number of the round, from 1 on.
    pub round: u32,
    /// The target's value in nanoseconds.
    pub target_ns: Option<u64>,
    /// The baseline's.
    pub baseline_ns: Option<u64>,
}

impl From<&Values> for RoundPair {
    fn from(values: &Values) -> Self {
        let known = |value: Value| (!value.is_censored).then_some(value.ns);
        Self {
            round: values.round,
            target_ns: known(values.target),
            baseline_ns: known(values.baseline),
        }
    }
}

/// Two targets that are compared.
#[derive(Clone, Debug)]
pub struct Pairing {
    /// The one target, with its mode.
    pub target: String,
    /// The other, which it is held against.
    pub baseline: String,
    /// The link of both.
    pub link: String,
    /// `closed`, `open` or `pipeline`.
    pub mode: Option<Cow<'static, str>>,
    /// Shares of requests lost, the means over boots: the target's and the baseline's.
    pub lost: (f64, f64),
}

impl Comparison {
    /// The record of `difference`.
    #[must_use]
    pub fn new(pairing: Pairing, difference: &Difference) -> Self {
        let rounds = &difference.rounds;
        let is_below = |a: Value, b: Value| !a.is_censored && (b.is_censored || a.ns < b.ns);
        let (target_ns, baseline_ns) = typical_ns(rounds, difference.ratio);
        // A ratio as a difference of two values whose geometric mean is that of the typical boots.
        let mean_ns = (target_ns * baseline_ns).sqrt();
        let in_ns = |ratio: f64| 2.0 * mean_ns * (ratio.ln() / 2.0).sinh();
        let whole = |ns: f64| (ns.abs() < i64::MAX as f64).then_some(ns as i64);
        let (low, high) = difference.interval.unwrap_or_default();
        let is_known = difference.ratio.is_some();
        let losses = difference.losses.as_ref();
        let mut comparison = Self {
            percentile: Cow::Borrowed(difference.percentile.name),
            rounds: rounds.len(),
            target_ns: target_ns.round() as u64,
            baseline_ns: baseline_ns.round() as u64,
            difference_ns: is_known
                .then(|| target_ns.round() - baseline_ns.round())
                .and_then(whole),
            // Outwards, or an interval could come to exclude what it holds.
            low_ns: low
                .filter(|_| is_known)
                .and_then(|ratio| whole(in_ns(ratio).floor())),
            high_ns: high
                .filter(|_| is_known)
                .and_then(|ratio| whole(in_ns(ratio).ceil())),
            mode: pairing.mode,
            outcome: Some(difference.outcome),
            ratio: difference.ratio,
            ratio_low: low,
            ratio_high: high,
            confidence: difference.confidence,
            method: difference.confidence.map(|_| Cow::Borrowed(METHOD)),
            detectable_ratio: difference.detectable_ratio,
            per_round: rounds.iter().map(RoundPair::from).collect(),
            rounds_lower: Some(
                rounds
                    .iter()
                    .filter(|round| is_below(round.target, round.baseline))
                    .count(),
            ),
            rounds_higher: Some(
                rounds
                    .iter()
                    .filter(|round| is_below(round.baseline, round.target))
                    .count(),
            ),
            target_lost: Some(pairing.lost.0),
            baseline_lost: Some(pairing.lost.1),
            loss_ratio: losses.map(|losses| losses.ratio),
            loss_ratio_low: losses.map(|losses| losses.low),
            loss_ratio_high: losses.map(|losses| losses.high),
            target: pairing.target,
            baseline: pairing.baseline,
            link: pairing.link,
            verdict: String::new(),
        };
        comparison.verdict = comparison.sentence();
        comparison
    }

    /// Returns the outcome. In records of older versions, which have none, it follows from the
    /// interval, whose ends were rounded away from each other: an end at zero was beside it.
    #[must_use]
    pub fn outcome(&self) -> Verdict {
        let by_interval = match (self.low_ns, self.high_ns) {
            (Some(low), Some(high)) if low < 0 && high <= 0 => Verdict::Lower,
            (Some(low), Some(high)) if low >= 0 && high > 0 => Verdict::Higher,
            (Some(_), Some(_)) => Verdict::NoDifference,
            _ => Verdict::TooFewRounds,
        };
        self.outcome.unwrap_or(by_interval)
    }
}

/// The percentiles of typical boots of target and baseline: by `ratio` apart, about the median of what the
/// boots of each round have in common; without a ratio, the medians of both.
fn typical_ns(rounds: &[Values], ratio: Option<f64>) -> (f64, f64) {
    let middle = |of: &dyn Fn(&Values) -> f64| {
        let mut logs: Vec<f64> = rounds.iter().map(of).collect();
        logs.sort_unstable_by(f64::total_cmp);
        logs.get(logs.len() / 2).map_or(0.0, |log| log.exp())
    };
    match ratio {
        Some(ratio) => {
            let mean_ns = middle(&|round| f64::midpoint(round.target.ln(), round.baseline.ln()));
            (mean_ns * ratio.sqrt(), mean_ns / ratio.sqrt())
        }
        None => (
            middle(&|round| round.target.ln()),
            middle(&|round| round.baseline.ln()),
        ),
    }
}

#[cfg(test)]
mod tests;
