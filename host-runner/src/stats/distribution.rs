//! One repetition's latency in little memory: only the slots that have samples, with running sums,
//! so that a percentile of any mixture of repetitions is found by bisection.

use hdrhistogram::Histogram;

use super::Recording;
use super::counts::{Counts, Slot};

/// The samples of one repetition.
#[derive(Clone, Debug, Default)]
pub struct Distribution {
    /// The slots that have samples, from the lowest on.
    slots: Vec<Slot>,
    /// How many samples there are up to each of them, with it.
    up_to: Vec<u64>,
    max_ns: u64,
}

impl From<&Recording> for Distribution {
    fn from(recording: &Recording) -> Self {
        let (slots, counts): (Vec<_>, Vec<_>) = recording.used().unzip();
        let running = counts.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        });
        Self {
            slots,
            up_to: running.collect(),
            max_ns: recording.max_ns().unwrap_or(0),
        }
    }
}

impl From<&Histogram<u64>> for Distribution {
    /// Takes the histogram's word for the largest sample, which it knows to three digits.
    fn from(histogram: &Histogram<u64>) -> Self {
        let used = histogram.iter_recorded().map(|it| {
            let slot = Slot::of(it.value_iterated_to());
            (slot, it.count_at_value())
        });
        let (slots, counts): (Vec<_>, Vec<_>) = used.unzip();
        let running = counts.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        });
        Self {
            slots,
            up_to: running.collect(),
            max_ns: histogram.max(),
        }
    }
}

impl Distribution {
    /// Returns the number of slots that have samples.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.slots.len()
    }

    /// How many samples there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.up_to.last().copied().unwrap_or(0)
    }

    /// All samples as a histogram, which this makes.
    #[must_use]
    pub fn histogram(&self) -> Histogram<u64> {
        let mut counts = Counts::default();
        let mut before = 0;
        for (&slot, &up_to) in self.slots.iter().zip(&self.up_to) {
            counts.add_many(slot, up_to - before);
            before = up_to;
        }
        counts.histogram()
    }
}

/// Several repetitions, of which each can be taken any number of times: as if their samples were all
/// of one measurement. Its percentiles are never averages.
#[derive(Debug)]
pub(super) struct Mixture {
    /// The slots that any part has samples in, from the lowest on.
    slots: Vec<Slot>,
    /// For each slot, how many samples each part has up to it.
    up_to: Vec<u64>,
    /// For each part, its largest sample.
    max_ns: Vec<u64>,
}

/// A value as exactly as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Value {
    /// The value.
    pub ns: u64,
    /// How many values it can't be told from.
    pub width_ns: u64,
}

impl Value {
    /// Its natural logarithm. A nanosecond is the least that is told.
    pub(super) fn ln(self) -> f64 {
        (self.ns.max(1) as f64).ln()
    }

    /// How many values it can't be told from, in parts of it.
    pub(super) fn relative_width(self) -> f64 {
        self.width_ns as f64 / self.ns.max(1) as f64
    }
}

impl Mixture {
    /// Of these repetitions.
    pub(super) fn new(parts: &[&Distribution]) -> Self {
        let mut slots: Vec<Slot> = parts.iter().flat_map(|part| &part.slots).copied().collect();
        slots.sort_unstable();
        slots.dedup();
        let mut up_to = vec![0; slots.len() * parts.len()];
        for (index, part) in parts.iter().enumerate() {
            let mut own = part.slots.iter().zip(&part.up_to).peekable();
            let mut sum = 0;
            for (row, &slot) in slots.iter().enumerate() {
                if let Some((_, &more)) = own.next_if(|(own, _)| **own == slot) {
                    sum = more;
                }
                up_to[row * parts.len() + index] = sum;
            }
        }
        let max_ns = parts.iter().map(|part| part.max_ns).collect();
        Self {
            slots,
            up_to,
            max_ns,
        }
    }

    /// How many samples there are if part i is taken `times[i]` times.
    pub(super) fn count(&self, times: &[u64]) -> u64 {
        let last = self.slots.len().checked_sub(1);
        last.map_or(0, |last| self.sum(last, times))
    }

    /// The percentile beyond which one in `one_in` samples lies, if part i is taken `times[i]`
    /// times; as [`Recording::quantile_ns`] has it. `None` without a sample.
    pub(super) fn percentile(&self, times: &[u64], one_in: u64) -> Option<Value> {
        let count = self.count(times);
        let rank = count - count / one_in;
        // The first row with as many samples, by bisection.
        let (mut low, mut high) = (0, self.slots.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            if self.sum(middle, times) < rank {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let slot = self.slots.get(low).filter(|_| count > 0)?;
        let taken = self
            .max_ns
            .iter()
            .zip(times)
            .filter(|(_, times)| **times > 0);
        let max_ns = taken.map(|(&max_ns, _)| max_ns).max()?;
        Some(Value {
            // The end of a slot can lie beyond the last sample.
            ns: slot.highest_ns().min(max_ns),
            width_ns: slot.width_ns(),
        })
    }

    /// How many samples there are up to the slot of `row`.
    fn sum(&self, row: usize, times: &[u64]) -> u64 {
        let parts = self.max_ns.len();
        let row = &self.up_to[row * parts..][..parts];
        row.iter()
            .zip(times)
            .map(|(up_to, times)| up_to * times)
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stats::summary::PERCENTILES;

    fn recorded(values: &[u64]) -> Recording {
        let mut recording = Recording::default();
        values.iter().for_each(|&value| recording.record(value));
        recording
    }

    fn values() -> impl Strategy<Value = Vec<u64>> {
        let value = (any::<u64>(), 23..60u32).prop_map(|(value, shift)| value >> shift);
        prop::collection::vec(value, 1..300)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_mixture_has_the_percentiles_of_the_merged_recording(
            a in values(), b in values(), times in (0..3u64, 1..3u64),
        ) {
            let parts = [Distribution::from(&recorded(&a)), Distribution::from(&recorded(&b))];
            let mixture = Mixture::new(&[&parts[0], &parts[1]]);
            let mut merged = Recording::default();
            for (values, times) in [(&a, times.0), (&b, times.1)] {
                (0..times).for_each(|_| merged.add_all(&recorded(values)));
            }
            let times = [times.0, times.1];
            prop_assert_eq!(mixture.count(&times), merged.count());
            for percentile in PERCENTILES {
                let value = mixture.percentile(&times, percentile.one_in).unwrap();
                prop_assert_eq!(value.ns, merged.quantile_ns(percentile.quantile));
            }
        }

        #[test]
        fn is_the_recordings_histogram(values in values()) {
            let recording = recorded(&values);
            let distribution = Distribution::from(&recording);
            prop_assert_eq!(distribution.histogram(), recording.histogram());
            prop_assert_eq!(distribution.count(), recording.count());
        }
    }

    #[test]
    fn nothing_has_no_percentile() {
        let empty = Distribution::default();
        assert_eq!(Mixture::new(&[&empty]).percentile(&[1], 2), None);
        assert_eq!(Mixture::new(&[]).percentile(&[], 2), None);
    }
}
