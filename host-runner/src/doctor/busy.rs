//! Who else wants the CPUs.

use std::collections::HashMap;
use std::fs;
use std::time::Instant;

use super::Finding;
use crate::quantity;
use crate::terminal;

/// From this share of one CPU on a process is busy.
const BUSY_SHARE: f64 = 0.1;

/// The ticks of a process are coarse: under this many, nothing is said.
const MIN_TICKS: u64 = 2;

/// How many busy processes are named.
const NAMED: usize = 4;

/// Ticks of process times per second: `USER_HZ`, 100 on every architecture that Fathom runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// The processor time that every process has had so far.
#[derive(Debug)]
pub struct Times {
    at: Instant,
    processes: HashMap<u32, Process>,
}

/// A process and its time.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Process {
    name: String,
    ticks: u64,
}

impl Times {
    /// Those that there are now.
    #[must_use]
    pub fn now() -> Self {
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        let processes = processes.filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            // A name may be any bytes.
            let stat = fs::read(entry.path().join("stat")).ok()?;
            Some((pid, process(&String::from_utf8_lossy(&stat))?))
        });
        Self {
            at: Instant::now(),
            processes: processes.collect(),
        }
    }
}

/// Name, and user and system time: fields 2, 14 and 15 of `/proc/PID/stat` (proc(5)). The name is
/// in parentheses and may hold some itself.
fn process(stat: &str) -> Option<Process> {
    let (_, rest) = stat.split_once('(')?;
    let (name, fields) = rest.rsplit_once(')')?;
    let mut times = fields.split_whitespace().skip(11);
    let user: u64 = times.next()?.parse().ok()?;
    let system: u64 = times.next()?.parse().ok()?;
    Some(Process {
        // Whoever runs a process names it.
        name: terminal::one_line(name),
        ticks: user.checked_add(system)?,
    })
}

/// The processes other than `own` that were busy between two looks.
pub(super) fn processes(before: &Times, after: &Times, own: u32) -> Finding {
    const NAME: &str = "busy processes";
    if after.processes.is_empty() {
        return Finding::unknown(NAME, "/proc lists no processes").advise("look with `top`");
    }
    let seconds = after.at.duration_since(before.at).as_secs_f64();
    let mut busy: Vec<(f64, &str)> = after
        .processes
        .iter()
        .filter(|(pid, _)| **pid != own)
        .filter_map(|(pid, process)| {
            let earlier = before.processes.get(pid)?;
            let ticks = process.ticks.checked_sub(earlier.ticks)?;
            let share = ticks as f64 / TICKS_PER_SECOND / seconds.max(1e-3);
            (ticks >= MIN_TICKS && share >= BUSY_SHARE).then_some((share, process.name.as_str()))
        })
        .collect();
    if busy.is_empty() {
        return Finding::ok(NAME, "none but this one");
    }
    busy.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    let more = busy.len().saturating_sub(NAMED);
    let mut named: Vec<String> = busy
        .iter()
        .take(NAMED)
        .map(|(share, name)| format!("{name} ({} of a CPU)", quantity::share(*share)))
        .collect();
    if more > 0 {
        named.push(format!("and {more} more"));
    }
    Finding::bad(NAME, named.join(", ")).advise("end them, or wait until they have")
}

/// Whether the CPUs have been wanted by more than there are of them.
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

    #[test]
    fn a_name_may_hold_anything() {
        let stat = "42 (a) b (c)) R 1 42 42 0 -1 4194304 100 0 0 0 250 30 0 0 20 0 1 0 100 0 0";
        let expected = Process {
            name: "a) b (c)".to_owned(),
            ticks: 280,
        };
        assert_eq!(process(stat), Some(expected));
        let hostile = stat.replace("a) b", "\x1b]0;\x07\n");
        assert_eq!(process(&hostile).unwrap().name, "\\x1b]0;\\x07 |  (c)");
        assert_eq!(process("42 (a) R 1"), None);
        assert_eq!(process(""), None);
    }

    fn times(at: Instant, ticks: &[(u32, &str, u64)]) -> Times {
        let processes = ticks.iter().map(|&(pid, name, ticks)| {
            let name = name.to_owned();
            (pid, Process { name, ticks })
        });
        Times {
            at,
            processes: processes.collect(),
        }
    }

    #[test]
    fn the_busiest_are_named_first_and_this_one_never() {
        let start = Instant::now();
        let before = times(
            start,
            &[(1, "init", 10), (2, "own", 0), (3, "cc", 50), (4, "ld", 5)],
        );
        let after = times(
            start + Duration::from_secs(1),
            &[
                (1, "init", 11),
                (2, "own", 100),
                (3, "cc", 100),
                (4, "ld", 100),
                (5, "new", 90),
            ],
        );
        let found = processes(&before, &after, 2);
        assert_eq!(found.fact, "ld (95.0 % of a CPU), cc (50.0 % of a CPU)");
        assert_eq!(found.verdict, Verdict::Bad);
        let quiet = processes(&before, &times(start, &[(1, "init", 11), (2, "own", 9)]), 2);
        assert_eq!(quiet.verdict, Verdict::Ok);
        assert_eq!(
            processes(&before, &times(start, &[]), 2).verdict,
            Verdict::Unknown
        );
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
