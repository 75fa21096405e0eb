//! `fathom log`: level and budget of the log of a running service.

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use wire::log_control::{Budget, Change, Level};

use super::CliError;
use super::status_command::{StatusArgs, print_status};
use crate::experiment::probe::{endpoint, log_control};

/// `fathom log`.
#[derive(Debug, Args)]
pub struct LogArgs {
    /// The service, and the form of its answer.
    #[command(flatten)]
    pub status: StatusArgs,
    /// Least important records to log from now on; debug and trace log no more than info [default: as it is]
    #[arg(value_name = "LEVEL", value_parser = PossibleValuesParser::new(Level::ALL.map(Level::name)).try_map(|name| log_control::level(&name)))]
    pub level: Option<Level>,
    /// Rate at which records leave the service from now on, such as 512B/s or 1KiB/s [default: as it is]
    #[arg(long, value_name = "BYTES/s", value_parser = log_control::budget)]
    pub budget: Option<Budget>,
}

/// Changes the settings of the service's log, and prints its status with those in force.
///
/// # Errors
///
/// [`CliError::Experiment`] if the address can't be resolved, if the service has no log or does not answer, or if nothing
/// can be printed.
pub fn run(args: &LogArgs) -> Result<(), CliError> {
    let peer = endpoint::resolve(&args.status.address, None, None)?;
    let change = Change {
        level: args.level,
        budget: args.budget,
    };
    print_status(&log_control::change(peer, change)?, args.status.json)
}
