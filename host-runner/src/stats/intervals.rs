//! Latency over time: one histogram per interval of a run, for the `.hlog` file.
//!
//! All memory is taken beforehand. A run that outlasts it has its intervals joined in pairs: they
//! get twice as long, and no sample is dropped.

use hdrhistogram::Histogram;

use super::counts::{Counts, Slot};

/// The most intervals there are.
const MAX_INTERVALS: usize = 64;

/// The shortest interval, in nanoseconds.
const SECOND_NS: u64 = 1_000_000_000;

/// The intervals of one run.
#[derive(Debug)]
pub struct Intervals {
    started_ns: u64,
    length_ns: u64,
    counts: Vec<Counts<u32>>,
    /// How many of them, from the first on, have a sample or come before one that has.
    used: usize,
    /// The interval of the last sample, and when it begins: the next one is most likely in it too.
    current: usize,
    current_from_ns: u64,
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
            counts: (0..needed).map(|_| Counts::default()).collect(),
            used: 0,
            current: 0,
            current_from_ns: 0,
        }
    }

    /// The first interval begins.
    pub fn start(&mut self, at_ns: u64) {
        self.started_ns = at_ns;
        self.current = 0;
        self.current_from_ns = at_ns;
    }

    /// Adds one sample to the interval of `at_ns`. Never allocates.
    pub fn record(&mut self, at_ns: u64, value_ns: u64) {
        self.record_at(Slot::of(value_ns), at_ns);
    }

    /// Adds one sample, of whose value `slot` is the slot, to the interval of `at_ns`.
    #[inline]
    pub(super) fn record_at(&mut self, slot: Slot, at_ns: u64) {
        let is_in_current = at_ns
            .checked_sub(self.current_from_ns)
            .is_some_and(|ns| ns < self.length_ns);
        if !is_in_current || self.used == 0 {
            self.go_to(at_ns);
        }
        self.counts[self.current].add(slot);
    }

    /// Makes the interval of `at_ns` the current one.
    #[cold]
    fn go_to(&mut self, at_ns: u64) {
        let since_start_ns = at_ns.saturating_sub(self.started_ns);
        let mut index = since_start_ns / self.length_ns;
        while index >= self.counts.len() as u64 {
            self.join_pairs();
            index = since_start_ns / self.length_ns;
        }
        self.current_from_ns = self.started_ns + index * self.length_ns;
        // Under the number of intervals, so it fits.
        self.current = index as usize;
        self.used = self.used.max(self.current + 1);
    }

    fn join_pairs(&mut self) {
        for index in 0..self.counts.len().div_ceil(2) {
            self.counts.swap(index, 2 * index);
            let (kept, rest) = self.counts.split_at_mut(index + 1);
            if let Some(second) = rest.get_mut(index) {
                kept[index].add_all(second);
                second.clear();
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

    /// The intervals as histograms, up to the last one with a sample; each is made when its turn
    /// comes.
    pub fn histograms(&self) -> impl Iterator<Item = Histogram<u32>> {
        self.counts[..self.used].iter().map(Counts::histogram)
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
        let counts: Vec<u64> = intervals
            .histograms()
            .map(|interval| interval.len())
            .collect();
        assert_eq!(counts, [1, 2, 0, 1]);
        assert_eq!(intervals.length_ns(), SECOND_NS);
    }

    #[test]
    fn a_long_run_has_longer_ones() {
        let intervals = Intervals::new(Some(3600 * SECOND_NS));
        assert_eq!(intervals.length_ns(), 57 * SECOND_NS);
        assert!(intervals.counts.len() <= MAX_INTERVALS);
    }

    proptest! {
        // Each case walks through megabytes of histogram.
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn no_sample_is_dropped_however_long_it_takes(
            expected_s in prop::option::of(0..200u64),
            mut times_s in prop::collection::vec(0..500u64, 1..50),
            start_ns in 0..3 * SECOND_NS,
        ) {
            let mut intervals = Intervals::new(expected_s.map(|seconds| seconds * SECOND_NS));
            intervals.start(start_ns);
            // In any order: a loss is told after replies that came later.
            for &second in &times_s {
                intervals.record(start_ns + second * SECOND_NS, second + 1);
            }
            times_s.sort_unstable();
            let length_s = intervals.length_ns() / SECOND_NS;
            for (index, histogram) in intervals.histograms().enumerate() {
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
