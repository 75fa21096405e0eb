//! `fathom merge`: interval logs of several nodes, added up to one result.

use clap::Args;

use super::CliError;
use super::args::OutputArgs;
use super::output::{Judging, Output};
use crate::experiment::{Results as _, check_valid};
use crate::record::merge::{InputPath, Sum, add_up, check_outside, find, record};

/// `fathom merge`.
#[derive(Debug, Args)]
pub struct MergeArgs {
    /// Interval logs, results of `fathom run` or `fathom probe`, or directories that hold either; NAME=PATH gives a node
    /// another name than its path has
    #[arg(value_name = "[NAME=]PATH", required = true)]
    pub paths: Vec<InputPath>,
    /// Destination of the results.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Adds up the logs, and writes the result.
///
/// # Errors
///
/// [`CliError::Merge`] if a log can't be read or they do not add up; [`CliError::Experiment`] if the result can't be
/// written, or is not valid because a node's is not.
pub fn run(args: &MergeArgs) -> Result<(), CliError> {
    let groups = find(&args.paths)?;
    if let Some(out) = &args.output.out {
        check_outside(out, groups.iter().flatten())?;
    }
    let sums = groups
        .iter()
        .map(|group| add_up(group, &args.output.percentiles));
    let sums: Vec<Sum> = sums.collect::<Result<_, _>>()?;
    let output = Output::prepare(&args.output, Judging::none())?;
    for sum in &sums {
        output.directory().write_sum(sum)?;
    }
    let record = record(&groups, sums);
    output.publish(&record)?;
    Ok(check_valid(&record.runs)?)
}
