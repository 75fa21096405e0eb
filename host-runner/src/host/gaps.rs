//! Scheduling gaps of a measuring thread that polls: the link and the measuring loop read the clock again and
//! again, and readings that are further apart than what is done in between takes are gaps, in which somebody
//! else had the CPU.
//!
//! So it is a spinning thread beside the measurement, without being in its way: one comparison for each
//! reading. Pure logic, no clock.

use serde::{Deserialize, Serialize};

use crate::histogram::DurationHistogram;

/// Two readings of the clock further apart than this are a gap, in nanoseconds, wherever gaps are looked for:
/// before, during and after a run.
pub const GAP_NS: u64 = 1_000;

/// Number of gaps that are kept with their time.
const KEPT: usize = 256;

/// A gap, in times of the host's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Start, in nanoseconds.
    pub from_ns: u64,
    /// Length in nanoseconds.
    pub length_ns: u64,
}

/// Scheduling gaps of a thread that only reads the clock, or polls, summed up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(
    rename = "Lost",
    description = "What a thread that spins or polls has lost."
)]
pub struct GapSummary {
    /// For how long it looked, in nanoseconds.
    pub observed_ns: u64,
    /// The longest gap that it saw, in nanoseconds.
    pub max_gap_ns: u64,
    /// All its gaps together, in nanoseconds.
    pub total_gap_ns: u64,
    /// The same as a share of the time it looked.
    pub share: f64,
}

impl GapSummary {
    /// Returns the summary of gaps of `total_gap_ns` in all, the longest of `max_gap_ns`, in `observed_ns`.
    pub(super) fn new(observed_ns: u64, max_gap_ns: u64, total_gap_ns: u64) -> Self {
        Self {
            observed_ns,
            max_gap_ns,
            total_gap_ns,
            share: ratio(total_gap_ns, observed_ns),
        }
    }

    /// Returns the summary of both observations together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::new(
            self.observed_ns + other.observed_ns,
            self.max_gap_ns.max(other.max_gap_ns),
            self.total_gap_ns + other.total_gap_ns,
        )
    }
}

/// Returns `part` as a share of `whole`; zero if both are.
pub(super) fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

/// Reads the clock for `duration_ns` and sums up every gap.
pub fn spin(mut now_ns: impl FnMut() -> u64, duration_ns: u64) -> GapSummary {
    let start_ns = now_ns();
    let (mut observed_ns, mut max_gap_ns, mut total_gap_ns) = (0, 0, 0);
    let mut before_ns = start_ns;
    while observed_ns < duration_ns {
        let at_ns = now_ns();
        let gap_ns = at_ns.saturating_sub(before_ns);
        if gap_ns > GAP_NS {
            max_gap_ns = gap_ns.max(max_gap_ns);
            total_gap_ns += gap_ns;
        }
        observed_ns = at_ns.saturating_sub(start_ns);
        before_ns = at_ns;
    }
    GapSummary::new(observed_ns, max_gap_ns, total_gap_ns)
}

/// RunRecorder of the gaps between readings of the clock.
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
        let shortest = self.longest.iter_mut().min_by_key(|gap| gap.length_ns);
        if let Some(shortest) = shortest.filter(|shortest| shortest.length_ns < length_ns) {
            *shortest = gap;
        }
    }

    /// Returns the gaps so far, summed up.
    #[must_use]
    pub fn summary(&self) -> GapSummary {
        GapSummary::new(self.observed_ns, self.max_gap_ns(), self.total_gap_ns)
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
    fn a_poll_is_no_gap() {
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
        let long = gaps.longest.iter().filter(|gap| gap.length_ns >= 100_000);
        assert_eq!((long.count(), gaps.longest.len()), (100, KEPT));
        assert_eq!(gaps.longest_within(0, u64::MAX), 100_995);
    }

    #[test]
    fn gaps_are_found() {
        let mut times = [0, 50, 100, 1_100, 1_150, 7_000, 7_050, 10_000, 10_050].into_iter();
        let floor = spin(|| times.next().unwrap(), 10_000);
        let expected = GapSummary {
            observed_ns: 10_000,
            max_gap_ns: 5_850,
            total_gap_ns: 5_850 + 2_950,
            share: 0.88,
        };
        assert_eq!(floor, expected);
    }

    #[test]
    fn a_summary_has_the_share_of_the_time_observed() {
        let mut gaps = Gaps::default();
        for at_ns in [0, 1_000, 2_000, 3_000, 5_500, 7_000, 10_000] {
            gaps.read(at_ns);
        }
        let summary = gaps.summary();
        assert_eq!((summary.max_gap_ns, summary.share), (3_000, 0.7));
        assert_eq!(Gaps::default().summary().share, 0.0);
    }
}
