//! Option for what is shown while something is measured.

use clap::Args;

use crate::cli::CliError;
use crate::live::{LiveChoice, LiveMonitor};

/// Option for what is shown while something is measured.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Results")]
pub struct LiveArgs {
    /// Live view of the measurement: latency of the last second, of the last ten and of the whole run
    #[arg(
        id = "live",
        long,
        value_enum,
        value_name = "WHEN",
        default_value_t,
        overrides_with = "live",
        hide_short_help = true
    )]
    pub choice: LiveChoice,
}

impl LiveArgs {
    /// Begins what the option asks for, as [`LiveMonitor::begin`].
    ///
    /// # Errors
    ///
    /// [`CliError::Setup`] if a handler of signals or a thread can't be had.
    pub fn begin(&self) -> Result<LiveMonitor, CliError> {
        LiveMonitor::begin(self.choice).map_err(|source| CliError::Setup {
            what: "the live view",
            source,
        })
    }
}
