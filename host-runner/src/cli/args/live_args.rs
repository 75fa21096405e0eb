//! Option for what is shown while something is measured.

use clap::Args;

use crate::live::LiveChoice;

/// Option for what is shown while something is measured.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Results")]
pub struct LiveArgs {
    /// Live view of the measurement: latency of the last second, of the last ten and of the whole run
    #[arg(
        long = "live",
        value_enum,
        value_name = "WHEN",
        default_value_t,
        overrides_with = "choice",
        hide_short_help = true
    )]
    pub choice: LiveChoice,
}
