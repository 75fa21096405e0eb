//! Time that the host took from the threads of a measurement, and how many requests that can have hit.
//!
//! Pure arithmetic on what was observed:
//!
//! - gaps of a thread that polls, each by its length: those of at least x number G(x). Where threads of the
//!   target's own share its CPU, a gap that is theirs is none of the host's: the number is bounded besides by
//!   what is left of the gaps' number and time without theirs ([`GapAccount`]);
//! - for a thread that is only watched from outside, the time W for which it wanted to run and waited, and
//!   the number N of such waits: of at least x there are at most min(N, W/x).
//!
//! A gap hits the requests in flight, k on average: 1 in a closed loop, the depth of a pipeline, and in an
//! open loop, by Little's law, the rate times the median round trip. In an open loop a gap of the service's
//! thread hits besides whatever falls due within it, rate times W at most. (What falls due within a gap of the
//! measuring thread is sent late, which is another matter.) The queue that drains after a gap is not counted.

use super::reason::{TakenBy, Thread};
use crate::histogram::DurationHistogram;
use crate::host::gaps::GAP_NS;

/// The shortest gap that can lose a request, in nanoseconds: about a scheduler's slice. What is shorter fits
/// any queue on a link's way.
const LOSING_GAP_NS: u64 = 1_000_000;

/// Longest time that the wake-up of a sleeping thread takes by itself on an idle CPU, in nanoseconds. It is
/// no time that somebody else had the CPU.
const WAKE_UP_NS: u64 = 50_000;

/// Times for which a thread wanted to run and waited for its CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waits {
    /// Number of waits.
    pub count: u64,
    /// Number of those after a sleep, which is what a wake-up takes.
    pub after_sleep: u64,
    /// All of them together, in nanoseconds.
    pub total_ns: u64,
}

impl Waits {
    /// Returns the increase since `earlier`.
    #[must_use]
    pub const fn since(&self, earlier: &Self) -> Self {
        Self {
            count: self.count.saturating_sub(earlier.count),
            after_sleep: self.after_sleep.saturating_sub(earlier.after_sleep),
            total_ns: self.total_ns.saturating_sub(earlier.total_ns),
        }
    }

    /// Adds `other`.
    pub const fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.after_sleep += other.after_sleep;
        self.total_ns += other.total_ns;
    }

    /// Returns the number of waits of at least `ns` that there can have been, and the time for which somebody
    /// else had the CPU.
    fn at_least(&self, ns: u64) -> (f64, f64) {
        let of_wake_ups_ns = self.after_sleep.saturating_mul(WAKE_UP_NS);
        let taken_ns = self.total_ns.saturating_sub(of_wake_ups_ns) as f64;
        // Of a thread that sleeps, a shorter wait is what waking up takes, and no gap.
        let least_ns = if self.after_sleep > 0 { WAKE_UP_NS } else { 1 };
        let count = (taken_ns / ns.max(least_ns) as f64).floor();
        (count.min(self.count as f64), taken_ns)
    }

    /// Returns the time, in nanoseconds, that waits of at least `ns` can have taken: all of it if there can have been one.
    fn total_ns_of(&self, ns: u64) -> u64 {
        let (count, taken_ns) = self.at_least(ns);
        if count > 0.0 { taken_ns as u64 } else { 0 }
    }
}

/// Gaps of the measuring thread.
#[derive(Clone, Copy, Debug)]
pub struct MeasuringGaps<'a> {
    /// Lengths of the gaps.
    pub lengths: &'a DurationHistogram,
    /// The kernel's account of the same time; `None` if it does not tell.
    pub account: Option<GapAccount>,
}

/// The kernel's account of the gaps of a thread that polls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GapAccount {
    /// Waits for the CPU while threads ran that are not the target's own. Their number is that of all waits:
    /// which of them those threads had a part in the kernel does not tell.
    pub other_threads: Waits,
    /// Gaps in which the thread did not wait for the CPU: interrupts, and other virtual machines.
    pub unscheduled: Waits,
    /// True if threads of the target's own ran on the CPU, so that gaps are theirs.
    pub is_shared: bool,
}

impl MeasuringGaps<'_> {
    /// Returns the number of gaps of at least `ns` that are not the target's own: at most.
    fn at_least(&self, ns: u64) -> f64 {
        let all = self.lengths.count_from(ns) as f64;
        match self.account.filter(|account| account.is_shared) {
            Some(account) => {
                let waits = [account.other_threads, account.unscheduled];
                all.min(waits.iter().map(|wait| wait.at_least(ns).0).sum())
            }
            None => all,
        }
    }

    /// Returns who took the CPU for most of the time of the gaps of at least `ns`, and for how long in all.
    fn taken_by(&self, ns: u64) -> (Option<TakenBy>, u64) {
        let Some(account) = self.account else {
            let mean_ns = self.lengths.mean_ns().unwrap_or_default();
            return (None, (mean_ns * self.lengths.count() as f64) as u64);
        };
        let GapAccount {
            other_threads,
            unscheduled,
            ..
        } = account;
        // All but as many gaps as are of that length are shorter, and none is shorter than what counts as a gap.
        let shorter = (unscheduled.count).saturating_sub(self.lengths.count_from(ns));
        let shorter_ns = shorter.saturating_mul(GAP_NS);
        let unscheduled_ns = unscheduled.total_ns_of(ns).saturating_sub(shorter_ns);
        if other_threads.total_ns_of(ns) >= unscheduled_ns {
            (Some(TakenBy::Programs), other_threads.total_ns)
        } else {
            (Some(TakenBy::Interrupts), unscheduled.total_ns)
        }
    }
}

/// Waits of one of the threads that a request passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadWaits {
    /// The thread.
    pub thread: Thread,
    /// Thread or interrupt that had its CPU meanwhile.
    pub taken_by: TakenBy,
    /// The waits.
    pub waits: Waits,
}

/// The thread whose gaps hit the most requests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MostHit {
    /// The thread.
    pub thread: Thread,
    /// Thread or interrupt that had its CPU; `None` if the kernel does not report it.
    pub taken_by: Option<TakenBy>,
    /// For how long in all, in nanoseconds.
    pub total_ns: u64,
}

/// Observations of the threads that a request passes.
#[derive(Clone, Debug, Default)]
pub struct Interference<'a> {
    /// Gaps of the measuring thread, if it polls.
    pub gaps: Option<MeasuringGaps<'a>>,
    /// Waits of the measuring thread, if it sleeps, of the thread that carries its messages, and of the one
    /// that answers.
    pub waits: Vec<ThreadWaits>,
    /// Average number of requests in flight.
    pub in_flight: f64,
    /// Requests due per nanosecond, in an open loop.
    pub due_per_ns: f64,
    /// Difference of two times that the clock resolves, in nanoseconds.
    pub resolution_ns: u64,
}

impl Interference<'_> {
    /// Returns the number of requests that gaps of at least `ns` can have hit; `None` if nothing was observed.
    #[must_use]
    pub fn hits(&self, ns: u64) -> Option<f64> {
        let is_observed = self.gaps.is_some() || !self.waits.is_empty();
        is_observed.then(|| self.hits_of_each(ns).map(|(hits, _)| hits).sum())
    }

    /// Returns whose gaps of at least `ns` hit the most requests; `None` if there were none.
    #[must_use]
    pub fn most_hit(&self, ns: u64) -> Option<MostHit> {
        let each = self.hits_of_each(ns).filter(|(hits, _)| *hits > 0.0);
        each.max_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, found)| found)
    }

    /// Returns the requests that gaps of at least `ns` can have hit, thread by thread.
    fn hits_of_each(&self, ns: u64) -> impl Iterator<Item = (f64, MostHit)> {
        let gaps = self.gaps.map(|gaps| {
            let (taken_by, total_ns) = gaps.taken_by(ns);
            let most_hit = MostHit {
                thread: Thread::Measuring,
                taken_by,
                total_ns,
            };
            (gaps.at_least(ns) * self.in_flight, most_hit)
        });
        let waits = self.waits.iter().map(move |wait| {
            let (count, taken_ns) = wait.waits.at_least(ns);
            let due_within = match wait.thread {
                Thread::Answering => self.due_per_ns * (taken_ns - ns as f64).max(0.0),
                Thread::Measuring | Thread::Carrying => 0.0,
            };
            let most_hit = MostHit {
                thread: wait.thread,
                taken_by: Some(wait.taken_by),
                total_ns: wait.waits.total_ns,
            };
            (count * self.in_flight + due_within, most_hit)
        });
        gaps.into_iter().chain(waits)
    }

    /// Returns the number of requests that gaps can have lost; `None` if nothing was observed.
    #[must_use]
    pub fn losses(&self) -> Option<f64> {
        // A gap hits at least the one request that meets it.
        let least = Self {
            in_flight: self.in_flight.max(1.0),
            ..self.clone()
        };
        least.hits(LOSING_GAP_NS)
    }

    /// Returns whose gaps can have lost the most requests; `None` if nobody's.
    #[must_use]
    pub fn most_lost(&self) -> Option<MostHit> {
        self.most_hit(LOSING_GAP_NS)
    }
}

#[cfg(test)]
mod tests;
