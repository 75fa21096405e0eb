//! Sums of measurements without an end, a target each: what an exporter shows, in constant memory.
//!
//! The reader of the relays adds blocks, whoever shows the sums looks at them; no measuring thread ever takes the lock.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::continuous::{Block, Series};
use super::outcomes::Outcomes;
use super::recent_validity::{CpuWaits, RecentValidity};

/// Time after a block by which another one is expected, in nanoseconds.
const SILENCE_NS: u64 = 10_000_000_000;

/// Sums of one target.
#[derive(Clone, Debug, Default)]
pub struct RunningTotal {
    /// Counts since the start.
    pub outcomes: Outcomes,
    /// Distributions since the start.
    pub series: Series,
    /// Time for which the measuring thread could have run and did not, since the start.
    pub waits: CpuWaits,
    /// Judgement of the last half minute to minute.
    recent: RecentValidity,
    /// Time of the last block, or of the start.
    last_ns: u64,
}

impl RunningTotal {
    /// Returns the sums of a target that is measured from `at_ns` on.
    #[must_use]
    pub fn from(at_ns: u64) -> Self {
        Self {
            last_ns: at_ns,
            ..Self::default()
        }
    }

    /// Adds a block, in whose time the measuring thread had `waits`.
    pub fn add(&mut self, block: &Block, waits: &CpuWaits) {
        self.outcomes.add(&block.outcomes);
        self.series.add_all(&block.series);
        self.waits.add(waits);
        self.recent.add(block, waits);
        self.last_ns = block.to_ns;
    }

    /// Returns whether blocks come.
    #[must_use]
    pub const fn is_alive(&self, now_ns: u64) -> bool {
        now_ns.saturating_sub(self.last_ns) < SILENCE_NS
    }

    /// Returns whether blocks come, and the distributions of the last half minute to minute are the service's and the
    /// network's ([`super::recent_validity`]).
    #[must_use]
    pub const fn is_valid(&self, now_ns: u64) -> bool {
        self.is_alive(now_ns) && self.recent.is_valid()
    }
}

/// The sums of all targets.
#[derive(Debug, Default)]
pub struct RunningTotals(Mutex<BTreeMap<String, RunningTotal>>);

impl RunningTotals {
    /// Returns the sums by target, which nobody adds to meanwhile.
    pub fn lock(&self) -> MutexGuard<'_, BTreeMap<String, RunningTotal>> {
        // A sum that is half added is as good as one that lacks the block.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_NS: u64 = 1_000_000_000;

    #[test]
    fn a_target_of_which_nothing_comes_is_silent_and_not_valid() {
        let mut block = Block {
            to_ns: SECOND_NS,
            ..Block::default()
        };
        for _ in 0..1000 {
            block.series.latency.record(100_000);
            block.round_trip.record(100_000);
        }
        block.outcomes.requests = 1000;
        block.outcomes.replies = 1000;
        let mut total = RunningTotal::from(0);
        assert!(!total.is_valid(0), "nothing was measured");
        total.add(&block, &CpuWaits::default());
        assert!(total.is_valid(2 * SECOND_NS) && total.is_alive(10 * SECOND_NS));
        assert!(!total.is_alive(12 * SECOND_NS) && !total.is_valid(12 * SECOND_NS));
        // One that begins later, as jitter has it, is not silent until then.
        assert!(RunningTotal::from(60 * SECOND_NS).is_alive(30 * SECOND_NS));
    }

    #[test]
    fn a_billion_requests_take_no_more_memory_than_a_million() {
        let mut million = Block::default();
        for value in 0..1_000_000_u64 {
            // From nanoseconds to the longest time that is told apart, as many of each doubling.
            let value_ns = (1 + (value.wrapping_mul(0x9e37_79b9) & 0xffff)) << (value % 25);
            million.series.latency.record(value_ns);
            million.round_trip.record(value_ns);
            million.series.lateness.record(value_ns >> 10);
        }
        million.outcomes.requests = 1_000_000;
        let mut total = RunningTotal::from(0);
        let mut add = |times: u64| {
            for _ in 0..times {
                million.from_ns = million.to_ns;
                million.to_ns += SECOND_NS;
                total.add(&million, &CpuWaits::default());
            }
            (total.outcomes.requests, total.series.latency.used().count())
        };
        let (_, slots) = add(1);
        let (requests, slots_after) = add(999);
        assert_eq!(requests, 1_000_000_000);
        assert_eq!(slots_after, slots);
        assert_eq!(total.series.latency.count(), 1_000_000_000);
    }
}
