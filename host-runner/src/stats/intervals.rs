//! Latency over time: one histogram per interval of a run, for the `.hlog` file.
//!
//! All memory is taken beforehand. A run that outlasts it has its intervals joined in pairs: they
//! get twice as long, and no sample is dropped.

use std::sync::mpsc::SyncSender;

use hdrhistogram::Histogram;

use crate::histogram::slots::{Slot, SlotCounts};

/// The most intervals there are.
const MAX_INTERVALS: usize = 64;

/// The shortest interval, in nanoseconds.
const SECOND_NS: u64 = 1_000_000_000;

/// A last interval that the run filled by less than one part in this many goes with the one before: it is
/// what a run needs to end, and no interval of its own.
const LEAST_PART: u64 = 10;

/// A stretch of a run.
#[derive(Clone, Debug)]
pub struct Interval {
    /// Start of the interval, in nanoseconds after the start of the run.
    pub start_ns: u64,
    /// Length of the interval in nanoseconds.
    pub length_ns: u64,
    /// The samples in it.
    pub histogram: Histogram<u32>,
}

/// An interval that is over, but for losses that are told later.
#[derive(Debug)]
pub struct FinishedInterval {
    start_ns: u64,
    length_ns: u64,
    counts: SlotCounts<u32>,
}

impl FinishedInterval {
    /// Returns the interval.
    #[must_use]
    pub fn interval(&self) -> Interval {
        Interval {
            start_ns: self.start_ns,
            length_ns: self.length_ns,
            histogram: self.counts.histogram(),
        }
    }
}

/// The intervals of one run.
#[derive(Debug)]
pub struct Intervals {
    started_ns: u64,
    length_ns: u64,
    counts: Vec<SlotCounts<u32>>,
    /// Number of them, from the first on, that have a sample or come before one that has.
    used: usize,
    /// The interval of the last sample, and when it begins: the next one is most likely in it too.
    current: usize,
    current_from_ns: u64,
    /// For how long was measured, once that is known.
    measured_ns: Option<u64>,
    /// Receiver of intervals that are over.
    keeper: Option<SyncSender<FinishedInterval>>,
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
            counts: (0..needed).map(|_| SlotCounts::default()).collect(),
            used: 0,
            current: 0,
            current_from_ns: 0,
            measured_ns: None,
            keeper: None,
        }
    }

    /// Has each interval go to `keeper` when it is over: a copy of some 100 KB each time. One that `keeper` has no room for
    /// is left out.
    pub fn hand_over_to(&mut self, keeper: SyncSender<FinishedInterval>) {
        self.keeper = Some(keeper);
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
        let from_ns = self.started_ns + index * self.length_ns;
        if from_ns > self.current_from_ns && self.used > 0 {
            self.hand_over();
        }
        self.current_from_ns = from_ns;
        // Under the number of intervals, so it fits.
        self.current = index as usize;
        self.used = self.used.max(self.current + 1);
    }

    /// Hands the current interval over, if anybody wants it.
    fn hand_over(&self) {
        if let Some(keeper) = &self.keeper {
            let _ = keeper.try_send(FinishedInterval {
                start_ns: self.current_from_ns - self.started_ns,
                length_ns: self.length_ns,
                counts: self.counts[self.current].clone(),
            });
        }
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

    /// Ends the last interval where the run did, after `measured_ns` in which requests were sent: the
    /// intervals' lengths add up to that. What came later, replies to the last requests and losses, is of
    /// the last interval too, so that samples per second are requests per second.
    pub fn end(&mut self, measured_ns: u64) {
        let mut wanted = self.wanted(measured_ns);
        while wanted > self.counts.len() as u64 {
            self.join_pairs();
            wanted = self.wanted(measured_ns);
        }
        // No more than there are, so it fits.
        let wanted = wanted as usize;
        if let Some(last) = wanted.checked_sub(1) {
            for late in wanted..self.used {
                let (kept, rest) = self.counts.split_at_mut(wanted);
                if let Some(late) = rest.get_mut(late - wanted) {
                    kept[last].add_all(late);
                    late.clear();
                }
            }
        }
        self.used = wanted;
        self.measured_ns = Some(measured_ns);
    }

    /// Returns the number of intervals of a run of `measured_ns`.
    fn wanted(&self, measured_ns: u64) -> u64 {
        let (whole, rest) = (measured_ns / self.length_ns, measured_ns % self.length_ns);
        let is_part = rest >= self.length_ns / LEAST_PART;
        let least = u64::from(self.used > 0 || measured_ns > 0);
        (whole + u64::from(is_part)).max(least)
    }

    /// The intervals, the last of which ends with the run; each is made when its turn comes.
    pub fn each(&self) -> impl Iterator<Item = Interval> {
        let whole_ns = |index: usize| index as u64 * self.length_ns;
        let interval = move |(index, counts): (usize, &SlotCounts<u32>)| {
            let start_ns = whole_ns(index);
            let is_last = index + 1 == self.used;
            let end_ns = self.measured_ns.filter(|_| is_last);
            Interval {
                start_ns,
                length_ns: end_ns
                    .unwrap_or_else(|| whole_ns(index + 1))
                    .saturating_sub(start_ns),
                histogram: counts.histogram(),
            }
        };
        self.counts[..self.used].iter().enumerate().map(interval)
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
        let counts = intervals.each().map(|interval| interval.histogram.len());
        assert!(counts.eq([1, 2, 0, 1]));
        assert_eq!(intervals.length_ns, SECOND_NS);
    }

    #[test]
    fn intervals_are_handed_over_when_they_are_over() {
        let (keeper, finished) = std::sync::mpsc::sync_channel(8);
        let mut intervals = Intervals::new(Some(5 * SECOND_NS));
        intervals.hand_over_to(keeper);
        intervals.start(100);
        for second in [0, 1, 1, 3, 4] {
            intervals.record(100 + second * SECOND_NS, 1000);
        }
        let finished = finished.try_iter().map(|finished| finished.interval());
        let finished: Vec<_> = finished
            .map(|interval| (interval.start_ns / SECOND_NS, interval.histogram.len()))
            .collect();
        assert_eq!(finished, [(0, 1), (1, 2), (3, 1)], "the last is not over");
    }

    #[test]
    fn a_long_run_has_longer_ones() {
        let intervals = Intervals::new(Some(3600 * SECOND_NS));
        assert_eq!(intervals.length_ns, 57 * SECOND_NS);
        assert!(intervals.counts.len() <= MAX_INTERVALS);
    }

    /// Starts, lengths and counts of the intervals of a run of `measured_ms`, with samples at `at_ms`.
    fn ended(measured_ms: u64, at_ms: &[u64]) -> Vec<(u64, u64, u64)> {
        const MS: u64 = 1_000_000;
        let mut intervals = Intervals::new(Some(measured_ms * MS + SECOND_NS));
        intervals.start(7 * MS);
        at_ms
            .iter()
            .for_each(|ms| intervals.record((7 + ms) * MS, 1000));
        intervals.end(measured_ms * MS);
        let each = intervals.each();
        each.map(|interval| {
            (
                interval.start_ns / MS,
                interval.length_ns / MS,
                interval.histogram.len(),
            )
        })
        .collect()
    }

    #[test]
    fn the_last_interval_ends_with_the_run() {
        assert_eq!(ended(500, &[1, 499]), [(0, 500, 2)]);
        let expected = [(0, 1000, 1), (1000, 1000, 0), (2000, 500, 1)];
        assert_eq!(ended(2500, &[1, 2499]), expected);
        assert_eq!(ended(1000, &[1, 999]), [(0, 1000, 2)]);
        assert_eq!(ended(0, &[]), []);
    }

    #[test]
    fn samples_after_the_end_belong_to_the_last_interval() {
        // The reply to the last request, and a loss a second later.
        assert_eq!(ended(500, &[1, 501, 1400]), [(0, 500, 3)]);
        assert_eq!(ended(1000, &[1, 1001]), [(0, 1000, 2)]);
        let expected = [(0, 1000, 1), (1000, 500, 2)];
        assert_eq!(ended(1500, &[1, 1501, 2400]), expected);
    }

    #[test]
    fn a_moment_past_an_interval_is_none_of_its_own() {
        assert_eq!(
            ended(2001, &[1, 1500, 2000]),
            [(0, 1000, 1), (1000, 1001, 2)]
        );
        assert_eq!(ended(1100, &[1, 1050]), [(0, 1000, 1), (1000, 100, 1)]);
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
            let length_s = intervals.length_ns / SECOND_NS;
            for (index, interval) in (0..).zip(intervals.each()) {
                let histogram = interval.histogram;
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

        #[test]
        fn lengths_add_up_to_what_was_measured_and_counts_to_all_samples(
            expected_s in prop::option::of(0..200u64),
            measured_ns in 0..300 * SECOND_NS,
            times_s in prop::collection::vec(0..500u64, 0..50),
        ) {
            let mut intervals = Intervals::new(expected_s.map(|seconds| seconds * SECOND_NS));
            intervals.start(SECOND_NS);
            times_s.iter().for_each(|second| intervals.record((1 + second) * SECOND_NS, 5));
            intervals.end(measured_ns);
            let (mut end_ns, mut samples) = (0, 0);
            for interval in intervals.each() {
                prop_assert_eq!(interval.start_ns, end_ns);
                end_ns += interval.length_ns;
                samples += interval.histogram.len();
            }
            prop_assert_eq!((end_ns, samples), (measured_ns, times_s.len() as u64));
        }
    }
}
