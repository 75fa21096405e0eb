//! Cores, their clocks and siblings, the time that a hypervisor takes.

use super::Finding;
use crate::host::tree::Tree;
use crate::host::{fingerprint, topology};
use crate::quantity;

/// Judges whether there are enough for a guest, the measuring thread and the rest.
pub(super) fn cores(count: usize) -> Finding {
    const NAME: &str = "cores";
    match count {
        0 => Finding::unknown(NAME, "the system does not say which CPUs may be used")
            .advise("look at `taskset -p $$`"),
        1 => Finding::bad(
            NAME,
            "one CPU may be used: guest and instrument take turns on it",
        )
        .advise("give this process at least two CPUs (`taskset`, the cgroup's cpuset)"),
        2 => Finding::warn(
            NAME,
            "2 CPUs may be used: guest and measuring thread have one each, and share them with everything else",
        )
        .advise("use a host with at least 3 CPUs where the tail matters"),
        _ => Finding::ok(NAME, format!("{count} CPUs may be used")),
    }
}

/// Judges whether this host is itself somebody's guest.
pub(super) fn hypervisor(is_virtual: Option<bool>) -> Finding {
    const NAME: &str = "hypervisor";
    match is_virtual {
        Some(true) => Finding::warn(
            NAME,
            "this host is itself a virtual machine: what it calls a core may move or stand still",
        )
        .advise("measure on bare metal, or compare within one run only"),
        Some(false) => Finding::ok(NAME, "none: this host is bare metal, or hides it"),
        None => Finding::unknown(NAME, "/proc/cpuinfo does not list the CPU's flags")
            .advise("find out whether this is a virtual machine"),
    }
}

/// The share of CPU time that a hypervisor gave to others since boot: the eighth figure of the
/// first line of `/proc/stat` (proc(5)).
pub(super) fn steal(stat: Option<&str>) -> Finding {
    const NAME: &str = "steal";
    let Some(share) = stat.and_then(steal_share) else {
        return Finding::unknown(NAME, "/proc/stat does not tell steal time")
            .advise("watch `steal` in the record of each run");
    };
    let fact = format!(
        "{} of the CPU time since boot went to other machines",
        quantity::share(share)
    );
    let advice = "move to a host of your own, or a quieter hour";
    match share {
        share if share < 0.001 => Finding::ok(NAME, fact),
        share if share < 0.01 => Finding::warn(NAME, fact).advise(advice),
        _ => Finding::bad(NAME, fact).advise(advice),
    }
}

fn steal_share(stat: &str) -> Option<f64> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<u64> = line
        .split_whitespace()
        .take(8)
        .map_while(|tick| tick.parse().ok())
        .collect();
    let total: u64 = ticks.iter().sum();
    (total > 0).then(|| ticks.get(7).map(|&steal| steal as f64 / total as f64))?
}

/// Returns what governs the frequency of each of `cpus`, where there is something.
pub(super) fn governors(tree: &Tree, cpus: &[usize]) -> Vec<String> {
    let governors = cpus
        .iter()
        .filter_map(|&cpu| fingerprint::governor(tree, cpu));
    governors.collect()
}

/// Judges whether the CPUs keep their speed.
pub(super) fn governor(governors: &[String]) -> Finding {
    const NAME: &str = "governor";
    if governors.is_empty() {
        return Finding::unknown(
            NAME,
            "this kernel governs no CPU frequency: firmware or a host does",
        )
        .advise("on bare metal, set the firmware to maximum performance");
    }
    let mut others: Vec<&str> = governors
        .iter()
        .map(String::as_str)
        .filter(|&governor| governor != "performance")
        .collect();
    if others.is_empty() {
        return Finding::ok(NAME, "performance on every CPU");
    }
    let count = others.len();
    others.sort_unstable();
    others.dedup();
    let fact = format!(
        "{} on {count} of {} CPUs: they change speed under a load that comes and goes",
        others.join(", "),
        governors.len()
    );
    Finding::warn(NAME, fact).advise("sudo cpupower frequency-set -g performance")
}

/// Judges whether two CPUs share one core's units: `shared` are the groups that do.
pub(super) fn siblings(shared: Option<&[Vec<usize>]>) -> Finding {
    const NAME: &str = "SMT siblings";
    match shared {
        None => Finding::unknown(NAME, "this kernel does not tell which CPUs share a core")
            .advise("find out from the firmware or the host"),
        Some([]) => Finding::ok(
            NAME,
            "no two of these CPUs share a core, as far as the kernel sees",
        ),
        Some(shared) => {
            let groups: Vec<String> = shared
                .iter()
                .map(|cpus| topology::ranges(cpus.iter().copied()))
                .collect();
            Finding::warn(
                NAME,
                format!("CPUs {} share a core: each slows the other down", groups.join("; ")),
            )
            .advise("echo off | sudo tee /sys/devices/system/cpu/smt/control, or name CPUs of different cores with --cpus")
        }
    }
}

/// Judges whether reading the clock is cheap.
pub(super) fn clock_source(current: Option<&str>) -> Finding {
    const NAME: &str = "clock source";
    match current {
        Some(name @ ("tsc" | "kvm-clock" | "hyperv_clocksource_tsc_page" | "arch_sys_counter")) => {
            Finding::ok(NAME, format!("{name}, read without a system call"))
        }
        Some(name) => Finding::bad(
            NAME,
            format!("{name}: each reading of the clock is a system call or worse"),
        )
        .advise("boot the host with tsc=reliable clocksource=tsc if its TSC is sound; see `dmesg | grep -i tsc`"),
        None => Finding::unknown(NAME, "this kernel does not tell its clock source")
            .advise("see `dmesg | grep -i clocksource`"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    fn owned(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn cores_are_for_guest_instrument_and_the_rest() {
        let verdict = |count| cores(count).verdict;
        assert_eq!([0, 1, 2, 3].map(verdict), {
            [Verdict::Unknown, Verdict::Bad, Verdict::Warn, Verdict::Ok]
        });
    }

    #[test]
    fn a_virtual_machine_is_a_warning() {
        let verdict = |is_virtual| hypervisor(is_virtual).verdict;
        assert_eq!([Some(true), Some(false), None].map(verdict), {
            [Verdict::Warn, Verdict::Ok, Verdict::Unknown]
        });
    }

    #[test]
    fn steal_is_judged_by_its_share() {
        let verdict = |steal: u64| {
            let stat = format!("cpu  10 0 20 {} 4 0 6 {steal} 7 8\ncpu0 1\n", 9_960 - steal);
            super::steal(Some(&stat)).verdict
        };
        assert_eq!([5, 50, 500].map(verdict), {
            [Verdict::Ok, Verdict::Warn, Verdict::Bad]
        });
        assert_eq!(super::steal(Some("cpu 1 2 3")).verdict, Verdict::Unknown);
        assert_eq!(super::steal(Some("cpu ")).verdict, Verdict::Unknown);
    }

    #[test]
    fn one_slow_cpu_is_enough() {
        assert_eq!(governor(&[]).verdict, Verdict::Unknown);
        let all = governor(&owned(&["performance", "performance"]));
        assert_eq!(all.verdict, Verdict::Ok);
        let mixed = governor(&owned(&["performance", "powersave", "powersave"]));
        assert!(
            mixed.fact.starts_with("powersave on 2 of 3 CPUs"),
            "{mixed:?}"
        );
        assert_eq!(mixed.verdict, Verdict::Warn);
    }

    #[test]
    fn siblings_are_named() {
        let found = siblings(Some(&[vec![0, 4], vec![1, 2]]));
        assert_eq!(found.verdict, Verdict::Warn);
        assert!(found.fact.contains("CPUs 0,4; 1-2 share"), "{found:?}");
        assert_eq!(siblings(Some(&[])).verdict, Verdict::Ok);
        assert_eq!(siblings(None).verdict, Verdict::Unknown);
    }

    #[test]
    fn a_slow_clock_is_bad() {
        let verdict = |name| clock_source(name).verdict;
        assert_eq!(verdict(Some("tsc")), Verdict::Ok);
        assert_eq!(verdict(Some("hpet")), Verdict::Bad);
        assert_eq!(verdict(None), Verdict::Unknown);
    }
}
