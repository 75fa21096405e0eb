//! A distribution in a few numbers: percentiles as far as the [rule](super::percentile_rule) allows, and the
//! extremes, which are always shown.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::percentile_rule::{PERCENTILES, Percentile};
use super::requested::{Requested, Values, without_standard};
use crate::histogram::DurationHistogram;

/// A distribution in a few numbers, all but the count in nanoseconds; `None` where there are not
/// enough samples to say.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Summary {
    /// Number of samples.
    pub count: u64,
    /// The smallest sample.
    pub min: Option<u64>,
    /// The mean of all samples; a lower bound where any of them is censored.
    pub mean: Option<f64>,
    /// The median.
    pub p50: Option<u64>,
    /// The 90th percentile.
    pub p90: Option<u64>,
    /// The 99th percentile.
    pub p99: Option<u64>,
    /// The 99.9th percentile.
    #[serde(rename = "p99.9")]
    pub p99_9: Option<u64>,
    /// The 99.99th percentile.
    #[serde(rename = "p99.99")]
    pub p99_99: Option<u64>,
    /// Percentiles that were asked for besides, by their names.
    #[serde(flatten)]
    pub requested: Values,
    /// The largest sample.
    pub max: Option<u64>,
}

/// A percentile as tables have it.
#[derive(Clone, Debug, PartialEq)]
pub struct PercentileColumn {
    /// Name.
    pub name: String,
    /// One sample in this many lies beyond it.
    pub one_in: f64,
    /// Number of samples needed to show the percentile.
    pub samples_needed: u64,
}

impl From<&Percentile> for PercentileColumn {
    fn from(percentile: &Percentile) -> Self {
        Self {
            name: percentile.name.to_owned(),
            one_in: percentile.one_in as f64,
            samples_needed: percentile.samples_needed(),
        }
    }
}

impl From<&Requested> for PercentileColumn {
    fn from(requested: &Requested) -> Self {
        Self {
            name: requested.name(),
            one_in: requested.one_in(),
            samples_needed: requested.samples_needed(),
        }
    }
}

/// The columns of `standard` percentiles and of those that any of `summaries` has besides, in order.
#[must_use]
pub fn percentile_columns<'a>(
    standard: &[Percentile],
    summaries: impl IntoIterator<Item = &'a Summary>,
) -> Vec<PercentileColumn> {
    let requested = summaries
        .into_iter()
        .flat_map(|summary| summary.requested.iter());
    let requested = without_standard(requested.map(|(requested, _)| requested));
    let mut columns: Vec<PercentileColumn> = standard.iter().map(PercentileColumn::from).collect();
    columns.extend(requested.iter().map(PercentileColumn::from));
    columns.sort_by(|a, b| a.one_in.total_cmp(&b.one_in));
    columns
}

impl Summary {
    /// Adds percentiles of the `durations` that it sums up.
    pub fn add(&mut self, durations: &DurationHistogram, requested: &[Requested]) {
        if !requested.is_empty() {
            self.add_from(&durations.histogram(), requested);
        }
    }

    /// Adds percentiles of durations that were counted in `histogram`.
    pub fn add_from(&mut self, histogram: &Histogram<u64>, requested: &[Requested]) {
        let max_ns = self.max.unwrap_or_default();
        for percentile in requested
            .iter()
            .filter(|requested| !requested.is_standard())
        {
            self.requested
                .add(percentile, percentile.of(histogram, max_ns));
        }
    }

    /// The value of the percentile called `name`; `None` where it was never asked for.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Option<u64>> {
        let standard = PERCENTILES.iter().zip(self.percentiles());
        let mut standard = standard.map(|(percentile, ns)| (percentile.name, ns));
        let requested = name.strip_prefix('p').and_then(|name| name.parse().ok());
        standard
            .find(|(known, _)| *known == name)
            .map(|(_, ns)| ns)
            .or_else(|| self.requested.get(&requested?))
    }

    /// The percentiles, in the order of [`PERCENTILES`].
    #[must_use]
    pub const fn percentiles(&self) -> [Option<u64>; PERCENTILES.len()] {
        [self.p50, self.p90, self.p99, self.p99_9, self.p99_99]
    }
}

impl From<&DurationHistogram> for Summary {
    fn from(durations: &DurationHistogram) -> Self {
        let [p50, p90, p99, p99_9, p99_99] = PERCENTILES.map(|percentile| percentile.of(durations));
        Self {
            count: durations.count(),
            min: durations.min_ns(),
            mean: durations.mean_ns(),
            p50,
            p90,
            p99,
            p99_9,
            p99_99,
            requested: Values::default(),
            max: durations.max_ns(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(count: u64) -> Summary {
        Summary::from(&DurationHistogram::of_values(1..=count))
    }

    #[test]
    fn a_percentile_needs_ten_samples_beyond_it() {
        assert_eq!((of(19).p50, of(20).p50), (None, Some(10)));
        assert_eq!((of(99).p90, of(100).p90), (None, Some(90)));
        assert_eq!((of(999).p99, of(1000).p99), (None, Some(990)));
        assert!(of(9_999).p99_9.is_none() && of(10_000).p99_9.is_some());
        assert!(of(99_999).p99_99.is_none() && of(100_000).p99_99.is_some());
    }

    #[test]
    fn the_extremes_are_always_there() {
        let one = of(1);
        assert_eq!((one.min, one.mean, one.max), (Some(1), Some(1.0), Some(1)));
        assert_eq!(of(0), Summary::default());
    }

    #[test]
    fn serialises_under_the_documented_names() {
        let json = serde_json::to_value(of(1)).unwrap();
        let keys: Vec<&str> = json
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        let mut expected = [
            "count", "min", "mean", "p50", "p90", "p99", "p99.9", "p99.99", "max",
        ];
        expected.sort_unstable();
        let mut keys = keys;
        keys.sort_unstable();
        assert_eq!(keys, expected);
        assert!(json["p99.99"].is_null());
    }
}
