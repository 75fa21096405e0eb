//! Destinations of a suite of judgements in continuous integration: a file with JUnit XML, and GitHub.

use std::env;
use std::path::{Path, PathBuf};

use super::output_file::OutputFile;
use super::publication::JsonDestination;
use super::test_case::TestSuite;
use super::{github, junit};
use crate::files;
use crate::record::RecordError;
use crate::terminal;

/// Destinations of a suite of judgements; the file was tried.
#[derive(Debug, Default)]
pub struct TestReport {
    /// The file for JUnit XML.
    pub junit: Option<OutputFile>,
    /// The step of a workflow that this program runs in.
    pub github: Option<GithubStep>,
}

/// A step of a workflow on GitHub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GithubStep {
    /// The file of its summary, if the runner has one.
    pub summary: Option<PathBuf>,
    /// The stream of the annotations: the runner reads both.
    pub annotations: Stream,
}

/// Choice of the output for GitHub. Docs of variants are `--help` text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum GithubChoice {
    /// In a workflow of GitHub's
    #[default]
    Auto,
    /// Always
    On,
    /// Never
    Off,
}

/// A stream of this program's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Output,
    /// Standard error, where standard output has JSON alone.
    Error,
}

impl Stream {
    /// Returns the stream that JSON leaves to other output.
    #[must_use]
    pub const fn beside(json: &JsonDestination) -> Self {
        match json {
            JsonDestination::StandardOutput => Self::Error,
            JsonDestination::Nowhere | JsonDestination::File(_) => Self::Output,
        }
    }
}

impl GithubChoice {
    /// Returns the step that is chosen, with annotations on the stream `annotations`.
    #[must_use]
    pub fn step(self, annotations: Stream) -> Option<GithubStep> {
        let is_workflow = || env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true");
        let is_chosen = match self {
            Self::Auto => is_workflow(),
            Self::On => true,
            Self::Off => false,
        };
        is_chosen.then(|| GithubStep::here(annotations))
    }
}

impl TestReport {
    /// Returns the destinations `junit`, a file that is opened for it, and `github`.
    ///
    /// # Errors
    ///
    /// [`RecordError::Unwritable`] if the file can't be written.
    pub fn prepare(junit: Option<&Path>, github: Option<GithubStep>) -> Result<Self, RecordError> {
        Ok(Self {
            junit: junit.map(OutputFile::prepare).transpose()?,
            github,
        })
    }

    /// Writes `suite` to each destination. `details` is a report in Markdown that follows in a step's summary.
    ///
    /// # Errors
    ///
    /// [`RecordError::Unwritable`] if a file or standard output can't be written.
    pub fn publish(&self, suite: &TestSuite, details: Option<&str>) -> Result<(), RecordError> {
        if let Some(file) = &self.junit {
            file.write(&junit::render(suite))?;
        }
        match &self.github {
            Some(step) => step.publish(suite, details),
            None => Ok(()),
        }
    }
}

impl GithubStep {
    /// Returns the step that this program runs in.
    fn here(annotations: Stream) -> Self {
        let summary = env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty());
        Self {
            summary: summary.map(PathBuf::from),
            annotations,
        }
    }

    fn publish(&self, suite: &TestSuite, details: Option<&str>) -> Result<(), RecordError> {
        let annotations = github::annotations(suite);
        match self.annotations {
            Stream::Output => {
                let printed = terminal::print(&annotations);
                printed.map_err(RecordError::unwritable("standard output"))?;
            }
            Stream::Error => terminal::eprint(&annotations),
        }
        let Some(path) = &self.summary else {
            return Ok(());
        };
        let written = files::append(path, |len| {
            let len = usize::try_from(len).unwrap_or(usize::MAX);
            let most = github::SUMMARY_BYTES.saturating_sub(len);
            github::summary(suite, details, most).into_bytes()
        });
        written.map_err(RecordError::unwritable(path))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::test_case::TestOutcome;
    use super::super::test_case::tests::case;
    use super::*;

    #[test]
    fn every_destination_gets_the_suite_and_a_summary_is_added_to() {
        let directory = tempfile::tempdir().unwrap();
        let [xml, summary] = ["junit.xml", "summary.md"].map(|name| directory.path().join(name));
        fs::write(&summary, "of another command\n").unwrap();
        let suite = TestSuite::new("fathom diff", vec![case("p99", TestOutcome::Failed, 0.1)]);
        let report = TestReport {
            junit: Some(OutputFile::prepare(&xml).unwrap()),
            github: Some(GithubStep {
                summary: Some(summary.clone()),
                annotations: Stream::Error,
            }),
        };
        report.publish(&suite, None).unwrap();
        report.publish(&suite, None).unwrap();
        assert_eq!(fs::read_to_string(xml).unwrap(), junit::render(&suite));
        let text = fs::read_to_string(&summary).unwrap();
        assert!(text.starts_with("of another command\n## fathom diff"));
        assert_eq!(text.matches("## fathom diff: 1 missed").count(), 2);

        // The runner would refuse all of it.
        fs::write(&summary, "x".repeat(github::SUMMARY_BYTES - 300)).unwrap();
        report.publish(&suite, Some("# Report")).unwrap();
        let len = fs::metadata(&summary).unwrap().len();
        assert!(len <= github::SUMMARY_BYTES as u64, "{len}");
    }

    #[test]
    fn without_a_destination_nothing_is_written() {
        let suite = TestSuite::new("fathom diff", Vec::new());
        TestReport::default().publish(&suite, None).unwrap();
    }
}
