//! The kernel's accounts of one thread: the time that it ran, the time that it waited for a CPU, and the time
//! that the hypervisor took of that CPU.

use std::fs;

use rustix::process::Pid;

/// Time of a CPU so far, or of all together, in clock ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CpuTicks {
    /// All of it.
    pub total: u64,
    /// The part that the hypervisor gave to others.
    pub steal: u64,
}

impl CpuTicks {
    /// Reads those of all CPUs together, or of one; `None` if the kernel does not tell.
    #[must_use]
    pub fn now(cpu: Option<u32>) -> Option<Self> {
        let name = cpu.map_or_else(|| "cpu".to_owned(), |cpu| format!("cpu{cpu}"));
        ticks(&fs::read_to_string("/proc/stat").ok()?, &name)
    }
}

/// Time for which threads had a CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuUse {
    /// Time that they ran, in nanoseconds.
    pub ran_ns: u64,
    /// Number of times that they got a CPU.
    pub slices: u64,
}

impl CpuUse {
    /// Returns the difference to what there was `before`; `None` if a thread has ended since.
    #[must_use]
    pub fn since(self, before: Self) -> Option<Self> {
        Some(Self {
            ran_ns: self.ran_ns.checked_sub(before.ran_ns)?,
            slices: self.slices.checked_sub(before.slices)?,
        })
    }
}

/// Counts of a thread since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThreadCounts {
    /// Time that it ran, in nanoseconds.
    pub ran_ns: u64,
    /// Time that it wanted to run and waited, in nanoseconds.
    pub waited_ns: u64,
    /// Number of times that it got a CPU.
    pub slices: u64,
    /// Number of times that it was put off its CPU while it wanted to run.
    pub involuntary_switches: u64,
    /// Number of times that it was moved to another CPU; `None` if the kernel does not tell.
    pub migrations: Option<u64>,
    /// The CPU that it was on last.
    pub cpu: Option<u32>,
}

impl ThreadCounts {
    /// Reads the counts of a thread of this process or of another; `None` if it is gone or the kernel does
    /// not tell.
    #[must_use]
    pub fn of(thread: Pid) -> Option<Self> {
        let id = thread.as_raw_nonzero();
        let read = |file| fs::read_to_string(format!("/proc/{id}/task/{id}/{file}")).ok();
        let (ran_ns, waited_ns, slices) = schedstat(&read("schedstat")?)?;
        Some(Self {
            ran_ns,
            waited_ns,
            slices,
            involuntary_switches: involuntary_switches(&read("status")?)?,
            migrations: read("sched").as_deref().and_then(migrations),
            cpu: read("stat").as_deref().and_then(last_cpu),
        })
    }

    /// Reads those of the calling thread.
    #[must_use]
    pub fn own() -> Option<Self> {
        Self::of(rustix::thread::gettid())
    }
}

/// A line of `/proc/stat` (proc(5)): user, nice, system, idle, iowait, irq, softirq, steal; guest time, which
/// follows, is in user time already.
fn ticks(stat: &str, name: &str) -> Option<CpuTicks> {
    let mut lines = stat.lines().map(str::split_whitespace);
    let mut fields =
        lines.find_map(|mut fields| (fields.next() == Some(name)).then_some(fields))?;
    let mut ticks = [0; 8];
    for tick in &mut ticks {
        *tick = fields.next()?.parse().ok()?;
    }
    Some(CpuTicks {
        total: ticks.iter().sum(),
        steal: ticks[7],
    })
}

/// The kernel's Documentation/scheduler/sched-stats.rst: time on the CPU, time waiting for one, and how often
/// it got one.
pub(crate) fn schedstat(schedstat: &str) -> Option<(u64, u64, u64)> {
    let mut fields = schedstat.split_whitespace().map(str::parse);
    let mut next = || fields.next()?.ok();
    Some((next()?, next()?, next()?))
}

fn involuntary_switches(status: &str) -> Option<u64> {
    let of_line = |line: &str| {
        let count = line.strip_prefix("nonvoluntary_ctxt_switches:")?;
        count.trim().parse().ok()
    };
    status.lines().find_map(of_line)
}

fn migrations(sched: &str) -> Option<u64> {
    let of_line = |line: &str| {
        let (name, count) = line.split_once(':')?;
        (name.trim() == "se.nr_migrations").then(|| count.trim().parse().ok())?
    };
    sched.lines().find_map(of_line)
}

/// Field 39 of `/proc/PID/stat` (proc(5)), counted behind the name, which may hold anything.
fn last_cpu(stat: &str) -> Option<u32> {
    let behind_name = stat.rsplit_once(')')?.1;
    behind_name.split_whitespace().nth(36)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_kernels_files() {
        let stat = "cpu  10 1 20 300 4 0 5 60 7 8\ncpu1 1 2 3 4 5 6 7 8 9 10\n";
        let (total, steal) = (400, 60);
        assert_eq!(ticks(stat, "cpu"), Some(CpuTicks { total, steal }));
        let (total, steal) = (36, 8);
        assert_eq!(ticks(stat, "cpu1"), Some(CpuTicks { total, steal }));
        assert_eq!(
            (ticks(stat, "cpu11"), ticks("cpu 1 2", "cpu")),
            (None, None)
        );
        let status = "voluntary_ctxt_switches:\t5\nnonvoluntary_ctxt_switches:\t42\n";
        assert_eq!(involuntary_switches(status), Some(42));
        assert_eq!(involuntary_switches(""), None);
        assert_eq!(schedstat("360035 65533 2\n"), Some((360_035, 65_533, 2)));
        assert_eq!(schedstat("360035 65533"), None);
        let sched = "cat (1, #threads: 1)\nse.exec_start   :  1.5\nse.nr_migrations   :    7\n";
        assert_eq!((migrations(sched), migrations("")), (Some(7), None));
        let stat = format!("17 (a ) b) R {} 3 0 0", "0 ".repeat(35));
        assert_eq!(last_cpu(&stat), Some(3));
    }

    #[test]
    fn a_thread_that_works_has_run() {
        let before = ThreadCounts::own().unwrap();
        let mut sum = 0_u64;
        let mut now = before;
        while now.ran_ns == before.ran_ns {
            sum = std::hint::black_box(sum + 1);
            now = ThreadCounts::own().unwrap();
        }
        assert!(now.slices >= 1 && now.cpu.is_some());
        assert!(CpuTicks::now(now.cpu).unwrap().total <= CpuTicks::now(None).unwrap().total);
    }
}
