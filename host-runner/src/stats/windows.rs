//! Latency of the last second, of the last ten, and of the whole run, for those who watch it.

use std::collections::VecDeque;

use crate::histogram::DurationHistogram;

/// Length of the middle window, in nanoseconds.
pub const RECENT_NS: u64 = 10_000_000_000;

/// Samples of one quantity in windows that end now: differences of what was measured in all until several moments.
#[derive(Clone, Debug, Default)]
pub struct Windows {
    /// All samples until a moment in nanoseconds, the earliest first: of no more than the last [`RECENT_NS`], and the
    /// last before that.
    until: VecDeque<(u64, DurationHistogram)>,
}

impl Windows {
    /// Adds the samples of the whole run until `at_ns`.
    pub fn add(&mut self, at_ns: u64, whole: DurationHistogram) {
        self.until.push_back((at_ns, whole));
        let is_enough = |earlier: &(u64, _)| earlier.0.saturating_add(RECENT_NS) <= at_ns;
        while self.until.get(1).is_some_and(is_enough) {
            self.until.pop_front();
        }
    }

    /// Returns the samples since the last but one moment: the last second, if they are a second apart.
    #[must_use]
    pub fn second(&self) -> DurationHistogram {
        let before = self.until.len().checked_sub(2);
        self.since(before.map(|index| &self.until[index].1))
    }

    /// Returns the samples of the last [`RECENT_NS`], or of as long as there were any.
    #[must_use]
    pub fn recent(&self) -> DurationHistogram {
        let at_ns = self.until.back().map_or(0, |(at_ns, _)| *at_ns);
        let first = self.until.front();
        let first = first.filter(|(from_ns, _)| from_ns.saturating_add(RECENT_NS) <= at_ns);
        self.since(first.map(|(_, histogram)| histogram))
    }

    /// Returns all samples; `None` before there was a moment.
    #[must_use]
    pub fn whole(&self) -> Option<&DurationHistogram> {
        self.until.back().map(|(_, histogram)| histogram)
    }

    fn since(&self, earlier: Option<&DurationHistogram>) -> DurationHistogram {
        match (self.whole(), earlier) {
            (Some(whole), Some(earlier)) => whole.since(earlier),
            (Some(whole), None) => whole.clone(),
            (None, _) => DurationHistogram::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_NS: u64 = 1_000_000_000;

    #[test]
    fn each_window_has_the_samples_of_its_time() {
        let mut windows = Windows::default();
        assert!(windows.whole().is_none());
        assert_eq!((windows.second().count(), windows.recent().count()), (0, 0));
        let mut whole = DurationHistogram::of_values([5_000_000]);
        windows.add(SECOND_NS, whole.clone());
        assert_eq!((windows.second().count(), windows.recent().count()), (1, 1));
        for index in 2..=11 {
            whole.record(1000 * index);
            whole.record(10);
            windows.add(index * SECOND_NS, whole.clone());
        }
        let extremes = |histogram: &DurationHistogram| {
            let slowest = histogram.max_ns().unwrap();
            (histogram.count(), histogram.min_ns(), slowest / 1000)
        };
        assert_eq!(extremes(&windows.second()), (2, Some(10), 11));
        // The slowest sample was eleven seconds ago.
        assert_eq!(extremes(&windows.recent()), (20, Some(10), 11));
        assert_eq!(extremes(windows.whole().unwrap()), (21, Some(10), 5000));
    }

    #[test]
    fn memory_is_that_of_the_last_seconds() {
        let mut windows = Windows::default();
        for index in 0..100 {
            windows.add(index * SECOND_NS, DurationHistogram::default());
        }
        assert_eq!(windows.until.len(), 11);
    }

    #[test]
    fn seconds_that_were_left_out_make_longer_ones() {
        let mut windows = Windows::default();
        let mut whole = DurationHistogram::default();
        for second in [1, 2, 14, 15] {
            whole.record(1000 * second);
            windows.add(second * SECOND_NS, whole.clone());
        }
        // From the second second on: the third moment is twelve later.
        assert_eq!((windows.second().count(), windows.recent().count()), (1, 2));
    }
}
