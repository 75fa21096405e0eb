//! Objectives that a command's results are held against when they are published, and the destinations of their outcome.

use super::markdown;
use super::test_case::TestSuite;
use super::test_report::TestReport;
use crate::files;
use crate::judge::objectives::PreparedGate;
use crate::judge::objectives::expression::Expression;
use crate::record::{Record, RecordError, ResultDirectory};

/// Largest report that follows the outcome of the objectives, in bytes.
const MOST_DETAILS: u64 = 1 << 20;

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
    /// Returns that of `command`: the objectives of `gate`, whose outcome goes to `reports`.
    #[must_use]
    pub const fn new(command: &'static str, gate: PreparedGate, reports: TestReport) -> Self {
        Self {
            command,
            gate,
            reports,
            looks: 1,
        }
    }

    /// Returns that of a command which judges nothing.
    #[must_use]
    pub fn none() -> Self {
        Self::new("", PreparedGate::none(), TestReport::default())
    }

    /// Has the results be looked at `looks` times, by which the chance of error is divided.
    #[must_use]
    pub fn at_looks(self, looks: u32) -> Self {
        Self { looks, ..self }
    }

    /// Returns the objectives.
    #[must_use]
    pub const fn gate(&self) -> &PreparedGate {
        &self.gate
    }

    /// Returns the expressions of all objectives.
    pub fn expressions(&self) -> impl Iterator<Item = &Expression> {
        self.gate.objectives.expressions()
    }

    /// Returns true if there are objectives.
    pub(super) const fn has_objectives(&self) -> bool {
        !self.gate.objectives.is_empty()
    }

    /// Returns true if nothing is to be judged, and nobody asked for the outcome.
    pub(super) const fn is_idle(&self) -> bool {
        !self.has_objectives() && self.reports.junit.is_none()
    }

    /// Returns `record` with the outcome of the objectives; its measurements are in `directory` already.
    ///
    /// # Errors
    ///
    /// [`RecordError`] if it can't be written, or not be read back.
    pub(super) fn judge(
        &self,
        record: &Record,
        directory: &ResultDirectory,
    ) -> Result<Record, RecordError> {
        directory.keep(record)?;
        let judgement = self.gate.judge(&directory.read()?, self.looks);
        Ok(Record {
            objectives: judgement.objectives,
            objective_summary: Some(judgement.summary),
            ..record.clone()
        })
    }

    /// Writes the outcome of the objectives in `record` for continuous integration, with the report in `directory`.
    ///
    /// # Errors
    ///
    /// [`RecordError`] if a destination can't be written.
    pub(super) fn publish_outcome(
        &self,
        record: &Record,
        directory: &ResultDirectory,
    ) -> Result<(), RecordError> {
        let suite = TestSuite::of_objectives(self.command, &record.objectives);
        let details = files::read(&directory.path().join(markdown::NAME), MOST_DETAILS).ok();
        let details = details.and_then(|bytes| String::from_utf8(bytes).ok());
        self.reports.publish(&suite, details.as_deref())
    }
}
