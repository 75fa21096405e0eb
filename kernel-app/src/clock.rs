//! The service's clock: nanoseconds from the ticks of a counter of constant frequency.
//!
//! The counter itself, and how its frequency is found out, are [`arch`](crate::arch)'s. No unsafe code.
#![forbid(unsafe_code)]

/// The time of what is not due: later than every other.
pub const NEVER_NS: u64 = u64::MAX;

/// A monotonic clock.
pub trait Clock {
    /// Nanoseconds since the clock's origin.
    fn now_ns(&self) -> u64;

    /// As [`Clock::now_ns`], read when every earlier instruction is done, and every earlier load has its
    /// value: for the stamps of a frame, which are to say when the frame was there.
    fn stamp_ns(&self) -> u64 {
        self.now_ns()
    }
}

/// Something that is due once a period.
#[derive(Clone, Copy, Debug)]
pub struct PeriodicTimer {
    period_ns: u64,
    due_ns: u64,
}

impl PeriodicTimer {
    /// Creates a timer that is due at once, and then each `period_ns` nanoseconds.
    #[must_use]
    pub const fn new(period_ns: u64) -> Self {
        Self {
            period_ns,
            due_ns: 0,
        }
    }

    /// Returns whether it is due at `now_ns`; if so, the next time is a period later.
    pub const fn is_due(&mut self, now_ns: u64) -> bool {
        let is_due = now_ns >= self.due_ns;
        if is_due {
            self.due_ns = now_ns + self.period_ns;
        }
        is_due
    }
}

/// Bits after the binary point in [`Scale::ns_per_tick`].
const FRACTION_BITS: u32 = 32;

/// From ticks of a counter of constant frequency to nanoseconds.
///
/// One multiplication and one shift, no division. The rounding of the factor is a relative error
/// of at most 2⁻³² × frequency/GHz: under 1 ns in a second up to 4 GHz. The product is taken in
/// 128 bits, so the result overflows after 584 years and not before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    /// Nanoseconds per tick, 32.32 fixed point.
    ns_per_tick: u64,
}

impl Scale {
    /// The scale of a counter that runs at `khz` kilohertz; `None` if that is 0.
    #[must_use]
    pub const fn from_khz(khz: u32) -> Option<Self> {
        match khz {
            0 => None,
            _ => Some(Self {
                ns_per_tick: (1_000_000 << FRACTION_BITS) / khz as u64,
            }),
        }
    }

    /// `ticks` in nanoseconds, rounded down.
    #[must_use]
    pub const fn to_ns(self, ticks: u64) -> u64 {
        ((ticks as u128 * self.ns_per_tick as u128) >> FRACTION_BITS) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_periodic_timer_is_due_once_a_period() {
        let mut timer = PeriodicTimer::new(100_000_000);
        let due: std::vec::Vec<u64> = (0..1000)
            .map(|ms| 5_000_000_000 + ms * 1_000_000)
            .filter(|&now_ns| timer.is_due(now_ns))
            .collect();
        assert_eq!(due.len(), 10);
        assert!(due.windows(2).all(|pair| pair[1] - pair[0] == 100_000_000));
    }

    #[test]
    fn converts_exactly_where_the_factor_is_exact() {
        let ghz = Scale::from_khz(1_000_000).unwrap();
        assert_eq!(ghz.to_ns(0), 0);
        assert_eq!(ghz.to_ns(u64::MAX), u64::MAX);
        let half = Scale::from_khz(2_000_000).unwrap();
        assert_eq!(half.to_ns(2_000_001), 1_000_000);
        assert_eq!(Scale::from_khz(1).unwrap().to_ns(3), 3_000_000);
    }

    #[test]
    fn stays_within_a_nanosecond_a_second() {
        for khz in [999_999, 2_400_000, 2_999_983, 3_999_999] {
            let one_hour = Scale::from_khz(khz)
                .unwrap()
                .to_ns(u64::from(khz) * 3_600_000);
            let error = 3_600_000_000_000 - one_hour;
            assert!(error <= 3_600, "{khz} kHz: {error} ns short in an hour");
        }
    }

    #[test]
    fn does_not_overflow_in_a_century() {
        let century_s = 100 * 366 * 86_400;
        let ns = Scale::from_khz(3_000_000)
            .unwrap()
            .to_ns(century_s * 3_000_000_000);
        assert_eq!(ns / 1_000_000_000, century_s - 1);
    }

    #[test]
    fn refuses_a_counter_that_stands_still() {
        assert_eq!(Scale::from_khz(0), None);
    }
}
