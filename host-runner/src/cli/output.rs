//! Destination of a command's results: the directory, the terminal, and `--json`.

use std::path::Path;

use jiff::Timestamp;

use super::CliError;
use super::args::OutputArgs;
use crate::experiment::{ExperimentError, NothingMeasured, Results};
use crate::record::result_directory::DEFAULT_BASE;
use crate::record::{ObjectiveState, Record, RecordError, ResultDirectory};
use crate::report;
pub use crate::report::judging::Judging;
pub use crate::report::publication::print;
use crate::report::publication::{JsonDestination, Publication};
use crate::report::terminal_report::Detail;
use crate::stats::Requested;

/// Destination of a command's results; every part of it was tried.
#[derive(Debug)]
pub struct Output {
    publication: Publication,
    percentiles: Vec<Requested>,
}

impl Output {
    /// Creates the results directory and opens the file for JSON.
    ///
    /// # Errors
    ///
    /// [`CliError::Experiment`] if the directory can't be created or a file can't be written.
    pub fn prepare(args: &OutputArgs, judging: Judging) -> Result<Self, CliError> {
        let json = JsonDestination::prepare(args.json.as_deref())?;
        let directory = ResultDirectory::create(
            args.out.as_deref(),
            Path::new(DEFAULT_BASE),
            Timestamp::now(),
            &report::file_names(),
        )?;
        let detail = match args.verbose {
            true => Detail::Full,
            false => Detail::Brief,
        };
        Ok(Self {
            publication: Publication::new(directory, json, detail, judging),
            percentiles: args.percentiles.clone(),
        })
    }

    /// Ends a command; without results it leaves no empty directory behind.
    ///
    /// # Errors
    ///
    /// The experiment's, else as [`Self::decide`].
    pub fn conclude(
        self,
        outcome: Result<Result<(), ExperimentError>, NothingMeasured>,
    ) -> Result<(), CliError> {
        match outcome {
            Ok(outcome) => self.decide(outcome),
            Err(NothingMeasured(error)) => {
                self.publication.abandon(&error.with_causes());
                Err(error.into())
            }
        }
    }

    /// Returns the outcome of an experiment with results.
    ///
    /// # Errors
    ///
    /// The experiment's; [`CliError::Missed`] and [`CliError::Undecided`] for objectives that are not met. What was missed
    /// for certain was so in a measurement that is invalid as well.
    pub fn decide(&self, outcome: Result<(), ExperimentError>) -> Result<(), CliError> {
        match (outcome, self.publication.state()) {
            (Ok(()), Some(state)) => CliError::of_objectives(state),
            (
                Err(
                    ExperimentError::Invalid { reasons: because }
                    | ExperimentError::Incomplete { reasons: because },
                ),
                Some(ObjectiveState::Missed),
            ) => Err(CliError::Missed { because }),
            (outcome, _) => Ok(outcome?),
        }
    }
}

impl Results for Output {
    fn directory(&self) -> &ResultDirectory {
        self.publication.directory()
    }

    fn percentiles(&self) -> &[Requested] {
        &self.percentiles
    }

    fn publish(&self, report: &Record) -> Result<(), RecordError> {
        self.publication.publish(report)
    }
}
