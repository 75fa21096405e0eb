//! Rights of this process: to go first, to lock memory, to use all of its CPUs.

use super::Finding;
use crate::host::cgroup::{self, Group};
use crate::host::rights::{IPC_LOCK, NET_ADMIN, SYS_ADMIN, SYS_NICE, has};
use crate::host::tree::Tree;
use crate::quantity;

/// The priority that the measuring thread asks for.
const PRIORITY: u64 = 10;

/// Locked memory that guest and instrument need, in bytes.
const LOCKED_BYTES: u64 = 64 << 20;

/// Judges whether the measuring thread may go first (`SCHED_FIFO`).
pub(super) fn first_in_line(status: Option<&str>, limit: Option<u64>) -> Finding {
    const NAME: &str = "SCHED_FIFO";
    if has(status, SYS_NICE) == Some(true) {
        return Finding::ok(NAME, "allowed by CAP_SYS_NICE");
    }
    match limit {
        Some(limit) if limit < PRIORITY => Finding::warn(
            NAME,
            format!("not allowed (limit {limit}, needed {PRIORITY}): the measuring thread queues with all others"),
        )
        .advise("run as root, give CAP_SYS_NICE, or `ulimit -r 10`"),
        limit => {
            let limit = limit.map_or_else(|| "unlimited".to_owned(), |limit| limit.to_string());
            Finding::ok(NAME, format!("allowed by the real-time limit: {limit}"))
        }
    }
}

/// Judges whether the kernel takes a real-time thread off its CPU that never rests.
pub(super) fn realtime_throttling(runtime_us: Option<&str>, period_us: Option<&str>) -> Finding {
    const NAME: &str = "real-time throttling";
    let number = |text: Option<&str>| text?.trim().parse::<i64>().ok();
    match (number(runtime_us), number(period_us)) {
        (Some(runtime), _) if runtime < 0 => {
            Finding::ok(NAME, "off: a real-time thread keeps its CPU")
        }
        (Some(0), _) => Finding::bad(NAME, "real-time threads get no time at all")
            .advise("sudo sysctl kernel.sched_rt_runtime_us=950000"),
        (Some(runtime), Some(period)) => Finding::ok(
            NAME,
            format!(
                "a real-time thread may run {} of every {}; a measuring thread that polls is not real-time",
                quantity::exact_time(runtime as f64 * 1e3),
                quantity::exact_time(period as f64 * 1e3)
            ),
        ),
        _ => Finding::unknown(NAME, "this kernel does not tell")
            .advise("see `sysctl kernel.sched_rt_runtime_us`"),
    }
}

/// Judges whether memory may be kept from being paged out.
pub(super) fn memory_lock(status: Option<&str>, limit: Option<u64>) -> Finding {
    const NAME: &str = "memory lock";
    if has(status, IPC_LOCK) == Some(true) {
        return Finding::ok(NAME, "unlimited by CAP_IPC_LOCK");
    }
    match limit {
        None => Finding::ok(NAME, "unlimited"),
        Some(bytes) => {
            let fact = format!("{} KiB may be locked", bytes / 1024);
            if bytes >= LOCKED_BYTES {
                Finding::ok(NAME, fact)
            } else {
                Finding::warn(NAME, fact + ": under pressure the guest may be paged out")
                    .advise("`ulimit -l unlimited` as root, or see that memory never runs short")
            }
        }
    }
}

/// Returns whether link `tap` can be had. It spoils nothing if not.
pub(super) fn link_tap(status: Option<&str>, has_maker: bool) -> Finding {
    const NAME: &str = "link tap";
    let may = |capability| has(status, capability) == Some(true);
    let fact = if !(may(SYS_ADMIN) && may(NET_ADMIN)) {
        "not available to this user: it takes root, or CAP_SYS_ADMIN and CAP_NET_ADMIN"
    } else if has_maker {
        "allowed by CAP_SYS_ADMIN and CAP_NET_ADMIN"
    } else {
        "available to linux-host only: there is no /dev/net/tun"
    };
    Finding::ok(NAME, fact)
}

/// Judges whether a control group (cgroups(7)) keeps this process from its CPUs.
pub(super) fn cpu_quota(tree: &Tree) -> Finding {
    const NAME: &str = "CPU quota";
    let Some(groups) = cgroup::groups(tree) else {
        return Finding::unknown(NAME, "this kernel does not tell the control group")
            .advise("see that nothing limits the CPU time of this process");
    };
    let quotas = groups.iter().filter_map(|group| quota_of(tree, group));
    match quotas.reduce(f64::min) {
        None => Finding::ok(NAME, "no control group limits the CPU time"),
        Some(cpus) => Finding::bad(
            NAME,
            format!(
                "a control group allows {} CPUs, and stops this process when they are used up",
                quantity::exact(cpus)
            ),
        )
        .advise("run outside that group (systemd's CPUQuota=, the container's --cpus)"),
    }
}

/// Returns the quota of a group, in CPUs, if it has one.
fn quota_of(tree: &Tree, group: &Group) -> Option<f64> {
    let read = |file: &str| tree.read(group.path.join(file));
    let text = if group.is_v1 {
        let (quota, period) = read("cpu.cfs_quota_us").zip(read("cpu.cfs_period_us"))?;
        format!("{quota} {period}")
    } else {
        read("cpu.max")?
    };
    quota(&text)
}

/// Quota and period in microseconds; `max` or -1 is no quota.
fn quota(text: &str) -> Option<f64> {
    let (quota, period) = text.split_once(' ')?;
    let (quota, period): (f64, f64) = (quota.parse().ok()?, period.trim().parse().ok()?);
    (quota >= 0.0 && period > 0.0).then(|| quota / period)
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;
    use crate::host::tree::testing::tree;

    const ROOT: Option<&str> = Some("Name:\tfathom\nCapEff:\t000001ffffffffff\n");
    const USER: Option<&str> = Some("Name:\tfathom\nCapEff:\t0000000000000000\n");

    #[test]
    fn the_right_to_go_first_comes_two_ways() {
        assert_eq!(first_in_line(ROOT, Some(0)).verdict, Verdict::Ok);
        assert_eq!(first_in_line(USER, Some(0)).verdict, Verdict::Warn);
        assert_eq!(first_in_line(USER, Some(10)).verdict, Verdict::Ok);
        assert_eq!(first_in_line(None, None).verdict, Verdict::Ok);
    }

    #[test]
    fn locked_memory_is_counted_where_it_is_limited() {
        assert_eq!(memory_lock(ROOT, Some(0)).verdict, Verdict::Ok);
        let little = memory_lock(USER, Some(8192 << 10));
        assert!(
            little.fact.starts_with("8192 KiB may be locked"),
            "{little:?}"
        );
        assert_eq!(little.verdict, Verdict::Warn);
        assert_eq!(memory_lock(USER, Some(64 << 20)).verdict, Verdict::Ok);
        assert_eq!(memory_lock(USER, None).verdict, Verdict::Ok);
    }

    #[test]
    fn link_tap_takes_rights_and_a_device() {
        let fact = |status, has_maker| link_tap(status, has_maker).fact;
        assert!(fact(ROOT, true).starts_with("allowed"));
        assert!(fact(ROOT, false).contains("/dev/net/tun"));
        assert!(fact(USER, true).contains("CAP_NET_ADMIN"));
        assert!(fact(None, true).starts_with("not available"));
    }

    #[test]
    fn throttling_is_told() {
        let verdict = |runtime, period| realtime_throttling(runtime, period).verdict;
        assert_eq!(verdict(Some("-1"), None), Verdict::Ok);
        assert_eq!(verdict(Some("950000"), Some("1000000")), Verdict::Ok);
        assert_eq!(verdict(Some("0"), Some("1000000")), Verdict::Bad);
        assert_eq!(verdict(Some("x"), None), Verdict::Unknown);
    }

    #[test]
    fn the_smallest_quota_above_counts() {
        let groups = ("proc/self/cgroup", "0::/a/b\n");
        let (_directory, version_2) = tree(&[
            groups,
            ("sys/fs/cgroup/a/b/cpu.max", "max 100000\n"),
            ("sys/fs/cgroup/a/cpu.max", "150000 100000\n"),
        ]);
        let found = cpu_quota(&version_2);
        assert_eq!(found.verdict, Verdict::Bad);
        assert!(found.fact.contains("allows 1.5 CPUs"), "{found:?}");
        let (_directory, unlimited) = tree(&[groups]);
        assert_eq!(cpu_quota(&unlimited).verdict, Verdict::Ok);

        let (_directory, version_1) = tree(&[
            ("proc/self/cgroup", "8:pids:/x\n4:cpu,cpuacct:/x\n"),
            ("sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_quota_us", "50000\n"),
            ("sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_period_us", "100000\n"),
            ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n"),
            ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"),
        ]);
        let found = cpu_quota(&version_1);
        assert!(found.fact.contains("allows 0.5 CPUs"), "{found:?}");
        let (_directory, silent) = tree(&[]);
        assert_eq!(cpu_quota(&silent).verdict, Verdict::Unknown);
        let (_directory, garbage) = tree(&[("proc/self/cgroup", "garbage")]);
        assert_eq!(cpu_quota(&garbage).verdict, Verdict::Ok);
    }
}
