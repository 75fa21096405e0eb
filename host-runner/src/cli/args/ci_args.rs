//! Options for continuous integration.

use std::env;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::cli::CliError;
use crate::files::NamedFile;
use crate::record::RecordError;
use crate::report::test_report::{GithubStep, Stream, TestReport};

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

/// Choice of the output for GitHub. Docs of variants are `--help` text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum GithubChoice {
    /// In a workflow of GitHub's
    #[default]
    Auto,
    /// Always
    On,
    /// Never
    Off,
}

impl CiArgs {
    /// Returns the destinations that the options name, and tries that the file can be written. Annotations go to
    /// `annotations`.
    ///
    /// # Errors
    ///
    /// [`CliError::Experiment`] if the file can't be written.
    pub fn prepare(&self, annotations: Stream) -> Result<TestReport, CliError> {
        let junit = self.junit.clone().map(|path| {
            let file = NamedFile::prepare(&path).map_err(RecordError::unwritable(&path))?;
            Ok::<_, RecordError>((file, path))
        });
        let is_workflow = || env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true");
        let is_wanted = match self.github {
            GithubChoice::Auto => is_workflow(),
            GithubChoice::On => true,
            GithubChoice::Off => false,
        };
        let summary = env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty());
        Ok(TestReport {
            junit: junit.transpose()?,
            github: is_wanted.then(|| GithubStep {
                summary: summary.map(PathBuf::from),
                annotations,
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Options {
        #[command(flatten)]
        ci: CiArgs,
        file: Option<PathBuf>,
    }

    fn options(line: &str) -> Options {
        Options::parse_from(line.split(' '))
    }

    #[test]
    fn github_is_an_option_with_or_without_a_value() {
        for (line, expected) in [
            ("fathom", GithubChoice::Auto),
            ("fathom --github", GithubChoice::On),
            ("fathom --github=off", GithubChoice::Off),
            ("fathom --github=off --github=auto", GithubChoice::Auto),
        ] {
            assert_eq!(options(line).ci.github, expected, "{line}");
        }
        let options = options("fathom --github results");
        assert_eq!(options.ci.github, GithubChoice::On);
        assert_eq!(options.file, Some(PathBuf::from("results")));
    }

    #[test]
    fn a_file_that_can_not_be_written_is_told_before_anything_begins() {
        let directory = tempfile::tempdir().unwrap();
        let prepare = |name: &str| {
            let path = directory.path().join(name);
            let line = format!("fathom --github=off --junit {}", path.display());
            options(&line).ci.prepare(Stream::Output)
        };
        assert!(prepare("none/junit.xml").is_err());
        let report = prepare("junit.xml").unwrap();
        assert!(report.junit.is_some() && report.github.is_none());
    }
}
