//! Destination of an experiment's results.

use std::time::SystemTime;

use crate::files::Destination;
use crate::histogram::DurationHistogram;
use crate::record::{MergedRuns, Record, RecordError, RoundLatency, Run};
use crate::stats::{Requested, RunRecorder};

/// Destination of an experiment's results. Each measurement is written when it ends, the report at the end.
pub trait Results: Sync {
    /// Returns the percentiles that summaries have beside the standard ones.
    fn percentiles(&self) -> &[Requested];

    /// Returns the destination of the log `name`.
    fn log(&self, name: &str) -> Destination;

    /// Writes the files of one measurement.
    ///
    /// # Errors
    ///
    /// [`RecordError`] if one can't be written.
    fn write_run(&self, run: &Run, recorder: &RunRecorder) -> Result<(), RecordError>;

    /// Writes the files of the merged runs of one case, which are those of `parts`. `began_at` is the time
    /// when the experiment began.
    ///
    /// # Errors
    ///
    /// [`RecordError`] if one can't be written.
    fn write_merged(
        &self,
        merged: &MergedRuns,
        latency: &DurationHistogram,
        parts: &[RoundLatency],
        began_at: SystemTime,
    ) -> Result<(), RecordError>;

    /// Writes the report of the measurements so far.
    ///
    /// # Errors
    ///
    /// [`RecordError`] if it can't be written.
    fn write_partial(&self, report: &Record) -> Result<(), RecordError>;

    /// Writes the report and presents it. The files of its measurements are written already.
    ///
    /// # Errors
    ///
    /// [`RecordError`] if a file or the terminal can't be written.
    fn publish(&self, report: &Record) -> Result<(), RecordError>;
}

/// A directory of results without a terminal.
#[cfg(test)]
#[derive(Debug)]
pub struct InDirectory(pub crate::record::ResultDirectory);

#[cfg(test)]
impl InDirectory {
    /// Creates the directory `out` in `directory`.
    pub fn create(directory: &std::path::Path) -> Self {
        let out = directory.join("out");
        let now = jiff::Timestamp::now();
        Self(crate::record::ResultDirectory::create(Some(&out), directory, now, &[]).unwrap())
    }

    /// Returns the path of the file `name`.
    pub fn file(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }
}

#[cfg(test)]
impl Results for InDirectory {
    fn percentiles(&self) -> &[Requested] {
        &[]
    }

    fn log(&self, name: &str) -> Destination {
        self.0.log(name)
    }

    fn write_run(&self, run: &Run, recorder: &RunRecorder) -> Result<(), RecordError> {
        self.0.write_run(run, recorder)
    }

    fn write_merged(
        &self,
        merged: &MergedRuns,
        latency: &DurationHistogram,
        parts: &[RoundLatency],
        began_at: SystemTime,
    ) -> Result<(), RecordError> {
        self.0.write_merged(merged, latency, parts, began_at)
    }

    fn write_partial(&self, report: &Record) -> Result<(), RecordError> {
        self.0.keep(report)
    }

    fn publish(&self, report: &Record) -> Result<(), RecordError> {
        self.0.keep(report)
    }
}
