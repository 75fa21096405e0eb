//! One repetition's latency in little memory: only the slots that have samples, with running sums; and
//! several repetitions merged so that each weighs the same.

use hdrhistogram::Histogram;

use super::percentile_rule::{MIN_BEYOND, Percentile};
use crate::histogram::DurationHistogram;
use crate::histogram::slots::{Slot, SlotCounts};

/// The samples of one repetition.
#[derive(Clone, Debug, Default)]
pub struct Distribution {
    /// The slots that have samples, from the lowest on.
    slots: Vec<Slot>,
    /// Number of samples up to each of them, with it.
    up_to: Vec<u64>,
    min_ns: u64,
    max_ns: u64,
    mean_ns: f64,
    censored_from_ns: Option<u64>,
}

impl From<&DurationHistogram> for Distribution {
    fn from(durations: &DurationHistogram) -> Self {
        Self {
            min_ns: durations.min_ns().unwrap_or(0),
            max_ns: durations.max_ns().unwrap_or(0),
            mean_ns: durations.mean_ns().unwrap_or(0.0),
            ..Self::of_slots(durations.used())
        }
    }
}

impl From<&Histogram<u64>> for Distribution {
    /// Takes the histogram's word for extremes and mean, which it knows to three digits.
    fn from(histogram: &Histogram<u64>) -> Self {
        let used = histogram.iter_recorded().map(|recorded| {
            let slot = Slot::of(recorded.value_iterated_to());
            (slot, recorded.count_at_value())
        });
        Self {
            min_ns: histogram.min(),
            max_ns: histogram.max(),
            mean_ns: histogram.mean(),
            ..Self::of_slots(used)
        }
    }
}

/// A percentile as exactly as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value {
    /// The value, in nanoseconds; a lower bound if it is censored.
    pub ns: u64,
    /// Number of values that share its slot.
    pub width_ns: u64,
    /// True if the value lies among lost requests: the true one is this or larger.
    pub is_censored: bool,
}

impl Value {
    /// Returns the natural logarithm. A nanosecond is the least that is told.
    #[must_use]
    pub fn ln(self) -> f64 {
        (self.ns.max(1) as f64).ln()
    }

    /// Returns how many values it can't be told from, in parts of it.
    #[must_use]
    pub fn relative_width(self) -> f64 {
        self.width_ns as f64 / self.ns.max(1) as f64
    }
}

impl Distribution {
    fn of_slots(used: impl Iterator<Item = (Slot, u64)>) -> Self {
        let (slots, counts): (Vec<_>, Vec<_>) = used.unzip();
        let running = counts.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        });
        Self {
            slots,
            up_to: running.collect(),
            ..Self::default()
        }
    }

    /// Takes values from `censored_from_ns` on for lower bounds: among them are requests that were lost.
    #[must_use]
    pub fn censored_from(self, censored_from_ns: Option<u64>) -> Self {
        Self {
            censored_from_ns,
            ..self
        }
    }

    /// Returns the number of slots that have samples.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.slots.len()
    }

    /// Returns the number of samples.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.up_to.last().copied().unwrap_or(0)
    }

    /// Returns the percentile, as [`DurationHistogram::quantile_ns`] has it; `None` without the samples for it.
    #[must_use]
    pub fn value(&self, percentile: Percentile) -> Option<Value> {
        let count = self.count();
        if count < percentile.samples_needed() {
            return None;
        }
        self.at_rank(count - count / percentile.one_in)
    }

    /// Returns the value that the share `quantile` of samples does not exceed; `None` unless [`MIN_BEYOND`] samples
    /// lie on either side of it.
    #[must_use]
    pub fn value_at(&self, quantile: f64) -> Option<Value> {
        let count = self.count();
        let rank = (quantile * count as f64).ceil() as u64;
        let is_known = rank >= MIN_BEYOND && count.checked_sub(rank)? >= MIN_BEYOND;
        is_known.then(|| self.at_rank(rank))?
    }

    /// Returns the number of samples in slots that lie wholly above `value_ns`, as [`DurationHistogram::count_above`].
    #[must_use]
    pub fn count_above(&self, value_ns: u64) -> u64 {
        let own = Slot::of(value_ns);
        let not_above = self.slots.partition_point(|&slot| slot <= own);
        let below = not_above.checked_sub(1).map_or(0, |last| self.up_to[last]);
        self.count() - below
    }

    /// Returns the sample of rank `rank`, from 1 on, in the order of their lengths; `None` if there are fewer.
    #[must_use]
    pub fn at_rank(&self, rank: u64) -> Option<Value> {
        let row = self.up_to.partition_point(|&up_to| up_to < rank);
        let slot = self.slots.get(row)?;
        // The end of a slot can lie beyond the last sample.
        let ns = slot.highest_ns().min(self.max_ns);
        Some(Value {
            ns,
            width_ns: slot.width_ns(),
            is_censored: self.censored_from_ns.is_some_and(|from_ns| ns >= from_ns),
        })
    }

    /// Returns all samples as a histogram, which this makes.
    #[must_use]
    pub fn histogram(&self) -> Histogram<u64> {
        let mut counts = SlotCounts::default();
        self.used()
            .for_each(|(slot, count)| counts.add_many(slot, count));
        counts.histogram()
    }

    /// The slots that have samples, from the lowest on, with how many.
    fn used(&self) -> impl Iterator<Item = (Slot, u64)> {
        let before = std::iter::once(&0).chain(&self.up_to);
        let counts = self
            .up_to
            .iter()
            .zip(before)
            .map(|(up_to, below)| up_to - below);
        self.slots.iter().copied().zip(counts)
    }

    /// Merges repetitions so that each weighs the same, however many samples it has: a repetition drawn at
    /// random, then a sample of it. A slow boot of a closed loop has fewer samples in the same time, and
    /// would weigh less the slower it is if counts were added up.
    ///
    /// The result has as many samples as all of them together. The share of samples up to each slot is the
    /// mean of the repetitions' shares, without the fraction of a sample, so that a percentile of the result
    /// is the lowest value that the mean share reaches it at. Extremes are those of all, and the mean is the
    /// mean of the repetitions' means.
    #[must_use]
    pub fn merge(parts: &[&Self]) -> DurationHistogram {
        let parts: Vec<&Self> = parts
            .iter()
            .copied()
            .filter(|part| part.count() > 0)
            .collect();
        let total: u64 = parts.iter().map(|part| part.count()).sum();
        let mut steps: Vec<(Slot, f64)> = Vec::new();
        for part in &parts {
            let weight = total as f64 / parts.len() as f64 / part.count() as f64;
            steps.extend(part.used().map(|(slot, n)| (slot, n as f64 * weight)));
        }
        steps.sort_by_key(|(slot, _)| *slot);
        let (mut sum, mut counted) = (0.0, 0);
        let counts = steps.chunk_by(|a, b| a.0 == b.0).filter_map(|same| {
            sum += same.iter().map(|(_, share)| share).sum::<f64>();
            // Sums of fractions that should be whole are not quite.
            let up_to = (sum + 1e-6) as u64;
            let count = up_to - counted;
            counted = up_to;
            (count > 0).then_some((same[0].0, count))
        });
        let means = parts.iter().map(|part| part.mean_ns);
        DurationHistogram::of_counts(
            counts.collect(),
            parts.iter().map(|part| part.min_ns).min().unwrap_or(0),
            parts.iter().map(|part| part.max_ns).max().unwrap_or(0),
            means.sum::<f64>() / parts.len().max(1) as f64,
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stats::percentile_rule::PERCENTILES;

    fn recorded(values: &[u64]) -> DurationHistogram {
        DurationHistogram::of_values(values.iter().copied())
    }

    fn values() -> impl Strategy<Value = Vec<u64>> {
        let value = (any::<u64>(), 23..60u32).prop_map(|(value, shift)| value >> shift);
        prop::collection::vec(value, 1..300)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn has_the_percentiles_of_the_recording(values in values()) {
            let durations = recorded(&values);
            let distribution = Distribution::from(&durations);
            for percentile in PERCENTILES {
                let value = distribution.value(percentile).map(|value| value.ns);
                prop_assert_eq!(value, percentile.of(&durations));
            }
        }

        #[test]
        fn is_the_recordings_histogram(values in values()) {
            let durations = recorded(&values);
            let distribution = Distribution::from(&durations);
            prop_assert_eq!(distribution.histogram(), durations.histogram());
            prop_assert_eq!(distribution.count(), durations.count());
            let again = Distribution::from(&durations.histogram());
            prop_assert_eq!(again.histogram(), durations.histogram());
        }

        #[test]
        fn repetitions_of_the_same_length_merge_as_if_their_samples_were_of_one(
            a in prop::collection::vec(0..1_u64 << 30, 200),
            b in prop::collection::vec(0..1_u64 << 30, 200),
        ) {
            let parts = [&a, &b].map(|values| Distribution::from(&recorded(values)));
            let merged = Distribution::merge(&[&parts[0], &parts[1]]);
            let together = recorded(&[a, b].concat());
            prop_assert_eq!(merged.histogram(), together.histogram());
            prop_assert_eq!(merged.min_ns(), together.min_ns());
            prop_assert_eq!(merged.max_ns(), together.max_ns());
            let (mean, expected) = (merged.mean_ns().unwrap(), together.mean_ns().unwrap());
            prop_assert!((mean - expected).abs() <= 1.0, "{} {}", mean, expected);
        }

        #[test]
        fn no_repetition_weighs_more_for_its_samples(
            values in prop::collection::vec(0..1_u64 << 30, 100..300), times in 2..20_usize,
        ) {
            let slow = Distribution::from(&recorded(&[1 << 31; 100]));
            let once = Distribution::from(&recorded(&values));
            let often = Distribution::from(&recorded(&values.repeat(times)));
            let p25 = |fast: &Distribution| {
                Distribution::merge(&[fast, &slow]).histogram().value_at_quantile(0.25)
            };
            let half = Distribution::merge(&[&often, &slow]);
            prop_assert_eq!(half.count(), often.count() + 100);
            let of_slow = half.histogram().count_between(1 << 31, u64::MAX);
            prop_assert!(of_slow.abs_diff(half.count() / 2) <= 1, "{}", of_slow);
            let (low, high) = (p25(&once).min(p25(&often)), p25(&once).max(p25(&often)));
            // To the sample that half a rank may lie beside.
            let between = values.iter().filter(|&&value| low < value && value < high).count();
            prop_assert!(between <= 2, "{} to {}", low, high);
        }
    }

    #[test]
    fn a_slow_boot_is_in_the_merged_tail_with_its_whole_weight() {
        // A closed loop of the same length: the slow boot has a tenth of the samples.
        let fast = Distribution::from(&recorded(&[10_000; 10_000]));
        let slow = Distribution::from(&recorded(&[100_000; 1000]));
        let merged = Distribution::merge(&[&fast, &fast, &fast, &slow]);
        assert_eq!(merged.count(), 31_000);
        assert_eq!(merged.quantile_ns(0.74), 10_007);
        assert_eq!(merged.quantile_ns(0.76), 100_000);
        assert_eq!(merged.mean_ns(), Some(32_500.0));
    }

    #[test]
    fn values_among_lost_requests_are_bounds() {
        let mut values = vec![50_000; 985];
        values.extend([1_000_000_000; 15]);
        let lossy = Distribution::from(&recorded(&values)).censored_from(Some(1_000_000_000));
        assert!(!lossy.value(PERCENTILES[1]).unwrap().is_censored);
        assert!(lossy.value(PERCENTILES[2]).unwrap().is_censored);
        let sound = Distribution::from(&recorded(&values));
        assert!(!sound.value(PERCENTILES[2]).unwrap().is_censored);
    }

    #[test]
    fn nothing_has_no_percentile() {
        let empty = Distribution::default();
        assert_eq!(empty.value(PERCENTILES[0]), None);
        assert_eq!(Distribution::merge(&[&empty]).count(), 0);
        assert_eq!(Distribution::merge(&[]).max_ns(), None);
    }
}
