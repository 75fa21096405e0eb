//! The facts about a host, beyond its processor and kernel, that decide latencies: microcode, hypervisor,
//! options of the kernel, mitigations, memory management, and the settings of the CPUs in use. What can't
//! be found out is absent.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cpuinfo::{self, CpuInfo};
use super::topology::list;
use super::tree::Tree;

/// Options of the kernel that decide latencies. No others are recorded: a command line may have names and
/// keys in it.
pub const OPTIONS: [&str; 33] = [
    "amd_pstate",
    "clocksource",
    "cpuidle.off",
    "cpuidle_haltpoll.force",
    "default_hugepagesz",
    "haltpoll.guest_halt_poll_ns",
    "hugepages",
    "hugepagesz",
    "idle",
    "intel_idle.max_cstate",
    "intel_pstate",
    "irqaffinity",
    "isolcpus",
    "kthread_cpus",
    "kvm.halt_poll_ns",
    "mitigations",
    "nmi_watchdog",
    "nohz",
    "nohz_full",
    "nopti",
    "nosmt",
    "nosoftlockup",
    "nowatchdog",
    "preempt",
    "processor.max_cstate",
    "rcu_nocb_poll",
    "rcu_nocbs",
    "skew_tick",
    "spectre_v2",
    "threadirqs",
    "transparent_hugepage",
    "tsc",
    "workqueue.unbound_cpus",
];

/// A host's fingerprint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Fingerprint {
    /// Revision of the microcode.
    pub microcode: Option<String>,
    /// The hypervisor that this host is a guest of; `none` if it is bare metal or hides it.
    pub hypervisor: Option<String>,
    /// Options on the kernel's command line that decide latencies, as they were given.
    pub kernel_options: Option<BTreeMap<String, String>>,
    /// Vulnerabilities of the processor, and what the kernel does about each.
    pub mitigations: BTreeMap<String, String>,
    /// True if cores run several hardware threads.
    pub smt: Option<bool>,
    /// Memory that the kernel manages, in bytes (`MemTotal`, proc_meminfo(5)).
    pub memory_bytes: Option<u64>,
    /// True if a program moves interrupts between CPUs.
    pub irqbalance: Option<bool>,
    /// Transparent huge pages: `always`, `madvise` or `never`.
    pub transparent_huge_pages: Option<String>,
    /// True if the kernel merges equal pages.
    pub ksm: Option<bool>,
    /// True if the kernel moves memory between nodes.
    pub numa_balancing: Option<bool>,
    /// Settings of the CPUs in use.
    pub cpus: Vec<CpuSettings>,
}

/// Settings of a CPU.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct CpuSettings {
    /// Number.
    pub cpu: usize,
    /// The governor of its frequency.
    pub governor: Option<String>,
    /// Number of device interrupts that are sent to it.
    pub device_irqs: Option<usize>,
    /// True if the scheduler keeps ordinary threads away from it.
    pub isolated: bool,
    /// True if its timer tick stops while one thread runs.
    pub nohz_full: bool,
}

impl Fingerprint {
    /// Takes that of this host.
    #[must_use]
    pub fn here() -> Self {
        Self::of(&Tree::default())
    }

    fn of(tree: &Tree) -> Self {
        let info = CpuInfo::read(tree);
        let is_set = |path: &str| Some(tree.read(path)?.trim() != "0");
        Self {
            microcode: info.as_ref().and_then(CpuInfo::microcode),
            hypervisor: cpuinfo::hypervisor(tree, info.as_ref()),
            kernel_options: tree.read("proc/cmdline").as_deref().map(options),
            mitigations: mitigations(tree),
            smt: is_set("sys/devices/system/cpu/smt/active"),
            memory_bytes: tree.read("proc/meminfo").as_deref().and_then(memory_bytes),
            irqbalance: runs(tree, "irqbalance"),
            transparent_huge_pages: transparent_huge_pages(tree),
            ksm: is_set("sys/kernel/mm/ksm/run"),
            numa_balancing: is_set("proc/sys/kernel/numa_balancing"),
            cpus: Vec::new(),
        }
    }

    /// Adds the settings of `cpus`.
    pub fn add_cpus(&mut self, cpus: impl IntoIterator<Item = usize>) {
        let tree = Tree::default();
        self.cpus
            .extend(cpus.into_iter().map(|cpu| CpuSettings::of(&tree, cpu)));
    }
}

impl CpuSettings {
    fn of(tree: &Tree, cpu: usize) -> Self {
        let is_in = |file: &str| {
            let cpus = tree.read(format!("sys/devices/system/cpu/{file}"));
            (cpus.as_deref().and_then(list)).is_some_and(|cpus| cpus.contains(&cpu))
        };
        Self {
            cpu,
            governor: governor(tree, cpu),
            device_irqs: device_irqs(tree, cpu),
            isolated: is_in("isolated"),
            nohz_full: is_in("nohz_full"),
        }
    }
}

/// Returns what governs the frequency of `cpu`.
#[must_use]
pub fn governor(tree: &Tree, cpu: usize) -> Option<String> {
    tree.read(format!(
        "sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_governor"
    ))
}

/// Returns the choice among `always [madvise] never`.
#[must_use]
pub fn transparent_huge_pages(tree: &Tree) -> Option<String> {
    chosen(&tree.read("sys/kernel/mm/transparent_hugepage/enabled")?).map(str::to_owned)
}

fn chosen(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once('[')?;
    rest.split_once(']').map(|(chosen, _)| chosen)
}

/// Returns how many device interrupts are sent to `cpu`: to the CPUs that the controller has chosen, or,
/// where that is not known, to those that it may choose.
fn device_irqs(tree: &Tree, cpu: usize) -> Option<usize> {
    let sets = tree.names("proc/irq").into_iter().filter_map(|irq| {
        let read = |file: &str| {
            let cpus = tree.read(format!("proc/irq/{irq}/{file}"))?;
            list(&cpus).filter(|cpus| !cpus.is_empty())
        };
        read("effective_affinity_list").or_else(|| read("smp_affinity_list"))
    });
    let sets: Vec<BTreeSet<usize>> = sets.collect();
    (!sets.is_empty()).then(|| sets.iter().filter(|set| set.contains(&cpu)).count())
}

/// Returns the size of memory in the text of `/proc/meminfo`, which has it in units of 1024 bytes.
fn memory_bytes(text: &str) -> Option<u64> {
    let total = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = total.trim().strip_suffix(" kB")?.parse().ok()?;
    kib.checked_mul(1024)
}

/// Returns the options in a command line that decide latencies. What follows `--` is not the kernel's.
fn options(line: &str) -> BTreeMap<String, String> {
    let words = line.split_whitespace().take_while(|&word| word != "--");
    let options = words.map(|word| word.split_once('=').unwrap_or((word, "")));
    // The kernel takes either character.
    options
        .map(|(name, value)| (name.replace('-', "_"), value.to_owned()))
        .filter(|(name, _)| OPTIONS.contains(&name.as_str()))
        .collect()
}

fn mitigations(tree: &Tree) -> BTreeMap<String, String> {
    const DIRECTORY: &str = "sys/devices/system/cpu/vulnerabilities";
    let names = tree.names(DIRECTORY).into_iter();
    names
        .filter_map(|name| Some((name.clone(), tree.read(format!("{DIRECTORY}/{name}"))?)))
        .collect()
}

/// Returns whether a process of this name runs.
fn runs(tree: &Tree, name: &str) -> Option<bool> {
    let processes = tree.names("proc").into_iter();
    let mut processes = processes
        .filter(|pid| pid.bytes().all(|digit| digit.is_ascii_digit()))
        .filter_map(|pid| tree.read(format!("proc/{pid}/comm")))
        .peekable();
    processes.peek()?;
    Some(processes.any(|process| process == name))
}

#[cfg(test)]
mod tests {
    use super::super::tree::testing::tree;
    use super::*;

    const FILES: [(&str, &str); 16] = [
        ("proc/cpuinfo", "flags\t: fpu\nmicrocode\t: 0x5\n"),
        (
            "proc/cmdline",
            "root=UUID=secret isolcpus=2-3 nohz_full=2-3 quiet nosmt -- mitigations=off\n",
        ),
        (
            "sys/devices/system/cpu/vulnerabilities/meltdown",
            "Mitigation: PTI\n",
        ),
        ("sys/devices/system/cpu/smt/active", "1\n"),
        (
            "proc/meminfo",
            "MemTotal:        8000000 kB\nMemFree:           12 kB\n",
        ),
        ("sys/devices/system/cpu/isolated", "2-3\n"),
        ("proc/7/comm", "irqbalance\n"),
        ("proc/8/comm", "bash\n"),
        (
            "sys/kernel/mm/transparent_hugepage/enabled",
            "always [madvise] never\n",
        ),
        ("sys/kernel/mm/ksm/run", "0\n"),
        ("proc/sys/kernel/numa_balancing", "1\n"),
        (
            "sys/devices/system/cpu/cpu2/cpufreq/scaling_governor",
            "powersave\n",
        ),
        ("proc/irq/24/effective_affinity_list", "2\n"),
        ("proc/irq/25/effective_affinity_list", "\n"),
        ("proc/irq/25/smp_affinity_list", "0-3\n"),
        ("proc/irq/26/smp_affinity_list", "0\n"),
    ];

    #[test]
    fn everything_is_found_and_nothing_secret() {
        let (_directory, tree) = tree(&FILES);
        let found = Fingerprint::of(&tree);
        let expected = serde_json::json!({
            "microcode": "0x5",
            "hypervisor": "none",
            "kernel_options": {"isolcpus": "2-3", "nohz_full": "2-3", "nosmt": ""},
            "mitigations": {"meltdown": "Mitigation: PTI"},
            "smt": true,
            "memory_bytes": 8_192_000_000_u64,
            "irqbalance": true,
            "transparent_huge_pages": "madvise",
            "ksm": false,
            "numa_balancing": true,
            "cpus": [],
        });
        assert_eq!(serde_json::to_value(&found).unwrap(), expected);
        let cpu = CpuSettings {
            cpu: 2,
            governor: Some("powersave".to_owned()),
            device_irqs: Some(2),
            isolated: true,
            nohz_full: false,
        };
        assert_eq!(CpuSettings::of(&tree, 2), cpu);
        assert_eq!(CpuSettings::of(&tree, 1).device_irqs, Some(1));
    }

    #[test]
    fn a_kernel_that_tells_nothing_leaves_everything_open() {
        let (_directory, tree) = tree(&[]);
        assert_eq!(Fingerprint::of(&tree), Fingerprint::default());
        let unknown = CpuSettings {
            cpu: 1,
            ..CpuSettings::default()
        };
        assert_eq!(CpuSettings::of(&tree, 1), unknown);
    }

    #[test]
    fn this_host_has_a_fingerprint() {
        let mut here = Fingerprint::here();
        here.add_cpus([0, 1]);
        assert!(here.kernel_options.is_some() && here.irqbalance.is_some());
        assert_eq!(here.cpus.len(), 2);
    }

    #[test]
    fn the_options_are_in_order_and_have_no_hyphen() {
        assert!(OPTIONS.is_sorted());
        assert!(OPTIONS.iter().all(|option| !option.contains('-')));
    }
}
