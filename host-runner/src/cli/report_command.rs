//! `fathom report`: render the documents of results again, several of them in one.

use std::path::PathBuf;

use clap::Args;

use super::CliError;
use super::output::print;
use crate::judge::fingerprints::MachineDifferences;
use crate::record::{RecordError, fault_mixture, read};
use crate::report;
use crate::stats::Requested;
use crate::terminal::say;

/// `fathom report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Directories that `fathom run` wrote, such as results/latest
    #[arg(value_name = "DIR", required = true)]
    pub directories: Vec<PathBuf>,
    /// Directory for report.html, report.md and latency.svg [default: the first DIR]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Percentiles to report besides p50, p90, p99, p99.9 and p99.99, such as 75,99.999
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        overrides_with = "percentiles"
    )]
    pub percentiles: Vec<Requested>,
    /// Lay results of different machines over each other: the report says in what they differ
    #[arg(long)]
    pub anyway: bool,
}

/// Reads the results, checks them against each other, and writes the documents.
///
/// # Errors
///
/// [`CliError::MixedFaults`] if they were measured under different injected faults;
/// [`CliError::DifferentMachines`] if they are not of one machine, unless that is wanted;
/// [`CliError::Report`] if results are missing or damaged, or the documents can't be written.
pub fn run(args: &ReportArgs) -> Result<(), CliError> {
    let sources = read::read_all(&args.directories, &args.percentiles);
    let sources = sources.map_err(RecordError::from)?;
    if let Some(faults) = fault_mixture(&sources) {
        return Err(CliError::MixedFaults(faults.join(" and ")));
    }
    if let Some(differences) = MachineDifferences::of(&sources) {
        let differences = differences.to_string();
        if !args.anyway {
            return Err(CliError::DifferentMachines(differences));
        }
        say(format_args!(
            "these results are of different machines: {differences}"
        ));
    }
    let out = args.out.as_ref().unwrap_or(&args.directories[0]);
    let documents = report::write_documents(out, &sources)?;
    Ok(print(&report::listing(&documents))?)
}
