//! When each request of an open loop is due.

use super::Rate;

/// The due times of an open loop, one after the other: request i is due at `start_ns + i / rate`
/// seconds, rounded down. What rounding leaves is carried on, so it never adds up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    due_ns: u64,
    /// Remainder of the due time below one nanosecond, in units of 1/`parts` ns.
    remainder: u64,
    step_ns: u64,
    step_remainder: u64,
    /// Number of parts in a nanosecond: the rate in its smallest unit.
    parts: u64,
}

impl Schedule {
    /// Requests from `start_ns` on, `rate` of them a second.
    #[must_use]
    pub const fn new(start_ns: u64, rate: Rate) -> Self {
        let parts = rate.micro_per_second();
        Self {
            due_ns: start_ns,
            remainder: 0,
            step_ns: Rate::NS_TIMES_SCALE / parts,
            step_remainder: Rate::NS_TIMES_SCALE % parts,
            parts,
        }
    }

    /// When the next request is due, in nanoseconds of the clock that `start_ns` was read from.
    #[must_use]
    #[inline]
    pub const fn due_ns(&self) -> u64 {
        self.due_ns
    }

    /// Goes on to the request after. No division: this is done for every request.
    #[inline]
    pub fn advance(&mut self) {
        self.remainder += self.step_remainder;
        let carries = self.remainder >= self.parts;
        self.remainder -= if carries { self.parts } else { 0 };
        let step_ns = self.step_ns + u64::from(carries);
        self.due_ns = self.due_ns.saturating_add(step_ns);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn does_not_drift() {
        let mut schedule = Schedule::new(1000, Rate::per_second(3));
        let mut due_ns = Vec::new();
        for _ in 0..4 {
            due_ns.push(schedule.due_ns());
            schedule.advance();
        }
        assert_eq!(due_ns, [1000, 333_334_333, 666_667_666, 1_000_001_000]);
        for _ in 4..3_000_000 {
            schedule.advance();
        }
        assert_eq!(schedule.due_ns(), 1_000_000_000_001_000);
    }

    proptest! {
        #[test]
        fn every_due_time_is_the_exact_one(
            start_ns in 0..u64::MAX / 2,
            rate in prop_oneof![0.000_001..10.0f64, 10.0..1e9f64].prop_map(Rate::nearest),
            count in 1..2000u64,
        ) {
            let mut schedule = Schedule::new(start_ns, rate);
            for index in 0..count {
                let scaled = u128::from(index) * 1_000_000_000_000_000;
                let offset_ns = scaled / u128::from(rate.micro_per_second());
                let exact_ns = u128::from(start_ns) + offset_ns;
                prop_assert_eq!(u128::from(schedule.due_ns()), exact_ns);
                schedule.advance();
            }
        }
    }
}
