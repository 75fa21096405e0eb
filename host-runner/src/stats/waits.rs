//! Waits of a run's threads, and whose they are: the host's, the target's own, or the instrument's. Arithmetic
//! on the kernel's counts.

use crate::host::cgroup::Throttling;
use crate::host::noise::{Noise, ThreadNoise};
use crate::host::thread::ThreadCounts;
use crate::stats::interference::{GapAccount, ThreadWaits, Waits};
use crate::stats::reason::{TakenBy, Thread};

/// Length of a clock tick in nanoseconds (`USER_HZ`, 100 on Linux for x86).
const TICK_NS: u64 = 10_000_000;

impl ThreadCounts {
    /// Returns the waits for its CPU.
    #[must_use]
    pub fn waits(&self) -> Waits {
        Waits {
            count: self.slices,
            after_sleep: self.slices.saturating_sub(self.involuntary_switches),
            total_ns: self.waited_ns,
        }
    }
}

impl Throttling {
    /// Returns the waits of a thread that wanted to run in all periods in which a group was stopped.
    #[must_use]
    pub const fn waits(&self) -> Waits {
        Waits {
            count: self.periods,
            after_sleep: 0,
            total_ns: self.ns,
        }
    }
}

impl ThreadNoise {
    /// Returns the waits for its CPU.
    fn waits(&self) -> Waits {
        Waits {
            count: self.slices,
            after_sleep: self.slices.saturating_sub(self.involuntary_switches),
            total_ns: self.waited_ns,
        }
    }

    /// Returns the times for which other virtual machines had its CPU.
    fn stolen(&self) -> Option<Waits> {
        self.judged_steal().map(|(ticks, _)| Waits {
            count: ticks,
            after_sleep: 0,
            total_ns: ticks.saturating_mul(TICK_NS),
        })
    }

    /// Returns whether it had one CPU with `other` for as long as the run lasted.
    fn shares_cpu_with(&self, other: &Self) -> bool {
        let stayed = |noise: &Self| noise.migrations.is_none_or(|count| count == 0);
        self.cpu.is_some() && self.cpu == other.cpu && stayed(self) && stayed(other)
    }
}

impl Noise {
    /// Returns the kernel's account of `gaps` gaps of the measuring thread; `None` if it does not tell.
    ///
    /// A gap of the target's own threads is longer than the time that they ran, by what switching takes, so the
    /// lengths without that time say nothing of others. Waits do: the kernel counts the thread's own waiting.
    pub(in crate::stats) fn gap_account(&self, gaps: u64) -> Option<GapAccount> {
        let (measuring, beside) = self.measuring.zip(self.beside)?;
        let unscheduled_ns = beside.total_gap_ns.saturating_sub(measuring.waited_ns);
        Some(GapAccount {
            other_threads: Waits {
                count: measuring.slices,
                after_sleep: 0,
                total_ns: self.foreign_ns.unwrap_or(measuring.waited_ns),
            },
            unscheduled: Waits {
                count: gaps.saturating_sub(measuring.slices),
                after_sleep: 0,
                total_ns: unscheduled_ns,
            },
            is_shared: self.own_beside_ns.is_some_and(|ns| ns > 0),
        })
    }

    /// Returns the waits of the threads that a request passes which others than the instrument and the
    /// target caused. A measuring thread that polls knows its own gaps, which is more.
    pub(in crate::stats) fn foreign_waits(&self, is_polled: bool) -> Vec<ThreadWaits> {
        let measuring = self
            .measuring
            .filter(|_| !is_polled)
            .map(|measuring| Waits {
                total_ns: self
                    .foreign_ns
                    .unwrap_or(measuring.waited_ns)
                    .min(measuring.waited_ns),
                ..measuring.waits()
            });
        // The kernel does not say who had the CPU meanwhile. What the measuring thread ran there is held
        // to be in it, as far as it goes: it is woken by what the other has just delivered.
        let carrying = self.carrying.filter(|_| !is_polled).map(|carrying| {
            let waits = carrying.waits();
            let by_measuring = self.waits_for_measuring().unwrap_or_default();
            let count = waits.count.saturating_sub(by_measuring.count);
            Waits {
                count,
                after_sleep: waits.after_sleep.min(count),
                total_ns: waits.total_ns.saturating_sub(by_measuring.total_ns),
            }
        });
        let answering = self.answering.map(|answering| answering.waits());
        let by_threads = [
            (Thread::Measuring, measuring),
            (Thread::Carrying, carrying),
            (Thread::Answering, answering),
        ];
        let stolen = |noise: Option<ThreadNoise>| noise.and_then(|noise| noise.stolen());
        let by_machines = [
            (
                Thread::Measuring,
                stolen(self.measuring.filter(|_| !is_polled)),
            ),
            (
                Thread::Carrying,
                stolen(self.carrying.filter(|_| !is_polled)),
            ),
            (Thread::Answering, stolen(self.answering)),
        ];
        let of = |taken_by| {
            move |(thread, waits): (Thread, Option<Waits>)| {
                Some(ThreadWaits {
                    thread,
                    taken_by,
                    waits: waits?,
                })
            }
        };
        let by_threads = by_threads.into_iter().filter_map(of(TakenBy::Programs));
        let by_machines = by_machines.into_iter().filter_map(of(TakenBy::Hypervisor));
        by_threads.chain(by_machines).collect()
    }

    /// Returns the waits of the thread that carries messages in which the measuring thread can have had their
    /// common CPU, at most; `None` if they have none in common.
    #[must_use]
    pub fn waits_for_measuring(&self) -> Option<Waits> {
        let (measuring, carrying) = self.measuring.zip(self.carrying)?;
        carrying.shares_cpu_with(&measuring).then(|| Waits {
            count: carrying.slices.min(measuring.slices),
            after_sleep: 0,
            total_ns: carrying.waited_ns.min(measuring.ran_ns),
        })
    }
}

#[cfg(test)]
mod tests;
