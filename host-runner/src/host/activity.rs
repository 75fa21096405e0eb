//! Activity of the host on the CPUs in use while it was measured there: differences of the kernel's counts
//! (proc(5), Documentation/accounting/psi.rst, cgroups(7)), and the CPUs' speed before and after.
//!
//! Each reading takes a few files and about a millisecond, outside of the measurement. What can't be read
//! is absent, never zero.

use std::collections::BTreeMap;

use rustix::process::Pid;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::assignment::Cpus;
use super::cgroup::{self, Group, Throttling};
use super::frequency;
use super::interrupts::Interrupts;
use super::process::Faults;
use super::tree::Tree;

/// Interrupts that are listed by name: timer, rescheduling, function calls, TLB shootdowns, non-maskable,
/// machine checks and their thresholds, thermal events, performance counters, hypervisor callbacks.
const NAMED: [&str; 10] = [
    "LOC", "RES", "CAL", "TLB", "NMI", "MCE", "THR", "TRM", "PMI", "HYP",
];

/// Activity of the host during a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HostActivity {
    /// The CPUs in use; none where the scheduler chose them.
    pub cpus: Vec<CpuActivity>,
    /// Page faults of the measuring thread.
    pub measuring_faults: Option<Faults>,
    /// Page faults of QEMU or of the responder.
    pub guest_faults: Option<Faults>,
    /// Number of periods in which a control group was stopped because its CPU time was used up.
    pub throttled_periods: Option<u64>,
    /// For how long it was, in nanoseconds, over all CPUs.
    pub throttled_ns: Option<u64>,
    /// For how long some thread on this host waited for a CPU, in nanoseconds (pressure stall information).
    pub pressure_ns: Option<u64>,
}

/// Activity of the host on one CPU.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CpuActivity {
    /// Number.
    pub cpu: usize,
    /// Interrupts, by the kernel's names; `devices` is the sum of those that devices sent.
    pub interrupts: Option<BTreeMap<String, u64>>,
    /// Softirqs, by the kernel's names.
    pub softirqs: Option<BTreeMap<String, u64>>,
    /// Number of times that the core was slowed down because it was too hot.
    pub thermal_throttles: Option<u64>,
    /// Dependent steps of a computation per microsecond, before and after: in proportion to the frequency.
    pub steps_per_us: BeforeAfter,
    /// Frequency by the kernel, in kHz, before and after.
    pub frequency_khz: BeforeAfter,
}

/// A quantity right before a run and right after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "HostBeforeAfter")]
pub struct BeforeAfter {
    /// Before the run.
    pub before: Option<f64>,
    /// After the run.
    pub after: Option<f64>,
}

/// The CPUs and processes to look at.
#[derive(Clone, Debug)]
pub struct Observed {
    tree: Tree,
    cpus: Vec<usize>,
    groups: Vec<Group>,
    guest: Option<Pid>,
}

/// The counts at one moment.
#[derive(Clone, Debug, Default)]
struct ActivityCounts {
    cpus: Vec<CpuCounts>,
    measuring_faults: Option<Faults>,
    guest_faults: Option<Faults>,
    throttling: Option<Throttling>,
    pressure_us: Option<u64>,
}

#[derive(Clone, Debug, Default)]
struct CpuCounts {
    interrupts: Option<BTreeMap<String, u64>>,
    softirqs: Option<BTreeMap<String, u64>>,
    thermal_throttles: Option<u64>,
}

/// The CPUs' speed at one moment.
#[derive(Clone, Copy, Debug, Default)]
struct Speed {
    steps_per_us: Option<f64>,
    frequency_khz: Option<f64>,
}

/// A reading before a run.
#[derive(Clone, Debug)]
pub struct Before {
    speeds: Vec<Speed>,
    counts: ActivityCounts,
}

impl Observed {
    /// Observes `cpus`, the calling thread, and the process `guest`.
    #[must_use]
    pub fn new(cpus: Option<Cpus>, guest: Option<Pid>) -> Self {
        let tree = Tree::default();
        let cpus = cpus.map(|cpus| vec![cpus.guest, cpus.measuring]);
        Self {
            groups: cgroup::groups(&tree).unwrap_or_default(),
            cpus: cpus.unwrap_or_default(),
            guest,
            tree,
        }
    }

    /// Reads before a run: the speeds first, which takes some time, and the counts last.
    #[must_use]
    pub fn before(&self) -> Before {
        Before {
            speeds: self.speeds(),
            counts: self.counts(),
        }
    }

    /// Reads after the run, in the other order.
    #[must_use]
    pub fn since(&self, before: Before) -> HostActivity {
        let after = self.counts();
        let speeds = before.speeds.into_iter().zip(self.speeds());
        let before = before.counts;
        let counts = before.cpus.into_iter().zip(after.cpus);
        let cpus = self.cpus.iter().zip(counts.zip(speeds));
        let throttled = |of: fn(Throttling) -> u64| {
            let (before, after) = before.throttling.zip(after.throttling)?;
            of(after).checked_sub(of(before))
        };
        HostActivity {
            cpus: cpus
                .map(|(&cpu, (counts, speeds))| CpuActivity::new(cpu, counts, speeds))
                .collect(),
            measuring_faults: Faults::increase(before.measuring_faults, after.measuring_faults),
            guest_faults: Faults::increase(before.guest_faults, after.guest_faults),
            throttled_periods: throttled(|throttling| throttling.periods),
            throttled_ns: throttled(|throttling| throttling.ns),
            pressure_ns: since(before.pressure_us, after.pressure_us)
                .and_then(|us| us.checked_mul(1000)),
        }
    }

    fn counts(&self) -> ActivityCounts {
        let interrupts = Interrupts::read(&self.tree);
        let softirqs = Interrupts::read_softirqs(&self.tree);
        let cpu = |&cpu: &usize| CpuCounts {
            interrupts: interrupts.as_ref().and_then(|table| listed(table, cpu)),
            softirqs: softirqs.as_ref().and_then(|table| table.named(cpu)),
            thermal_throttles: (self.tree)
                .read(format!(
                    "sys/devices/system/cpu/cpu{cpu}/thermal_throttle/core_throttle_count"
                ))
                .and_then(|count| count.parse().ok()),
        };
        ActivityCounts {
            cpus: self.cpus.iter().map(cpu).collect(),
            measuring_faults: Faults::of_this_thread(&self.tree),
            guest_faults: self.guest.and_then(|pid| Faults::of(&self.tree, pid)),
            throttling: cgroup::throttling(&self.tree, &self.groups),
            pressure_us: (self.tree.read("proc/pressure/cpu")).and_then(|text| pressure_us(&text)),
        }
    }

    fn speeds(&self) -> Vec<Speed> {
        let speed = |&cpu: &usize| Speed {
            steps_per_us: frequency::steps_per_us(cpu),
            frequency_khz: (self.tree)
                .read(format!(
                    "sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_cur_freq"
                ))
                .and_then(|khz| khz.parse().ok()),
        };
        self.cpus.iter().map(speed).collect()
    }
}

impl CpuActivity {
    fn new(
        cpu: usize,
        (before, after): (CpuCounts, CpuCounts),
        (at_first, at_last): (Speed, Speed),
    ) -> Self {
        Self {
            cpu,
            interrupts: increases(before.interrupts, after.interrupts),
            softirqs: increases(before.softirqs, after.softirqs),
            thermal_throttles: since(before.thermal_throttles, after.thermal_throttles),
            steps_per_us: BeforeAfter {
                before: at_first.steps_per_us,
                after: at_last.steps_per_us,
            },
            frequency_khz: BeforeAfter {
                before: at_first.frequency_khz,
                after: at_last.frequency_khz,
            },
        }
    }
}

/// Returns the counts of interrupts that are listed.
fn listed(interrupts: &Interrupts, cpu: usize) -> Option<BTreeMap<String, u64>> {
    let mut listed = interrupts.named(cpu)?;
    listed.retain(|name, _| NAMED.contains(&name.as_str()));
    listed.insert("devices".to_owned(), interrupts.of_devices(cpu)?);
    Some(listed)
}

/// Returns by how much each count has increased that is known before and after.
fn increases(
    before: Option<BTreeMap<String, u64>>,
    after: Option<BTreeMap<String, u64>>,
) -> Option<BTreeMap<String, u64>> {
    let before = before?;
    let increase = |(name, after): (String, u64)| {
        let increase = after.checked_sub(*before.get(&name)?)?;
        Some((name, increase))
    };
    Some(after?.into_iter().filter_map(increase).collect())
}

fn since(before: Option<u64>, after: Option<u64>) -> Option<u64> {
    after?.checked_sub(before?)
}

/// Returns for how long some thread has waited for a CPU since the boot, in microseconds.
fn pressure_us(text: &str) -> Option<u64> {
    let some = text.lines().find_map(|line| line.strip_prefix("some "))?;
    let total = some
        .split_whitespace()
        .find_map(|field| field.strip_prefix("total="))?;
    total.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::topology::Relation;
    use super::super::tree::testing::tree;
    use super::*;

    const CPUS: Cpus = Cpus {
        guest: 0,
        measuring: 1,
        relation: Relation::OtherCores,
    };

    /// Returns what is observed in a made tree, after `change` has changed some of its files.
    fn observed(files: &[(&str, &str)], changed: &[(&str, &str)]) -> HostActivity {
        let (_directory, tree) = tree(files);
        let observed = Observed {
            groups: cgroup::groups(&tree).unwrap_or_default(),
            guest: Pid::from_raw(42),
            tree,
            ..Observed::new(Some(CPUS), None)
        };
        let before = observed.before();
        for (path, content) in changed {
            std::fs::write(observed.tree.path(path), content).unwrap();
        }
        observed.since(before)
    }

    #[test]
    fn counts_are_differences_for_the_cpus_in_use() {
        let stat = |minor, major| {
            format!(
                "42 (qemu) R 7 42 42 0 -1 4194304 {minor} 9 {major} 9 250 30 0 0 20 0 1 0 1234 0 0"
            )
        };
        let (first, last) = (stat(5, 1), stat(1005, 3));
        let files = [
            (
                "proc/interrupts",
                "CPU0 CPU1\n30: 5 6 dev\nLOC: 10 20 timer\nSPU: 1 1 spurious\n",
            ),
            ("proc/softirqs", "CPU0 CPU1\nTIMER: 1 2\nRCU: 3 4\n"),
            ("proc/42/stat", &first),
            ("proc/thread-self/stat", &first),
            (
                "proc/pressure/cpu",
                "some avg10=0.00 avg60=0.00 avg300=0.00 total=100\nfull avg10=0 total=0\n",
            ),
            ("proc/self/cgroup", "0::/\n"),
            (
                "sys/fs/cgroup/cpu.stat",
                "nr_throttled 1\nthrottled_usec 10\n",
            ),
            (
                "sys/devices/system/cpu/cpu1/thermal_throttle/core_throttle_count",
                "7\n",
            ),
            (
                "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq",
                "800000\n",
            ),
        ];
        let changed = [
            (
                "proc/interrupts",
                "CPU0 CPU1\n30: 5 9 dev\n31: 2 0 new\nLOC: 15 70 timer\nSPU: 9 9 spurious\n",
            ),
            ("proc/softirqs", "CPU0 CPU1\nTIMER: 1 12\nRCU: 3 4\n"),
            ("proc/42/stat", &last),
            (
                "proc/pressure/cpu",
                "some avg10=0.00 avg60=0.00 avg300=0.00 total=350\n",
            ),
            (
                "sys/fs/cgroup/cpu.stat",
                "nr_throttled 3\nthrottled_usec 30\n",
            ),
            (
                "sys/devices/system/cpu/cpu1/thermal_throttle/core_throttle_count",
                "9\n",
            ),
            (
                "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq",
                "3200000\n",
            ),
        ];
        let found = observed(&files, &changed);
        let counts = |counts: &Option<BTreeMap<String, u64>>| serde_json::to_value(counts).unwrap();
        let (guest, measuring) = (&found.cpus[0], &found.cpus[1]);
        assert_eq!((guest.cpu, measuring.cpu), (0, 1));
        assert_eq!(
            counts(&guest.interrupts),
            serde_json::json!({"devices": 2, "LOC": 5})
        );
        assert_eq!(
            counts(&measuring.interrupts),
            serde_json::json!({"devices": 3, "LOC": 50})
        );
        assert_eq!(
            counts(&measuring.softirqs),
            serde_json::json!({"TIMER": 10, "RCU": 0})
        );
        assert_eq!(
            (guest.thermal_throttles, measuring.thermal_throttles),
            (None, Some(2))
        );
        assert_eq!(guest.frequency_khz.before, Some(800_000.0));
        assert_eq!(guest.frequency_khz.after, Some(3_200_000.0));
        assert_eq!(measuring.frequency_khz, BeforeAfter::default());
        let faults = |minor, major| Some(Faults { minor, major });
        assert_eq!(found.guest_faults, faults(1000, 2));
        assert_eq!(found.measuring_faults, faults(0, 0));
        assert_eq!(found.pressure_ns, Some(250_000));
        assert_eq!(
            (found.throttled_periods, found.throttled_ns),
            (Some(2), Some(20_000))
        );
    }

    #[test]
    fn unreadable_counters_are_absent_and_not_zero() {
        let found = observed(&[], &[]);
        let expected = HostActivity {
            cpus: found.cpus.clone(),
            ..HostActivity::default()
        };
        assert_eq!(found, expected);
        for cpu in &found.cpus {
            let known = (&cpu.interrupts, &cpu.softirqs, cpu.thermal_throttles);
            assert_eq!(known, (&None, &None, None));
        }
    }

    #[test]
    fn this_host_tells_what_its_cpus_do() {
        let cpu = *super::super::topology::allowed().first().unwrap();
        let cpus = Cpus { guest: cpu, ..CPUS };
        let observed = Observed::new(Some(cpus), Some(rustix::process::getpid()));
        let found = observed.since(observed.before());
        assert!(found.cpus[0].interrupts.is_some() && found.cpus[0].softirqs.is_some());
        assert!(found.cpus[0].steps_per_us.after > Some(0.0));
        assert!(found.measuring_faults.is_some() && found.guest_faults.is_some());
        let nothing = Observed::new(None, None);
        assert_eq!(nothing.since(nothing.before()).cpus, []);
    }
}
