//! Options for continuous integration.

use std::path::PathBuf;

use clap::Args;

use crate::cli::CliError;
pub use crate::report::test_report::GithubChoice;
use crate::report::test_report::{Stream, TestReport};

/// Outcome of judgements, for continuous integration.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Continuous integration")]
pub struct CiArgs {
    /// Write what was judged to this file as JUnit XML
    #[arg(
        long,
        value_name = "FILE",
        overrides_with = "junit",
        hide_short_help = true
    )]
    pub junit: Option<PathBuf>,
    /// Print annotations for GitHub, and add to the summary of the step; auto: if GITHUB_ACTIONS is true
    #[arg(
        long,
        value_enum,
        value_name = "WHEN",
        num_args = 0..=1,
        require_equals = true,
        overrides_with = "github",
        default_value_t,
        default_missing_value = "on",
        hide_short_help = true
    )]
    pub github: GithubChoice,
}

impl CiArgs {
    /// Returns the destinations that the options name, and tries that the file can be written. Annotations go to
    /// `annotations`.
    ///
    /// # Errors
    ///
    /// [`CliError::Experiment`] if the file can't be written.
    pub fn prepare(&self, annotations: Stream) -> Result<TestReport, CliError> {
        let github = self.github.step(annotations);
        Ok(TestReport::prepare(self.junit.as_deref(), github)?)
    }
}

#[cfg(test)]
mod tests;
