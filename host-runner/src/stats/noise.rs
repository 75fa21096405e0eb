//! What the host did while it measured: gaps in a spinning thread, steal, lost turns on the CPU.
//!
//! The kernel's counts are read from `/proc`; what can't be read is absent, never zero.

use std::fs;

use serde::{Deserialize, Serialize};

use super::interference::Waits;
use crate::link::Gaps;

/// Two readings of the clock further apart than this are a gap, in nanoseconds.
const GAP_NS: u64 = 1_000;

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
pub struct Counts {
    /// Time of all CPUs together, and what of it the hypervisor gave to others, in clock ticks.
    cpu_ticks: Option<CpuTicks>,
    /// How often this thread was put off the CPU while it wanted to run.
    involuntary_switches: Option<u64>,
    /// This thread's own time.
    thread: Option<ThreadTime>,
}

/// How a thread has spent the time in which it wanted to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ThreadTime {
    ran_ns: u64,
    waited_ns: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct CpuTicks {
    total: u64,
    steal: u64,
}

impl Counts {
    /// The counts now, for the calling thread.
    #[must_use]
    pub fn now() -> Self {
        let read = |path| fs::read_to_string(path).ok();
        Self {
            cpu_ticks: read("/proc/stat").as_deref().and_then(cpu_ticks),
            involuntary_switches: read("/proc/thread-self/status")
                .as_deref()
                .and_then(involuntary_switches),
            thread: read("/proc/thread-self/schedstat")
                .as_deref()
                .and_then(thread_time),
        }
    }
}

/// The first line of `/proc/stat` (proc(5)): user, nice, system, idle, iowait, irq, softirq, steal;
/// guest time, which follows, is in user time already.
fn cpu_ticks(stat: &str) -> Option<CpuTicks> {
    let mut fields = stat
        .lines()
        .next()?
        .strip_prefix("cpu ")?
        .split_whitespace();
    let mut ticks = [0; 8];
    for tick in &mut ticks {
        *tick = fields.next()?.parse().ok()?;
    }
    Some(CpuTicks {
        total: ticks.iter().sum(),
        steal: ticks[7],
    })
}

fn involuntary_switches(status: &str) -> Option<u64> {
    let line = |line: &str| {
        line.strip_prefix("nonvoluntary_ctxt_switches:")?
            .trim()
            .parse()
            .ok()
    };
    status.lines().find_map(line)
}

/// The kernel's Documentation/scheduler/sched-stats.rst: time on the CPU, time waiting for one, and how
/// often it got one.
fn thread_time(schedstat: &str) -> Option<ThreadTime> {
    let mut fields = schedstat.split_whitespace().map(str::parse);
    let (ran_ns, waited_ns) = (fields.next()?.ok()?, fields.next()?.ok()?);
    Some(ThreadTime { ran_ns, waited_ns })
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

impl From<Gaps> for Lost {
    fn from(gaps: Gaps) -> Self {
        Self::from(Floor {
            observed_ns: gaps.observed_ns,
            max_gap_ns: gaps.max_gap_ns,
            total_gap_ns: gaps.total_gap_ns,
        })
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

/// What became of the time in which a thread wanted to run.
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

/// Length of a clock tick in nanoseconds (`USER_HZ`, 100 on Linux for x86).
const TICK_NS: u64 = 10_000_000;

impl ThreadNoise {
    /// Returns the steal in clock ticks and as a share, if it is enough to be held against a result.
    #[must_use]
    pub fn judged_steal(&self) -> Option<(u64, f64)> {
        let steal = self.steal_ticks.zip(self.steal_share);
        steal.filter(|&(ticks, share)| ticks >= LEAST_STEAL_TICKS && share >= LEAST_STEAL_SHARE)
    }

    /// Returns the times for which it was kept off its CPU: by other threads, and by other virtual machines.
    pub(super) fn waits(&self) -> impl Iterator<Item = Waits> {
        let by_threads = Waits {
            count: self.slices,
            after_sleep: self.slices.saturating_sub(self.involuntary_switches),
            total_ns: self.waited_ns,
        };
        let by_machines = self.judged_steal().map(|(ticks, _)| Waits {
            count: ticks,
            after_sleep: 0,
            total_ns: ticks.saturating_mul(TICK_NS),
        });
        std::iter::once(by_threads).chain(by_machines)
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
    /// What the measuring thread saw itself during the run, in gaps over ten microseconds; absent on
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
    pub fn new(floor: Floor, before: &Counts, after: &Counts) -> Self {
        let thread = before.thread.zip(after.thread);
        let waited = thread.and_then(|(before, after)| {
            let waited_ns = after.waited_ns.checked_sub(before.waited_ns)?;
            let ran_ns = after.ran_ns.checked_sub(before.ran_ns)?;
            Some((waited_ns, ratio(waited_ns, waited_ns + ran_ns)))
        });
        let (waited_ns, waited_share) = waited.unzip();
        Self {
            floor_observed_ns: floor.observed_ns,
            floor_max_gap_ns: floor.max_gap_ns,
            floor_total_gap_ns: floor.total_gap_ns,
            floor_share: ratio(floor.total_gap_ns, floor.observed_ns),
            involuntary_switches: before
                .involuntary_switches
                .zip(after.involuntary_switches)
                .and_then(|(before, after)| after.checked_sub(before)),
            steal_share: before
                .cpu_ticks
                .zip(after.cpu_ticks)
                .and_then(|(before, after)| {
                    let steal = after.steal.checked_sub(before.steal)?;
                    Some(ratio(steal, after.total.checked_sub(before.total)?))
                }),
            waited_ns,
            waited_share,
            ..Self::default()
        }
    }
}

impl Noise {
    /// The share of its time that the spinning thread lost before the run to others than the target.
    #[must_use]
    pub fn foreign_floor_share(&self) -> f64 {
        let own_ns = self.own_floor_ns.unwrap_or(0);
        (self.floor_share - ratio(own_ns, self.floor_observed_ns)).max(0.0)
    }

    /// Returns the share of the measuring thread's gaps that was not taken by the target's own threads.
    #[must_use]
    pub fn foreign_gap_share(&self) -> f64 {
        let gaps_ns = self.beside.map_or(0, |lost| lost.total_gap_ns);
        let own_ns = self.own_beside_ns.unwrap_or(0).min(gaps_ns);
        1.0 - ratio(own_ns, gaps_ns)
    }

    /// The same of the measuring thread, during it.
    #[must_use]
    pub fn foreign_beside_share(&self) -> f64 {
        let own_ns = self.own_beside_ns.unwrap_or(0);
        let foreign = |lost: Lost| lost.share - ratio(own_ns, lost.observed_ns);
        self.beside.map_or(0.0, foreign).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_found() {
        let mut times = [0, 50, 100, 1_100, 1_150, 7_000, 7_050, 10_000, 10_050].into_iter();
        let floor = spin(|| times.next().unwrap(), 10_000);
        let expected = Floor {
            observed_ns: 10_000,
            max_gap_ns: 5_850,
            total_gap_ns: 5_850 + 2_950,
        };
        assert_eq!(floor, expected);
    }

    #[test]
    fn reads_the_kernels_files() {
        let stat = "cpu  10 1 20 300 4 0 5 60 7 8\ncpu0 1 2 3 4 5 6 7 8 9 10\n";
        let expected = CpuTicks {
            total: 400,
            steal: 60,
        };
        assert_eq!(cpu_ticks(stat), Some(expected));
        assert_eq!(cpu_ticks("cpu 1 2 3\n"), None);
        let status = "voluntary_ctxt_switches:\t5\nnonvoluntary_ctxt_switches:\t42\n";
        assert_eq!(involuntary_switches(status), Some(42));
        assert_eq!(involuntary_switches(""), None);
        let expected = ThreadTime {
            ran_ns: 360_035,
            waited_ns: 65_533,
        };
        assert_eq!(thread_time("360035 65533 2\n"), Some(expected));
        assert_eq!(thread_time("360035"), None);
    }

    #[test]
    fn counts_are_differences_and_absent_ones_stay_absent() {
        let counts = |total, steal, switches| Counts {
            cpu_ticks: Some(CpuTicks { total, steal }),
            involuntary_switches: Some(switches),
            thread: Some(ThreadTime {
                ran_ns: 10 * total,
                waited_ns: 50 * switches,
            }),
        };
        let (before, after) = (counts(1000, 10, 3), counts(1200, 13, 8));
        let noise = Noise::new(Floor::default(), &before, &after);
        assert_eq!(noise.steal_share, Some(0.015));
        assert_eq!(noise.involuntary_switches, Some(5));
        // 250 of 2250 ns.
        assert_eq!(
            (noise.waited_ns, noise.waited_share),
            (Some(250), Some(250.0 / 2250.0))
        );
        let unknown = Counts {
            cpu_ticks: None,
            involuntary_switches: None,
            thread: None,
        };
        let noise = Noise::new(Floor::default(), &unknown, &after);
        assert_eq!(
            (noise.steal_share, noise.involuntary_switches),
            (None, None)
        );
        assert_eq!((noise.waited_ns, noise.waited_share), (None, None));
    }

    #[test]
    fn what_the_target_takes_itself_is_not_the_hosts_noise() {
        let noise = Noise {
            floor_observed_ns: 1000,
            floor_share: 0.3,
            own_floor_ns: Some(250),
            beside: Some(Lost {
                observed_ns: 10_000,
                share: 0.2,
                ..Lost::default()
            }),
            own_beside_ns: Some(2_500),
            ..Noise::default()
        };
        assert!((noise.foreign_floor_share() - 0.05).abs() < 1e-9);
        assert_eq!(noise.foreign_beside_share(), 0.0);
        let unknown = Noise {
            own_floor_ns: None,
            own_beside_ns: None,
            ..noise
        };
        assert_eq!(unknown.foreign_floor_share(), 0.3);
        assert_eq!(unknown.foreign_beside_share(), 0.2);
    }

    #[test]
    fn what_was_lost_is_a_share_of_what_was_looked_at() {
        let gaps = Gaps {
            observed_ns: 1000,
            max_gap_ns: 150,
            total_gap_ns: 250,
        };
        let lost = Lost::from(gaps);
        assert_eq!((lost.max_gap_ns, lost.share), (150, 0.25));
        assert_eq!(Lost::from(Floor::default()).share, 0.0);
    }
}
