//! Right to keep idle CPUs awake while something is measured ([`crate::host::cpu_latency`]).

use rustix::fs::{Access, AtFlags, CWD, accessat};

use super::Finding;
use crate::host::cpu_latency::{DEVICE, driver};

/// Returns whether this process may ask the kernel for CPUs that stay awake.
fn may_ask() -> bool {
    accessat(CWD, DEVICE, Access::WRITE_OK, AtFlags::EACCESS).is_ok()
}

/// Judges the state of idle CPUs, now and in a measurement.
pub(super) fn idle_cpus() -> Finding {
    judge(driver().as_deref(), may_ask())
}

fn judge(driver: Option<&str>, may_ask: bool) -> Finding {
    const NAME: &str = "idle CPUs";
    const COST: &str = "on links where threads sleep, each wake-up takes longer";
    match (driver, may_ask) {
        (Some("none"), _) => Finding::warn(
            NAME,
            format!("no cpuidle driver: they halt, and can't be kept awake: {COST}"),
        )
        .advise("boot the host with idle=poll where the tail on such links matters"),
        (_, false) => Finding::warn(
            NAME,
            format!("they sleep, since {DEVICE} can't be opened: {COST}"),
        )
        .advise(format!(
            "run as root, or as a user who may write to {DEVICE}"
        )),
        (driver, true) => {
            let driver = driver.unwrap_or("an unknown driver");
            Finding::ok(
                NAME,
                format!("{driver} sends them to sleep; kept awake in a measurement"),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn cpus_that_cannot_be_kept_awake_are_a_warning() {
        for (driver, may_ask, verdict) in [
            (Some("haltpoll"), true, Verdict::Ok),
            (None, true, Verdict::Ok),
            (Some("intel_idle"), false, Verdict::Warn),
            (Some("none"), true, Verdict::Warn),
        ] {
            let found = judge(driver, may_ask);
            assert_eq!(found.verdict, verdict, "{found:?}");
            let is_ok = verdict == Verdict::Ok;
            assert!(is_ok == found.advice.is_none(), "{found:?}");
        }
    }
}
