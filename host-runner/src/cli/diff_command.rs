//! `fathom diff`: whether a result is worse than another.

use std::path::PathBuf;

use clap::Args;

use super::CliError;
use super::args::CiArgs;
use crate::judge::diff::{DiffSpec, Evidence, Outcome, diff};
use crate::quantity::parse::share;
use crate::record::{RecordError, read};
use crate::report::diff_suite::suite;
use crate::report::publication::JsonDestination;
use crate::report::terminal_report::diff_table;
use crate::report::test_report::Stream;

/// `fathom diff`.
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// Directory of the result that is compared with, such as results/base
    #[arg(value_name = "A")]
    pub a: PathBuf,
    /// Directory of the result that is judged
    #[arg(value_name = "B")]
    pub b: PathBuf,
    /// Latency may be higher by this share and is no regression yet
    #[arg(long, value_name = "PERCENT", default_value = "5%", value_parser = share)]
    pub margin: f64,
    /// Overlook this field if the results differ in it, such as kernel; the output says so (repeatable)
    #[arg(long, value_name = "FIELD")]
    pub anyway: Vec<String>,
    /// Targets to judge [default: those of the unikernel, or all but null]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub targets: Vec<String>,
    /// Percentiles to judge [default: p50,p90,p99, and p99.9 if `--needs` asked a result for it, as far as both are valid]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub percentiles: Vec<String>,
    /// Judge by instructions, doorbells, interrupts and image size alone, which hold on any machine
    #[arg(long)]
    pub exact: bool,
    /// Write all findings as JSON, to standard output with `-`
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Outcome for continuous integration.
    #[command(flatten)]
    pub ci: CiArgs,
}

/// Reads both results, compares them, and shows what was found.
///
/// # Errors
///
/// [`CliError::Regression`] if the second is worse, [`CliError::Undecided`] if that can't be told;
/// [`CliError::NotComparable`] if they answer different questions; [`CliError::Experiment`] if a result is missing or
/// damaged, or if the JSON can't be written.
pub fn run(args: &DiffArgs) -> Result<(), CliError> {
    let json = JsonDestination::prepare(args.json.as_deref())?;
    let tests = args.ci.prepare(Stream::beside(&json))?;
    let read = |path| read::read(path).map_err(RecordError::from);
    let (a, b) = (read(&args.a)?, read(&args.b)?);
    let spec = DiffSpec {
        margin: args.margin,
        anyway: args.anyway.clone(),
        targets: args.targets.clone(),
        percentiles: args.percentiles.clone(),
        evidence: match args.exact {
            true => Evidence::Exact,
            false => Evidence::All,
        },
    };
    let diff = diff(&a, &b, &spec)?;
    let table = diff_table::render(&diff);
    json.show(&table, &diff)?;
    tests.publish(&suite(&diff), None)?;
    match diff.verdict {
        Outcome::Regression => Err(CliError::Regression(diff.because.join("; "))),
        Outcome::CannotTell => Err(CliError::Undecided(diff.because.join("; "))),
        Outcome::Improvement | Outcome::NoRegression => Ok(()),
    }
}
