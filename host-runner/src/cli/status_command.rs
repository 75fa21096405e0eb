//! `fathom status`: the status of a service that is already running, wherever it runs.

use clap::Args;

use super::CliError;
use super::args::with_port;
use super::output::print;
use crate::experiment::probe::endpoint;
use crate::experiment::probe::status_query::{self, ServiceStatus};
use crate::quantity;
use crate::record::RecordError;
use crate::terminal;

/// `fathom status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// The service, as HOST:PORT; an IPv6 address goes in brackets
    #[arg(value_name = "ADDR", value_parser = with_port)]
    pub address: String,
    /// Print it as JSON: {address, boot_id, uptime_ns, version, round_trip_ns, counters}
    #[arg(long)]
    pub json: bool,
}

/// Queries the service at the address given, and prints its status.
///
/// # Errors
///
/// [`CliError::Experiment`] if the address can't be resolved or the service does not reply with a status,
/// [`CliError::Experiment`] if nothing can be printed.
pub fn run(args: &StatusArgs) -> Result<(), CliError> {
    let peer = endpoint::resolve(&args.address, None, None)?;
    let status = status_query::query(peer)?;
    let text = if args.json {
        let json = serde_json::to_string_pretty(&status).map_err(RecordError::Json)?;
        terminal::escape_json(&json).into_owned() + "\n"
    } else {
        render(&status)
    };
    Ok(print(&text)?)
}

/// Returns the time since a boot in words: `3 d 04:05:06`.
fn uptime(ns: u64) -> String {
    let seconds = ns / 1_000_000_000;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    let days = match days {
        0 => String::new(),
        days => format!("{days} d "),
    };
    format!("{days}{hours:02}:{minutes:02}:{:02}", seconds % 60)
}

/// Returns the status as a table of two columns.
fn render(status: &ServiceStatus) -> String {
    let facts = [
        ("service", status.address.clone()),
        ("version", terminal::one_line(&status.version)),
        ("up for", uptime(status.uptime_ns)),
        ("boot id", format!("{:08x}", status.boot_id)),
        ("round trip", quantity::time(status.round_trip_ns as f64)),
    ];
    let counters = status.counters.iter().map(|(name, count)| {
        let count = count.as_u64().unwrap_or_default();
        (name.replace('_', " "), quantity::count(count))
    });
    let rows: Vec<(String, String)> = facts
        .map(|(name, fact)| (name.to_owned(), fact))
        .into_iter()
        .chain(counters)
        .collect();
    let width = rows.iter().map(|(name, _)| name.len()).max();
    let width = width.unwrap_or_default();
    rows.iter()
        .map(|(name, value)| format!("{name:width$}  {value}\n"))
        .collect()
}

#[cfg(test)]
mod tests;
