//! Scheduling gaps of a measuring thread that polls: the link and the measuring loop read the clock again and
//! again, and readings that are further apart than what is done in between takes are gaps, in which somebody
//! else had the CPU.
//!
//! So it is a spinning thread beside the measurement, without being in its way: one comparison for each
//! reading. Pure logic, no clock.

use crate::histogram::DurationHistogram;

/// Two readings of the clock further apart than this are a gap, in nanoseconds, wherever gaps are looked for:
/// before, during and after a run.
pub const GAP_NS: u64 = 1_000;

/// Number of gaps that are kept with their time.
const KEPT: usize = 256;

/// A gap, in times of the host's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Its start, in nanoseconds.
    pub from_ns: u64,
    /// Its length in nanoseconds.
    pub length_ns: u64,
}

/// The gaps so far.
#[derive(Clone, Debug)]
pub struct Gaps {
    /// The last reading of the clock, in nanoseconds; the highest number before the first.
    last_ns: u64,
    /// Time between the first reading and the last, in nanoseconds.
    pub observed_ns: u64,
    /// All gaps together, in nanoseconds.
    pub total_gap_ns: u64,
    /// Lengths of all gaps.
    pub lengths: DurationHistogram,
    /// The longest of them, in no order.
    longest: Vec<Gap>,
}

impl Default for Gaps {
    fn default() -> Self {
        Self {
            last_ns: u64::MAX,
            observed_ns: 0,
            total_gap_ns: 0,
            lengths: DurationHistogram::default(),
            longest: Vec::with_capacity(KEPT),
        }
    }
}

impl Gaps {
    /// Notes that the clock was read at `at_ns`. Never allocates.
    #[inline]
    pub fn read(&mut self, at_ns: u64) {
        let gap_ns = at_ns.saturating_sub(self.last_ns);
        if gap_ns > GAP_NS {
            self.note(gap_ns);
        }
        self.observed_ns += gap_ns;
        self.last_ns = at_ns;
    }

    #[cold]
    fn note(&mut self, length_ns: u64) {
        self.total_gap_ns += length_ns;
        self.lengths.record(length_ns);
        let from_ns = self.last_ns;
        let gap = Gap { from_ns, length_ns };
        if self.longest.len() < KEPT {
            self.longest.push(gap);
            return;
        }
        let shortest = self.longest.iter_mut().min_by_key(|it| it.length_ns);
        if let Some(shortest) = shortest.filter(|it| it.length_ns < length_ns) {
            *shortest = gap;
        }
    }

    /// Returns the length of the longest gap, in nanoseconds.
    #[must_use]
    pub fn max_gap_ns(&self) -> u64 {
        self.lengths.max_ns().unwrap_or_default()
    }

    /// Returns the length of the longest gap that has some of the time from `from_ns` to `to_ns`; zero if
    /// there is none among those that are kept.
    #[must_use]
    pub fn longest_within(&self, from_ns: u64, to_ns: u64) -> u64 {
        let meets = |gap: &&Gap| gap.from_ns < to_ns && from_ns < gap.from_ns + gap.length_ns;
        let within = self.longest.iter().filter(meets);
        within.map(|gap| gap.length_ns).max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_polling_takes_is_no_gap() {
        let mut gaps = Gaps::default();
        for at_ns in [5_000, 5_500, 6_500, 7_501, 47_501] {
            gaps.read(at_ns);
        }
        assert_eq!((gaps.observed_ns, gaps.total_gap_ns), (42_501, 41_001));
        assert_eq!((gaps.lengths.count(), gaps.max_gap_ns()), (2, 40_000));
        assert_eq!(gaps.longest_within(0, 6_500), 0);
        assert_eq!(gaps.longest_within(0, 7_000), 1_001);
        assert_eq!(gaps.longest_within(7_400, 7_502), 40_000);
        assert_eq!(gaps.longest_within(47_501, 50_000), 0);
    }

    #[test]
    fn the_longest_are_kept_with_their_time() {
        let mut gaps = Gaps::default();
        let mut at_ns = 0;
        for index in 0..1000 {
            gaps.read(at_ns);
            // The long ones come among the short.
            at_ns += if index % 10 == 5 {
                100_000 + index
            } else {
                2_000
            };
        }
        assert_eq!(gaps.lengths.count(), 999);
        let long = gaps.longest.iter().filter(|it| it.length_ns >= 100_000);
        assert_eq!((long.count(), gaps.longest.len()), (100, KEPT));
        assert_eq!(gaps.longest_within(0, u64::MAX), 100_995);
    }
}
