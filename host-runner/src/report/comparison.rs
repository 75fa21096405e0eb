//! What comes of holding targets against each other, in the record.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Run;
use crate::stats::comparison::{Difference, Verdict};
use crate::stats::{Distribution, Summary, Tag};

/// All valid repetitions of one target on one link under one kind of load together: their histograms are
/// added up.
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
    /// The latency of all of them.
    pub latency_ns: Summary,
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
    /// Its latency.
    pub latency: Distribution,
    /// What else was recorded of it.
    pub tagged: Vec<(Tag, Distribution)>,
}

/// One percentile of two targets, held against each other.
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
    /// The target's percentile over those, in nanoseconds.
    pub target_ns: u64,
    /// The baseline's.
    pub baseline_ns: u64,
    /// The one less the other.
    pub difference_ns: i64,
    /// The ends of a confidence interval of that, of at least 95 %; null with too few rounds.
    pub low_ns: Option<i64>,
    /// The upper end.
    pub high_ns: Option<i64>,
    /// `closed`, `open` or `pipeline`.
    #[serde(default)]
    pub mode: Option<Cow<'static, str>>,
    /// What it comes to.
    #[serde(default)]
    pub outcome: Option<Verdict>,
    /// The typical boot's ratio, target by baseline: the geometric mean over boots. Null where it can't be
    /// told, as where either is censored.
    #[serde(default)]
    pub ratio: Option<f64>,
    /// The lower end of its confidence interval; null if it has none.
    #[serde(default)]
    pub ratio_low: Option<f64>,
    /// The upper end.
    #[serde(default)]
    pub ratio_high: Option<f64>,
    /// The confidence of the interval, from 0 to 1.
    #[serde(default)]
    pub confidence: Option<f64>,
    /// Name and version of the method, such as `paired-t/1`.
    #[serde(default)]
    pub method: Option<Cow<'static, str>>,
    /// The least ratio, above one, that a comparison with so many boots that vary so much would have found
    /// in eight of ten.
    #[serde(default)]
    pub detectable_ratio: Option<f64>,
    /// The values of each round that both have.
    #[serde(default)]
    pub per_round: Vec<RoundPair>,
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

impl Comparison {
    /// The record of `difference`.
    #[must_use]
    pub fn new(
        target: String,
        baseline: String,
        link: String,
        rounds: usize,
        difference: &Difference,
    ) -> Self {
        let (low_ns, high_ns) = difference.interval_ns.unzip();
        Self {
            target,
            baseline,
            link,
            percentile: Cow::Borrowed(difference.percentile.name),
            rounds,
            target_ns: difference.target_ns,
            baseline_ns: difference.baseline_ns,
            difference_ns: difference.difference_ns() as i64,
            // Outwards, or an interval could come to exclude what it holds.
            low_ns: low_ns.map(|ns| ns.floor() as i64),
            high_ns: high_ns.map(|ns| ns.ceil() as i64),
            mode: None,
            outcome: Some(difference.verdict()),
            ratio: None,
            ratio_low: None,
            ratio_high: None,
            confidence: None,
            method: None,
            detectable_ratio: None,
            per_round: Vec::new(),
            verdict: difference.to_string(),
        }
    }

    /// What the verdict comes to. It was reached before the interval was rounded to whole
    /// nanoseconds, so its words are asked and not the interval.
    #[must_use]
    pub fn outcome(&self) -> Verdict {
        match self.verdict.split_whitespace().next() {
            Some("lower") => Verdict::Lower,
            Some("higher") => Verdict::Higher,
            Some("no") => Verdict::NoDifference,
            _ => Verdict::TooFewRounds,
        }
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
mod tests {
    use super::*;
    use crate::stats::summary::PERCENTILES;

    #[test]
    fn the_words_of_a_verdict_say_what_it_comes_to() {
        for interval_ns in [
            Some((-9.0, -0.2)),
            Some((0.2, 9.0)),
            Some((-1.0, 1.0)),
            None,
        ] {
            let difference = Difference {
                percentile: PERCENTILES[0],
                target_ns: 10,
                baseline_ns: 11,
                interval_ns,
            };
            let [target, baseline, link] = ["a", "b", "unix"].map(str::to_owned);
            let comparison = Comparison::new(target, baseline, link, 3, &difference);
            assert_eq!(comparison.outcome(), difference.verdict(), "{comparison:?}");
        }
    }
}
