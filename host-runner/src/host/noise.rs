//! What the host did while it measured: gaps in a spinning thread, steal, lost turns on the CPU.
//!
//! The kernel's counts are read from `/proc`; what can't be read is absent, never zero.

use rustix::process::Pid;
use serde::{Deserialize, Serialize};

use crate::host::gaps::GAP_NS;
use crate::host::gaps::Gaps;
use crate::host::thread::{CpuTicks, CpuUse, ThreadCounts};

/// What a thread sees that does nothing but read the clock: everything that is not the guest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Floor {
    /// For how long it read, in nanoseconds.
    pub observed_ns: u64,
    /// The longest gap, in nanoseconds.
    pub max_gap_ns: u64,
    /// All gaps together, in nanoseconds.
    pub total_gap_ns: u64,
}

impl Floor {
    /// Returns what both saw together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            observed_ns: self.observed_ns + other.observed_ns,
            max_gap_ns: self.max_gap_ns.max(other.max_gap_ns),
            total_gap_ns: self.total_gap_ns + other.total_gap_ns,
        }
    }
}

/// Reads the clock for `duration_ns` and notes every gap.
pub fn spin(mut now_ns: impl FnMut() -> u64, duration_ns: u64) -> Floor {
    let start_ns = now_ns();
    let mut floor = Floor::default();
    let mut before_ns = start_ns;
    while floor.observed_ns < duration_ns {
        let at_ns = now_ns();
        let gap_ns = at_ns.saturating_sub(before_ns);
        if gap_ns > GAP_NS {
            floor.max_gap_ns = floor.max_gap_ns.max(gap_ns);
            floor.total_gap_ns += gap_ns;
        }
        floor.observed_ns = at_ns.saturating_sub(start_ns);
        before_ns = at_ns;
    }
    floor
}

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

/// The threads of the service that are observed during a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Threads {
    /// The one that answers.
    pub answering: Option<Pid>,
    /// The one that carries messages between that and the measuring thread, if it is in a request's way.
    pub carrying: Option<Pid>,
}

impl KernelCounters {
    /// The counts now, for the calling thread and `threads`.
    #[must_use]
    pub fn now(threads: &Threads) -> Self {
        Self::read(threads, None)
    }

    /// The same at the end of what began at `self`.
    #[must_use]
    pub fn again(&self, threads: &Threads) -> Self {
        Self::read(threads, Some(self))
    }

    fn read(threads: &Threads, before: Option<&Self>) -> Self {
        let of = |thread: Option<Pid>| thread.and_then(ThreadCounts::of);
        Self {
            cpu_ticks: CpuTicks::now(None),
            measuring: Counted::now(ThreadCounts::own(), before.and_then(|it| it.measuring)),
            answering: Counted::now(of(threads.answering), before.and_then(|it| it.answering)),
            carrying: Counted::now(of(threads.carrying), before.and_then(|it| it.carrying)),
        }
    }
}

/// What a thread that spins or polls has lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Lost {
    /// For how long it looked, in nanoseconds.
    pub observed_ns: u64,
    /// The longest gap that it saw, in nanoseconds.
    pub max_gap_ns: u64,
    /// All its gaps together, in nanoseconds.
    pub total_gap_ns: u64,
    /// The same as a share of the time it looked.
    pub share: f64,
}

impl From<Floor> for Lost {
    fn from(floor: Floor) -> Self {
        Self {
            observed_ns: floor.observed_ns,
            max_gap_ns: floor.max_gap_ns,
            total_gap_ns: floor.total_gap_ns,
            share: ratio(floor.total_gap_ns, floor.observed_ns),
        }
    }
}

impl From<&Gaps> for Lost {
    fn from(gaps: &Gaps) -> Self {
        Self::from(Floor {
            observed_ns: gaps.observed_ns,
            max_gap_ns: gaps.max_gap_ns(),
            total_gap_ns: gaps.total_gap_ns,
        })
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

/// Account of the time in which a thread wanted to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ThreadNoise {
    /// Time that it ran, in nanoseconds.
    pub ran_ns: u64,
    /// Time that it waited for a CPU, in nanoseconds. A thread that sleeps waits a little each time it wakes
    /// up.
    pub waited_ns: u64,
    /// Number of times that it got a CPU.
    pub slices: u64,
    /// Number of times that it was put off its CPU while it wanted to run.
    pub involuntary_switches: u64,
    /// Number of times that it was moved to another CPU; null if the kernel does not tell.
    pub migrations: Option<u64>,
    /// The CPU that it was on when the run began; null if the kernel does not tell.
    pub cpu: Option<u32>,
    /// Time that the hypervisor gave of that CPU to others, in clock ticks.
    pub steal_ticks: Option<u64>,
    /// The same as a share of that CPU's time.
    pub steal_share: Option<f64>,
}

/// Fewer clock ticks of steal than this say nothing: each is right to one tick.
const LEAST_STEAL_TICKS: u64 = 10;

/// A smaller share of steal is told, and held against nobody.
const LEAST_STEAL_SHARE: f64 = 0.02;

impl ThreadNoise {
    /// Returns the steal in clock ticks and as a share, if it is enough to be held against a result.
    #[must_use]
    pub fn judged_steal(&self) -> Option<(u64, f64)> {
        let steal = self.steal_ticks.zip(self.steal_share);
        steal.filter(|&(ticks, share)| ticks >= LEAST_STEAL_TICKS && share >= LEAST_STEAL_SHARE)
    }
}

/// The host's noise around one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Noise {
    /// For how long a thread spun before the run to see the noise floor, in nanoseconds.
    pub floor_observed_ns: u64,
    /// The longest gap that it saw, in nanoseconds.
    pub floor_max_gap_ns: u64,
    /// All its gaps over a microsecond together, in nanoseconds.
    pub floor_total_gap_ns: u64,
    /// The same as a share of the time it spun.
    pub floor_share: f64,
    /// How often the measuring thread was put off the CPU during the run.
    pub involuntary_switches: Option<u64>,
    /// The share of all CPU time during the run that the hypervisor gave to others.
    pub steal_share: Option<f64>,
    /// Time that the measuring thread saw itself lose during the run, in gaps over a microsecond; absent on
    /// a link where it sleeps instead of polling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beside: Option<Lost>,
    /// What a spinning thread saw right after the run, in gaps over a microsecond.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Lost>,
    /// For how long QEMU's threads ran but the virtual CPU's while the thread spun before the run, in
    /// nanoseconds, where they share the one CPU of that thread: what they take is the target's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_floor_ns: Option<u64>,
    /// The same during the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_beside_ns: Option<u64>,
    /// Number of times that those threads got the CPU during the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_beside_slices: Option<u64>,
    /// For how long the measuring thread wanted to run and waited for the CPU during the run, in
    /// nanoseconds. A thread that sleeps waits a little each time it wakes up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waited_ns: Option<u64>,
    /// The same as a share of the time in which it wanted to run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waited_share: Option<f64>,
    /// The part of `waited_ns` in which others ran than the target's own threads, in nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub foreign_ns: Option<u64>,
    /// The measuring thread during the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measuring: Option<ThreadNoise>,
    /// The thread that answers during the run: the virtual CPU's, the responder's, the reflector's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answering: Option<ThreadNoise>,
    /// The thread that carries messages between both during the run, QEMU's main loop; absent where there
    /// is none, or where it is not in a request's way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrying: Option<ThreadNoise>,
    /// For how long the run was put off until the host was quiet, in nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waited_for_quiet_ns: Option<u64>,
    /// True if the host was quiet when the run began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was_quiet: Option<bool>,
}

impl Noise {
    /// Puts together the floor before a run and the kernel's counts before and after it.
    #[must_use]
    pub fn new(floor: Floor, before: &KernelCounters, after: &KernelCounters) -> Self {
        let since = |before: Option<Counted>, after: Option<Counted>| {
            let (before, after) = before.zip(after)?;
            after.since(&before)
        };
        let measuring = since(before.measuring, after.measuring);
        Self {
            floor_observed_ns: floor.observed_ns,
            floor_max_gap_ns: floor.max_gap_ns,
            floor_total_gap_ns: floor.total_gap_ns,
            floor_share: ratio(floor.total_gap_ns, floor.observed_ns),
            involuntary_switches: measuring.map(|it| it.involuntary_switches),
            waited_ns: measuring.map(|it| it.waited_ns),
            waited_share: measuring.map(|it| ratio(it.waited_ns, it.waited_ns + it.ran_ns)),
            measuring,
            answering: since(before.answering, after.answering),
            carrying: since(before.carrying, after.carrying),
            steal_share: before
                .cpu_ticks
                .zip(after.cpu_ticks)
                .and_then(|(before, after)| {
                    let steal = after.steal.checked_sub(before.steal)?;
                    Some(ratio(steal, after.total.checked_sub(before.total)?))
                }),
            ..Self::default()
        }
    }
}

impl Noise {
    /// Adds what the target's own threads did during the run on the measuring thread's CPU.
    #[must_use]
    pub fn with_own(self, own: Option<CpuUse>) -> Self {
        let own_ns = own.map(|it| it.ran_ns);
        let foreign_ns = |waited_ns: u64| waited_ns.saturating_sub(own_ns.unwrap_or(0));
        Self {
            own_beside_ns: own_ns,
            own_beside_slices: own.map(|it| it.slices),
            foreign_ns: self.waited_ns.map(foreign_ns),
            ..self
        }
    }
}

#[cfg(test)]
mod tests;
