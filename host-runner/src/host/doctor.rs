//! Conditions of this host that spoil a measurement, and their remedies.
//!
//! [`examine`] looks at everything once and changes nothing. What it reads is judged by pure
//! functions over the text of the kernel's files:
//!
//! - [`cpu`]: cores, their clocks and siblings, the time that a hypervisor takes;
//! - [`sleep`]: what idle CPUs do;
//! - [`permissions`]: what this process may do;
//! - [`huge_pages`]: huge pages;
//! - [`busy`]: who else wants the CPUs;
//! - [`emulator`]: KVM and QEMU;
//! - [`spin`]: what a thread sees that only reads the clock, and how far apart two cores are;
//! - [`finding_list`]: all of it for a terminal.
#![forbid(unsafe_code)]

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::host::cpuinfo::CpuInfo;
use crate::host::emulators::probe_kvm;
use crate::host::fingerprint::transparent_huge_pages;
use crate::host::rights::{TUN_DEVICE, memory_lock_limit, realtime_limit, status};
use crate::host::topology::Topology;
use crate::host::tree::Tree;

pub mod busy;
pub mod cpu;
pub mod emulator;
pub mod finding_list;
pub mod huge_pages;
pub mod permissions;
pub mod sleep;
pub mod spin;

/// Severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "FindingVerdict")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Costs some of the tail.
    Warn,
    /// Spoils a measurement.
    Bad,
    /// The host does not say.
    Unknown,
}

impl Verdict {
    /// The word for it, as in results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Bad => "bad",
            Self::Unknown => "unknown",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Finding {
    /// Name.
    pub name: String,
    /// Severity.
    pub verdict: Verdict,
    /// Fact that was found.
    pub fact: String,
    /// Remedy, if there is one.
    pub advice: Option<String>,
}

impl Finding {
    fn new(name: &str, verdict: Verdict, fact: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            verdict,
            fact: fact.into(),
            advice: None,
        }
    }

    fn ok(name: &str, fact: impl Into<String>) -> Self {
        Self::new(name, Verdict::Ok, fact)
    }

    fn warn(name: &str, fact: impl Into<String>) -> Self {
        Self::new(name, Verdict::Warn, fact)
    }

    fn bad(name: &str, fact: impl Into<String>) -> Self {
        Self::new(name, Verdict::Bad, fact)
    }

    fn unknown(name: &str, fact: impl Into<String>) -> Self {
        Self::new(name, Verdict::Unknown, fact)
    }

    fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }
}

/// Duration of the observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Some 50 ms, for the record of a measurement. Starts no other program.
    Quick,
    /// About a second, for people.
    Full,
}

impl Depth {
    /// For how long to spin on each CPU.
    const fn spin(self) -> Duration {
        match self {
            Self::Quick => Duration::from_millis(30),
            Self::Full => Duration::from_millis(1000),
        }
    }
}

/// Returns whether there is anything to look at: all but a few facts come from `/proc`.
#[must_use]
pub fn can_look() -> bool {
    Path::new("/proc/self/status").exists()
}

/// Looks at this host. What it does not say is [`Verdict::Unknown`], never guessed.
#[must_use]
pub fn examine(depth: Depth) -> Vec<Finding> {
    let tree = Tree::default();
    let topology = Topology::here();
    let cpus: Vec<usize> = topology.cpus.iter().map(|cpu| cpu.number).collect();
    let is_virtual = CpuInfo::read(&tree).and_then(|info| info.is_virtual());
    let before = busy::Times::now();
    let gaps = spin::on_each(&topology, depth.spin());
    let busy = busy::processes(&before, &busy::Times::now(), std::process::id());
    let status = status(&tree);
    vec![
        cpu::cores(cpus.len()),
        cpu::hypervisor(is_virtual),
        cpu::steal(read("/proc/stat").as_deref()),
        cpu::governor(&cpu::governors(&tree, &cpus)),
        cpu::siblings(topology.shared_cores().as_deref()),
        sleep::idle_cpus(),
        cpu::clock_source(
            read("/sys/devices/system/clocksource/clocksource0/current_clocksource").as_deref(),
        ),
        spin::floor(&gaps),
        spin::core_round_trip(&topology),
        busy::load(read("/proc/loadavg").as_deref(), cpus.len()),
        busy,
        permissions::cpu_quota(&tree),
        permissions::first_in_line(status.as_deref(), realtime_limit()),
        permissions::realtime_throttling(
            read("/proc/sys/kernel/sched_rt_runtime_us").as_deref(),
            read("/proc/sys/kernel/sched_rt_period_us").as_deref(),
        ),
        permissions::link_tap(status.as_deref(), Path::new(TUN_DEVICE).exists()),
        permissions::memory_lock(status.as_deref(), memory_lock_limit()),
        huge_pages::huge_pages(transparent_huge_pages(&tree).as_deref()),
        emulator::kvm(probe_kvm(), is_virtual),
        emulator::qemu(depth),
        emulator::user(),
    ]
}

/// A file of the kernel's, without the end of its last line.
fn read(path: impl AsRef<Path>) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    Some(text.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_found_and_named_once() {
        let findings = examine(Depth::Quick);
        let mut names: Vec<&str> = findings
            .iter()
            .map(|finding| finding.name.as_str())
            .collect();
        assert_eq!(names.len(), 20);
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 20);
        for finding in &findings {
            assert!(!finding.fact.is_empty(), "{finding:?}");
            let is_fine = finding.verdict == Verdict::Ok;
            assert!(is_fine || finding.advice.is_some(), "{finding:?}");
        }
    }

    #[test]
    fn findings_are_objects_with_four_fields() {
        let finding = Finding::warn("governor", "powersave").advise("change it");
        let json = serde_json::json!({
            "name": "governor",
            "verdict": "warn",
            "fact": "powersave",
            "advice": "change it",
        });
        assert_eq!(serde_json::to_value(&finding).unwrap(), json);
        assert_eq!(serde_json::from_value::<Finding>(json).unwrap(), finding);
    }
}
