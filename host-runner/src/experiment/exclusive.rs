//! The host for one measurement alone: its lock, and the CPUs to measure on.

use std::time::Duration;

use super::progress::Monitor;
use super::{Caller, ExperimentError, HostSpec};
use crate::host::assignment::Assignment;
use crate::host::lock::{HostLock, LockError, Name, Patience, name};

/// Waits until no other `fathom` measures on this host, as far as `host` asks for that.
///
/// # Errors
///
/// [`ExperimentError::Lock`] if another one still measures when the patience is over,
/// [`ExperimentError::Interrupted`] if the caller has given up.
pub fn lock(host: &HostSpec, caller: Caller<'_>) -> Result<HostLock, ExperimentError> {
    let longest = match host.patience {
        Patience::Wait(longest) => longest,
        Patience::Beside => Duration::ZERO,
    };
    let on_wait = |holder: Option<&_>| {
        caller.monitor.message(&format_args!(
            "waiting for another measurement on this host, for {longest:?} at most (`--wait`): {}; Ctrl-C gives \
             up, `--concurrent` measures beside it",
            name(holder)
        ));
    };
    let lock = HostLock::take(&Name::from_environment(), host.patience, on_wait, || {
        caller.interrupt.is_set()
    });
    match lock {
        Err(LockError::Cancelled) => Err(ExperimentError::Interrupted),
        lock => {
            let lock = lock?;
            if let HostLock::Beside { holder, .. } = &lock {
                caller.monitor.message(&format_args!(
                    "another measurement goes on at this host, and each disturbs the other: {}",
                    name(holder.as_ref())
                ));
            }
            Ok(lock)
        }
    }
}

/// Returns the CPUs to measure on, if there are two, and warns if they disturb each other.
///
/// # Errors
///
/// [`ExperimentError::NotAllowed`] if CPUs were asked for that this process may not use.
pub fn assignment(
    host: &HostSpec,
    monitor: &dyn Monitor,
) -> Result<Option<Assignment>, ExperimentError> {
    let assignment = host.assignment()?;
    if let Some(warning) = assignment.as_ref().and_then(Assignment::warning) {
        monitor.message(&warning);
    }
    Ok(assignment)
}
