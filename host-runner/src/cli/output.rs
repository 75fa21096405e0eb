//! Destination of a command's results: the directory, the terminal, and `--json`.

use std::path::Path;
use std::sync::OnceLock;

use jiff::Timestamp;

use super::CliError;
use super::args::{CiArgs, ObjectiveArgs, OutputArgs};
use crate::experiment::{ExperimentError, NothingMeasured, Results};
use crate::files::{self, NamedFile};
use crate::judge::objectives::PreparedGate;
use crate::judge::objectives::expression::Expression;
use crate::judge::objectives::subject::GroupKey;
use crate::record::result_directory::DEFAULT_BASE;
use crate::record::{ObjectiveState, Record, RecordError, ResultDirectory};
use crate::report;
use crate::report::markdown;
pub use crate::report::publication::print;
use crate::report::publication::{JsonDestination, publish};
use crate::report::terminal_report::Detail;
use crate::report::test_case::TestSuite;
use crate::report::test_report::{Stream, TestReport};
use crate::stats::Requested;

/// Name that stands for standard output in the place of a file's.
const STANDARD_OUTPUT: &str = "-";

/// Destination of a command's results; every part of it was tried.
#[derive(Debug)]
pub struct Output {
    directory: ResultDirectory,
    json: JsonDestination,
    detail: Detail,
    percentiles: Vec<Requested>,
    judging: Judging,
    /// Outcome of the objectives, once the results are published.
    state: OnceLock<ObjectiveState>,
}

/// Objectives of a command's results, and the destinations of their outcome.
#[derive(Debug)]
pub struct Judging {
    /// Name of the command.
    command: &'static str,
    gate: PreparedGate,
    reports: TestReport,
    looks: u32,
}

impl Judging {
    /// Reads the objectives of `command`, and checks them against `groups`, which are going to be measured.
    ///
    /// # Errors
    ///
    /// [`CliError::Objectives`] if they can't be read or are about none of the groups; [`CliError::Experiment`] if a
    /// file can't be written or the baseline can't be read.
    pub fn prepare(
        command: &'static str,
        (objectives, ci): (&ObjectiveArgs, &CiArgs),
        output: &OutputArgs,
        groups: Vec<GroupKey>,
    ) -> Result<Self, CliError> {
        let gate = objectives.gate()?;
        gate.check(groups)?;
        let is_json = output.json.as_deref() == Some(Path::new(STANDARD_OUTPUT));
        let annotations = if is_json {
            Stream::Error
        } else {
            Stream::Output
        };
        Ok(Self {
            command,
            gate,
            reports: ci.prepare(annotations)?,
            looks: 1,
        })
    }

    /// Returns the expressions of all objectives.
    pub fn expressions(&self) -> impl Iterator<Item = &Expression> {
        self.gate.objectives.expressions()
    }

    /// Returns that of a command which judges nothing.
    #[must_use]
    pub fn none() -> Self {
        Self {
            command: "",
            gate: PreparedGate::none(),
            reports: TestReport::default(),
            looks: 1,
        }
    }

    /// Returns the objectives.
    #[must_use]
    pub const fn gate(&self) -> &PreparedGate {
        &self.gate
    }

    /// Has the results be looked at `looks` times, by which the chance of error is divided.
    #[must_use]
    pub fn at_looks(self, looks: u32) -> Self {
        Self { looks, ..self }
    }

    /// Returns true if nothing is to be judged, and nobody asked for the outcome.
    const fn is_idle(&self) -> bool {
        self.gate.objectives.is_empty() && self.reports.junit.is_none()
    }
}

/// Largest report that follows the outcome of the objectives, in bytes.
const MOST_DETAILS: u64 = 1 << 20;

impl Output {
    /// Creates the results directory and opens the file for JSON.
    ///
    /// # Errors
    ///
    /// [`CliError::Experiment`] if the directory can't be created or a file can't be written.
    pub fn prepare(args: &OutputArgs, judging: Judging) -> Result<Self, CliError> {
        let json = json_destination(args.json.as_deref())?;
        let directory = ResultDirectory::create(
            args.out.as_deref(),
            Path::new(DEFAULT_BASE),
            Timestamp::now(),
            &report::file_names(),
        )?;
        Ok(Self {
            directory,
            json,
            detail: match args.verbose {
                true => Detail::Full,
                false => Detail::Brief,
            },
            percentiles: args.percentiles.clone(),
            judging,
            state: OnceLock::new(),
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
                self.directory.abandon(&error.with_causes());
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
        match (outcome, self.state.get()) {
            (Ok(()), Some(state)) => CliError::of_objectives(*state),
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

    /// Returns `report` with the outcome of the objectives; its measurements are among the results already.
    fn judge(&self, report: &Record) -> Result<Record, RecordError> {
        self.directory.keep(report)?;
        let judgement = self
            .judging
            .gate
            .judge(&self.directory.read()?, self.judging.looks);
        let _ = self.state.set(judgement.summary.state);
        Ok(Record {
            objectives: judgement.objectives,
            objective_summary: Some(judgement.summary),
            ..report.clone()
        })
    }

    /// Writes the outcome of the objectives for continuous integration, with the report.
    fn publish_outcome(&self, report: &Record) -> Result<(), RecordError> {
        let Judging {
            command, reports, ..
        } = &self.judging;
        let suite = TestSuite::of_objectives(command, &report.objectives);
        let details = files::read(&self.directory.path().join(markdown::NAME), MOST_DETAILS).ok();
        let details = details.and_then(|bytes| String::from_utf8(bytes).ok());
        reports.publish(&suite, details.as_deref())
    }
}

/// Opens the file at `path`, if there is one; `-` is standard output.
///
/// # Errors
///
/// [`RecordError`] if it can't be written.
pub fn json_destination(path: Option<&Path>) -> Result<JsonDestination, RecordError> {
    let Some(path) = path else {
        return Ok(JsonDestination::Nowhere);
    };
    if path == Path::new(STANDARD_OUTPUT) {
        return Ok(JsonDestination::StandardOutput);
    }
    let file = NamedFile::prepare(path).map_err(RecordError::unwritable(path))?;
    let path = path.to_owned();
    Ok(JsonDestination::File { file, path })
}

impl Results for Output {
    fn directory(&self) -> &ResultDirectory {
        &self.directory
    }

    fn percentiles(&self) -> &[Requested] {
        &self.percentiles
    }

    fn publish(&self, report: &Record) -> Result<(), RecordError> {
        let publish = |report| publish(report, &self.directory, self.detail, &self.json);
        if self.judging.is_idle() {
            return publish(report);
        }
        if self.judging.gate.objectives.is_empty() {
            publish(report)?;
            return self.publish_outcome(report);
        }
        // What can't be judged is shown all the same.
        let judged = self.judge(report);
        let written = publish(judged.as_ref().unwrap_or(report));
        self.publish_outcome(&judged?)?;
        written
    }
}
