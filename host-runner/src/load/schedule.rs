//! When each request of an open loop is due.

use std::num::NonZeroU32;

/// Request i is due at `start_ns + i / rate` seconds. Every due time is computed from the start, so
/// rounding never adds up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    start_ns: u64,
    rate: NonZeroU32,
}

impl Schedule {
    /// Requests from `start_ns` on, `rate` of them a second.
    #[must_use]
    pub const fn new(start_ns: u64, rate: NonZeroU32) -> Self {
        Self { start_ns, rate }
    }

    /// When request `index` is due, in nanoseconds of the clock that `start_ns` was read from.
    #[must_use]
    pub fn due_ns(&self, index: u64) -> u64 {
        let offset_ns = u128::from(index) * 1_000_000_000 / u128::from(self.rate.get());
        self.start_ns
            .saturating_add(u64::try_from(offset_ns).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn does_not_drift() {
        let schedule = Schedule::new(1000, NonZeroU32::new(3).unwrap());
        assert_eq!(schedule.due_ns(0), 1000);
        assert_eq!(schedule.due_ns(1), 333_334_333);
        assert_eq!(schedule.due_ns(3_000_000), 1_000_000_000_001_000);
    }

    proptest! {
        #[test]
        fn due_times_never_go_back(start_ns: u64, rate in 1..u32::MAX, index in 0..u64::MAX) {
            let schedule = Schedule::new(start_ns, NonZeroU32::new(rate).unwrap());
            prop_assert!(schedule.due_ns(index) <= schedule.due_ns(index + 1));
        }
    }
}
