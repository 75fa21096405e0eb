//! Stalls: requests one after the other that all took exceptionally long.
//!
//! Two things are kept of them, in constant memory and without a look back:
//!
//! - how many separate stalls there are from any value on: runs of replies of at least that, each of them
//!   after one of less. Such a run begins where latency rises to the value, so it is enough to count rises,
//!   slot by slot;
//! - the worst, as a table. A stall of the table is a run of replies over a threshold, which follows the
//!   latency: it starts at twice the least, grows by half wherever more than one reply in 64 begins a stall,
//!   and is halved where none of 1024 does, but not under twice the least.
//!
//! Pure logic, no clock.

use serde::{Deserialize, Serialize};

use crate::histogram::slots::{SLOTS, Slot};

/// Number of stalls in the table.
pub const KEPT: usize = 16;

/// Number of replies after which the threshold is looked at again.
const BLOCK: u64 = 1024;

/// The same at the start.
const FIRST_BLOCK: u64 = 16;

/// Number of stalls in a block over which the threshold is raised.
const MOST_IN_BLOCK: u64 = BLOCK / 64;

/// One stall.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct Stall {
    /// Time from the start of the run to the reply, or loss, that ended the stall, in nanoseconds.
    pub at_ns: u64,
    /// Time from when its first request was due to that, in nanoseconds.
    pub length_ns: u64,
    /// Number of requests that it hit.
    pub requests: u64,
    /// The longest latency among them, in nanoseconds.
    pub max_ns: u64,
    /// The longest scheduling gap of the measuring thread within it, in nanoseconds, zero if there was none;
    /// null if its gaps were not observed.
    pub host_gap_ns: Option<u64>,
}

/// A stall while it lasts, in times of the host's clock.
#[derive(Clone, Copy, Debug, Default)]
struct Current {
    from_ns: u64,
    to_ns: u64,
    requests: u64,
    max_ns: u64,
}

/// The stalls of one run.
#[derive(Debug)]
pub struct Stalls {
    /// Number of rises more that there are over values of this slot than over those of the one before.
    rises: Box<[i64]>,
    last: Slot,
    started_ns: u64,
    threshold_ns: u64,
    least_ns: u64,
    max_ns: u64,
    max_at_ns: u64,
    /// Replies until the threshold is looked at again.
    left_in_block: u64,
    stalls_in_block: u64,
    current: Current,
    worst: Vec<Current>,
}

impl Default for Stalls {
    fn default() -> Self {
        let mut rises = vec![0; SLOTS].into_boxed_slice();
        // Touches the memory, so that counting does not fault.
        std::hint::black_box(&mut rises).fill(0);
        Self {
            rises,
            last: Slot::of(0),
            started_ns: 0,
            threshold_ns: u64::MAX,
            least_ns: u64::MAX,
            max_ns: 0,
            max_at_ns: 0,
            left_in_block: FIRST_BLOCK,
            stalls_in_block: 0,
            current: Current::default(),
            worst: Vec::with_capacity(KEPT),
        }
    }
}

impl Stalls {
    /// Notes the start of the run.
    pub fn start(&mut self, at_ns: u64) {
        self.started_ns = at_ns;
    }

    /// Adds the reply, or loss, of `at_ns`, of whose latency `slot` is the slot. Never allocates.
    #[inline]
    pub(super) fn record_at(&mut self, slot: Slot, at_ns: u64, latency_ns: u64) {
        if slot > self.last {
            self.rises[self.last.index()] += 1;
            self.rises[slot.index()] -= 1;
        }
        self.last = slot;
        self.least_ns = self.least_ns.min(latency_ns);
        if latency_ns > self.max_ns {
            self.max_ns = latency_ns;
            self.max_at_ns = at_ns;
        }
        if latency_ns > self.threshold_ns {
            self.slow(at_ns, latency_ns);
        } else if self.current.requests > 0 {
            self.end();
        }
        self.left_in_block -= 1;
        if self.left_in_block == 0 {
            self.follow();
        }
    }

    #[cold]
    fn slow(&mut self, at_ns: u64, latency_ns: u64) {
        let due_ns = at_ns.saturating_sub(latency_ns);
        let current = &mut self.current;
        if current.requests == 0 {
            current.from_ns = due_ns;
            self.stalls_in_block += 1;
        }
        current.from_ns = current.from_ns.min(due_ns);
        current.to_ns = at_ns;
        current.requests += 1;
        current.max_ns = current.max_ns.max(latency_ns);
    }

    #[cold]
    fn end(&mut self) {
        let ended = std::mem::take(&mut self.current);
        if self.stalls_in_block > MOST_IN_BLOCK {
            self.threshold_ns += self.threshold_ns / 2;
            self.stalls_in_block = 0;
        }
        keep(&mut self.worst, ended);
    }

    /// Has the threshold follow the latency.
    #[cold]
    fn follow(&mut self) {
        let least_ns = self.least_ns.saturating_mul(2);
        if self.threshold_ns == u64::MAX {
            self.threshold_ns = least_ns;
        } else if self.stalls_in_block == 0 && self.current.requests == 0 {
            self.threshold_ns = (self.threshold_ns / 2).max(least_ns);
        }
        self.stalls_in_block = 0;
        self.left_in_block = BLOCK;
    }

    /// Returns the number of separate stalls from `value_ns` on: runs of replies of at least that, to three
    /// digits.
    #[must_use]
    pub fn from(&self, value_ns: u64) -> u64 {
        self.rises_below(Slot::of(value_ns).index())
    }

    /// Returns the same of those that took longer, or from `value_ns` on if those are more: many requests may
    /// take exactly as long.
    #[must_use]
    pub fn beyond(&self, value_ns: u64) -> u64 {
        let index = Slot::of(value_ns).index();
        self.rises_below(index).max(self.rises_below(index + 1))
    }

    fn rises_below(&self, index: usize) -> u64 {
        let rises: i64 = self.rises[..index].iter().sum();
        u64::try_from(rises).unwrap_or_default()
    }

    /// Returns the time from the start of the run to the longest latency, in nanoseconds; `None` without
    /// replies.
    #[must_use]
    pub fn max_at_ns(&self) -> Option<u64> {
        (self.max_ns > 0).then(|| self.max_at_ns.saturating_sub(self.started_ns))
    }

    /// Returns the worst stalls, that with the longest latency first. `gap` tells the longest gap of the
    /// measuring thread between two times, if its gaps were observed.
    #[must_use]
    pub fn worst(&self, gap: impl Fn(u64, u64) -> Option<u64>) -> Vec<Stall> {
        let mut worst = self.worst.clone();
        if self.current.requests > 0 {
            keep(&mut worst, self.current);
        }
        worst.sort_by_key(|stall| std::cmp::Reverse(stall.max_ns));
        let stall = |current: &Current| Stall {
            at_ns: current.to_ns.saturating_sub(self.started_ns),
            length_ns: current.to_ns - current.from_ns,
            requests: current.requests,
            max_ns: current.max_ns,
            host_gap_ns: gap(current.from_ns, current.to_ns),
        };
        worst.iter().map(stall).collect()
    }
}

/// Keeps `stall` if it is among the worst.
fn keep(worst: &mut Vec<Current>, stall: Current) {
    if worst.len() < KEPT {
        worst.push(stall);
        return;
    }
    let least = worst.iter_mut().min_by_key(|stall| stall.max_ns);
    if let Some(least) = least.filter(|least| least.max_ns < stall.max_ns) {
        *least = stall;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// One reply every microsecond from `from_ns` on.
    fn record(stalls: &mut Stalls, from_ns: u64, latencies_ns: impl IntoIterator<Item = u64>) {
        for (at_ns, latency_ns) in (from_ns..).step_by(1000).zip(latencies_ns) {
            stalls.record_at(Slot::of(latency_ns), at_ns, latency_ns);
        }
    }

    const ORDINARY: [u64; 4] = [900, 1000, 1100, 950];

    fn ordinary(count: usize) -> impl Iterator<Item = u64> {
        ORDINARY.into_iter().cycle().take(count)
    }

    #[test]
    fn one_stall_of_many_requests_is_one() {
        let mut stalls = Stalls::default();
        stalls.start(0);
        record(&mut stalls, 0, ordinary(100_000));
        // It lasts for 1.39 ms and is over when the backlog is: 744 requests, each waits less than the last.
        let from_ns = 100_000_000;
        let backlog = (0..744).map(|i| 1_390_000 - i * 1860);
        record(&mut stalls, from_ns, backlog);
        record(&mut stalls, from_ns + 744_000, ordinary(100_000));
        for value_ns in [10_000, 100_000, 1_000_000] {
            assert_eq!(stalls.from(value_ns), 1, "{value_ns}");
        }
        assert_eq!(stalls.from(1_400_000), 0);
        let worst = stalls.worst(|from_ns, to_ns| Some(to_ns - from_ns));
        let first = &worst[0];
        assert_eq!((first.max_ns, first.requests), (1_390_000, 744));
        assert_eq!(first.at_ns, from_ns + 743_000);
        assert_eq!(first.length_ns, 743_000 + 1_390_000);
        assert_eq!(first.host_gap_ns, Some(first.length_ns));
        assert_eq!(stalls.max_at_ns(), Some(from_ns));
    }

    #[test]
    fn the_worst_of_many_are_kept_and_the_last_that_never_ended() {
        let mut stalls = Stalls::default();
        stalls.start(5);
        for stall in 1..=100 {
            let from_ns = stall * 10_000_000;
            record(&mut stalls, from_ns, ordinary(1000).chain([stall * 10_000]));
        }
        let worst: Vec<u64> = stalls
            .worst(|_, _| None)
            .iter()
            .map(|stall| stall.max_ns)
            .collect();
        let expected: Vec<u64> = (85..=100).rev().map(|stall| stall * 10_000).collect();
        assert_eq!(worst, expected);
        assert_eq!(stalls.max_at_ns(), Some(1_000_000_000 + 1_000_000 - 5));
    }

    #[test]
    fn the_threshold_follows_the_latency() {
        let mut stalls = Stalls::default();
        // Twice as long and more every other time: that is how this service is.
        record(
            &mut stalls,
            0,
            [1000, 9000].into_iter().cycle().take(50_000),
        );
        record(
            &mut stalls,
            50_000_000,
            [1_000_000].into_iter().chain(ordinary(100)),
        );
        let worst = stalls.worst(|_, _| None);
        assert_eq!((worst[0].max_ns, worst[0].requests), (1_000_000, 1));
        assert!(stalls.threshold_ns > 9000, "{}", stalls.threshold_ns);
        // A first request that took long hides nothing of what comes after it.
        let mut stalls = Stalls::default();
        record(
            &mut stalls,
            0,
            [10_000_000].into_iter().chain(ordinary(5000)),
        );
        record(
            &mut stalls,
            6_000_000,
            [20_000].into_iter().chain(ordinary(10)),
        );
        assert!(
            stalls
                .worst(|_, _| None)
                .iter()
                .any(|stall| stall.max_ns == 20_000)
        );
    }

    #[test]
    fn nothing_is_no_stall() {
        let stalls = Stalls::default();
        assert_eq!((stalls.from(0), stalls.max_at_ns()), (0, None));
        assert_eq!(stalls.worst(|_, _| None), []);
    }

    proptest! {
        #[test]
        fn runs_from_any_value_on_are_counted(
            latencies_ns in prop::collection::vec(1_u64..2048, 0..300),
            value_ns in 1_u64..2048,
        ) {
            let mut stalls = Stalls::default();
            record(&mut stalls, 0, latencies_ns.iter().copied());
            let is_over: Vec<bool> = latencies_ns.iter().map(|&ns| ns >= value_ns).collect();
            let runs = is_over.chunk_by(|a, b| a == b).filter(|run| run[0]).count();
            prop_assert_eq!(stalls.from(value_ns), runs as u64);
        }
    }
}
