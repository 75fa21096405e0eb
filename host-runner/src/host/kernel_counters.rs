//! The kernel's counts of CPUs and of the threads of a measurement, at one moment. Read from `/proc`; what can't be
//! read is absent.

use rustix::process::Pid;

use crate::host::gaps::{GapSummary, ratio};
use crate::host::noise::{Noise, ThreadNoise};
use crate::host::thread::{CpuTicks, ThreadCounts};

/// The kernel's counts at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelCounters {
    /// Time of all CPUs together.
    cpu_ticks: Option<CpuTicks>,
    /// The measuring thread.
    measuring: Option<Counted>,
    /// The thread that answers.
    answering: Option<Counted>,
    /// The thread that carries messages between both.
    carrying: Option<Counted>,
}

/// Counts of a thread, and of a CPU: that which the thread was on when they were read first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counted {
    thread: ThreadCounts,
    cpu: Option<u32>,
    ticks: Option<CpuTicks>,
}

impl Counted {
    fn now(thread: Option<ThreadCounts>, before: Option<Self>) -> Option<Self> {
        let thread = thread?;
        let cpu = before.map_or(thread.cpu, |before| before.cpu);
        let ticks = cpu.and_then(|cpu| CpuTicks::now(Some(cpu)));
        Some(Self { thread, cpu, ticks })
    }

    fn since(&self, before: &Self) -> Option<ThreadNoise> {
        let (now, then) = (&self.thread, &before.thread);
        let ticks = self.ticks.zip(before.ticks).and_then(|(now, then)| {
            let steal = now.steal.checked_sub(then.steal)?;
            Some((steal, now.total.checked_sub(then.total)?))
        });
        let migrations = now.migrations.zip(then.migrations);
        Some(ThreadNoise {
            ran_ns: now.ran_ns.checked_sub(then.ran_ns)?,
            waited_ns: now.waited_ns.checked_sub(then.waited_ns)?,
            slices: now.slices.checked_sub(then.slices)?,
            involuntary_switches: now
                .involuntary_switches
                .checked_sub(then.involuntary_switches)?,
            migrations: migrations.and_then(|(now, then)| now.checked_sub(then)),
            cpu: before.cpu,
            steal_ticks: ticks.map(|(steal, _)| steal),
            steal_share: ticks.map(|(steal, total)| ratio(steal, total)),
        })
    }
}

/// Threads of the service that are observed during a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Threads {
    /// The one that answers.
    pub answering: Option<Pid>,
    /// The one that carries messages between that and the measuring thread, if it is in a request's way.
    pub carrying: Option<Pid>,
}

impl KernelCounters {
    /// Reads the counts, for the calling thread and `threads`.
    #[must_use]
    pub fn now(threads: &Threads) -> Self {
        Self::read(threads, None)
    }

    /// Reads the counts at the end of what began at `self`: those of CPUs for the CPUs of then.
    #[must_use]
    pub fn read_again(&self, threads: &Threads) -> Self {
        Self::read(threads, Some(self))
    }

    fn read(threads: &Threads, before: Option<&Self>) -> Self {
        let of = |thread: Option<Pid>| thread.and_then(ThreadCounts::of);
        Self {
            cpu_ticks: CpuTicks::now(None),
            measuring: Counted::now(
                ThreadCounts::own(),
                before.and_then(|before| before.measuring),
            ),
            answering: Counted::now(
                of(threads.answering),
                before.and_then(|before| before.answering),
            ),
            carrying: Counted::now(
                of(threads.carrying),
                before.and_then(|before| before.carrying),
            ),
        }
    }
}

impl KernelCounters {
    /// Returns the noise of a run that began at `self` and ended at `after`, with the gaps of a thread that spun
    /// before it.
    #[must_use]
    pub fn noise_until(&self, after: &Self, floor: GapSummary) -> Noise {
        let since = |before: Option<Counted>, after: Option<Counted>| {
            let (before, after) = before.zip(after)?;
            after.since(&before)
        };
        let measuring = since(self.measuring, after.measuring);
        Noise {
            floor_observed_ns: floor.observed_ns,
            floor_max_gap_ns: floor.max_gap_ns,
            floor_total_gap_ns: floor.total_gap_ns,
            floor_share: floor.share,
            involuntary_switches: measuring.map(|thread| thread.involuntary_switches),
            waited_ns: measuring.map(|thread| thread.waited_ns),
            waited_share: measuring
                .map(|thread| ratio(thread.waited_ns, thread.waited_ns + thread.ran_ns)),
            measuring,
            answering: since(self.answering, after.answering),
            carrying: since(self.carrying, after.carrying),
            steal_share: self
                .cpu_ticks
                .zip(after.cpu_ticks)
                .and_then(|(before, after)| {
                    let steal = after.steal.checked_sub(before.steal)?;
                    Some(ratio(steal, after.total.checked_sub(before.total)?))
                }),
            ..Noise::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_differences_and_absent_ones_stay_absent() {
        let counts = |total, steal, switches| KernelCounters {
            cpu_ticks: Some(CpuTicks { total, steal }),
            measuring: Some(Counted {
                thread: ThreadCounts {
                    ran_ns: 10 * total,
                    waited_ns: 50 * switches,
                    slices: 2 * switches,
                    involuntary_switches: switches,
                    migrations: None,
                    cpu: Some(1),
                },
                cpu: Some(1),
                ticks: Some(CpuTicks {
                    total: total / 2,
                    steal,
                }),
            }),
            answering: None,
            carrying: None,
        };
        let (before, after) = (counts(1000, 10, 3), counts(1200, 13, 8));
        let noise = before.noise_until(&after, GapSummary::default());
        assert_eq!(noise.steal_share, Some(0.015));
        assert_eq!(noise.involuntary_switches, Some(5));
        // 250 of 2250 ns.
        assert_eq!(
            (noise.waited_ns, noise.waited_share),
            (Some(250), Some(250.0 / 2250.0))
        );
        let measuring = noise.measuring.unwrap();
        assert_eq!((measuring.slices, measuring.migrations), (10, None));
        assert_eq!(
            (measuring.steal_ticks, measuring.steal_share),
            (Some(3), Some(0.03))
        );
        assert_eq!((noise.answering, noise.carrying), (None, None));
        let unknown = KernelCounters {
            cpu_ticks: None,
            measuring: None,
            ..before
        };
        let noise = unknown.noise_until(&after, GapSummary::default());
        assert_eq!(
            (noise.steal_share, noise.involuntary_switches),
            (None, None)
        );
        assert_eq!((noise.waited_ns, noise.waited_share), (None, None));
    }
}
