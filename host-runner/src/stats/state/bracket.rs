//! The least that a percentile can have been without the host's gaps.
//!
//! A gap does not choose the requests that it hits. So gaps moved from below a value v of rank r, the quantile
//! Q(r), to v or beyond at most
//!
//! H(r) = sum over the parts of the round trips' distribution below v of (the part's share) x (the number of
//! requests that gaps of at least v less the part's upper end can have hit)
//!
//! where the shares are those without gaps: the part below v has r of all requests now, and had H/n more, up to
//! all of them. If
//! still n(1-p) requests or more took at least v by themselves, which is if r + H(r)/n <= p, the percentile
//! without gaps is v or more. Such a rank is looked for from above: r = p, and then r = p - H(r)/n until it
//! suffices.
//!
//! The parts' ends are those of what was observed, gaps and all, which makes the bracket wider. Gaps shorter than
//! a tenth of v are left out, as they move no value by more than that; of a thread that is only watched from
//! outside any number could be as short. So the low end is right to a tenth.

use hdrhistogram::Histogram;

use super::super::interference::Interference;
use crate::histogram::DurationHistogram;

/// Ends of the parts of the distribution below a quantile q, as multiples of 1-q beyond them.
const PARTS: [f64; 16] = [
    1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0, 40.0, 80.0, 160.0, 320.0, 640.0, 1280.0, 2560.0,
];

/// One part in this many of a value does not matter: as much as makes a bracket wide.
const NEGLIGIBLE: u64 = 10;

/// With more steps than this the low end counts as not found.
const STEPS: usize = 50;

/// A percentile without the host's gaps, at least.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Low {
    /// Rank in what was observed.
    pub rank: f64,
    /// The value, in nanoseconds.
    pub ns: u64,
}

/// Round trips of a run, and the gaps that hit them.
#[derive(Debug)]
pub(super) struct Bracket<'a> {
    round_trips: Histogram<u64>,
    count: u64,
    max_ns: u64,
    host: &'a Interference<'a>,
}

impl<'a> Bracket<'a> {
    /// Returns the distribution of `round_trips`, of a run that `host` disturbed.
    pub fn new(round_trips: &DurationHistogram, host: &'a Interference<'a>) -> Self {
        Self {
            round_trips: round_trips.histogram(),
            count: round_trips.count(),
            max_ns: round_trips.max_ns().unwrap_or_default(),
            host,
        }
    }

    /// Returns the value of a quantile, in nanoseconds.
    pub fn quantile_ns(&self, quantile: f64) -> u64 {
        self.round_trips
            .value_at_quantile(quantile)
            .min(self.max_ns)
    }

    /// Returns how many requests at most gaps can have moved to the value of rank `rank` or beyond; zero if
    /// nothing was observed.
    pub fn moved(&self, rank: f64) -> f64 {
        let value_ns = self.quantile_ns(rank);
        let beyond = 1.0 - rank;
        let (mut moved, mut below) = (0.0, 0.0);
        for (index, part) in PARTS.iter().enumerate() {
            let from = part * beyond;
            if from >= 1.0 {
                break;
            }
            let to = PARTS.get(index + 1).map_or(1.0, |next| next * beyond);
            let to = to.min(1.0);
            if self.quantile_ns(1.0 - to) >= value_ns {
                // The whole part took as long without a gap.
                continue;
            }
            let longest_ns = self.quantile_ns(1.0 - from);
            let least_gap_ns = value_ns
                .saturating_sub(longest_ns)
                .max(value_ns / NEGLIGIBLE);
            let hits = self.host.hits(least_gap_ns).unwrap_or_default();
            below += to - from;
            moved += (to - from) * hits;
        }
        if below <= 0.0 {
            return 0.0;
        }
        // The share below without gaps: what it is now and what was moved, but never over all.
        let moved_share = moved / (below * self.count as f64);
        moved / (1.0 - moved_share).max(below)
    }

    /// Returns the least that the quantile `quantile` can be without gaps; `None` if that could be anything.
    pub fn low(&self, quantile: f64) -> Option<Low> {
        let mut rank = quantile;
        for _ in 0..STEPS {
            let next = quantile - self.moved(rank) / self.count.max(1) as f64;
            if next <= 0.0 {
                return None;
            }
            // Less than a request is none.
            let is_enough = (rank - next) * (self.count as f64) < 1.0;
            rank = rank.min(next);
            if is_enough {
                let ns = self.quantile_ns(rank);
                return Some(Low { rank, ns });
            }
        }
        None
    }
}
