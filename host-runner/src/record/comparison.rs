//! Comparisons of targets with each other, in the record.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Run;
use crate::stats::comparison::{Boot, Difference, METHOD, Values, Verdict};
use crate::stats::distribution::Value;
use crate::stats::{Distribution, RunRecorder, Tag};

mod merged;
mod words;

pub use merged::{BootRange, GuestEstimate, Merged, Weight};

/// Returns the name of the console log of an attempt in a round.
#[must_use]
pub fn console_log(label: &str, link: &str, round: u32, attempt: u32) -> String {
    let target = label.replace(':', "-");
    format!("{target}-{link}-round-{round}.{attempt}.log")
}

/// One valid repetition of a merged target.
#[derive(Clone, Debug)]
pub struct Part {
    /// Its round.
    pub round: u32,
    /// When it began, after the comparison did.
    pub start: Duration,
    /// Its duration.
    pub length: Duration,
    /// Its latency, with the region that lost requests lie in.
    pub latency: Distribution,
    /// Other times that were recorded of it.
    pub tagged: Vec<(Tag, Distribution)>,
    /// Requests sent.
    pub sent: u64,
    /// Requests not answered in time.
    pub lost: u64,
    /// Requests that the instrument gave up sending.
    pub dropped: u64,
}

impl Part {
    /// The part that `run` is, which began `start` after the comparison did.
    #[must_use]
    pub fn new(run: &Run, recorder: &RunRecorder, start: Duration) -> Self {
        let tags = Tag::ALL.into_iter();
        let tags = tags.filter(|&tag| run.tagged(tag).is_some());
        // Where lost requests are not marked they lie from the timeout on.
        let is_lossy = run.lost + run.dropped_locally > 0;
        let timeout_ns = is_lossy.then_some(run.timeout_ns);
        Self {
            round: run.round.unwrap_or(0),
            start,
            length: run.measured(),
            latency: Distribution::from(&recorder.latency)
                .censored_from(run.censored_from_ns.or(timeout_ns)),
            tagged: tags
                .filter_map(|tag| Some((tag, recorder.tagged(tag)?.into())))
                .collect(),
            sent: run.sent,
            lost: run.lost,
            dropped: run.dropped_locally,
        }
    }

    /// As the boot that a verdict is about.
    #[must_use]
    pub const fn boot(&self) -> Boot<'_> {
        Boot {
            latency: &self.latency,
            sent: self.sent,
            lost: self.lost,
            dropped: self.dropped,
        }
    }

    /// Share of its requests that were lost.
    #[must_use]
    pub fn lost_share(&self) -> f64 {
        self.lost as f64 / self.sent.max(1) as f64
    }
}

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
                .and_then(|it| whole(in_ns(it).floor())),
            high_ns: high
                .filter(|_| is_known)
                .and_then(|it| whole(in_ns(it).ceil())),
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
                    .filter(|it| is_below(it.target, it.baseline))
                    .count(),
            ),
            rounds_higher: Some(
                rounds
                    .iter()
                    .filter(|it| is_below(it.baseline, it.target))
                    .count(),
            ),
            target_lost: Some(pairing.lost.0),
            baseline_lost: Some(pairing.lost.1),
            loss_ratio: losses.map(|it| it.ratio),
            loss_ratio_low: losses.map(|it| it.low),
            loss_ratio_high: losses.map(|it| it.high),
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
        logs.get(logs.len() / 2).map_or(0.0, |it| it.exp())
    };
    match ratio {
        Some(ratio) => {
            let mean_ns = middle(&|it| f64::midpoint(it.target.ln(), it.baseline.ln()));
            (mean_ns * ratio.sqrt(), mean_ns / ratio.sqrt())
        }
        None => (middle(&|it| it.target.ln()), middle(&|it| it.baseline.ln())),
    }
}

/// A target that was not measured on a link, or only in part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Skipped {
    /// The target's name.
    pub target: String,
    /// Variant of the target: how the service on Linux waits for datagrams, or `smoltcp` if that answers in
    /// the unikernel; null elsewhere.
    pub responder: Option<String>,
    /// The link's name.
    pub link: String,
    /// In which round it was given up; null if it was never tried or can't be done here.
    pub round: Option<u32>,
    /// Reason, in words.
    pub reason: String,
}

impl Skipped {
    /// Returns true if it is this target on this link.
    #[must_use]
    pub fn is(&self, merged: &Merged) -> bool {
        (&self.target, &self.responder, &self.link)
            == (&merged.target, &merged.responder, &merged.link)
    }
}

impl Skipped {
    /// Returns the targets skipped and the reasons, in words: a line for each reason.
    #[must_use]
    pub fn lines(skipped: &[Self]) -> Vec<String> {
        let mut by_reason: Vec<(&str, Vec<String>)> = Vec::new();
        for it in skipped {
            let what = it.what();
            match by_reason
                .iter_mut()
                .find(|(reason, _)| *reason == it.reason)
            {
                Some((_, others)) => others.push(what),
                None => by_reason.push((&it.reason, vec![what])),
            }
        }
        let line = |(reason, what): (&str, Vec<String>)| format!("{}: {reason}", what.join(", "));
        by_reason.into_iter().map(line).collect()
    }

    fn what(&self) -> String {
        let label = label(&self.target, self.responder.as_deref());
        let from = self.round.map(|round| format!(" from round {round} on"));
        format!("{label} on {}{}", self.link, from.unwrap_or_default())
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what(), self.reason)
    }
}

/// A target with its mode.
pub(super) fn label(target: &str, responder: Option<&str>) -> String {
    match responder {
        Some(responder) => format!("{target}:{responder}"),
        None => target.to_owned(),
    }
}

#[cfg(test)]
mod tests;
