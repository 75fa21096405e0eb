//! Ctrl-C: the first sets the flag of an [`Interrupt`], the second ends the program at once.
//! SIGTERM and a hangup, which is the end of the terminal or of its ssh session, count as one.
//! The kernel ends QEMU with the program, however that ends.

use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use linux_process::screen;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use super::CliError;
use super::progress_bar::Terminal;
use crate::experiment::Caller;
pub use crate::experiment::Interrupt;
use crate::experiment::progress::Monitor;
use crate::host::signals::is_ignored;

/// Exit code on the second Ctrl-C.
const EXIT_CODE: i32 = 1;

impl Interrupt {
    /// Watches for SIGINT, SIGTERM and SIGHUP from now on; a SIGHUP that `nohup` has this program
    /// ignore stays ignored.
    ///
    /// # Errors
    ///
    /// [`CliError::Setup`] if the system refuses to register a handler.
    pub fn watch() -> Result<Self, CliError> {
        let flag = Arc::new(AtomicBool::new(false));
        watch(&flag).map_err(|source| CliError::Setup {
            what: "the handling of Ctrl-C",
            source,
        })?;
        Ok(Self::by(flag))
    }

    /// As [`Interrupt::watch`], but SIGHUP sets the second flag: something is to be read again.
    ///
    /// # Errors
    ///
    /// As [`Interrupt::watch`].
    pub fn watch_and_reload() -> Result<(Self, Arc<AtomicBool>), CliError> {
        let (end, reload) = (Arc::default(), Arc::default());
        let watch = || {
            watch_signals([SIGINT, SIGTERM].into_iter(), &end)?;
            flag::register(SIGHUP, Arc::clone(&reload)).map(drop)
        };
        watch().map_err(|source| CliError::Setup {
            what: "the handling of Ctrl-C",
            source,
        })?;
        Ok((Self::by(end), reload))
    }

    /// Returns the caller of an experiment that this ends, with the terminal for its messages.
    #[must_use]
    pub fn caller(&self) -> Caller<'_> {
        self.caller_with(&Terminal)
    }

    /// Returns the caller of an experiment that this ends, with `monitor` for its messages and progress.
    #[must_use]
    pub fn caller_with<'a>(&'a self, monitor: &'a dyn Monitor) -> Caller<'a> {
        Caller {
            interrupt: self,
            monitor,
        }
    }
}

fn watch(interrupted: &Arc<AtomicBool>) -> io::Result<()> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    watch_signals(watched(&status), interrupted)
}

fn watch_signals(
    signals: impl Iterator<Item = i32>,
    interrupted: &Arc<AtomicBool>,
) -> io::Result<()> {
    for signal in signals {
        // In this order: the first signal finds the flag unset, and then sets it. The second one ends the program.
        screen::give_back_on_second(signal, Arc::clone(interrupted))?;
        flag::register_conditional_shutdown(signal, EXIT_CODE, Arc::clone(interrupted))?;
        flag::register(signal, Arc::clone(interrupted))?;
    }
    Ok(())
}

/// Returns the signals that end a measurement, for the process whose `/proc/PID/status` is `status`.
fn watched(status: &str) -> impl Iterator<Item = i32> {
    let survives_hangup = is_ignored(status, SIGHUP);
    [SIGINT, SIGTERM, SIGHUP]
        .into_iter()
        .filter(move |&signal| signal != SIGHUP || !survives_hangup)
}

#[cfg(test)]
mod tests;
