//! `fathom log`: level and budget of the log of a running service.

use boot_args::log_budget;
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
    #[arg(value_name = "LEVEL", value_parser = PossibleValuesParser::new(Level::ALL.map(Level::name)).map(level))]
    pub level: Option<Level>,
    /// Rate at which records leave the service from now on, such as 512B/s or 1KiB/s [default: as it is]
    #[arg(long, value_name = "BYTES/s", value_parser = budget)]
    pub budget: Option<Budget>,
}

/// Returns the level called `name`.
fn level(name: String) -> Level {
    let mut levels = Level::ALL.into_iter();
    let named = levels.find(|level| level.name() == name);
    named.expect("it is one of the possible values")
}

fn budget(text: &str) -> Result<Budget, &'static str> {
    let expected = "expected a number of B/s, KiB/s or MiB/s, from 1B/s to 10000000B/s";
    log_budget(text).map_err(|_| expected)
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
