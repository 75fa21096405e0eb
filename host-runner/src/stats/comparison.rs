//! Verdicts on two targets, by boots of both that were made in rounds: in each round one of either,
//! shortly after each other.
//!
//! The boot is the unit, not the request: what moves a percentile is mostly the boot and the hour, and a
//! million requests of one boot know one boot. So a percentile is taken from each boot by itself, and what
//! is judged is the logarithm of its ratio, target by baseline, round by round. A ratio and not a
//! difference, because what spoils a boot multiplies its latency. The estimate is the typical boot's ratio,
//! with an interval for it ([`location`]): all boots weigh the same, however many requests each has. That
//! is a statement about boots, and another than one about all requests of all boots together, which the
//! merged percentiles describe without an interval.
//!
//! A comparison makes many such tests at once: percentiles, pairs, links and modes. All of them together
//! claim a difference where there is none in at most 5 % of comparisons, by Holm's step-down procedure:
//! the most certain of m tests is held to 5 %/m, the next to 5 %/(m - 1), and from the first that fails on
//! none is a claim. The interval of each test has the confidence that the test was held to, so that verdict
//! and interval agree. A value is known to the width of its slot in the histogram, which widens the interval.
//!
//! Values among lost requests are lower bounds, never numbers to subtract. Where one target of a pair has
//! such values the ratio has one end only; where both have, there is no verdict, and what they lose is
//! compared instead ([`losses`]).
//!
//! `comparison/simulation.rs` says how often such verdicts are wrong, and what they find.

use super::distribution::{Distribution, Value};
use super::percentile_rule::{PERCENTILES, Percentile};

pub mod independent;
mod location;
pub mod losses;
mod rank_sum;
pub mod typical_boot;

use location::Location;
use losses::LossRatio;

/// Fewer rounds say nothing: two of them agree by chance too easily.
pub const MIN_ROUNDS: usize = 3;

/// Share of comparisons in which any test may claim a difference that is none.
const ALPHA: f64 = 0.05;

/// The rarest samples that are compared, one in this many: a boot has too few beyond.
pub const RAREST: u64 = 1000;

/// Name and version of the method, for the record.
pub const METHOD: &str = location::METHOD;

/// Share of the requests beyond a percentile that the instrument may have dropped itself: with more, the
/// value is not the target's.
const MAX_DROPPED: f64 = 0.1;

/// One boot of a target.
#[derive(Clone, Copy, Debug)]
pub struct Boot<'a> {
    /// Latency, with the region that lost requests lie in.
    pub latency: &'a Distribution,
    /// Requests sent.
    pub sent: u64,
    /// Requests not answered in time.
    pub lost: u64,
    /// Requests that the instrument gave up sending.
    pub dropped: u64,
}

/// A round with a valid boot of both targets.
#[derive(Clone, Copy, Debug)]
pub struct Round<'a> {
    /// Number of the round.
    pub number: u32,
    /// Boot of the one target.
    pub target: Boot<'a>,
    /// Boot of the other, which it is held against.
    pub baseline: Boot<'a>,
}

/// A percentile of both targets in a round.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Values {
    /// Number of the round.
    pub round: u32,
    /// The target's.
    pub target: Value,
    /// The baseline's.
    pub baseline: Value,
}

/// One percentile of two targets, held against each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The percentile.
    pub percentile: Percentile,
    /// The values of each round.
    pub rounds: Vec<Values>,
    /// Outcome of the comparison.
    pub outcome: Verdict,
    /// The typical boot's ratio, target by baseline; `None` where a value is censored.
    pub ratio: Option<f64>,
    /// The ends of the confidence interval of that ratio, each `None` where it has no end; `None` with too
    /// few rounds, or where both are censored.
    pub interval: Option<(Option<f64>, Option<f64>)>,
    /// Confidence of the interval.
    pub confidence: Option<f64>,
    /// The least ratio above one that would have been found in eight of ten such comparisons.
    pub detectable_ratio: Option<f64>,
    /// The ratio of the shares of requests lost, where both are censored.
    pub losses: Option<LossRatio>,
}

/// Outcome of a comparison.
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
    /// Too few rounds to judge by.
    TooFewRounds,
    /// The percentile of both lies among lost requests: what they lose can be compared, latency can't.
    BothCensored,
}

impl Values {
    /// The logarithm of the ratio; a bound if either value is censored.
    fn log_ratio(self) -> f64 {
        self.target.ln() - self.baseline.ln()
    }

    /// Returns the error that the logarithm may have, for the widths of slots.
    fn width(self) -> f64 {
        self.target.relative_width() + self.baseline.relative_width()
    }
}

/// Target of the two that has boots whose percentile lies among lost requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Censored {
    Neither,
    Target,
    Baseline,
    Both,
}

impl Censored {
    fn of(rounds: &[Values]) -> Self {
        let target = rounds.iter().any(|round| round.target.is_censored);
        let baseline = rounds.iter().any(|round| round.baseline.is_censored);
        match (target, baseline) {
            (false, false) => Self::Neither,
            (true, false) => Self::Target,
            (false, true) => Self::Baseline,
            (true, true) => Self::Both,
        }
    }
}

/// A percentile of a pair before the verdict.
struct Test<'a> {
    rounds: &'a [Round<'a>],
    percentile: Percentile,
    values: Vec<Values>,
    censored: Censored,
    /// `None` where there is nothing to judge.
    location: Option<Location>,
}

impl<'a> Test<'a> {
    /// `None` if a boot lacks the samples for the percentile, or if the instrument's own drops decide it.
    fn new(rounds: &'a [Round<'a>], percentile: Percentile) -> Option<Self> {
        let value = |boot: &Boot<'_>| {
            let beyond = boot.latency.count() as f64 / percentile.one_in as f64;
            let value = boot.latency.value(percentile);
            value.filter(|_| boot.dropped as f64 <= MAX_DROPPED * beyond)
        };
        let values = rounds.iter().map(|round| {
            Some(Values {
                round: round.number,
                target: value(&round.target)?,
                baseline: value(&round.baseline)?,
            })
        });
        let values: Vec<Values> = values.collect::<Option<_>>()?;
        if values.is_empty() {
            return None;
        }
        let censored = Censored::of(&values);
        let can_be_judged = values.len() >= MIN_ROUNDS && censored != Censored::Both;
        let location = can_be_judged.then(|| {
            let log_ratios: Vec<f64> = values.iter().map(|value| value.log_ratio()).collect();
            let widths = values.iter().map(|value| value.width());
            Location::of(&log_ratios, widths.fold(0.0, f64::max))
        });
        Some(Self {
            rounds,
            percentile,
            values,
            censored,
            location,
        })
    }

    /// The probability of ratios as far from one, or farther, where there is no difference; of bounds on
    /// one side, only that side counts.
    fn p_value(&self) -> Option<f64> {
        let (lower, higher) = self.location.as_ref()?.p_values();
        let one_sided = match self.censored {
            Censored::Baseline => lower,
            Censored::Target => higher,
            Censored::Neither | Censored::Both => lower.min(higher),
        };
        Some((2.0 * one_sided).min(1.0))
    }

    /// The verdict at the level `alpha` that the test is held to; `family` is the number of tests.
    fn verdict(self, alpha: f64, family: usize) -> Difference {
        let undecided = Difference {
            percentile: self.percentile,
            outcome: Verdict::TooFewRounds,
            ratio: None,
            interval: None,
            confidence: None,
            detectable_ratio: None,
            losses: None,
            rounds: self.values,
        };
        if self.censored == Censored::Both {
            return Difference {
                outcome: Verdict::BothCensored,
                losses: losses::compare(self.rounds, ALPHA / family.max(1) as f64),
                ..undecided
            };
        }
        let Some(location) = self.location else {
            let logs = undecided.rounds.iter().map(|round| round.log_ratio());
            let mean = logs.sum::<f64>() / undecided.rounds.len() as f64;
            return Difference {
                ratio: (self.censored == Censored::Neither).then(|| mean.exp()),
                ..undecided
            };
        };
        let (low, high) = location.interval(alpha);
        let (low, high) = match self.censored {
            Censored::Target => (Some(low), None),
            Censored::Baseline => (None, Some(high)),
            Censored::Neither | Censored::Both => (Some(low), Some(high)),
        };
        let outcome = match (low, high) {
            (_, Some(high)) if high < 0.0 => Verdict::Lower,
            (Some(low), _) if low > 0.0 => Verdict::Higher,
            _ => Verdict::NoDifference,
        };
        Difference {
            outcome,
            ratio: (self.censored == Censored::Neither).then(|| location.centre().exp()),
            interval: Some((low.map(f64::exp), high.map(f64::exp))),
            confidence: Some(1.0 - alpha),
            detectable_ratio: (self.censored == Censored::Neither)
                .then(|| location.detectable(alpha).exp()),
            ..undecided
        }
    }
}

/// Holds targets against baselines: all pairs of a comparison at once, each with the rounds that both have.
/// Returns for each pair its percentiles, without those that a boot has too few samples for.
#[must_use]
pub fn compare(pairs: &[Vec<Round<'_>>]) -> Vec<Vec<Difference>> {
    let compared = PERCENTILES.into_iter();
    let compared: Vec<Percentile> = compared
        .filter(|percentile| percentile.one_in <= RAREST)
        .collect();
    let tests: Vec<(usize, Test<'_>)> = pairs
        .iter()
        .enumerate()
        .flat_map(|(pair, rounds)| {
            let tests = compared
                .iter()
                .filter_map(|percentile| Test::new(rounds, *percentile));
            tests.map(move |test| (pair, test))
        })
        .collect();
    let p_values: Vec<Option<f64>> = tests.iter().map(|(_, test)| test.p_value()).collect();
    let levels = levels(&p_values);
    let family = p_values.iter().flatten().count();
    let mut differences: Vec<Vec<Difference>> = pairs.iter().map(|_| Vec::new()).collect();
    for ((pair, test), alpha) in tests.into_iter().zip(levels) {
        differences[pair].push(test.verdict(alpha, family));
    }
    differences
}

/// Returns the level that each test is held to, by Holm's procedure: those that are no claims are held to the level
/// of the first that failed.
#[must_use]
pub fn levels(p_values: &[Option<f64>]) -> Vec<f64> {
    let mut order: Vec<(usize, f64)> = p_values
        .iter()
        .enumerate()
        .filter_map(|(index, p)| Some((index, (*p)?)))
        .collect();
    order.sort_by(|a, b| a.1.total_cmp(&b.1));
    let mut levels = vec![ALPHA; p_values.len()];
    let mut left = order.len();
    let mut has_failed = false;
    for (index, p) in order {
        levels[index] = ALPHA / left as f64;
        has_failed |= p > levels[index];
        if !has_failed {
            left -= 1;
        }
    }
    levels
}

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
