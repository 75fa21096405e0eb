//! Metrics of all targets. Their names and labels are in `docs/monitoring.md`.
#![forbid(unsafe_code)]

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeMetric, MetricEncoder, NativeHistogram, NativeHistogramBuckets,
    NoLabelSet, prometheus_protobuf, prometheus_text,
};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::metrics::{MetricType, TypedMetric};
use prometheus_client::registry::Registry;

use super::buckets;
use super::negotiation::Format;
use crate::clock;
use crate::histogram::DurationHistogram;
use crate::stats::continuous::Series;
use crate::stats::outcomes::Outcomes;
use crate::stats::running_totals::{RunningTotal, RunningTotals};

/// Label of a target's metrics.
const TARGET: &str = "target";

/// Content type of the protobuf format.
const PROTOBUF: &str =
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

/// Width of the bucket of samples of no length: 2^-128 seconds, as of Prometheus' own clients. Zero would mark a histogram
/// that is not native.
const ZERO_THRESHOLD: f64 = 2.938_735_877_055_719e-39;

/// A label that every metric has: NAME=VALUE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    name: String,
    value: String,
}

/// Reason why a text is no label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// The value is missing.
    #[error("expected NAME=VALUE")]
    NoValue,
    /// The name is none that Prometheus has.
    #[error("a label's name has letters, digits and _, and begins with no digit and not with __")]
    Name,
    /// The name is taken.
    #[error("the labels target and le are the exporter's own")]
    Taken,
}

impl FromStr for Label {
    type Err = LabelError;

    fn from_str(text: &str) -> Result<Self, LabelError> {
        let (name, value) = text.split_once('=').ok_or(LabelError::NoValue)?;
        let is_word = |character: char| character.is_ascii_alphanumeric() || character == '_';
        let starts_well = !name.starts_with(|first: char| first.is_ascii_digit());
        if name.is_empty() || !starts_well || name.starts_with("__") || !name.chars().all(is_word) {
            return Err(LabelError::Name);
        }
        if [TARGET, "le"].contains(&name) {
            return Err(LabelError::Taken);
        }
        Ok(Self {
            name: name.to_owned(),
            value: value.to_owned(),
        })
    }
}

impl Label {
    /// Returns the name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the value.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }
}

/// Metrics of [`RunningTotals`].
#[derive(Debug)]
pub struct Exposition {
    registry: Registry,
    totals: Arc<RunningTotals>,
}

/// The sums, as the crate asks for them.
#[derive(Debug)]
struct Sums {
    totals: Arc<RunningTotals>,
    schema: i32,
}

type Targets = BTreeMap<String, RunningTotal>;

impl Exposition {
    /// Returns the metrics of `totals`, each with `labels`, with native histograms of `schema`.
    #[must_use]
    pub fn new(totals: Arc<RunningTotals>, labels: &[Label], schema: i32) -> Self {
        let owned = |label: &Label| {
            let Label { name, value } = label.clone();
            (Cow::Owned(name), Cow::Owned(value))
        };
        let mut registry = Registry::with_prefix_and_labels("fathom", labels.iter().map(owned));
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        registry.register("build", "Version of the prober", Info::new(version));
        let sums = Sums {
            totals: Arc::clone(&totals),
            schema,
        };
        registry.register_collector(Box::new(sums));
        Self { registry, totals }
    }

    /// Returns all metrics in `format`, with the content type.
    ///
    /// # Errors
    ///
    /// If a metric can't be encoded.
    pub fn encode(&self, format: Format) -> Result<(&'static str, Vec<u8>), fmt::Error> {
        match format {
            Format::Text => {
                let mut text = String::new();
                prometheus_text::encode(&mut text, &self.registry)?;
                Ok((prometheus_text::CONTENT_TYPE, text.into_bytes()))
            }
            Format::Protobuf => {
                let bytes = prometheus_protobuf::encode_to_vec(&self.registry);
                Ok((PROTOBUF, bytes.map_err(|_| fmt::Error)?))
            }
        }
    }

    /// Returns the targets of which nothing has come for a while.
    #[must_use]
    pub fn silence(&self) -> Silence {
        let now_ns = clock::now_ns();
        let all = self.totals.lock();
        let silent = all.iter().filter(|(_, total)| !total.is_alive(now_ns));
        let targets: Vec<_> = silent.map(|(target, _)| target.clone()).collect();
        Silence {
            is_total: targets.len() == all.len(),
            targets,
        }
    }
}

/// Targets of which nothing has come for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silence {
    /// The targets.
    pub targets: Vec<String>,
    /// True if there are no others.
    pub is_total: bool,
}

/// A counter of requests: name, description, value.
type Counter = (&'static str, &'static str, fn(&Outcomes) -> u64);

const COUNTERS: [Counter; 9] = [
    ("requests", "Requests sent", |counts| counts.requests),
    (
        "replies",
        "Requests with a reply within the timeout",
        |counts| counts.replies,
    ),
    (
        "lost",
        "Requests without a reply within the timeout",
        |counts| counts.lost,
    ),
    (
        "not_sent",
        "Requests that were due and that the prober's host did not send",
        |counts| counts.not_sent,
    ),
    (
        "late",
        "Replies after the timeout of their request, which counts as lost",
        |counts| counts.late,
    ),
    ("duplicated", "Further replies to a request", |counts| {
        counts.duplicated
    }),
    (
        "reordered",
        "Replies that were overtaken by the reply to a later request",
        |counts| counts.reordered,
    ),
    (
        "corrupted",
        "Datagrams from the service that are no valid reply",
        |counts| counts.corrupted,
    ),
    (
        "service_restarts",
        "Changes of the service's boot id",
        |counts| counts.restarts,
    ),
];

/// A distribution: name, description, samples.
type Distribution = (
    &'static str,
    &'static str,
    fn(&Series) -> &DurationHistogram,
);

const DISTRIBUTIONS: [Distribution; 4] = [
    (
        "latency_seconds",
        "Time from when a request was due to its reply; a lost or unsent one counts with the timeout or more",
        |series| &series.latency,
    ),
    (
        "service_seconds",
        "Time in the service, by its own clock",
        |series| &series.service,
    ),
    (
        "path_seconds",
        "Round trip from the actual send, without the time in the service",
        |series| &series.path,
    ),
    (
        "send_lateness_seconds",
        "Time from when a request was due to when the prober sent it",
        |series| &series.lateness,
    ),
];

impl Collector for Sums {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let targets = self.totals.lock();
        for (name, help, value) in COUNTERS {
            let counter = |total: &RunningTotal| ConstCounter::new(value(&total.outcomes));
            family(&mut encoder, &targets, (name, help), counter)?;
        }
        for (name, help, value) in DISTRIBUTIONS {
            let mut of_all = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
            for (target, total) in targets.iter() {
                let labels = [(TARGET, target.as_str())];
                histogram(
                    of_all.encode_family(&labels)?,
                    value(&total.series),
                    self.schema,
                )?;
            }
        }
        let help = "Time for which the target's measuring thread could have run and had no CPU";
        let waited = |total: &RunningTotal| seconds_counter(total.waits.scheduled.total_ns);
        family(
            &mut encoder,
            &targets,
            ("measurer_gap_seconds", help),
            waited,
        )?;
        let help = "Time for which CPU limits stopped the prober's control groups, the same for all targets";
        let throttled = |total: &RunningTotal| seconds_counter(total.waits.throttled.total_ns);
        family(
            &mut encoder,
            &targets,
            ("measurer_cpu_throttled_seconds", help),
            throttled,
        )?;
        let now_ns = clock::now_ns();
        let help = "1 if p50, p90 and p99 of the last 30 to 60 seconds are the service's and the network's, 0 if the \
                    prober's host decided one of them, or nothing is measured";
        let valid = |total: &RunningTotal| ConstGauge::new(i64::from(total.is_valid(now_ns)));
        family(&mut encoder, &targets, ("valid", help), valid)
    }
}

fn seconds_counter(ns: u64) -> ConstCounter<f64> {
    ConstCounter::new(ns as f64 / 1e9)
}

/// Encodes the metric that `metric` makes of each target.
fn family<M: EncodeMetric + TypedMetric>(
    encoder: &mut DescriptorEncoder<'_>,
    targets: &Targets,
    (name, help): (&str, &str),
    metric: impl Fn(&RunningTotal) -> M,
) -> fmt::Result {
    let mut of_all = encoder.encode_descriptor(name, help, None, M::TYPE)?;
    for (target, total) in targets {
        let labels = [(TARGET, target.as_str())];
        metric(total).encode(of_all.encode_family(&labels)?)?;
    }
    Ok(())
}

fn histogram(
    mut encoder: MetricEncoder<'_>,
    durations: &DurationHistogram,
    schema: i32,
) -> fmt::Result {
    let native = buckets::native(durations, schema);
    let none = NativeHistogramBuckets {
        spans: &[],
        deltas: &[],
    };
    encoder.encode_histogram_with_native::<NoLabelSet>(
        durations.sum_ns() as f64 / 1e9,
        durations.count(),
        &buckets::classic(durations),
        None,
        NativeHistogram {
            schema,
            zero_threshold: ZERO_THRESHOLD,
            zero_count: native.zeros,
            negative: none,
            positive: NativeHistogramBuckets {
                spans: &native.spans,
                deltas: &native.deltas,
            },
            created: None,
        },
    )
}

#[cfg(test)]
mod tests;
