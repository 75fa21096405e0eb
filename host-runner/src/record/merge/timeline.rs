//! Latency of all nodes over time: one histogram per interval, whatever intervals the nodes' logs have.
//!
//! An entry of a log goes as a whole to the interval that its middle lies in: counts are exact, and a sample is no further
//! from its place than half the length of its own log's entry. Intervals are at least as long as the longest of those
//! entries; where there would be too many, they are joined in pairs.

use std::time::Duration;

use hdrhistogram::Histogram;

use crate::histogram::DurationHistogram;
use crate::stats::Distribution;

/// Most intervals.
const MOST: u64 = 64;

/// Shortest interval, in nanoseconds.
const SECOND_NS: u64 = 1_000_000_000;

/// A last interval that is filled by less than one part in this many goes with the one before.
const LEAST_PART: u64 = 10;

/// One interval of a sum.
#[derive(Clone, Debug)]
pub struct SummedInterval {
    /// Start, since that of the first node.
    pub start: Duration,
    /// Length.
    pub length: Duration,
    /// The latencies of all nodes in it.
    pub latency: Distribution,
}

/// The intervals of a sum.
#[derive(Debug)]
pub struct Timeline {
    start: Duration,
    end: Duration,
    length_ns: u64,
    intervals: Vec<DurationHistogram>,
}

impl Timeline {
    /// Returns an empty one, which begins `start` after the epoch.
    pub fn new(start: Duration) -> Self {
        Self {
            start,
            end: start,
            length_ns: SECOND_NS,
            intervals: Vec::new(),
        }
    }

    /// Adds `histogram`, of an entry that began `start` after the epoch.
    pub fn add(&mut self, start: Duration, length: Duration, histogram: &Histogram<u64>) {
        self.end = self.end.max(start.saturating_add(length));
        let length_ns = nanoseconds(length);
        let middle_ns = nanoseconds(start.saturating_sub(self.start)).saturating_add(length_ns / 2);
        while self.length_ns < length_ns || middle_ns / self.length_ns >= MOST {
            self.join_pairs();
        }
        // Under MOST, so it fits.
        let index = (middle_ns / self.length_ns) as usize;
        if index >= self.intervals.len() {
            self.intervals
                .resize_with(index + 1, DurationHistogram::default);
        }
        self.intervals[index].add_histogram(histogram);
    }

    fn join_pairs(&mut self) {
        let intervals = std::mem::take(&mut self.intervals);
        for (index, interval) in intervals.into_iter().enumerate() {
            match self.intervals.get_mut(index / 2) {
                Some(first) => first.add_all(&interval),
                None => self.intervals.push(interval),
            }
        }
        self.length_ns = self.length_ns.saturating_mul(2);
    }

    /// Returns the time from the start to the end of the last entry.
    pub fn span(&self) -> Duration {
        self.end.saturating_sub(self.start)
    }

    /// Ends it; returns each interval with start and length, which add up to the [`Self::span`].
    pub fn finish(mut self) -> Vec<SummedInterval> {
        let span_ns = nanoseconds(self.span());
        let rest_ns = span_ns % self.length_ns;
        let is_part = rest_ns >= self.length_ns / LEAST_PART;
        let wanted = (span_ns / self.length_ns + u64::from(is_part)).max(1);
        let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
        while self.intervals.len() > wanted {
            // There are two or more.
            let Some(rest) = self.intervals.pop() else {
                break;
            };
            if let Some(last) = self.intervals.last_mut() {
                last.add_all(&rest);
            }
        }
        let count = self.intervals.len();
        let whole = Duration::from_nanos(self.length_ns);
        let span = Duration::from_nanos(span_ns);
        let intervals = self.intervals.into_iter().enumerate();
        let placed = intervals.map(|(index, interval)| {
            // Under MOST, so it fits.
            let start = whole.saturating_mul(index as u32);
            let length = match index + 1 == count {
                true => span.saturating_sub(start),
                false => whole,
            };
            SummedInterval {
                start,
                length,
                latency: Distribution::from(&interval),
            }
        });
        placed.collect()
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(value_ns: u64) -> Histogram<u64> {
        DurationHistogram::of_values([value_ns]).histogram()
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Starts, lengths in milliseconds and counts of the intervals of entries at these starts and lengths.
    fn timeline(entries: &[(u64, u64)]) -> Vec<(u64, u64, u64)> {
        let mut timeline = Timeline::new(ms(1_000_300));
        for &(start, length) in entries {
            timeline.add(ms(1_000_300 + start), ms(length), &one(1000));
        }
        let finished = timeline.finish().into_iter();
        let in_ms = |duration: Duration| duration.as_millis() as u64;
        let intervals = finished.map(|interval| {
            let (start, length) = (in_ms(interval.start), in_ms(interval.length));
            (start, length, interval.latency.count())
        });
        intervals.collect()
    }

    #[test]
    fn intervals_begin_with_the_first_node_and_end_with_the_last() {
        let nodes = [
            (0, 1000),
            (1000, 1000),
            (2000, 500),
            (200, 1000),
            (1200, 1000),
        ];
        let expected = [(0, 1000, 2), (1000, 1000, 2), (2000, 500, 1)];
        assert_eq!(timeline(&nodes), expected);
    }

    #[test]
    fn intervals_are_as_long_as_the_longest_entry() {
        let entries = [(0, 1000), (30_000, 1000), (0, 60_000)];
        assert_eq!(timeline(&entries), [(0, 60_000, 3)]);
    }

    #[test]
    fn a_day_fits_and_keeps_every_sample() {
        let entries: Vec<(u64, u64)> = (0..24 * 60)
            .map(|minute| (minute * 60_000, 60_000))
            .collect();
        let found = timeline(&entries);
        assert!(found.len() <= MOST as usize);
        assert_eq!(
            found.iter().map(|(_, _, count)| count).sum::<u64>(),
            24 * 60
        );
        let length: u64 = found.iter().map(|(_, length, _)| length).sum();
        assert_eq!(length, 24 * 60 * 60_000);
    }

    #[test]
    fn a_short_rest_goes_with_the_interval_before() {
        assert_eq!(timeline(&[(0, 1000), (1000, 50)]), [(0, 1050, 2)]);
    }
}
