//! Whether two targets differ, by repetitions of both that were made in rounds: in each round one of
//! either, shortly after each other.
//!
//! The figures are percentiles of all samples of a target together; no percentile is averaged. How
//! far their difference can be trusted is decided by rounds, not by samples: what moves a figure is
//! mostly the boot and the hour, and a million samples of one boot know one boot. So rounds are
//! drawn with replacement, both targets of a round together (a block bootstrap), and the spread of
//! the difference over many such draws is its standard error.
//!
//! A handful of rounds makes that too small in three ways, each of which is made up for:
//!
//! - a resample of n rounds spreads by a factor of sqrt((n - 1) / n) too little;
//! - a percentile beyond which fewer samples lie than one round has may follow the worst round alone,
//!   and most resamples contain that: so its standard error is at least that of the difference from
//!   round to round;
//! - the spread itself is badly known: so Student's t of n - 1 degrees takes the place of the normal
//!   distribution.
//!
//! All percentiles of a pair are looked at together, so each has its part of what may go wrong: in
//! well over 95 of a hundred pairs without a difference not one of them claims any. A value is known to the width of
//! its slot in the histogram, which widens the interval as well.

use std::fmt;

use super::distribution::{Distribution, Mixture};
use super::student;
use super::summary::{PERCENTILES, Percentile};
use crate::random::SplitMix64;

/// Fewer rounds say nothing: two of them agree by chance too easily.
pub const MIN_ROUNDS: usize = 3;

/// How many times rounds are drawn.
const RESAMPLES: usize = 4000;

/// How often a pair without a difference may be said to have one: more seldom than the 5 % that the
/// interval is named for, so that of twenty such pairs hardly ever two are.
const ALPHA: f64 = 0.02;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

impl fmt::Display for Difference {
    /// The verdict in words, such as `lower by 41.0–48.5 us at p99`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.verdict() {
            Verdict::TooFewRounds => return f.write_str("too few rounds to say"),
            Verdict::NoDifference => {
                return write!(f, "no difference seen at {}", self.percentile.name);
            }
            Verdict::Lower => "lower",
            Verdict::Higher => "higher",
        };
        let (low, high) = self.interval_ns.unwrap_or_default();
        let (least, most) = (low.abs().min(high.abs()), low.abs().max(high.abs()));
        let (divisor, unit) = match most {
            ..1e3 => (1.0, "ns"),
            ..1e6 => (1e3, "us"),
            _ => (1e6, "ms"),
        };
        let (least, most) = (least / divisor, most / divisor);
        let digits = match most {
            _ if divisor == 1.0 => 0,
            ..10.0 => 2,
            ..100.0 => 1,
            _ => 0,
        };
        let name = self.percentile.name;
        write!(
            f,
            "{word} by {least:.digits$}–{most:.digits$} {unit} at {name}"
        )
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
    let pair = Pair { target, baseline };
    let mut random = SplitMix64(seed);
    let errors = (rounds.len() >= MIN_ROUNDS)
        .then(|| pair.standard_errors_ns(&percentiles, rounds.len(), &mut random));
    let beyond = ALPHA / 2.0 / percentiles.len().max(1) as f64;
    percentiles
        .iter()
        .enumerate()
        .filter_map(|(index, &percentile)| {
            let target = pair.target.percentile(&once, percentile.one_in)?;
            let baseline = pair.baseline.percentile(&once, percentile.one_in)?;
            let half_ns = errors.as_ref().map(|errors| {
                let t = student::exceeded_with(beyond, rounds.len() - 1);
                t * errors[index] + (target.width_ns + baseline.width_ns) as f64
            });
            let difference_ns = target.ns as f64 - baseline.ns as f64;
            Some(Difference {
                percentile,
                target_ns: target.ns,
                baseline_ns: baseline.ns,
                interval_ns: half_ns.map(|half| (difference_ns - half, difference_ns + half)),
            })
        })
        .collect()
}

struct Pair {
    target: Mixture,
    baseline: Mixture,
}

impl Pair {
    /// The difference of a percentile if round i is taken `times[i]` times.
    fn difference_ns(&self, times: &[u64], percentile: Percentile) -> Option<f64> {
        let target = self.target.percentile(times, percentile.one_in)?;
        let baseline = self.baseline.percentile(times, percentile.one_in)?;
        Some(target.ns as f64 - baseline.ns as f64)
    }

    /// How far each percentile's difference strays, in nanoseconds.
    fn standard_errors_ns(
        &self,
        percentiles: &[Percentile],
        rounds: usize,
        random: &mut SplitMix64,
    ) -> Vec<f64> {
        let mut drawn = vec![Spread::default(); percentiles.len()];
        let mut times = vec![0; rounds];
        for _ in 0..RESAMPLES {
            times.fill(0);
            (0..rounds).for_each(|_| times[random.below(rounds)] += 1);
            self.add(percentiles, &times, &mut drawn);
        }
        let mut by_round = vec![Spread::default(); percentiles.len()];
        for round in 0..rounds {
            times.fill(0);
            times[round] = 1;
            self.add(percentiles, &times, &mut by_round);
        }
        let n = rounds as f64;
        let errors = percentiles.iter().zip(drawn.iter().zip(&by_round));
        errors
            .map(|(percentile, (drawn, by_round))| {
                let resampled = drawn.variance() * n / (n - 1.0);
                let observed = by_round.variance() / n;
                if percentile.one_in > rounds as u64 {
                    resampled.max(observed).sqrt()
                } else {
                    resampled.sqrt()
                }
            })
            .collect()
    }

    fn add(&self, percentiles: &[Percentile], times: &[u64], spreads: &mut [Spread]) {
        for (&percentile, spread) in percentiles.iter().zip(spreads) {
            if let Some(difference_ns) = self.difference_ns(times, percentile) {
                spread.add(difference_ns);
            }
        }
    }
}

/// How far values lie apart, value by value (Welford).
#[derive(Clone, Copy, Debug, Default)]
struct Spread {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Spread {
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        let from_old = value - self.mean;
        self.mean += from_old / self.count;
        self.squares += from_old * (value - self.mean);
    }

    fn variance(&self) -> f64 {
        self.squares / (self.count - 1.0).max(1.0)
    }
}

#[cfg(test)]
mod tests;
