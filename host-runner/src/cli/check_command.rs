//! `fathom check`: hold results that exist against objectives.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::CliError;
use super::args::{CiArgs, ObjectiveArgs};
use super::output::print;
use crate::judge::objectives::prepared_gate::{Earlier, groups_of};
use crate::judge::objectives::score::worse;
use crate::record::{ObjectiveState, RecordError, read, to_json};
use crate::report::terminal_report::objective_table;
use crate::report::test_case::{TestCase, TestSuite};
use crate::report::test_report::Stream;

/// `fathom check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Results to judge, such as results/latest
    #[arg(value_name = "DIR", required = true)]
    pub directories: Vec<PathBuf>,
    /// Objectives to judge them by.
    #[command(flatten)]
    pub objectives: ObjectiveArgs,
    /// Newest N earlier valid results of the same machine in DIR, together a further baseline
    #[arg(long, num_args = 2, value_names = ["N", "DIR"])]
    pub against: Vec<String>,
    /// Print the outcomes as JSON
    #[arg(long)]
    pub json: bool,
    /// Reports for continuous integration.
    #[command(flatten)]
    pub ci: CiArgs,
}

impl CheckArgs {
    /// Returns the earlier results that `--against` names.
    ///
    /// # Errors
    ///
    /// [`CliError::Usage`] if their number is none.
    fn earlier(&self) -> Result<Option<Earlier>, CliError> {
        let [count, base] = &self.against[..] else {
            return Ok(None);
        };
        let count = count.parse().ok().filter(|count| (1..=100).contains(count));
        let count = count.ok_or(CliError::Usage(
            "`--against N DIR`: N is the number of earlier results, 1 to 100",
        ))?;
        let base = base.into();
        Ok(Some(Earlier { count, base }))
    }
}

/// Reads the results, judges them, and prints the outcomes.
///
/// # Errors
///
/// [`CliError::Objectives`] if the objectives can't be read or are about nothing; [`CliError::Missed`] and
/// [`CliError::Undecided`] for the outcome; [`CliError::Experiment`] if a result can't be read.
pub fn run(args: &CheckArgs) -> Result<(), CliError> {
    let gate = args.objectives.gate()?;
    if gate.objectives.is_empty() {
        return Err(CliError::Usage(
            "there is nothing to check: name objectives with `--require 'p99 <= 2us'` or `--objectives FILE`",
        ));
    }
    let earlier = args.earlier()?;
    let annotations = if args.json {
        Stream::Error
    } else {
        Stream::Output
    };
    let reports = args.ci.prepare(annotations)?;
    let mut judged = Vec::new();
    for directory in &args.directories {
        let source = read::read_measured_or_counted(directory).map_err(RecordError::from)?;
        let gate = match &earlier {
            None => gate.clone(),
            Some(earlier) => gate.with_earlier(earlier, &source),
        };
        gate.check(|| groups_of(&source))?;
        judged.push((directory.display().to_string(), gate.judge(&source, 1)));
    }
    if args.json {
        let outcomes = judged.iter().map(|(name, judgement)| {
            json!({
                "directory": name,
                "objectives": judgement.objectives,
                "objective_summary": judgement.summary,
            })
        });
        print(&to_json(&outcomes.collect::<Vec<_>>())?)?;
    } else {
        for (name, judgement) in &judged {
            let several = if judged.len() > 1 { name.as_str() } else { "" };
            print(&objective_table::render(
                several,
                &judgement.objectives,
                Some(&judgement.summary),
            ))?;
        }
    }
    let cases = judged
        .iter()
        .flat_map(|(_, judgement)| &judgement.objectives);
    let suite = TestSuite::new("fathom check", cases.map(TestCase::from).collect());
    reports.publish(&suite, None)?;
    let states = judged.iter().map(|(_, judgement)| judgement.summary.state);
    CliError::of_objectives(states.fold(ObjectiveState::Met, worse))
}

#[cfg(test)]
mod tests;
