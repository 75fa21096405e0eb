//! Valid repetitions of a target taken together, in the record.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::system_label::label;
use super::{Image, RoundLatency, Run};
use crate::quantity;
use crate::stats::distribution::Value;
use crate::stats::percentile_rule::{PERCENTILES, Percentile};
use crate::stats::{Summary, Tag};

/// All valid repetitions of one target on one link under one kind of load together; each weighs the same.
#[derive(Clone, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(rename = "Merged")]
pub struct MergedRuns {
    /// The target's name.
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
    /// Image or kernel that every repetition booted; absent for what is no guest, and in records of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<Image>,
    /// Number of rounds there were to be.
    pub rounds_wanted: u32,
    /// Those with a valid repetition.
    pub rounds: Vec<u32>,
    /// Requests sent.
    pub sent: u64,
    /// Requests answered in time.
    pub received: u64,
    /// Requests not answered in time.
    pub lost: u64,
    /// Weights of repetitions: `boots` if each weighs the same; `requests` if histograms are added up,
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
    /// Latency as a client that waits for each answer would have recorded it.
    #[serde(default)]
    pub uncorrected_latency_ns: Option<Summary>,
    /// The time in the handler, between the two stamps of the service.
    #[serde(default)]
    pub service_ns: Option<Summary>,
    /// The way there and back.
    #[serde(default)]
    pub path_ns: Option<Summary>,
    /// Lateness of sends: from when a request was due to its actual send.
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
    pub fn words(&self, name: &str, merged: &MergedRuns) -> String {
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

/// Weights of repetitions in a merged target.
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
    pub fn each(parts: &[RoundLatency]) -> BTreeMap<String, Self> {
        let range = |percentile: Percentile| {
            let values = parts
                .iter()
                .filter_map(|part| part.latency.value(percentile));
            let values: Vec<Value> = values.collect();
            let known = values
                .iter()
                .filter(|value| !value.is_censored)
                .map(|value| value.ns);
            let is_censored = values.iter().any(|value| value.is_censored);
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

impl MergedRuns {
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

    /// Returns true if `run` is one of its repetitions.
    #[must_use]
    pub fn is_of(&self, run: &Run) -> bool {
        (&self.target, &self.responder, &self.link) == (&run.target, &run.responder, &run.link)
            && self.mode.as_ref().is_none_or(|mode| *mode == run.mode)
    }

    /// Returns the name of its files up to the dot: as its repetitions', without the round.
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

#[cfg(test)]
mod tests;
