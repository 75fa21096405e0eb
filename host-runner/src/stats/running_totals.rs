//! Sums of measurements without an end, a target each: what an exporter shows, in constant memory.
//!
//! The reader of the relays adds blocks, whoever shows the sums looks at them; no measuring thread ever takes the lock.
#![forbid(unsafe_code)]

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::continuous::{Block, Series};
use super::outcomes::Outcomes;

/// Time that a target's validity is of, in nanoseconds.
pub const WINDOW_NS: u64 = 60_000_000_000;

/// Most blocks that the validity is of.
const WINDOW_BLOCKS: usize = 64;

/// Time after a block by which another one is expected, in nanoseconds.
const SILENCE_NS: u64 = 10_000_000_000;

/// Share of requests that may be late in a valid window: half of those beyond the 99th percentile.
const LATE_SHARE: f64 = 0.005;

/// Share of the median latency, and time in nanoseconds, that a request may be sent late.
const LATE_PART: u64 = 10;
const LATE_LEAST_NS: u64 = 10_000;

/// Share of time that the measuring thread may have waited for a CPU in a valid window.
const WAITED_SHARE: f64 = 0.01;

/// Time that this host took from a measuring thread in an interval, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interference {
    /// Time for which the thread could have run and had no CPU.
    pub waited_ns: u64,
    /// Time for which its control groups were stopped because their CPU time was used up.
    pub throttled_ns: u64,
}

/// A block of the window.
#[derive(Clone, Copy, Debug)]
struct Part {
    from_ns: u64,
    to_ns: u64,
    requests: u64,
    not_sent: u64,
    /// Requests that were sent late beside the latency of that time.
    late: u64,
    interference: Interference,
}

impl Part {
    fn of(block: &Block, interference: Interference) -> Self {
        let series = &block.series;
        let tolerated_ns = (series.latency.quantile_ns(0.5) / LATE_PART).max(LATE_LEAST_NS);
        Self {
            from_ns: block.from_ns,
            to_ns: block.to_ns,
            requests: block.outcomes.requests,
            not_sent: block.outcomes.not_sent,
            late: series.lateness.count_from(tolerated_ns),
            interference,
        }
    }
}

/// Sums of one target.
#[derive(Clone, Debug, Default)]
pub struct RunningTotal {
    /// Counts since the start.
    pub outcomes: Outcomes,
    /// Distributions since the start.
    pub series: Series,
    /// Time that this host took from the measuring thread since the start.
    pub interference: Interference,
    /// The last minute.
    window: VecDeque<Part>,
    /// Time of the last block, or of the start.
    last_ns: u64,
}

impl RunningTotal {
    /// Returns the sums of a target that is measured from `at_ns` on.
    #[must_use]
    pub fn from(at_ns: u64) -> Self {
        Self {
            window: VecDeque::with_capacity(WINDOW_BLOCKS),
            last_ns: at_ns,
            ..Self::default()
        }
    }

    /// Adds a block, and what the host took in its time.
    pub fn add(&mut self, block: &Block, interference: Interference) {
        self.outcomes.add(&block.outcomes);
        self.series.add_all(&block.series);
        self.interference.waited_ns += interference.waited_ns;
        self.interference.throttled_ns += interference.throttled_ns;
        self.last_ns = block.to_ns;
        let window_ns = block.to_ns.saturating_sub(WINDOW_NS);
        while let Some(first) = self.window.front()
            && (self.window.len() == WINDOW_BLOCKS || first.to_ns <= window_ns)
        {
            self.window.pop_front();
        }
        self.window.push_back(Part::of(block, interference));
    }

    /// Returns whether blocks come.
    #[must_use]
    pub const fn is_alive(&self, now_ns: u64) -> bool {
        now_ns.saturating_sub(self.last_ns) < SILENCE_NS
    }

    /// Returns whether the distributions of the last minute are the service's and the network's: everything that was due
    /// was sent, nearly all of it in time, and this host did not keep the measuring thread from its work.
    #[must_use]
    pub fn is_valid(&self, now_ns: u64) -> bool {
        let sum = |value: fn(&Part) -> u64| self.window.iter().map(value).sum::<u64>();
        let requests = sum(|part| part.requests);
        let length_ns = sum(|part| part.to_ns.saturating_sub(part.from_ns));
        let waited_ns = sum(|part| part.interference.waited_ns);
        self.is_alive(now_ns)
            && requests > 0
            && sum(|part| part.not_sent) == 0
            && sum(|part| part.interference.throttled_ns) == 0
            && sum(|part| part.late) as f64 <= LATE_SHARE * requests as f64
            && waited_ns as f64 <= WAITED_SHARE * length_ns as f64
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

    /// A second from `second` on with 1000 requests, each sent `late_ns` late and answered after 100 us.
    fn block(second: u64, late_ns: u64) -> Block {
        let mut block = Block {
            from_ns: second * SECOND_NS,
            to_ns: (second + 1) * SECOND_NS,
            ..Block::default()
        };
        for _ in 0..1000 {
            block.series.lateness.record(late_ns);
            block.series.latency.record(100_000);
        }
        block.outcomes.requests = 1000;
        block.outcomes.replies = 1000;
        block
    }

    const QUIET: Interference = Interference {
        waited_ns: 0,
        throttled_ns: 0,
    };

    #[test]
    fn a_minute_is_valid_if_nothing_came_between() {
        let now_ns = 2 * SECOND_NS;
        let after = |block: &Block, interference| {
            let mut total = RunningTotal::from(0);
            total.add(block, interference);
            total.is_valid(now_ns)
        };
        assert!(after(&block(1, 500), QUIET));
        assert!(!after(&block(1, 20_000), QUIET), "late");
        let waited_ns = SECOND_NS / 50;
        assert!(!after(&block(1, 500), Interference { waited_ns, ..QUIET }));
        let throttled_ns = 1;
        assert!(!after(
            &block(1, 500),
            Interference {
                throttled_ns,
                ..QUIET
            }
        ));
        let mut refused = block(1, 500);
        refused.outcomes.not_sent = 1;
        assert!(!after(&refused, QUIET));
        assert!(!RunningTotal::from(0).is_valid(0), "nothing was measured");
    }

    #[test]
    fn a_minute_later_it_is_valid_again_and_a_silent_one_is_not() {
        let mut total = RunningTotal::from(0);
        total.add(&block(0, 50_000), QUIET);
        for second in 1..60 {
            total.add(&block(second, 500), QUIET);
        }
        assert!(!total.is_valid(60 * SECOND_NS), "one in sixty was late");
        total.add(&block(60, 500), QUIET);
        total.add(&block(61, 500), QUIET);
        assert!(total.is_valid(62 * SECOND_NS));
        assert!(total.is_alive(71 * SECOND_NS) && !total.is_alive(73 * SECOND_NS));
        assert!(!total.is_valid(73 * SECOND_NS));
        assert_eq!(total.outcomes.requests, 62_000);
    }

    #[test]
    fn a_billion_requests_take_no_more_memory_than_a_million() {
        let mut million = Block::default();
        for value in 0..1_000_000_u64 {
            // From nanoseconds to the longest time that is told apart, as many of each doubling.
            let value_ns = (1 + (value.wrapping_mul(0x9e37_79b9) & 0xffff)) << (value % 25);
            million.series.latency.record(value_ns);
            million.series.lateness.record(value_ns >> 10);
        }
        million.outcomes.requests = 1_000_000;
        let mut total = RunningTotal::from(0);
        let mut add = |times: u64| {
            for _ in 0..times {
                million.from_ns = million.to_ns;
                million.to_ns += SECOND_NS;
                total.add(&million, QUIET);
            }
            let slots = |durations: &crate::histogram::DurationHistogram| durations.used().count();
            (
                total.outcomes.requests,
                total.window.capacity(),
                slots(&total.series.latency),
            )
        };
        let (_, window, slots) = add(1);
        let (requests, window_after, slots_after) = add(999);
        assert_eq!(requests, 1_000_000_000);
        assert_eq!((window_after, slots_after), (window, slots));
        assert_eq!(total.series.latency.count(), 1_000_000_000);
        assert!(total.window.len() <= WINDOW_BLOCKS);
    }
}
