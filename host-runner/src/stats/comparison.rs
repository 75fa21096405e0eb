//! Whether two targets differ, by repetitions of both that were made in rounds: in each round one of
//! either, shortly after each other.
//!
//! The figures are percentiles of all samples of a target together; no percentile is averaged. How
//! far their difference can be trusted is decided by rounds, not by samples: what moves a figure is
//! mostly the boot and the hour, and a million samples of one boot know one boot. So rounds are
//! drawn with replacement, both targets of a round together (a block bootstrap), and the interval is
//! what the ratio of the figures comes to in all but the extreme ones of many such draws.
//!
//! The ratio, by its logarithm, and not the difference: what spoils a round multiplies latency, and
//! one round of a baseline at thirty times its tail says nothing of how *low* the ratio may be. For the
//! same reason the interval's arms are taken each by itself. It is told as a difference again, about
//! the geometric mean of both: `t - b = 2 sqrt(t b) sinh(ln(t / b) / 2)`, which turned round is the
//! same with the other sign.
//!
//! A handful of rounds makes that too narrow in three ways, each of which is made up for:
//!
//! - a resample of n rounds spreads by a factor of sqrt((n - 1) / n) too little: arms are that much
//!   longer;
//! - how far values spread is badly known: arms are longer by as much as Student's t of n - 1 degrees
//!   exceeds the normal distribution;
//! - a percentile beyond which fewer samples lie than one round has may follow the worst round alone,
//!   and most resamples contain that: no arm is shorter than Student's for the ratio from round to
//!   round.
//!
//! That is too wide where rounds are of two kinds with nothing in between, as boots can be: seven at 31
//! or 93 us, all far below seven at some 240, do differ, however badly such a handful tells where their
//! mixture lies. So from six rounds on the interval is held against the one that the order of the rounds
//! gives ([`super::rank_sum`]), and what both allow is told. It always holds the difference itself.
//!
//! All percentiles of a pair are looked at together, so each has its part of what may go wrong: in
//! well over 95 of a hundred pairs without a difference not one of them claims any. A value is known to the width of
//! its slot in the histogram, which widens the interval as well.

use std::fmt;

use super::distribution::{Distribution, Mixture, Value};
use super::summary::{PERCENTILES, Percentile};
use super::{rank_sum, student};
use crate::quantity;
use crate::random::SplitMix64;

/// Fewer rounds say nothing: two of them agree by chance too easily.
pub const MIN_ROUNDS: usize = 3;

/// How many times rounds are drawn.
const RESAMPLES: usize = 4000;

/// How often a pair without a difference may be said to have one: more seldom than the 5 % that the
/// interval is named for, so that of twenty such pairs hardly ever two are.
const ALPHA: f64 = 0.02;

/// How often the order of the rounds alone may say so, besides.
const ORDER_ALPHA: f64 = 0.01;

/// Student's t of so many degrees of freedom is the normal distribution, for all that is made of it.
const NORMAL_DEGREES: usize = 1000;

/// The rarest samples that are compared, one in this many: a percentile beyond hangs on one round.
pub const RAREST: u64 = 1000;

/// One percentile of two targets, held against each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// Which percentile.
    pub percentile: Percentile,
    /// The one target's, in nanoseconds.
    pub target_ns: u64,
    /// That of the other, which it is held against.
    pub baseline_ns: u64,
    /// The ends of a confidence interval of their difference, of at least 95 %; `None` with too few rounds.
    pub interval_ns: Option<(f64, f64)>,
}

/// What a difference comes to.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The target has less.
    Lower,
    /// The target has more.
    Higher,
    /// Chance would do as well.
    NoDifference,
    /// There is nothing to judge by.
    TooFewRounds,
}

impl Difference {
    /// The target's value less the baseline's, in nanoseconds.
    #[must_use]
    pub fn difference_ns(&self) -> f64 {
        self.target_ns as f64 - self.baseline_ns as f64
    }

    /// What it comes to.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self.interval_ns {
            None => Verdict::TooFewRounds,
            Some((_, high)) if high < 0.0 => Verdict::Lower,
            Some((low, _)) if low > 0.0 => Verdict::Higher,
            Some(_) => Verdict::NoDifference,
        }
    }
}

impl Verdict {
    /// The verdict in words, with the interval of a difference: `lower by 41.0–48.5 µs`.
    #[must_use]
    pub fn words(self, interval_ns: Option<(f64, f64)>) -> String {
        let word = match self {
            Self::TooFewRounds => return "too few rounds to say".to_owned(),
            Self::NoDifference => return "no difference seen".to_owned(),
            Self::Lower => "lower",
            Self::Higher => "higher",
        };
        let (low, high) = interval_ns.unwrap_or_default();
        let (low, high) = (low.abs(), high.abs());
        format!(
            "{word} by {}",
            quantity::range(low.min(high), low.max(high))
        )
    }
}

impl fmt::Display for Difference {
    /// The verdict in words, such as `lower by 41.0–48.5 µs at p99`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = self.verdict();
        f.write_str(&verdict.words(self.interval_ns))?;
        match verdict {
            Verdict::TooFewRounds => Ok(()),
            _ => write!(f, " at {}", self.percentile.name),
        }
    }
}

/// Holds a target against a baseline, by rounds of both (target, baseline); `seed` decides which
/// rounds are drawn. Percentiles that either has too few samples for are left out.
#[must_use]
pub fn compare(rounds: &[(&Distribution, &Distribution)], seed: u64) -> Vec<Difference> {
    let (targets, baselines): (Vec<_>, Vec<_>) = rounds.iter().copied().unzip();
    let (target, baseline) = (Mixture::new(&targets), Mixture::new(&baselines));
    let once = vec![1; rounds.len()];
    let samples = target.count(&once).min(baseline.count(&once));
    let percentiles: Vec<Percentile> = PERCENTILES
        .into_iter()
        .filter(|percentile| percentile.one_in <= RAREST)
        .filter(|percentile| samples >= percentile.samples_needed())
        .collect();
    let pair = Pair {
        target,
        baseline,
        rounds: rounds.len(),
    };
    let mut random = SplitMix64(seed);
    let at_each_end = |alpha: f64| alpha / 2.0 / percentiles.len().max(1) as f64;
    let spreads = (rounds.len() >= MIN_ROUNDS).then(|| pair.spreads(&percentiles, &mut random));
    percentiles
        .iter()
        .enumerate()
        .filter_map(|(index, &percentile)| {
            let target = pair.target.percentile(&once, percentile.one_in)?;
            let baseline = pair.baseline.percentile(&once, percentile.one_in)?;
            let interval_ns = spreads.as_ref().map(|spreads| {
                let log_ratio = target.ln() - baseline.ln();
                let (below, above) = spreads[index].arms(log_ratio, at_each_end(ALPHA));
                let drawn = (log_ratio - below, log_ratio + above);
                let ordered = pair.order(percentile, at_each_end(ORDER_ALPHA));
                let (low, high) = match ordered {
                    Some(ordered) => narrowed(drawn, ordered, log_ratio),
                    None => drawn,
                };
                let width = target.relative_width() + baseline.relative_width();
                let difference_ns = |log_ratio| difference_ns(target, baseline, log_ratio);
                (difference_ns(low - width), difference_ns(high + width))
            });
            Some(Difference {
                percentile,
                target_ns: target.ns,
                baseline_ns: baseline.ns,
                interval_ns,
            })
        })
        .collect()
}

/// What two intervals have in common, and `point` in any case; the first, if that is nothing.
fn narrowed(first: (f64, f64), second: (f64, f64), point: f64) -> (f64, f64) {
    let (low, high) = (first.0.max(second.0), first.1.min(second.1));
    if low > high {
        return first;
    }
    (low.min(point), high.max(point))
}

/// The difference of two values, in nanoseconds, if the logarithm of their ratio were this.
fn difference_ns(target: Value, baseline: Value, log_ratio: f64) -> f64 {
    let mean_ns = f64::midpoint(target.ln(), baseline.ln()).exp();
    2.0 * mean_ns * (log_ratio / 2.0).sinh()
}

struct Pair {
    target: Mixture,
    baseline: Mixture,
    rounds: usize,
}

impl Pair {
    /// The logarithm of the ratio of a percentile if round i is taken `times[i]` times.
    fn log_ratio(&self, times: &[u64], percentile: Percentile) -> Option<f64> {
        let target = self.target.percentile(times, percentile.one_in)?;
        let baseline = self.baseline.percentile(times, percentile.one_in)?;
        Some(target.ln() - baseline.ln())
    }

    /// The interval of the logarithm of a percentile's ratio by the order of the rounds, each by itself;
    /// `None` with too few that have the samples for it.
    fn order(&self, percentile: Percentile, beyond: f64) -> Option<(f64, f64)> {
        let logs = |mixture: &Mixture| -> Vec<f64> {
            singles(self.rounds)
                .filter(|single| mixture.count(single) >= percentile.samples_needed())
                .filter_map(|single| mixture.percentile(&single, percentile.one_in))
                .map(Value::ln)
                .collect()
        };
        rank_sum::interval(&logs(&self.target), &logs(&self.baseline), beyond)
    }

    /// How far each percentile's ratio strays.
    fn spreads(&self, percentiles: &[Percentile], random: &mut SplitMix64) -> Vec<Spread> {
        let rounds = self.rounds;
        let draws: Vec<Vec<u64>> = (0..RESAMPLES)
            .map(|_| {
                let mut times = vec![0; rounds];
                (0..rounds).for_each(|_| times[random.below(rounds)] += 1);
                times
            })
            .collect();
        let singles: Vec<Vec<u64>> = singles(rounds).collect();
        let spread = |&percentile: &Percentile| {
            let log_ratios = |draws: &[Vec<u64>]| -> Vec<f64> {
                let log_ratio = |times: &Vec<u64>| self.log_ratio(times, percentile);
                draws.iter().filter_map(log_ratio).collect()
            };
            let mut drawn = log_ratios(&draws);
            drawn.sort_unstable_by(f64::total_cmp);
            // One round may decide what is rarer than one in as many samples as there are rounds.
            let singles = match percentile.one_in > rounds as u64 {
                true => singles.as_slice(),
                false => &[],
            };
            Spread {
                drawn,
                by_round: log_ratios(singles),
                rounds,
            }
        };
        percentiles.iter().map(spread).collect()
    }
}

/// Each of so many rounds by itself.
fn singles(rounds: usize) -> impl Iterator<Item = Vec<u64>> {
    (0..rounds).map(move |round| (0..rounds).map(|other| u64::from(other == round)).collect())
}

/// Logarithms of the ratio of one percentile.
struct Spread {
    /// In resamples, in order.
    drawn: Vec<f64>,
    /// In each round by itself, for a percentile that one round may decide.
    by_round: Vec<f64>,
    rounds: usize,
}

impl Spread {
    /// How far the ratio may lie below and above `log_ratio`, but for one chance in `1 / beyond` each.
    fn arms(&self, log_ratio: f64, beyond: f64) -> (f64, f64) {
        let n = self.rounds as f64;
        let t = student::exceeded_with(beyond, self.rounds - 1);
        let longer = t / student::exceeded_with(beyond, NORMAL_DEGREES) * (n / (n - 1.0)).sqrt();
        let least = t * (variance(&self.by_round) / n).sqrt();
        let extreme = (self.drawn.len() as f64 * beyond) as usize;
        let (Some(low), Some(high)) = (
            self.drawn.get(extreme),
            self.drawn.iter().rev().nth(extreme),
        ) else {
            return (f64::INFINITY, f64::INFINITY);
        };
        let arm = |reach: f64| (reach * longer).max(least);
        (arm(log_ratio - low), arm(high - log_ratio))
    }
}

/// The variance of what `values` are a sample of; zero without two of them.
fn variance(values: &[f64]) -> f64 {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count.max(1.0);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    squares / (count - 1.0).max(1.0)
}

#[cfg(test)]
mod tests;
