//! Data of a process from `/proc` (proc(5)). Whoever runs a process chooses its name and its command line:
//! both come from here as one line that no terminal obeys.

use std::fs;

use jiff::Timestamp;
use rustix::process::Pid;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::tree::Tree;
use crate::terminal::one_line;

/// Ticks of process times per second: `USER_HZ`, 100 on every architecture that Fathom runs on.
pub const TICKS_PER_SECOND: f64 = 100.0;

/// Maximum length of a command line as it is shown, in characters.
const SHOWN: usize = 120;

/// A process, for people to find it by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Process {
    /// Number.
    pub pid: u32,
    /// Command line, cut off where it is long; null if it is gone.
    pub command: Option<String>,
    /// Start time of the process, in UTC; null if it is gone.
    pub started_at: Option<String>,
}

impl Process {
    /// The process `pid`, as far as it can be seen.
    #[must_use]
    pub fn find(pid: u32) -> Self {
        let started_at = started_at(pid).map(|at| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string());
        Self {
            pid,
            command: fs::read(format!("/proc/{pid}/cmdline"))
                .ok()
                .and_then(|bytes| command_line(&bytes)),
            started_at,
        }
    }
}

impl std::fmt::Display for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "process {}", self.pid)?;
        if let Some(command) = &self.command {
            write!(f, ", `{command}`")?;
        }
        if let Some(started_at) = &self.started_at {
            write!(f, ", started {started_at}")?;
        }
        Ok(())
    }
}

/// A process's state: fields of `/proc/PID/stat`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Field 2, its name.
    pub name: String,
    /// Field 4, the number of its parent.
    pub parent: u32,
    /// Fields 14 and 15, its user and system time, in ticks.
    pub ticks: u64,
    /// Field 22, when it was started after the host's boot, in ticks.
    pub started_ticks: u64,
}

impl Stat {
    /// Returns the data of process `pid`, if there is one.
    #[must_use]
    pub fn read(pid: u32) -> Option<Self> {
        // A name may be any bytes.
        let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
        Self::parse(&String::from_utf8_lossy(&stat))
    }

    /// Reads the line of `/proc/PID/stat`. The name is in parentheses and may hold some itself.
    #[must_use]
    pub fn parse(stat: &str) -> Option<Self> {
        let (_, rest) = stat.split_once('(')?;
        let (name, fields) = rest.rsplit_once(')')?;
        // The first of these is field 3.
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Self {
            name: shown(name),
            parent: field(4)?.try_into().ok()?,
            ticks: field(14)?.checked_add(field(15)?)?,
            started_ticks: field(22)?,
        })
    }
}

/// Page faults of a process or thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Faults {
    /// Number of those that took no reading from a disk.
    pub minor: u64,
    /// Number of those that did.
    pub major: u64,
}

impl Faults {
    /// Returns those of the process `pid` since its start.
    #[must_use]
    pub fn of(tree: &Tree, pid: Pid) -> Option<Self> {
        Self::parse(&tree.read(format!("proc/{}/stat", pid.as_raw_nonzero()))?)
    }

    /// Returns those of the calling thread since its start.
    #[must_use]
    pub fn of_this_thread(tree: &Tree) -> Option<Self> {
        Self::parse(&tree.read("proc/thread-self/stat")?)
    }

    /// Returns how many there were between two readings.
    #[must_use]
    pub fn increase(before: Option<Self>, after: Option<Self>) -> Option<Self> {
        let (before, after) = before.zip(after)?;
        Some(Self {
            minor: after.minor.checked_sub(before.minor)?,
            major: after.major.checked_sub(before.major)?,
        })
    }

    /// Reads fields 10 and 12 of a `stat` file.
    fn parse(stat: &str) -> Option<Self> {
        let (_, fields) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Self {
            minor: field(10)?,
            major: field(12)?,
        })
    }
}

/// Returns the start time of process `pid`.
fn started_at(pid: u32) -> Option<Timestamp> {
    let uptime = fs::read_to_string("/proc/uptime").ok()?;
    let uptime_s: f64 = uptime.split_whitespace().next()?.parse().ok()?;
    let age_s = uptime_s - Stat::read(pid)?.started_ticks as f64 / TICKS_PER_SECOND;
    let age = jiff::SignedDuration::try_from_secs_f64(age_s.max(0.0)).ok()?;
    Timestamp::now().checked_sub(age).ok()
}

/// The arguments of `/proc/PID/cmdline`, each of which ends with a zero, as one line.
fn command_line(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_end_matches('\0').replace('\0', " ");
    (!text.is_empty()).then(|| shown(&text))
}

/// `text` on one line, cut off after [`SHOWN`] characters.
fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    one_line(&shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str =
        "42 (a) b (c)) R 7 42 42 0 -1 4194304 100 0 0 0 250 30 0 0 20 0 1 0 1234 0 0";

    #[test]
    fn a_name_may_hold_anything() {
        let expected = Stat {
            name: "a) b (c)".to_owned(),
            parent: 7,
            ticks: 280,
            started_ticks: 1234,
        };
        assert_eq!(Stat::parse(STAT), Some(expected));
        assert_eq!(Stat::parse("42 (a) R 1"), None);
        assert_eq!(Stat::parse(""), None);
        let hostile = STAT.replace("b (c)", "\u{1b}[2J\n");
        assert_eq!(Stat::parse(&hostile).unwrap().name, "a) \\x1b[2J");
    }

    #[test]
    fn a_command_line_is_one_printable_line_of_bounded_length() {
        let of = command_line;
        assert_eq!(of(b"fathom\0run\0\0"), Some("fathom run".to_owned()));
        assert_eq!(
            of(b"a\x1b]0;x\x07\xff\n\0"),
            Some("a\\x1b]0;x\\x07\u{fffd}".to_owned())
        );
        assert_eq!(of(b""), None);
        let long = of(&[b'x'; 5000]).unwrap();
        assert_eq!(long.chars().count(), SHOWN + 1);
        assert!(long.ends_with('…'));
    }

    #[test]
    fn this_process_is_found_and_one_that_is_gone_is_a_number() {
        let own = Process::find(std::process::id());
        assert!(own.command.is_some() && own.started_at.is_some(), "{own}");
        // Beyond the largest number that Linux gives to a process.
        assert_eq!(Process::find(5_000_000).to_string(), "process 5000000");
    }
}
