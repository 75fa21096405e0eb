//! Options for what a result has to live up to.

use std::time::Duration;

use clap::Args;

use crate::cli::values::{as_ns, duration};
use crate::stats::{Needs, Policy};

/// Options for what a result has to live up to.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Results")]
pub struct ValidityArgs {
    /// Highest percentile that the host or the generator must not have decided; else the run is invalid
    #[arg(
        long,
        value_name = "PERCENTILE",
        overrides_with = "needs",
        default_value = "p99"
    )]
    pub needs: Needs,
    /// Accept only percentiles that are exact and have ten separate stalls beyond them: no brackets
    #[arg(long, hide_short_help = true)]
    pub strict: bool,
    /// Longest wait for a quiet host before measuring
    #[arg(long, value_parser = duration, value_name = "DURATION", overrides_with = "quiet", default_value = "2s", hide_short_help = true)]
    pub quiet: Duration,
}

impl ValidityArgs {
    /// Returns what a run has to live up to.
    #[must_use]
    pub const fn policy(&self) -> Policy {
        Policy {
            needs: self.needs,
            is_strict: self.strict,
        }
    }

    /// Returns the longest wait for a quiet host, in nanoseconds.
    #[must_use]
    pub fn quiet_ns(&self) -> u64 {
        as_ns(self.quiet)
    }
}
