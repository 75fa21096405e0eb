//! The host for one experiment alone: its lock, the CPUs to measure on, and the state of those that are idle.

use std::time::Duration;

use super::progress::Monitor;
use super::{Caller, ExperimentError, HostSpec};
use crate::host::assignment::Assignment;
use crate::host::cpu_latency::{CpuLatencyGuard, HostIdle};
use crate::host::lock::{HostLock, LockError, Name, Patience, name};
use crate::host::process::Process;
use crate::record::EnvironmentBuilder;

/// The host, taken for an experiment.
#[derive(Debug)]
pub struct ExclusiveHost {
    /// CPUs to measure on, if they are chosen.
    pub assignment: Option<Assignment>,
    idle: HostIdle,
    lock: HostLock,
}

impl ExclusiveHost {
    /// Takes the host for an experiment on the CPUs of `assignment`, as soon as no other `fathom` measures on it, as far
    /// as `host` asks for that.
    ///
    /// # Errors
    ///
    /// [`ExperimentError::Lock`] if another one still measures when the patience is over,
    /// [`ExperimentError::Interrupted`] if the caller has given up.
    pub fn take(
        host: &HostSpec,
        assignment: Option<Assignment>,
        caller: Caller<'_>,
    ) -> Result<Self, ExperimentError> {
        Ok(Self {
            assignment,
            idle: host.idle,
            lock: lock(host, caller)?,
        })
    }

    /// Sets the state of idle CPUs, for as long as the guard lives, and examines the host, on which nothing that is to be
    /// measured runs yet.
    #[must_use]
    pub fn examine(&self) -> (CpuLatencyGuard, EnvironmentBuilder) {
        let cpu_latency = CpuLatencyGuard::request(self.idle);
        let environment =
            EnvironmentBuilder::examine(cpu_latency.to_string(), self.assignment.as_ref());
        (cpu_latency, environment)
    }

    /// Returns the other measurements that went on at the host meanwhile.
    #[must_use]
    pub fn others(&self) -> Vec<Process> {
        self.lock.others()
    }
}

/// Waits until no other `fathom` measures on this host, as far as `host` asks for that.
fn lock(host: &HostSpec, caller: Caller<'_>) -> Result<HostLock, ExperimentError> {
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
