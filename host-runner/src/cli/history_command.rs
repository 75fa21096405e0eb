//! `fathom history`: from which results on latencies were others.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use jiff::Timestamp;

use super::CliError;
use super::args::CiArgs;
use crate::judge::history::{self, History, Order, outcome::Outcome, result_reader};
use crate::quantity::parse::{share, time};
use crate::record::RecordError;
use crate::report::history_report::{history_csv, history_page, history_table};
use crate::report::history_suite;
use crate::report::output_file::OutputFile;
use crate::report::publication::JsonDestination;
use crate::report::test_report::Stream;

/// `fathom history`.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// Results, or directories of results, such as results; links in those are not followed
    #[arg(value_name = "DIR", required = true)]
    pub directories: Vec<PathBuf>,
    /// Least change of a percentile that counts
    #[arg(long, value_name = "PERCENT", default_value = "2%", value_parser = share)]
    pub min_change: f64,
    /// Exit with code 3 if the newest results are worse than those before, and no field of the environment changed there
    /// nor the host; with 4 if they can't tell
    #[arg(long, value_enum, value_name = "WHAT")]
    pub fail_on: Option<FailOn>,
    /// Order of results: by start, or by the place of their revisions among the commits of a git repository
    #[arg(long, value_enum, value_name = "ORDER", default_value_t)]
    pub order: Order,
    /// Repository that has the revisions, with `--order git`
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub repo: PathBuf,
    /// Overlook regressions before this date or time (UTC), such as 2026-11-01
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub since: Option<Timestamp>,
    /// File for the page [default: history.html in the first DIR]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Also write a row for each result of each series, as Apache Otava reads them
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
    /// Also write the history as JSON; - prints it alone on standard output
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Outcome for continuous integration.
    #[command(flatten)]
    pub ci: CiArgs,
}

/// Outcome on which `fathom history` fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// The newest results are worse.
    Regression,
}

/// Reads the results, looks for changes, and writes page and tables.
///
/// # Errors
///
/// [`CliError::Regression`] and [`CliError::Undecided`] with `--fail-on`; [`CliError::Experiment`] if results can't be
/// read, or a file can't be written; [`CliError::Order`] if they have no order by revision.
pub fn run(args: &HistoryArgs) -> Result<(), CliError> {
    let page =
        (args.out.clone()).unwrap_or_else(|| history_page::default_path(&args.directories[0]));
    let json = JsonDestination::prepare(args.json.as_deref())?;
    let tests = args.ci.prepare(Stream::beside(&json))?;
    let page_file = OutputFile::prepare(&page)?;
    let csv = args.csv.as_deref().map(OutputFile::prepare).transpose()?;
    let (results, unread) = result_reader::read(&args.directories).map_err(RecordError::from)?;
    let settings = history::settings(args.min_change);
    let history = History::in_order((args.order, &args.repo), results, unread, &settings)?;
    page_file.write(&history_page::render(&history)?)?;
    if let Some(file) = &csv {
        file.write(&history_csv::render(&history))?;
    }
    let table = format!(
        "{}page       {}\n",
        history_table::render(&history),
        page.display()
    );
    json.show(&table, &history)?;
    tests.publish(&history_suite::suite(&history, args.since), None)?;
    if args.fail_on.is_none() {
        return Ok(());
    }
    match history.outcome(args.since) {
        Outcome::NoRegression => Ok(()),
        Outcome::Regression(lines) => Err(CliError::Regression(lines.join("\n"))),
        Outcome::Undecided(lines) => Err(CliError::Undecided(lines.join("\n"))),
    }
}
