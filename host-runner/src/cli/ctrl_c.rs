//! Ctrl-C, which sets the flag of an [`Interrupt`]; the second ends the program at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::CliError;
use crate::experiment::Caller;
pub use crate::experiment::Interrupt;
use crate::host::signals;
use crate::live::progress_monitor::ProgressMonitor;

impl Interrupt {
    /// Watches from now on for the signals that end a command.
    ///
    /// # Errors
    ///
    /// [`CliError::Setup`] if the system refuses to register a handler.
    pub fn watch() -> Result<Self, CliError> {
        let is_over = Arc::default();
        signals::watch(&is_over).map_err(refused)?;
        Ok(Self::by(is_over))
    }

    /// As [`Interrupt::watch`], but SIGHUP sets the second flag: something is to be read again.
    ///
    /// # Errors
    ///
    /// As [`Interrupt::watch`].
    pub fn watch_and_reload() -> Result<(Self, Arc<AtomicBool>), CliError> {
        let (is_over, reload) = (Arc::default(), Arc::default());
        signals::watch_and_reload(&is_over, &reload).map_err(refused)?;
        Ok((Self::by(is_over), reload))
    }

    /// Returns the caller of an experiment that this ends, with the terminal for its messages.
    #[must_use]
    pub fn caller(&self) -> Caller<'_> {
        self.caller_with(&ProgressMonitor)
    }
}

fn refused(source: io::Error) -> CliError {
    CliError::Setup {
        what: "the handling of Ctrl-C",
        source,
    }
}
