//! The right to measure on this host: waiting for it, and saying so.

use super::CliError;
use super::args::HostArgs;
use super::interrupt::Interrupt;
use super::say::say;
use crate::host::lock::{LockError, Name, Patience, Turn, name};

/// Waits until no other `fathom` measures on this host, as far as `args` ask for that.
///
/// # Errors
///
/// [`CliError::Lock`] if another one still measures, [`CliError::Interrupted`] on Ctrl-C.
pub fn take(args: &HostArgs, interrupt: &Interrupt) -> Result<Turn, CliError> {
    let patience = if args.concurrent {
        Patience::Beside
    } else {
        Patience::Wait(args.wait)
    };
    let on_wait = |holder: Option<&_>| {
        say(format_args!(
            "waiting for another measurement on this host, for {:?} at most (`--wait`): {}; Ctrl-C gives \
             up, `--concurrent` measures beside it",
            args.wait,
            name(holder)
        ));
    };
    let turn = Turn::take(&Name::from_environment(), patience, on_wait, || {
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
