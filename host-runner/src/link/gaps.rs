//! What kept a polling link from looking: it reads the clock as it polls, and readings that are further
//! apart than polling takes are gaps, in which somebody else had the CPU.
//!
//! So it is a spinning thread beside the measurement, without being in its way. It sees nothing while
//! it is not asked to wait: what the measuring loop does in between is its own affair.

/// Two readings of the clock further apart than this are a gap, in nanoseconds. Between them a link
/// looks a few dozen times and may wake the guest, which takes up to some microseconds.
const GAP_NS: u64 = 10_000;

/// The gaps so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gaps {
    /// For how long the link polled, in nanoseconds.
    pub observed_ns: u64,
    /// The longest gap, in nanoseconds.
    pub max_gap_ns: u64,
    /// All gaps together, in nanoseconds.
    pub total_gap_ns: u64,
}

impl Gaps {
    /// The clock was read, while polling, at `before_ns` and next at `at_ns`.
    #[inline]
    pub fn looked(&mut self, before_ns: u64, at_ns: u64) {
        let gap_ns = at_ns.saturating_sub(before_ns);
        self.observed_ns += gap_ns;
        if gap_ns > GAP_NS {
            self.note(gap_ns);
        }
    }

    #[cold]
    fn note(&mut self, gap_ns: u64) {
        self.max_gap_ns = self.max_gap_ns.max(gap_ns);
        self.total_gap_ns += gap_ns;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_polling_takes_is_no_gap() {
        let mut gaps = Gaps::default();
        for times in [0, 500, 10_500, 20_501, 60_501].windows(2) {
            gaps.looked(times[0], times[1]);
        }
        let expected = Gaps {
            observed_ns: 60_501,
            max_gap_ns: 40_000,
            total_gap_ns: 50_001,
        };
        assert_eq!(gaps, expected);
    }
}
