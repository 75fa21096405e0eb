//! One quantity's samples, as a histogram of three significant digits beside exact extremes.

use hdrhistogram::Histogram;

use slots::{Slot, SlotCounts};

pub mod slots;

pub use slots::HIGHEST_NS;

/// The samples of one quantity, in nanoseconds.
#[derive(Clone, Debug)]
pub struct DurationHistogram {
    counts: SlotCounts<u64>,
    count: u64,
    min_ns: u64,
    max_ns: u64,
    sum_ns: u128,
    saturated: u64,
}

impl Default for DurationHistogram {
    fn default() -> Self {
        Self {
            counts: SlotCounts::default(),
            count: 0,
            min_ns: u64::MAX,
            max_ns: 0,
            sum_ns: 0,
            saturated: 0,
        }
    }
}

impl DurationHistogram {
    /// Returns the histogram of `values_ns`.
    #[cfg(test)]
    pub fn of_values(values_ns: impl IntoIterator<Item = u64>) -> Self {
        let mut durations = Self::default();
        for value_ns in values_ns {
            durations.record(value_ns);
        }
        durations
    }

    /// Adds one sample. Never allocates.
    pub fn record(&mut self, value_ns: u64) {
        self.record_at(Slot::of(value_ns), value_ns);
    }

    /// Adds one sample, of which `slot` is the slot.
    #[inline]
    pub(crate) fn record_at(&mut self, slot: Slot, value_ns: u64) {
        self.counts.add(slot);
        self.count += 1;
        self.saturated += u64::from(value_ns > HIGHEST_NS);
        self.min_ns = self.min_ns.min(value_ns);
        self.max_ns = self.max_ns.max(value_ns);
        self.sum_ns += u128::from(value_ns);
    }

    /// Adds all samples of `other`.
    pub fn add_all(&mut self, other: &Self) {
        self.counts.add_all(&other.counts);
        self.count += other.count;
        self.saturated += other.saturated;
        self.min_ns = self.min_ns.min(other.min_ns);
        self.max_ns = self.max_ns.max(other.max_ns);
        self.sum_ns += other.sum_ns;
    }

    /// Forgets all samples. Never allocates.
    pub fn clear(&mut self) {
        self.counts.clear_between(self.extent());
        self.count = 0;
        (self.min_ns, self.max_ns) = (u64::MAX, 0);
        (self.sum_ns, self.saturated) = (0, 0);
    }

    /// Becomes a copy of `other`. Never allocates, and copies no slots but those between the extremes of both.
    pub fn copy_from(&mut self, other: &Self) {
        let extent = match (self.extent(), other.extent()) {
            (Some((from, to)), Some((other_from, other_to))) => {
                Some((from.min(other_from), to.max(other_to)))
            }
            (extent, other) => extent.or(other),
        };
        self.counts.copy_between(&other.counts, extent);
        self.count = other.count;
        (self.min_ns, self.max_ns) = (other.min_ns, other.max_ns);
        (self.sum_ns, self.saturated) = (other.sum_ns, other.saturated);
    }

    /// Returns the samples that came after those of `earlier`, which this held as well. Their extremes are known to
    /// three significant digits.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut later = self.clone();
        later.counts.take_all(&earlier.counts);
        later.count = self.count.saturating_sub(earlier.count);
        later.sum_ns = self.sum_ns.saturating_sub(earlier.sum_ns);
        later.saturated = self.saturated.saturating_sub(earlier.saturated);
        let mut used = later.counts.used().map(|(slot, _)| slot);
        let first = used.next();
        let last = used.last().or(first);
        later.min_ns = first.map_or(u64::MAX, |slot| slot.lowest_ns().max(self.min_ns));
        later.max_ns = last.map_or(0, |slot| match later.saturated {
            0 => slot.highest_ns().min(self.max_ns),
            _ => self.max_ns,
        });
        later
    }

    /// The sum of all samples in nanoseconds, exactly.
    #[must_use]
    pub fn sum_ns(&self) -> u128 {
        self.sum_ns
    }

    /// The slots of the extremes.
    fn extent(&self) -> Option<(Slot, Slot)> {
        (self.count > 0).then(|| (Slot::of(self.min_ns), Slot::of(self.max_ns)))
    }

    /// Adds all samples of `histogram`, whose extremes and mean are known to three digits.
    pub(crate) fn add_histogram(&mut self, histogram: &Histogram<u64>) {
        if histogram.is_empty() {
            return;
        }
        for recorded in histogram.iter_recorded() {
            let slot = Slot::of(recorded.value_iterated_to());
            let count = recorded.count_at_value();
            self.counts.add_many(slot, count);
            self.count = self.count.saturating_add(count);
        }
        self.min_ns = self.min_ns.min(histogram.min());
        self.max_ns = self.max_ns.max(histogram.max());
        self.sum_ns += (histogram.mean() * histogram.len() as f64) as u128;
    }

    /// Returns the same samples with extremes and mean that are known exactly.
    pub(crate) fn with_exact(self, min_ns: u64, max_ns: u64, mean_ns: f64) -> Self {
        Self {
            min_ns,
            max_ns,
            sum_ns: (mean_ns * self.count as f64).round() as u128,
            ..self
        }
    }

    /// Samples of which only their slots with counts, extremes and mean are known.
    pub(crate) fn of_counts(
        slots: Vec<(Slot, u64)>,
        min_ns: u64,
        max_ns: u64,
        mean_ns: f64,
    ) -> Self {
        let mut durations = Self::default();
        for (slot, count) in slots {
            durations.counts.add_many(slot, count);
            durations.count += count;
        }
        if durations.count > 0 {
            (durations.min_ns, durations.max_ns) = (min_ns, max_ns);
            durations.sum_ns = (mean_ns * durations.count as f64) as u128;
        }
        durations
    }

    /// The slots that have samples, from the lowest on, with how many.
    pub(crate) fn used(&self) -> impl Iterator<Item = (Slot, u64)> {
        self.counts.used()
    }

    /// Number of samples.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The smallest sample, exactly.
    #[must_use]
    pub fn min_ns(&self) -> Option<u64> {
        (self.count() > 0).then_some(self.min_ns)
    }

    /// The largest sample, exactly.
    #[must_use]
    pub fn max_ns(&self) -> Option<u64> {
        (self.count() > 0).then_some(self.max_ns)
    }

    /// The mean of all samples, exactly.
    #[must_use]
    pub fn mean_ns(&self) -> Option<f64> {
        (self.count() > 0).then(|| self.sum_ns as f64 / self.count() as f64)
    }

    /// The value that a share `quantile` of all samples does not exceed, to three significant
    /// digits; zero without samples. Whether there are enough for it to mean anything is
    /// [`crate::stats::summary`]'s business.
    #[must_use]
    pub fn quantile_ns(&self, quantile: f64) -> u64 {
        // As an HdrHistogram has it, without making one.
        let rank = ((quantile * self.count as f64).ceil() as u64).clamp(1, self.count.max(1));
        let slot = self.counts.of_rank(rank);
        let ns = slot.map_or(0, |slot| match quantile {
            0.0 => slot.lowest_ns(),
            _ => slot.highest_ns(),
        });
        // The end of a slot can lie beyond the last sample.
        ns.min(self.max_ns)
    }

    /// Returns the number of samples of at least `value_ns`, to three significant digits.
    #[must_use]
    pub fn count_from(&self, value_ns: u64) -> u64 {
        let used = self.used();
        used.filter(|(slot, _)| slot.highest_ns() >= value_ns)
            .map(|(_, count)| count)
            .sum()
    }

    /// Returns the number of samples in slots that lie wholly above `value_ns`: that many are above it for certain.
    #[must_use]
    pub fn count_above(&self, value_ns: u64) -> u64 {
        let Some((_, last)) = self.extent().filter(|_| value_ns < self.max_ns) else {
            return 0;
        };
        self.counts.sum_between(Slot::of(value_ns).next(), last)
    }

    /// Number of samples that were over [`HIGHEST_NS`]: percentiles that reach them are too low.
    #[must_use]
    pub fn saturated(&self) -> u64 {
        self.saturated
    }

    /// All samples as a histogram, which this makes.
    #[must_use]
    pub fn histogram(&self) -> Histogram<u64> {
        self.counts.histogram()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_empty_recording_has_no_values() {
        let empty = DurationHistogram::default();
        assert_eq!(
            (empty.count(), empty.min_ns(), empty.max_ns()),
            (0, None, None)
        );
        assert_eq!(empty.mean_ns(), None);
    }

    #[test]
    fn values_above_the_range_are_counted() {
        let mut durations = DurationHistogram::of_values([HIGHEST_NS]);
        assert_eq!(durations.saturated(), 0);
        durations.record(HIGHEST_NS + 1);
        durations.record(u64::MAX);
        assert_eq!((durations.count(), durations.saturated()), (3, 2));
        assert_eq!(durations.max_ns(), Some(u64::MAX));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_sum_is_what_would_have_recorded_all(
            a in prop::collection::vec(any::<u64>(), 0..100),
            b in prop::collection::vec(0..HIGHEST_NS, 0..100),
        ) {
            let mut sum = DurationHistogram::of_values(a.clone());
            sum.add_all(&DurationHistogram::of_values(b.clone()));
            let all = DurationHistogram::of_values([a, b].concat());
            prop_assert_eq!(sum.histogram(), all.histogram());
            prop_assert_eq!((sum.min_ns(), sum.max_ns()), (all.min_ns(), all.max_ns()));
            prop_assert_eq!(sum.mean_ns(), all.mean_ns());
            prop_assert_eq!((sum.count(), sum.saturated()), (all.count(), all.saturated()));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_quantile_is_that_of_the_histogram(
            values in prop::collection::vec((any::<u64>(), 0..60_u32), 0..300),
            quantile in 0.0..=1.0,
        ) {
            let mut durations = DurationHistogram::default();
            values.iter().for_each(|&(value, shift)| durations.record(value >> shift));
            let histogram = durations.histogram();
            for quantile in [quantile, 0.0, 0.5, 0.9, 0.99, 0.999, 1.0] {
                let expected = histogram.value_at_quantile(quantile).min(durations.max_ns);
                prop_assert_eq!(durations.quantile_ns(quantile), expected, "{}", quantile);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_difference_has_the_samples_in_between(
            first in prop::collection::vec(any::<u64>(), 0..50),
            second in prop::collection::vec(0..HIGHEST_NS, 0..50),
        ) {
            let mut durations = DurationHistogram::of_values(first);
            // What stood in the copy before is forgotten.
            let mut earlier = DurationHistogram::of_values(second.clone());
            earlier.copy_from(&durations);
            prop_assert_eq!(earlier.histogram(), durations.histogram());
            let expected = DurationHistogram::of_values(second);
            durations.add_all(&expected);
            let later = durations.since(&earlier);
            prop_assert_eq!(later.histogram(), expected.histogram());
            prop_assert_eq!(later.mean_ns(), expected.mean_ns());
            let slots = |durations: &DurationHistogram| {
                [durations.min_ns(), durations.max_ns()].map(|ns| ns.map(Slot::of))
            };
            prop_assert_eq!(slots(&later), slots(&expected));
            durations.clear();
            prop_assert_eq!(durations.histogram(), DurationHistogram::default().histogram());
            prop_assert_eq!((durations.min_ns(), durations.sum_ns()), (None, 0));
        }

        #[test]
        fn what_is_counted_above_a_value_is_above_it_and_all_of_that_but_its_own_slot(
            values in prop::collection::vec(prop_oneof![0..5000_u64, any::<u64>()], 0..200),
            limit in prop_oneof![0..5000_u64, any::<u64>()],
        ) {
            let mut durations = DurationHistogram::default();
            values.iter().for_each(|&value| durations.record(value));
            let count = |is_counted: &dyn Fn(u64) -> bool| {
                values.iter().filter(|&&value| is_counted(value)).count() as u64
            };
            let counted = durations.count_above(limit);
            prop_assert!(counted <= count(&|value| value > limit));
            prop_assert_eq!(counted, count(&|value| Slot::of(value) > Slot::of(limit)));
        }

        #[test]
        fn extremes_are_exact_and_quantiles_close(
            mut values in prop::collection::vec(0..HIGHEST_NS, 1..200),
            quantile in 0.01..1.0f64,
        ) {
            let durations = DurationHistogram::of_values(values.clone());
            values.sort_unstable();
            prop_assert_eq!(durations.min_ns(), values.first().copied());
            prop_assert_eq!(durations.max_ns(), values.last().copied());
            let rank = (quantile * values.len() as f64).ceil() as usize;
            let exact = values[rank.max(1) - 1];
            let measured = durations.quantile_ns(quantile);
            prop_assert!(measured.abs_diff(exact) <= exact / 1000 + 1, "{} {}", measured, exact);
        }
    }
}
