//! `fathom status`: the status of a service that is already running, wherever it runs.

use clap::Args;

use super::CliError;
use super::output::print;
use crate::experiment::probe::service_address::with_port;
use crate::experiment::probe::{endpoint, status_query};
use crate::record::{ServiceStatus, to_json};
use crate::report::terminal_report::status_table;

/// `fathom status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// The service, as HOST:PORT; an IPv6 address goes in brackets
    #[arg(value_name = "ADDR", value_parser = with_port)]
    pub address: String,
    /// Print the answer as JSON: {address, boot_id, uptime_ns, version, round_trip_ns, counters, log}
    #[arg(long)]
    pub json: bool,
}

/// Queries the service at the address given, and prints its status.
///
/// # Errors
///
/// [`CliError::Experiment`] if the address can't be resolved, if the service does not reply with a status, or if
/// nothing can be printed.
pub fn run(args: &StatusArgs) -> Result<(), CliError> {
    let peer = endpoint::resolve(&args.address, None, None)?;
    print_status(&status_query::query(peer)?, args.json)
}

/// Prints the status of a service, as JSON or as a table.
///
/// # Errors
///
/// [`CliError::Experiment`] if nothing can be printed.
pub fn print_status(status: &ServiceStatus, is_json: bool) -> Result<(), CliError> {
    let text = if is_json {
        to_json(status)?
    } else {
        status_table::render(status)
    };
    Ok(print(&text)?)
}
