//! Counting by slots of a width that grows with the value: an HdrHistogram's inner table with its
//! bounds and digits fixed, so that finding a slot takes a handful of instructions, and a value
//! that is counted twice is looked up once.
//!
//! Everything that is asked of a distribution afterwards is asked of the [`Histogram`] that
//! [`SlotCounts::histogram`] makes of it; it is the one that would have recorded the values itself.

use hdrhistogram::{Counter, Histogram};

/// The longest time that is told apart, in nanoseconds: over 18 minutes. Longer ones are counted as
/// this.
pub const HIGHEST_NS: u64 = 1 << 40;

/// Three significant digits.
const DIGITS: u8 = 3;

/// Every doubling has this many slots: the power of two that tells three digits apart.
const HALF_BITS: u32 = 10;

/// Values up to here have a slot each.
const EXACT_BITS: u32 = HALF_BITS + 1;

/// Number of slots.
pub(crate) const SLOTS: usize = Slot::of(HIGHEST_NS).0 + 1;

/// Slot in which values are counted that are the same to three digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Slot(usize);

impl Slot {
    /// The slot of `value_ns`.
    pub(crate) const fn of(value_ns: u64) -> Self {
        let value_ns = if value_ns < HIGHEST_NS {
            value_ns
        } else {
            HIGHEST_NS
        };
        let bits = u64::BITS - (value_ns | 1).leading_zeros();
        let doublings = bits.saturating_sub(EXACT_BITS);
        // At most 31 halves of 1024: it fits.
        Self(((doublings as usize) << HALF_BITS) + (value_ns >> doublings) as usize)
    }

    /// The number of the slot, under [`SLOTS`].
    pub(crate) const fn index(self) -> usize {
        self.0
    }

    /// The lowest value of the slot, in nanoseconds.
    pub(crate) const fn lowest_ns(self) -> u64 {
        let index = self.0 as u64;
        let doublings = (index >> HALF_BITS).saturating_sub(1);
        (index - (doublings << HALF_BITS)) << doublings
    }

    /// The highest value of the slot, in nanoseconds.
    pub(crate) const fn highest_ns(self) -> u64 {
        self.next().lowest_ns() - 1
    }

    /// The slot above.
    pub(crate) const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// Number of values that are told apart from no other in the slot.
    pub(crate) const fn width_ns(self) -> u64 {
        self.highest_ns() - self.lowest_ns() + 1
    }
}

/// Number of values in each slot.
#[derive(Clone, Debug)]
pub(crate) struct SlotCounts<T> {
    slots: Box<[T]>,
}

impl<T: Counter> Default for SlotCounts<T> {
    /// Nothing counted; the memory is touched, so that counting neither allocates nor faults.
    fn default() -> Self {
        let mut counts = Self {
            slots: vec![T::zero(); SLOTS].into_boxed_slice(),
        };
        counts.clear();
        counts
    }
}

impl<T: Counter> SlotCounts<T> {
    /// Counts one value.
    pub(crate) fn add(&mut self, slot: Slot) {
        self.add_many(slot, T::one());
    }

    /// Counts `more` values of one slot.
    pub(crate) fn add_many(&mut self, slot: Slot, more: T) {
        let count = &mut self.slots[slot.0];
        *count = count.saturating_add(more);
    }

    /// Counts everything that `other` has counted.
    pub(crate) fn add_all(&mut self, other: &Self) {
        for (count, more) in self.slots.iter_mut().zip(&other.slots) {
            *count = count.saturating_add(*more);
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        // Without this the compiler may take zeroed memory from the system, untouched.
        std::hint::black_box(&mut self.slots).fill(T::zero());
    }

    /// Forgets the counts of all slots from one to another, if there are any.
    pub(crate) fn clear_between(&mut self, extent: Option<(Slot, Slot)>) {
        if let Some((from, to)) = extent {
            self.slots[from.0..=to.0].fill(T::zero());
        }
    }

    /// Takes over the counts of all slots from one to another, if there are any.
    pub(crate) fn copy_between(&mut self, other: &Self, extent: Option<(Slot, Slot)>) {
        if let Some((from, to)) = extent {
            self.slots[from.0..=to.0].copy_from_slice(&other.slots[from.0..=to.0]);
        }
    }

    /// Takes away everything that `other` has counted.
    pub(crate) fn take_all(&mut self, other: &Self) {
        for (count, less) in self.slots.iter_mut().zip(&other.slots) {
            *count = count.saturating_sub(*less);
        }
    }

    /// Number of values in the slots from one to another; none if that is below the first.
    pub(crate) fn sum_between(&self, from: Slot, to: Slot) -> u64 {
        let slots = self.slots.get(from.0..=to.0).unwrap_or_default();
        slots.iter().map(T::as_u64).fold(0, u64::saturating_add)
    }

    /// The slots that have values, from the lowest on, with how many.
    pub(crate) fn used(&self) -> impl Iterator<Item = (Slot, T)> {
        let slots = self.slots.iter().enumerate();
        slots
            .filter(|&(_, &count)| count > T::zero())
            .map(|(index, &count)| (Slot(index), count))
    }

    /// The slot of the value that has `rank`, from 1 on, in the order of all; `None` if there are fewer.
    pub(crate) fn of_rank(&self, rank: T) -> Option<Slot> {
        let mut up_to = T::zero();
        let index = self.slots.iter().position(|&count| {
            up_to = up_to.saturating_add(count);
            up_to >= rank
        });
        index.map(Slot)
    }

    /// The same as a histogram.
    pub(crate) fn histogram(&self) -> Histogram<T> {
        let mut histogram =
            Histogram::new_with_bounds(1, HIGHEST_NS, DIGITS).expect("1 to 2^40 is a range");
        for (slot, count) in self.used() {
            histogram.saturating_record_n(slot.lowest_ns(), count);
        }
        histogram
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values() -> impl Strategy<Value = Vec<u64>> {
        // As many values of each magnitude.
        let value = (any::<u64>(), 23..64u32).prop_map(|(value, shift)| value >> shift);
        prop::collection::vec(value, 0..300)
    }

    fn recorded(values: &[u64]) -> Histogram<u64> {
        let mut histogram = Histogram::new_with_bounds(1, HIGHEST_NS, DIGITS).unwrap();
        for &value in values {
            histogram.saturating_record(value.min(HIGHEST_NS));
        }
        histogram
    }

    fn counted(values: &[u64]) -> SlotCounts<u64> {
        let mut counts = SlotCounts::default();
        values.iter().for_each(|&value| counts.add(Slot::of(value)));
        counts
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn is_the_histogram_that_would_have_recorded_the_values(a in values(), b in values()) {
            prop_assert_eq!(counted(&a).histogram(), recorded(&a));
            let mut sum = counted(&a);
            sum.add_all(&counted(&b));
            prop_assert_eq!(sum.histogram(), recorded(&[a, b].concat()));
        }
    }

    #[test]
    fn every_edge_of_a_slot_is_where_the_histogram_has_it() {
        let histogram = recorded(&[]);
        for bits in 0..=40 {
            for value in [(1 << bits) - 1, 1 << bits, (1 << bits) + 1_u64] {
                let value = value.min(HIGHEST_NS);
                assert_eq!(
                    Slot::of(value).lowest_ns(),
                    histogram.lowest_equivalent(value),
                    "{value}"
                );
                assert_eq!(
                    Slot::of(value).highest_ns(),
                    histogram.highest_equivalent(value),
                    "{value}"
                );
            }
        }
        assert_eq!(Slot::of(u64::MAX), Slot::of(HIGHEST_NS));
    }

    #[test]
    fn a_full_count_stays_full() {
        let mut counts = SlotCounts::<u8>::default();
        (0..300).for_each(|_| counts.add(Slot::of(5)));
        assert_eq!(counts.histogram().count_at(5), 255);
    }
}
