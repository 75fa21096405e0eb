//! Options for the result of a measurement: what it has to live up to, and where it goes.

use clap::Args;

use super::{CiArgs, ObjectiveArgs, OutputArgs, ValidityArgs};
use crate::cli::CliError;
use crate::judge::objectives::planned::PlannedGroup;
use crate::report::judging::Judging;
use crate::report::publication::is_standard_output;
use crate::report::test_report::Stream;

/// Options for the result of a measurement.
#[derive(Clone, Debug, Args)]
pub struct ResultArgs {
    /// Requirements that the result has to meet.
    #[command(flatten)]
    pub validity: ValidityArgs,
    /// Objectives that the result is held against.
    #[command(flatten)]
    pub objectives: ObjectiveArgs,
    /// Reports for continuous integration.
    #[command(flatten)]
    pub ci: CiArgs,
    /// Destination of the results.
    #[command(flatten)]
    pub output: OutputArgs,
}

impl ResultArgs {
    /// Reads the objectives of `command`, and checks them against `groups`, which are going to be measured.
    ///
    /// # Errors
    ///
    /// [`CliError::Objectives`] if they can't be read or are about none of the groups; [`CliError::Experiment`] if a
    /// file can't be written or the baseline can't be read.
    pub fn judging(
        &self,
        command: &'static str,
        groups: impl FnOnce() -> Vec<PlannedGroup>,
    ) -> Result<Judging, CliError> {
        let gate = self.objectives.gate()?;
        gate.check(groups)?;
        let has_json = (self.output.json.as_deref()).is_some_and(is_standard_output);
        let annotations = match has_json {
            true => Stream::Error,
            false => Stream::Output,
        };
        Ok(Judging::new(command, gate, self.ci.prepare(annotations)?))
    }
}
