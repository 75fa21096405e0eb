//! The right to measure on this host: waiting for it, and saying so.

use std::time::Duration;

use super::CliError;
use super::interrupt::Interrupt;
use super::say::say;
use crate::experiment::HostSpec;
use crate::host::assignment::Assignment;
use crate::host::lock::{LockError, Name, Patience, Turn, name};

/// Waits until no other `fathom` measures on this host, as far as `host` asks for that.
///
/// # Errors
///
/// [`CliError::Lock`] if another one still measures, [`CliError::Interrupted`] on Ctrl-C.
pub fn take(host: &HostSpec, interrupt: &Interrupt) -> Result<Turn, CliError> {
    let longest = match host.patience {
        Patience::Wait(longest) => longest,
        Patience::Beside => Duration::ZERO,
    };
    let on_wait = |holder: Option<&_>| {
        say(format_args!(
            "waiting for another measurement on this host, for {:?} at most (`--wait`): {}; Ctrl-C gives \
             up, `--concurrent` measures beside it",
            longest,
            name(holder)
        ));
    };
    let turn = Turn::take(&Name::from_environment(), host.patience, on_wait, || {
        interrupt.is_set()
    });
    match turn {
        Err(LockError::Cancelled) => Err(CliError::Interrupted),
        turn => {
            let turn = turn?;
            if let Turn::Beside { holder, .. } = &turn {
                say(format_args!(
                    "another measurement goes on at this host, and each disturbs the other: {}",
                    name(holder.as_ref())
                ));
            }
            Ok(turn)
        }
    }
}

/// Returns the CPUs to measure on, if there are two, and warns if they disturb each other.
///
/// # Errors
///
/// [`CliError::NotAllowed`] if CPUs were asked for that this process may not use.
pub fn assignment(host: &HostSpec) -> Result<Option<Assignment>, CliError> {
    let assignment = host.assignment()?;
    if let Some(warning) = assignment.as_ref().and_then(Assignment::warning) {
        say(warning);
    }
    Ok(assignment)
}
