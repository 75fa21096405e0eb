//! What comes of holding targets against each other, in the record.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Run;
use crate::quantity;
use crate::stats::comparison::{Boot, Difference, METHOD, Values, Verdict};
use crate::stats::distribution::Value;
use crate::stats::summary::{PERCENTILES, Percentile};
use crate::stats::{Distribution, Recorder, Summary, Tag};

mod words;

/// All valid repetitions of one target on one link under one kind of load together; each weighs the same.
#[derive(Clone, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Merged {
    /// What was measured.
    pub target: String,
    /// Variant of the target: how the service on Linux waits for datagrams, or `smoltcp` if that answers in
    /// the unikernel; null elsewhere.
    pub responder: Option<String>,
    /// The link's name.
    pub link: String,
    /// `closed`, `open` or `pipeline`. Null, in older records, if no repetition is valid.
    pub mode: Option<Cow<'static, str>>,
    /// Length of every request's UDP payload; null, as the next, if no repetition is valid.
    pub payload_bytes: Option<usize>,
    /// After this long a request is lost, in nanoseconds.
    pub timeout_ns: Option<u64>,
    /// How many rounds there were to be.
    pub rounds_wanted: u32,
    /// Those with a valid repetition.
    pub rounds: Vec<u32>,
    /// Requests sent.
    pub sent: u64,
    /// Requests answered in time.
    pub received: u64,
    /// Requests not answered in time.
    pub lost: u64,
    /// How repetitions are weighed: `boots` if each weighs the same; `requests` if histograms are added up,
    /// as in records that do not say.
    #[serde(default)]
    pub weight: Weight,
    /// The latency of a boot drawn at random and then a request of it; `count` is that of all requests.
    pub latency_ns: Summary,
    /// The ends of each percentile over the repetitions, by its name.
    #[serde(default)]
    pub boots: BTreeMap<String, BootRange>,
    /// Latencies from here on, in nanoseconds, are censored: the true value is at least that. Null if
    /// nothing is.
    #[serde(default)]
    pub censored_from_ns: Option<u64>,
    /// Number of censored latencies.
    #[serde(default)]
    pub censored_count: u64,
    /// As of a run, of all of them; null where no repetition has it.
    #[serde(default)]
    pub round_trip_ns: Option<Summary>,
    /// What a client that waits for each answer would have recorded.
    #[serde(default)]
    pub uncorrected_latency_ns: Option<Summary>,
    /// The time in the handler, between the two stamps of the service.
    #[serde(default)]
    pub service_ns: Option<Summary>,
    /// The way there and back.
    #[serde(default)]
    pub path_ns: Option<Summary>,
    /// How late requests were sent.
    #[serde(default)]
    pub send_lateness_ns: Option<Summary>,
    /// Lengths of the measuring thread's scheduling gaps during the runs.
    #[serde(default)]
    pub gaps_ns: Option<Summary>,
    /// An estimate of what the guest and its driver take of the latency: that of `null` on the same link under
    /// the same load is subtracted. Null without a `null`, and for what is no guest.
    #[serde(default)]
    pub guest_estimate_ns: Option<GuestEstimate>,
}

/// An estimate of a guest's share of its latency: the median, over the rounds that it and `null` have, of the
/// differences of their percentiles, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct GuestEstimate {
    /// Number of those rounds.
    pub rounds: usize,
    /// Of p50; null where a round has too few samples.
    pub p50: Option<i64>,
    /// Of p99.
    pub p99: Option<i64>,
}

impl GuestEstimate {
    /// Returns the estimate of `name`, which is `merged`, in words.
    #[must_use]
    pub fn words(&self, name: &str, merged: &Merged) -> String {
        let at = |ns: Option<i64>, percentile| {
            ns.map(|ns| format!("{} at {percentile}", quantity::time(ns as f64)))
        };
        let parts: Vec<String> = [at(self.p50, "p50"), at(self.p99, "p99")]
            .into_iter()
            .flatten()
            .collect();
        format!(
            "{name} on {}, {} loop: the guest and its driver take about {} (latency less null's, median of {} \
             rounds)",
            merged.link,
            merged.mode.as_deref().unwrap_or("-"),
            parts.join(" and "),
            self.rounds
        )
    }
}

/// How repetitions are weighed in a merged target.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// By the number of their requests.
    #[default]
    Requests,
    /// Each the same.
    Boots,
}

/// The ends of one percentile over the valid repetitions of a target, those that have the samples for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct BootRange {
    /// Number of repetitions that have the samples.
    pub boots: u32,
    /// The lowest value in nanoseconds; null if all are censored.
    pub lowest_ns: Option<u64>,
    /// The highest; null if it is censored.
    pub highest_ns: Option<u64>,
}

impl BootRange {
    /// The ends of each percentile over `parts`, by its name.
    #[must_use]
    pub fn each(parts: &[Part]) -> BTreeMap<String, Self> {
        let range = |percentile: Percentile| {
            let values = parts.iter().filter_map(|it| it.latency.value(percentile));
            let values: Vec<Value> = values.collect();
            let known = values.iter().filter(|it| !it.is_censored).map(|it| it.ns);
            let is_censored = values.iter().any(|it| it.is_censored);
            let range = Self {
                boots: values.len() as u32,
                lowest_ns: known.clone().min(),
                highest_ns: known.max().filter(|_| !is_censored),
            };
            (!values.is_empty()).then(|| (percentile.name.to_owned(), range))
        };
        PERCENTILES.into_iter().filter_map(range).collect()
    }

    /// The range in words: `13.1–29.6 µs`.
    #[must_use]
    pub fn words(&self) -> String {
        match (self.lowest_ns, self.highest_ns) {
            (Some(low), Some(high)) => quantity::range(low as f64, high as f64),
            (Some(low), None) => format!("{} to lost", quantity::time(low as f64)),
            (None, _) => "lost".to_owned(),
        }
    }
}

impl Merged {
    /// Returns the field of `tag`.
    #[must_use]
    pub const fn tagged(&self, tag: Tag) -> &Option<Summary> {
        match tag {
            Tag::RoundTrip => &self.round_trip_ns,
            Tag::Service => &self.service_ns,
            Tag::Path => &self.path_ns,
            Tag::Lateness => &self.send_lateness_ns,
            Tag::WaitingClient => &self.uncorrected_latency_ns,
            Tag::Gaps => &self.gaps_ns,
        }
    }

    /// The same, to be changed.
    pub const fn tagged_mut(&mut self, tag: Tag) -> &mut Option<Summary> {
        match tag {
            Tag::RoundTrip => &mut self.round_trip_ns,
            Tag::Service => &mut self.service_ns,
            Tag::Path => &mut self.path_ns,
            Tag::Lateness => &mut self.send_lateness_ns,
            Tag::WaitingClient => &mut self.uncorrected_latency_ns,
            Tag::Gaps => &mut self.gaps_ns,
        }
    }

    /// Returns the value from which a latency is a lower bound, because requests were lost.
    #[must_use]
    pub fn lower_bounds_from_ns(&self) -> Option<u64> {
        let of_old_records = self.timeout_ns.filter(|_| self.lost > 0);
        self.censored_from_ns.or(of_old_records)
    }

    /// The target with its mode.
    #[must_use]
    pub fn label(&self) -> String {
        label(&self.target, self.responder.as_deref())
    }

    /// Whether `run` is one of its repetitions.
    #[must_use]
    pub fn is_of(&self, run: &Run) -> bool {
        (&self.target, &self.responder, &self.link) == (&run.target, &run.responder, &run.link)
            && self.mode.as_ref().is_none_or(|mode| *mode == run.mode)
    }

    /// What its files are called, up to the dot: as its repetitions', without the round.
    #[must_use]
    pub fn file_stem(&self) -> String {
        let parts = [
            Some(self.target.as_str()),
            self.responder.as_deref(),
            Some(self.link.as_str()),
            self.mode.as_deref(),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join("-")
    }
}

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
    /// How long it took.
    pub length: Duration,
    /// Its latency, with the region that lost requests lie in.
    pub latency: Distribution,
    /// What else was recorded of it.
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
    pub fn new(run: &Run, recorder: &Recorder, start: Duration) -> Self {
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
    /// How many rounds both have.
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
    /// What it comes to.
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
    /// What it comes to, in words made from the fields.
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

/// What is compared with what.
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

    /// What the verdict comes to. In records of older versions, which have no outcome, it follows from the
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
    /// What was not measured.
    pub target: String,
    /// Variant of the target: how the service on Linux waits for datagrams, or `smoltcp` if that answers in
    /// the unikernel; null elsewhere.
    pub responder: Option<String>,
    /// The link's name.
    pub link: String,
    /// In which round it was given up; null if it was never tried or can't be done here.
    pub round: Option<u32>,
    /// Why not.
    pub reason: String,
}

impl Skipped {
    /// Whether it is this target on this link.
    #[must_use]
    pub fn is(&self, merged: &Merged) -> bool {
        (&self.target, &self.responder, &self.link)
            == (&merged.target, &merged.responder, &merged.link)
    }
}

impl Skipped {
    /// What was skipped, in words, and why: a line for each reason.
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
