//! Latency over time: one histogram per interval of a run, for the `.hlog` file.
//!
//! All memory is taken beforehand. A run that outlasts it has its intervals joined in pairs: they
//! get twice as long, and no sample is dropped.

use hdrhistogram::Histogram;

use super::recording::{HIGHEST_NS, histogram};

/// The most intervals there are.
const MAX_INTERVALS: usize = 64;

/// The shortest interval, in nanoseconds.
const SECOND_NS: u64 = 1_000_000_000;

/// The intervals of one run.
#[derive(Debug)]
pub struct Intervals {
    started_ns: u64,
    length_ns: u64,
    histograms: Vec<Histogram<u32>>,
    used: usize,
}

impl Intervals {
    /// Room for a run of about `expected_ns`, if that is known: one interval per second, or per as
    /// many seconds as it takes to need no more than a few dozen of them.
    #[must_use]
    pub fn new(expected_ns: Option<u64>) -> Self {
        let max_intervals = MAX_INTERVALS as u64;
        let expected_ns = expected_ns.unwrap_or(max_intervals * SECOND_NS - 1);
        let length_ns = (expected_ns / max_intervals + 1).next_multiple_of(SECOND_NS);
        let needed = (expected_ns / length_ns + 1).min(max_intervals);
        Self {
            started_ns: 0,
            length_ns,
            histograms: (0..needed).map(|_| histogram()).collect(),
            used: 0,
        }
    }

    /// The first interval begins.
    pub fn start(&mut self, at_ns: u64) {
        self.started_ns = at_ns;
    }

    /// Adds one sample to the interval of `at_ns`. Never allocates.
    pub fn record(&mut self, at_ns: u64, value_ns: u64) {
        let since_start_ns = at_ns.saturating_sub(self.started_ns);
        let mut index = since_start_ns / self.length_ns;
        while index >= self.histograms.len() as u64 {
            self.join_pairs();
            index = since_start_ns / self.length_ns;
        }
        // Under the number of histograms, so it fits.
        let index = index as usize;
        self.used = self.used.max(index + 1);
        self.histograms[index].saturating_record(value_ns.min(HIGHEST_NS));
    }

    fn join_pairs(&mut self) {
        for index in 0..self.histograms.len().div_ceil(2) {
            self.histograms.swap(index, 2 * index);
            let (kept, rest) = self.histograms.split_at_mut(index + 1);
            if let Some(second) = rest.get_mut(index) {
                // Both have the same bounds, so there is nothing that could not be added.
                let _ = kept[index].add(&*second);
                second.reset();
            }
        }
        self.used = self.used.div_ceil(2);
        self.length_ns *= 2;
    }

    /// How long each interval is, in nanoseconds.
    #[must_use]
    pub fn length_ns(&self) -> u64 {
        self.length_ns
    }

    /// The intervals, up to the last one with a sample.
    #[must_use]
    pub fn histograms(&self) -> &[Histogram<u32>] {
        &self.histograms[..self.used]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_short_run_has_an_interval_per_second() {
        let mut intervals = Intervals::new(Some(5 * SECOND_NS));
        intervals.start(100);
        for second in [0, 1, 1, 3] {
            intervals.record(100 + second * SECOND_NS, 1000);
        }
        let counts: Vec<u64> = intervals.histograms().iter().map(Histogram::len).collect();
        assert_eq!(counts, [1, 2, 0, 1]);
        assert_eq!(intervals.length_ns(), SECOND_NS);
    }

    #[test]
    fn a_long_run_has_longer_ones() {
        let intervals = Intervals::new(Some(3600 * SECOND_NS));
        assert_eq!(intervals.length_ns(), 57 * SECOND_NS);
        assert!(intervals.histograms.len() <= MAX_INTERVALS);
    }

    proptest! {
        // Each case walks through megabytes of histogram.
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn no_sample_is_dropped_however_long_it_takes(
            expected_s in prop::option::of(0..200u64),
            mut times_s in prop::collection::vec(0..500u64, 1..50),
        ) {
            times_s.sort_unstable();
            let mut intervals = Intervals::new(expected_s.map(|seconds| seconds * SECOND_NS));
            for &second in &times_s {
                intervals.record(second * SECOND_NS, second + 1);
            }
            let length_s = intervals.length_ns() / SECOND_NS;
            for (index, histogram) in intervals.histograms().iter().enumerate() {
                let index = index as u64;
                let mut values: Vec<u64> = Vec::new();
                for value in histogram.iter_recorded() {
                    for _ in 0..value.count_at_value() {
                        values.push(value.value_iterated_to());
                    }
                }
                let expected: Vec<u64> = times_s.iter().copied()
                    .filter(|second| second / length_s == index).map(|second| second + 1).collect();
                prop_assert_eq!(values, expected);
            }
        }
    }
}
