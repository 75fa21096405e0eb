//! What this process may do: go first, lock memory, use all of its CPUs.

use std::path::PathBuf;

use rustix::process::{Resource, getrlimit};

use super::Finding;
use crate::quantity;

/// The priority that the measuring thread asks for.
const PRIORITY: u64 = 10;

/// What guest and instrument need of locked memory, in bytes.
const LOCKED_BYTES: u64 = 64 << 20;

/// The numbers of capabilities (capabilities(7), `linux/capability.h`).
const CAP_NET_ADMIN: u32 = 12;
const CAP_SYS_ADMIN: u32 = 21;
const CAP_IPC_LOCK: u32 = 14;
const CAP_SYS_NICE: u32 = 23;

/// The highest real-time priority without a capability; `None` for no limit.
pub(super) fn realtime_limit() -> Option<u64> {
    getrlimit(Resource::Rtprio).current
}

/// How much memory may be locked without a capability, in bytes; `None` for no limit.
pub(super) fn memory_lock_limit() -> Option<u64> {
    getrlimit(Resource::Memlock).current
}

/// Whether the effective capabilities in `/proc/self/status` have this one.
fn has_capability(status: Option<&str>, number: u32) -> Option<bool> {
    let line = status?
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))?;
    let capabilities = u64::from_str_radix(line.trim(), 16).ok()?;
    Some(capabilities >> number & 1 == 1)
}

/// Whether the measuring thread may go first (`SCHED_FIFO`).
pub(super) fn first_in_line(status: Option<&str>, limit: Option<u64>) -> Finding {
    const NAME: &str = "SCHED_FIFO";
    if has_capability(status, CAP_SYS_NICE) == Some(true) {
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

/// Whether the kernel takes a real-time thread off its CPU that never rests.
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
                "a real-time thread may run {} of every {}; the measuring thread that polls is none",
                quantity::exact_time(runtime as f64 * 1e3),
                quantity::exact_time(period as f64 * 1e3)
            ),
        ),
        _ => Finding::unknown(NAME, "this kernel does not tell")
            .advise("see `sysctl kernel.sched_rt_runtime_us`"),
    }
}

/// Whether memory may be kept from being paged out.
pub(super) fn memory_lock(status: Option<&str>, limit: Option<u64>) -> Finding {
    const NAME: &str = "memory lock";
    if has_capability(status, CAP_IPC_LOCK) == Some(true) {
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

/// Whether link `tap` can be had. It spoils nothing if not.
pub(super) fn link_tap(status: Option<&str>, has_maker: bool) -> Finding {
    const NAME: &str = "link tap";
    let may = |number| has_capability(status, number) == Some(true);
    let fact = if !(may(CAP_SYS_ADMIN) && may(CAP_NET_ADMIN)) {
        "left out: it takes root, or CAP_SYS_ADMIN and CAP_NET_ADMIN"
    } else if has_maker {
        "allowed by CAP_SYS_ADMIN and CAP_NET_ADMIN"
    } else {
        "left out but for linux-host: there is no /dev/net/tun"
    };
    Finding::ok(NAME, fact)
}

/// Whether a control group (cgroups(7)) keeps this process from its CPUs. `read` reads a file.
pub(super) fn cpu_quota(
    cgroups: Option<&str>,
    read: &dyn Fn(PathBuf) -> Option<String>,
) -> Finding {
    const NAME: &str = "CPU quota";
    let Some(cgroups) = cgroups else {
        return Finding::unknown(NAME, "this kernel does not tell the control group")
            .advise("see that nothing limits the CPU time of this process");
    };
    match quotas(cgroups, read).into_iter().reduce(f64::min) {
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

/// The quotas of this process's groups and all above them, in CPUs.
fn quotas(cgroups: &str, read: &dyn Fn(PathBuf) -> Option<String>) -> Vec<f64> {
    let mut quotas = Vec::new();
    for line in cgroups.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else {
            continue;
        };
        let is_v1 = controllers.split(',').any(|controller| controller == "cpu");
        if !controllers.is_empty() && !is_v1 {
            continue;
        }
        let root = if is_v1 {
            format!("/sys/fs/cgroup/{controllers}")
        } else {
            "/sys/fs/cgroup".to_owned()
        };
        let group = PathBuf::from(root.clone() + path);
        for group in group
            .ancestors()
            .take_while(|group| group.starts_with(&root))
        {
            let text = if is_v1 {
                read(group.join("cpu.cfs_quota_us"))
                    .zip(read(group.join("cpu.cfs_period_us")))
                    .map(|(quota, period)| format!("{quota} {period}"))
            } else {
                read(group.join("cpu.max"))
            };
            quotas.extend(text.as_deref().and_then(quota));
        }
    }
    quotas
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
        assert!(fact(None, true).starts_with("left out"));
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
        let version_2 = |path: PathBuf| match path.to_str()? {
            "/sys/fs/cgroup/a/b/cpu.max" => Some("max 100000".to_owned()),
            "/sys/fs/cgroup/a/cpu.max" => Some("150000 100000".to_owned()),
            _ => None,
        };
        let found = cpu_quota(Some("0::/a/b"), &version_2);
        assert_eq!(found.verdict, Verdict::Bad);
        assert!(found.fact.contains("allows 1.5 CPUs"), "{found:?}");
        assert_eq!(cpu_quota(Some("0::/b"), &version_2).verdict, Verdict::Ok);

        let version_1 = |path: PathBuf| match path.to_str()? {
            "/sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_quota_us" => Some("50000".to_owned()),
            "/sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_period_us" => Some("100000".to_owned()),
            "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us" => Some("-1".to_owned()),
            "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us" => Some("100000".to_owned()),
            _ => None,
        };
        let found = cpu_quota(Some("8:pids:/x\n4:cpu,cpuacct:/x"), &version_1);
        assert!(found.fact.contains("allows 0.5 CPUs"), "{found:?}");
        assert_eq!(cpu_quota(None, &version_1).verdict, Verdict::Unknown);
        assert_eq!(cpu_quota(Some("garbage"), &version_1).verdict, Verdict::Ok);
    }
}
