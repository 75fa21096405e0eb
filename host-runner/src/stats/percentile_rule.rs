//! The percentile rule: a percentile is shown only if at least [`MIN_BEYOND`] samples lie beyond it.

use crate::histogram::DurationHistogram;

/// Least number of samples beyond a percentile, n(1-p), for it to be shown.
pub const MIN_BEYOND: u64 = 10;

/// A percentile that summaries have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Percentile {
    /// Name in tables and results.
    pub name: &'static str,
    /// The share of samples that do not exceed it.
    pub quantile: f64,
    /// One sample in this many lies beyond it: 1/(1-p).
    pub one_in: u64,
}

impl Percentile {
    /// Returns the least number of samples to show it with.
    #[must_use]
    pub const fn samples_needed(&self) -> u64 {
        self.one_in * MIN_BEYOND
    }

    /// Returns the percentile of `durations`, in nanoseconds; `None` if there are too few of them.
    #[must_use]
    pub fn of(&self, durations: &DurationHistogram) -> Option<u64> {
        (durations.count() >= self.samples_needed()).then(|| durations.quantile_ns(self.quantile))
    }
}

const fn percentile(name: &'static str, quantile: f64, one_in: u64) -> Percentile {
    Percentile {
        name,
        quantile,
        one_in,
    }
}

/// The percentiles that summaries have, from the middle to the tail.
pub const PERCENTILES: [Percentile; 5] = [
    percentile("p50", 0.5, 2),
    percentile("p90", 0.9, 10),
    percentile("p99", 0.99, 100),
    percentile("p99.9", 0.999, 1000),
    percentile("p99.99", 0.9999, 10_000),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_quantiles_and_needs_agree() {
        for percentile in PERCENTILES {
            let one_in = 1.0 / (1.0 - percentile.quantile);
            assert_eq!(one_in.round() as u64, percentile.one_in);
            assert_eq!(
                percentile.name,
                format!("p{}", percentile.quantile * 100.0).as_str()
            );
        }
    }
}
