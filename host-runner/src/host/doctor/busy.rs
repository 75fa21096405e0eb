//! Other processes that want the CPUs.

use std::collections::HashMap;
use std::time::Instant;
use std::{fmt, fs};

use serde::{Deserialize, Serialize};

use super::Finding;
use crate::host::process::{Stat, TICKS_PER_SECOND};
use crate::quantity;

/// From this share of one CPU on a process is busy.
const BUSY_SHARE: f64 = 0.1;

/// The ticks of a process are coarse: under this many, nothing is said.
const MIN_TICKS: u64 = 2;

/// Number of busy processes that are named.
const NAMED: usize = 4;

/// The processor time that every process has had so far.
#[derive(Debug)]
pub struct Times {
    at: Instant,
    processes: HashMap<u32, Stat>,
}

/// A process that had much of a CPU.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Busy {
    /// Number.
    pub pid: u32,
    /// Name.
    pub name: String,
    /// The share of one CPU that it had: with several threads it may exceed 1.
    pub share: f64,
}

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ({} of a CPU)",
            self.name,
            quantity::share(self.share)
        )
    }
}

impl Times {
    /// Returns those of this moment.
    #[must_use]
    pub fn now() -> Self {
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        let processes = processes.filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            Some((pid, Stat::read(pid)?))
        });
        Self {
            at: Instant::now(),
            processes: processes.collect(),
        }
    }

    /// The processes other than `own` and its descendants that were busy since `before`, the busiest
    /// first. One that ended meanwhile is not seen; one that began meanwhile is.
    #[must_use]
    pub fn busy_since(&self, before: &Self, own: u32) -> Vec<Busy> {
        let seconds = self.at.duration_since(before.at).as_secs_f64();
        let mut busy: Vec<Busy> = self
            .processes
            .iter()
            .filter(|(pid, _)| !self.descends(**pid, own))
            .filter_map(|(&pid, process)| {
                // A number may have been given to another process meanwhile.
                let is_it = |earlier: &&Stat| earlier.started_ticks == process.started_ticks;
                let earlier = before.processes.get(&pid).filter(is_it);
                let ticks = process
                    .ticks
                    .checked_sub(earlier.map_or(0, |earlier| earlier.ticks))?;
                let share = ticks as f64 / TICKS_PER_SECOND / seconds.max(1e-3);
                (ticks >= MIN_TICKS && share >= BUSY_SHARE).then(|| Busy {
                    pid,
                    name: process.name.clone(),
                    share,
                })
            })
            .collect();
        busy.sort_by(|a, b| b.share.total_cmp(&a.share).then(a.pid.cmp(&b.pid)));
        busy
    }

    /// Returns whether process `pid` is `ancestor` or descends from it.
    fn descends(&self, mut pid: u32, ancestor: u32) -> bool {
        // Read one after the other, parents could seem to form a circle.
        for _ in 0..self.processes.len() {
            if pid == ancestor {
                return true;
            }
            match self.processes.get(&pid) {
                Some(process) => pid = process.parent,
                None => return false,
            }
        }
        false
    }
}

/// The first of `busy` in words, and how many more there are.
#[must_use]
pub fn names(busy: &[Busy]) -> String {
    let mut named: Vec<String> = busy.iter().take(NAMED).map(Busy::to_string).collect();
    if let more @ 1.. = busy.len().saturating_sub(NAMED) {
        named.push(format!("and {more} more"));
    }
    named.join(", ")
}

/// The processes other than `own` and its descendants that were busy between two looks.
pub(super) fn processes(before: &Times, after: &Times, own: u32) -> Finding {
    const NAME: &str = "busy processes";
    if after.processes.is_empty() {
        return Finding::unknown(NAME, "/proc lists no processes").advise("look with `top`");
    }
    let busy = after.busy_since(before, own);
    if busy.is_empty() {
        return Finding::ok(NAME, "none but this one");
    }
    Finding::bad(NAME, names(&busy)).advise("end them, or wait until they have")
}

/// Judges whether the CPUs have been wanted by more than there are of them.
pub(super) fn load(loadavg: Option<&str>, cpus: usize) -> Finding {
    const NAME: &str = "load average";
    let first = loadavg.and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok());
    let Some(load) = first else {
        return Finding::unknown(NAME, "/proc/loadavg can't be read").advise("look with `uptime`");
    };
    let fact = format!(
        "{} over the last minute, on {cpus} CPUs",
        quantity::exact(load)
    );
    let advice = "wait until it has gone down";
    match load / cpus.max(1) as f64 {
        per_cpu if per_cpu < 0.1 => Finding::ok(NAME, fact),
        per_cpu if per_cpu < 0.7 => Finding::warn(NAME, fact).advise(advice),
        _ => Finding::bad(NAME, fact).advise(advice),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::Verdict;
    use super::*;

    /// Each a number, that of the parent, a name and ticks.
    fn times(at: Instant, processes: &[(u32, u32, &str, u64)]) -> Times {
        let processes = processes.iter().map(|&(pid, parent, name, ticks)| {
            let stat = Stat {
                name: name.to_owned(),
                parent,
                ticks,
                started_ticks: u64::from(pid),
            };
            (pid, stat)
        });
        Times {
            at,
            processes: processes.collect(),
        }
    }

    #[test]
    fn the_busiest_are_named_first_and_this_one_and_its_children_never() {
        let start = Instant::now();
        let before = times(
            start,
            &[
                (1, 0, "init", 10),
                (2, 1, "own", 0),
                (3, 1, "cc", 50),
                (4, 3, "ld", 5),
            ],
        );
        let after = times(
            start + Duration::from_secs(1),
            &[
                (1, 0, "init", 11),
                (2, 1, "own", 100),
                (3, 1, "cc", 100),
                (4, 3, "ld", 100),
                (5, 1, "new", 90),
                (6, 2, "qemu", 95),
                (7, 6, "helper", 95),
            ],
        );
        let found = processes(&before, &after, 2);
        assert_eq!(
            found.fact,
            "ld (95.0 % of a CPU), new (90.0 % of a CPU), cc (50.0 % of a CPU)"
        );
        assert_eq!(found.verdict, Verdict::Bad);
        let quiet = times(start, &[(1, 0, "init", 11), (2, 1, "own", 9)]);
        assert_eq!(processes(&before, &quiet, 2).verdict, Verdict::Ok);
        let unseen = processes(&before, &times(start, &[]), 2);
        assert_eq!(unseen.verdict, Verdict::Unknown);
    }

    #[test]
    fn a_number_that_was_given_to_another_process_is_another_process() {
        let start = Instant::now();
        let before = times(start, &[(3, 1, "cc", 5000)]);
        let mut after = times(start + Duration::from_secs(1), &[(3, 1, "ld", 70)]);
        assert_eq!(after.busy_since(&before, 2), [], "fewer ticks than before");
        if let Some(stat) = after.processes.get_mut(&3) {
            stat.started_ticks += 1;
        }
        assert_eq!(names(&after.busy_since(&before, 2)), "ld (70.0 % of a CPU)");
    }

    #[test]
    fn parents_that_form_a_circle_are_nobodys_descendants() {
        let at = Instant::now();
        let circle = times(at, &[(3, 4, "a", 0), (4, 3, "b", 0)]);
        assert!(!circle.descends(3, 2));
        assert!(circle.descends(3, 4));
    }

    #[test]
    fn load_is_per_cpu() {
        let verdict = |text, cpus| load(Some(text), cpus).verdict;
        assert_eq!(verdict("1.00 0.5 0.2 1/99 1", 16), Verdict::Ok);
        assert_eq!(verdict("1.00 0.5 0.2 1/99 1", 2), Verdict::Warn);
        assert_eq!(verdict("1.00 0.5 0.2 1/99 1", 1), Verdict::Bad);
        assert_eq!(verdict("", 1), Verdict::Unknown);
        assert_eq!(load(None, 1).verdict, Verdict::Unknown);
    }
}
