//! CPUs and priorities of the measurement's threads.
//!
//! A guest that polls never leaves its CPU, QEMU's main loop and the measuring thread want to run
//! for a few microseconds thousands of times a second, and a scheduler left to itself now and then
//! puts one of them behind the guest for a whole slice: milliseconds that belong to neither guest
//! nor link. So the virtual CPU gets a CPU of its own, the measuring thread another on which it goes
//! first (`SCHED_FIFO`, sched(7)), and everything else of the measurement the rest, or the latter where
//! there is no rest. One without the other makes it worse: without the right to go first, nothing is
//! changed unless the CPUs were asked for. Which CPUs these are is [`Assignment`]'s to decide.
//!
//! Where QEMU's other threads share the CPU of a measuring thread that has times of its own to keep, as in an
//! open loop, they get the same right. Each of the two then runs until it sleeps or yields; one that goes first
//! and preempts the others for every request keeps them from carrying its messages.
//!
//! A measuring thread that polls needs no right for that. It must not be a `SCHED_FIFO` one: the kernel takes
//! such a thread off its CPU for 50 ms of every second in which it never rests (`sched_rt_runtime_us`).
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::fs;

use linux_process::scheduling;
use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::host::assignment::{Assignment, Cpus};
use crate::host::thread::{CpuUse, schedstat};

/// Reason for leaving all to the scheduler on a host with one CPU.
const ONE_CPU: &str = "there is but one CPU to run on";

/// Scheduling policy of the measuring thread (sched(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// The default of any thread (`SCHED_OTHER`).
    Normal,
    /// Real-time (`SCHED_FIFO`): it goes first on its CPU.
    Fifo,
}

/// CPUs of the threads of a measurement that have none of their own, such as those of QEMU's emulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherThreads {
    /// CPUs other than the measuring thread's; also where there are no such threads.
    Elsewhere,
    /// The measuring thread's CPU, for want of a third.
    OnMeasuringCpu,
    /// The same with the measuring thread's own priority: neither preempts the other.
    OnMeasuringCpuAsEquals,
}

/// Result of giving threads CPUs and priority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placement {
    /// The virtual CPU and the measuring thread each have a CPU.
    Pinned {
        /// The two CPUs.
        cpus: Cpus,
        /// Priority of the measuring thread on its CPU.
        priority: Priority,
        /// CPUs of the measurement's other threads.
        others: OtherThreads,
    },
    /// Everything is as the scheduler has it, for this reason.
    Unchanged(String),
}

impl Placement {
    /// Returns the placement in words, where `guest` is what answers, such as `the virtual CPU`.
    #[must_use]
    pub fn of(&self, guest: &str) -> String {
        match self {
            Self::Pinned {
                cpus,
                priority,
                others,
            } => {
                let Cpus {
                    guest: cpu,
                    measuring,
                    ..
                } = cpus;
                let first = match priority {
                    Priority::Fifo => ", which goes first there (SCHED_FIFO)",
                    Priority::Normal => "",
                };
                let others = match others {
                    OtherThreads::OnMeasuringCpuAsEquals => {
                        "; all else runs on the latter too, with the same right"
                    }
                    OtherThreads::OnMeasuringCpu => "; all else runs on the latter too",
                    OtherThreads::Elsewhere => "",
                };
                format!(
                    "CPU {cpu} for {guest}, CPU {measuring} for the measuring thread{first}: \
                     {cpus}{others}"
                )
            }
            Self::Unchanged(why) => format!("left to the scheduler: {why}"),
        }
    }

    /// Returns the two CPUs, if the threads have been given some.
    #[must_use]
    pub const fn cpus(&self) -> Option<Cpus> {
        match self {
            Self::Pinned { cpus, .. } => Some(*cpus),
            Self::Unchanged(_) => None,
        }
    }

    /// Returns the CPU of what answers, if it has one of its own.
    #[must_use]
    pub fn cpu(&self) -> Option<usize> {
        self.cpus().map(|cpus| cpus.guest)
    }

    /// Returns whether the measuring thread may stay awake and yield its CPU: it goes first, and every thread
    /// that has to run there meanwhile is its equal.
    #[must_use]
    pub const fn may_yield(&self) -> bool {
        matches!(
            self,
            Self::Pinned {
                priority: Priority::Fifo,
                others: OtherThreads::Elsewhere,
                ..
            } | Self::Pinned {
                others: OtherThreads::OnMeasuringCpuAsEquals,
                ..
            }
        )
    }

    /// Returns whether the measuring thread has QEMU's other threads on its CPU.
    pub(crate) const fn is_shared(&self) -> bool {
        matches!(
            self,
            Self::Pinned {
                others: OtherThreads::OnMeasuringCpu | OtherThreads::OnMeasuringCpuAsEquals,
                ..
            }
        )
    }
}

/// Work of the measuring thread, which decides what its waits need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Polls memory that it shares with the service.
    Polls,
    /// Sleeps until a reply comes.
    Replies,
    /// Sends at times of its own: an open loop on a link that sleeps.
    Schedule,
}

/// Threads that serve a guest's network device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeviceThreads {
    /// Threads of QEMU's process, or none.
    OfProcess,
    /// Threads of the kernel (vhost), beside those of the process.
    OfKernel,
}

/// The service as the scheduler sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answering {
    /// QEMU's process, or the responder's.
    pub process: Pid,
    /// Thread that answers, such as the virtual CPU's, which gets a CPU of its own.
    pub thread: Pid,
    /// Threads that serve its network device.
    pub device: DeviceThreads,
}

/// Places the calling thread, which does `work`, and all threads of the service around the one that answers.
pub(crate) fn place(
    answering: &Answering,
    work: Work,
    assignment: Option<&Assignment>,
) -> Placement {
    let &Answering {
        process: qemu,
        thread: vcpu,
        device,
    } = answering;
    let of_kernel = match device {
        DeviceThreads::OfKernel => vhost_threads(qemu),
        DeviceThreads::OfProcess => Vec::new(),
    };
    let mut placement = place_around(work, assignment, |own, others| {
        for &thread in &of_kernel {
            // What can't be bound stays where the scheduler has it, as any thread of the kernel's.
            let _ = sched_setaffinity(Some(thread), others);
        }
        bind(qemu, vcpu, own, others)
    });
    if let Placement::Pinned {
        priority: Priority::Fifo,
        others: others @ OtherThreads::OnMeasuringCpu,
        ..
    } = &mut placement
    {
        let of_process = threads(qemu).into_iter().filter(|&thread| thread != vcpu);
        let mut neighbours = of_process.chain(of_kernel);
        match work {
            Work::Schedule => {
                if neighbours.all(has_fifo_priority_or_has_ended) {
                    *others = OtherThreads::OnMeasuringCpuAsEquals;
                }
            }
            // A reply is taken before anything else is done, also after an open loop.
            Work::Replies => neighbours.for_each(scheduling::set_normal_priority),
            Work::Polls => {}
        }
    }
    placement
}

fn has_fifo_priority_or_has_ended(thread: Pid) -> bool {
    match scheduling::set_fifo_priority(Some(thread)) {
        Ok(()) => true,
        Err(error) => error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error()),
    }
}

/// Places the calling thread, which does `work` with another thread of this process.
/// The other one is to bind itself to [`Placement::cpu`].
#[must_use]
pub fn place_beside(work: Work, assignment: Option<&Assignment>) -> Placement {
    match place_around(work, assignment, |_, _| Ok(())) {
        Placement::Pinned { cpus, priority, .. } => Placement::Pinned {
            cpus,
            priority,
            others: OtherThreads::Elsewhere,
        },
        unchanged @ Placement::Unchanged(_) => unchanged,
    }
}

/// Places the calling thread after `bind` has placed the others: on the first set of CPUs what answers,
/// on the second the rest.
fn place_around(
    work: Work,
    assignment: Option<&Assignment>,
    bind: impl FnOnce(&CpuSet, &CpuSet) -> Result<(), String>,
) -> Placement {
    let placed = || {
        let assignment = assignment.ok_or_else(|| ONE_CPU.to_owned())?;
        let cpus = assignment.cpus;
        // A thread that polls gets no real-time priority, and needs none.
        let priority = match work {
            Work::Polls => Priority::Normal,
            Work::Replies | Work::Schedule => match set_own_fifo_priority() {
                Ok(()) => Priority::Fifo,
                // Whoever names CPUs gets them.
                Err(_) if assignment.is_requested => Priority::Normal,
                Err(why) => return Err(why),
            },
        };
        let measuring = set(&[cpus.measuring]);
        let (others, rest) = if assignment.rest.is_empty() {
            (OtherThreads::OnMeasuringCpu, measuring)
        } else {
            (OtherThreads::Elsewhere, set(&assignment.rest))
        };
        bind(&set(&[cpus.guest]), &rest)?;
        sched_setaffinity(None, &measuring).map_err(unbound)?;
        Ok(Placement::Pinned {
            cpus,
            priority,
            others,
        })
    };
    placed().unwrap_or_else(Placement::Unchanged)
}

/// Gives the calling thread the ordinary policy, `SCHED_OTHER`. A thread that spins needs that if the one that
/// started it goes first: it inherits the right, and a thread that spins with it never lets its equals run.
pub fn take_normal_priority() {
    scheduling::set_normal_priority(rustix::thread::gettid());
}

/// Binds the calling thread to one CPU, if the system lets it.
pub fn bind_to(cpu: usize) {
    let _ = sched_setaffinity(None, &set(&[cpu]));
}

/// Binds the calling thread to `cpus`, if there are any and the system lets it.
pub fn bind_to_any(cpus: &BTreeSet<usize>) {
    if !cpus.is_empty() {
        let cpus: Vec<usize> = cpus.iter().copied().collect();
        let _ = sched_setaffinity(None, &set(&cpus));
    }
}

fn set(cpus: &[usize]) -> CpuSet {
    let mut set = CpuSet::new();
    cpus.iter().for_each(|&cpu| set.set(cpu));
    set
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

fn set_own_fifo_priority() -> Result<(), String> {
    scheduling::set_fifo_priority(None).map_err(|_| {
        "no right to SCHED_FIFO: root has it, or CAP_SYS_NICE, or `ulimit -r 10`".to_owned()
    })
}

/// Returns what QEMU's threads but the virtual CPU's have run so far: what its emulation takes of the CPUs
/// that it shares with the measuring thread.
pub(crate) fn others_ran(qemu: Pid, vcpu: Pid) -> Option<CpuUse> {
    let mut sum = CpuUse::default();
    for thread in threads(qemu).into_iter().filter(|&thread| thread != vcpu) {
        let path = format!(
            "/proc/{}/task/{}/schedstat",
            qemu.as_raw_nonzero(),
            thread.as_raw_nonzero()
        );
        let (ran_ns, _, slices) = schedstat(&fs::read_to_string(path).ok()?)?;
        sum.ran_ns += ran_ns;
        sum.slices += slices;
    }
    Some(sum)
}

/// The kernel's threads that serve the rings of a guest of `qemu`. Since Linux 6.4 they are threads of
/// QEMU's; before that they are processes of their own, with its number in their name.
fn vhost_threads(qemu: Pid) -> Vec<Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let is_vhost = |process: &Pid| {
        let path = format!("/proc/{}/comm", process.as_raw_nonzero());
        fs::read_to_string(path).is_ok_and(|name| is_vhost_of(&name, qemu))
    };
    entries
        .filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?))
        .filter(is_vhost)
        .collect()
}

/// Returns whether `name` is that of such a thread.
fn is_vhost_of(name: &str, qemu: Pid) -> bool {
    let number = name.trim_end().strip_prefix("vhost-");
    number.is_some_and(|number| number.parse() == Ok(qemu.as_raw_nonzero().get()))
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
mod tests;
