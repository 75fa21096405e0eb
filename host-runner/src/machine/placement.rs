//! Which CPUs the measurement runs on, and with what right.
//!
//! A guest that polls never leaves its CPU, QEMU's main loop and the measuring thread want to run
//! for a few microseconds thousands of times a second, and a scheduler left to itself now and then
//! puts one of them behind the guest for a whole slice: milliseconds that belong to neither guest
//! nor link. So the virtual CPU gets a CPU of its own, everything else of the measurement shares
//! the others, and the measuring thread goes first there (`SCHED_FIFO`, sched(7)). One without the
//! other makes it worse: without the right to go first, nothing is changed.
//!
//! A measuring thread that polls gets a CPU of its own as well, and needs no right for that. It must
//! not be a `SCHED_FIFO` one: the kernel takes such a thread off its CPU for 50 ms of every second
//! in which it never rests (`sched_rt_runtime_us`).
#![forbid(unsafe_code)]

use std::fmt;
use std::fs;

use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use thread_priority::{
    RealtimeThreadSchedulePolicy, ThreadPriority, ThreadPriorityValue, ThreadSchedulePolicy,
};

/// Above every ordinary thread; below the kernel's own threads, which start at 50.
const PRIORITY: u8 = 10;

/// What was done about CPUs and priority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placement {
    /// The virtual CPU is alone on this CPU, and the measuring thread goes first on the others.
    Apart {
        /// The virtual CPU's.
        cpu: usize,
        /// Whether the others are but one, which QEMU's other threads then share with it.
        is_shared: bool,
    },
    /// The virtual CPU and the measuring thread, which polls, are each alone on a CPU.
    Polling {
        /// The virtual CPU's.
        cpu: usize,
        /// The measuring thread's.
        measuring: usize,
        /// Whether QEMU's other threads run there too, for want of a third CPU.
        is_shared: bool,
    },
    /// Everything is as the scheduler has it, for this reason.
    Unchanged(String),
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Apart { cpu, .. } => write!(
                f,
                "the virtual CPU has CPU {cpu} to itself, the measuring thread goes first on the \
                 others (SCHED_FIFO)"
            ),
            Self::Polling {
                cpu,
                measuring,
                is_shared,
            } => {
                let others = if *is_shared {
                    ", where QEMU's other threads run too"
                } else {
                    ""
                };
                write!(
                    f,
                    "the virtual CPU has CPU {cpu} to itself, the measuring thread CPU \
                     {measuring}{others}"
                )
            }
            Self::Unchanged(why) => write!(f, "left to the scheduler: {why}"),
        }
    }
}

impl Placement {
    /// The virtual CPU's CPU, if it has one of its own.
    #[must_use]
    pub const fn cpu(&self) -> Option<usize> {
        match self {
            Self::Apart { cpu, .. } | Self::Polling { cpu, .. } => Some(*cpu),
            Self::Unchanged(_) => None,
        }
    }

    /// Whether the measuring thread has QEMU's other threads on the one CPU that it may run on.
    pub(super) const fn is_shared(&self) -> bool {
        match self {
            Self::Apart { is_shared, .. } | Self::Polling { is_shared, .. } => *is_shared,
            Self::Unchanged(_) => false,
        }
    }
}

/// Places the calling thread, which polls or sleeps while it waits, and all threads of the process
/// `qemu` around its thread `vcpu`.
pub(crate) fn place(qemu: Pid, vcpu: Pid, polls: bool) -> Placement {
    let placed = if polls {
        polling(qemu, vcpu)
    } else {
        apart(qemu, vcpu)
    };
    placed.unwrap_or_else(Placement::Unchanged)
}

fn apart(qemu: Pid, vcpu: Pid) -> Result<Placement, String> {
    let (cpu, own, others) = divided()?;
    go_first()?;
    bind(qemu, vcpu, &own, &others)?;
    sched_setaffinity(None, &others).map_err(unbound)?;
    Ok(Placement::Apart {
        cpu,
        is_shared: others.count() == 1,
    })
}

fn polling(qemu: Pid, vcpu: Pid) -> Result<Placement, String> {
    let (cpu, own, others) = divided()?;
    let (measuring, mine, rest) = halved(&others)?;
    bind(qemu, vcpu, &own, &rest)?;
    sched_setaffinity(None, &mine).map_err(unbound)?;
    Ok(Placement::Polling {
        cpu,
        measuring,
        is_shared: others.count() == 1,
    })
}

/// Gives the calling thread, which polls another one, a CPU of its own: that for the other thread, and
/// its own.
///
/// # Errors
///
/// Why all is left as it is.
pub fn poll_apart() -> Result<(usize, usize), String> {
    let (cpu, _, others) = divided()?;
    let (measuring, mine, _) = halved(&others)?;
    sched_setaffinity(None, &mine).map_err(unbound)?;
    Ok((cpu, measuring))
}

/// Gives the calling thread, which sleeps while it waits for another one, the right to go first on all
/// CPUs but one: that one, for the other thread.
///
/// # Errors
///
/// As [`poll_apart`].
pub fn sleep_apart() -> Result<usize, String> {
    let (cpu, _, others) = divided()?;
    go_first()?;
    sched_setaffinity(None, &others).map_err(unbound)?;
    Ok(cpu)
}

/// The first CPU of a set, the set of it alone, and the set of the rest; of a single CPU, that: QEMU's
/// other threads have next to nothing to do.
fn halved(set: &CpuSet) -> Result<(usize, CpuSet, CpuSet), String> {
    let division = split(set).or_else(|| split_one(set));
    division.ok_or_else(|| "there is but one CPU to run on".to_owned())
}

/// Binds the calling thread to one CPU, if the system lets it.
pub fn bind_to(cpu: usize) {
    let mut set = CpuSet::new();
    set.set(cpu);
    let _ = sched_setaffinity(None, &set);
}

fn divided() -> Result<(usize, CpuSet, CpuSet), String> {
    let allowed = sched_getaffinity(None).map_err(|error| format!("no CPU affinity: {error}"))?;
    split(&allowed).ok_or_else(|| "there is but one CPU to run on".to_owned())
}

fn unbound(error: rustix::io::Errno) -> String {
    format!("threads can't be bound to CPUs: {error}")
}

fn bind(qemu: Pid, vcpu: Pid, own: &CpuSet, others: &CpuSet) -> Result<(), String> {
    for thread in threads(qemu) {
        let set = if thread == vcpu { own } else { others };
        // A thread that has ended since it was listed needs no place.
        match sched_setaffinity(Some(thread), set) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => {}
            Err(error) => return Err(unbound(error)),
        }
    }
    Ok(())
}

/// The first CPU of `allowed`, the set of it alone, and the set of the rest; `None` without a rest.
fn split(allowed: &CpuSet) -> Option<(usize, CpuSet, CpuSet)> {
    let cpu = (0..CpuSet::MAX_CPU).find(|&cpu| allowed.is_set(cpu))?;
    let mut own = CpuSet::new();
    own.set(cpu);
    let mut others = *allowed;
    others.unset(cpu);
    (others.count() > 0).then_some((cpu, own, others))
}

/// The one CPU of a set that can't be divided, which is then the rest as well.
fn split_one(set: &CpuSet) -> Option<(usize, CpuSet, CpuSet)> {
    let cpu = (0..CpuSet::MAX_CPU).find(|&cpu| set.is_set(cpu))?;
    Some((cpu, *set, *set))
}

fn go_first() -> Result<(), String> {
    let priority = ThreadPriorityValue::try_from(PRIORITY).map_err(|error| error.to_string())?;
    thread_priority::set_thread_priority_and_policy(
        thread_priority::thread_native_id(),
        ThreadPriority::Crossplatform(priority),
        ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo),
    )
    .map_err(|_| {
        "no right to SCHED_FIFO: root has it, or CAP_SYS_NICE, or `ulimit -r 10`".to_owned()
    })
}

/// For how long QEMU's threads have run so far but the virtual CPU's, in nanoseconds: what its emulation
/// takes of the CPUs that it shares with the measuring thread.
pub(crate) fn others_ran_ns(qemu: Pid, vcpu: Pid) -> Option<u64> {
    let ran_ns = |thread: Pid| {
        let path = format!(
            "/proc/{}/task/{}/schedstat",
            qemu.as_raw_nonzero(),
            thread.as_raw_nonzero()
        );
        let schedstat = fs::read_to_string(path).ok()?;
        schedstat.split_whitespace().next()?.parse::<u64>().ok()
    };
    let others = threads(qemu).into_iter().filter(|&thread| thread != vcpu);
    others.map(ran_ns).sum()
}

/// The threads of a process, as far as they can be listed.
fn threads(process: Pid) -> Vec<Pid> {
    let directory = format!("/proc/{}/task", process.as_raw_nonzero());
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(cpus: &[usize]) -> CpuSet {
        let mut set = CpuSet::new();
        cpus.iter().for_each(|&cpu| set.set(cpu));
        set
    }

    #[test]
    fn the_first_allowed_cpu_is_set_apart() {
        let (cpu, own, others) = split(&set(&[2, 5, 7])).unwrap();
        assert_eq!((cpu, own, others), (2, set(&[2]), set(&[5, 7])));
    }

    #[test]
    fn one_cpu_is_not_divided() {
        assert!(split(&set(&[3])).is_none());
        assert!(split(&set(&[])).is_none());
    }

    #[test]
    fn lists_the_threads_of_a_process() {
        let here = rustix::process::getpid();
        assert!(threads(here).contains(&rustix::thread::gettid()));
    }
}
