//! Destination of an experiment's results.

use super::ExperimentError;
use super::progress::Monitor;
use crate::record::{Image, Record, RecordError, ResultDirectory};
use crate::stats::Requested;

/// Reason why an experiment has no results: nothing was measured.
#[derive(Debug)]
pub struct NothingMeasured(pub ExperimentError);

/// Destination of an experiment's results: a directory, and whoever is shown the report at the end. Each measurement
/// is written when it ends.
pub trait Results: Sync {
    /// Returns the directory of the results.
    fn directory(&self) -> &ResultDirectory;

    /// Returns the percentiles that summaries have beside the standard ones.
    fn percentiles(&self) -> &[Requested];

    /// Writes the report and presents it. The files of its measurements are written already.
    ///
    /// # Errors
    ///
    /// [`RecordError`] if a file or the terminal can't be written.
    fn publish(&self, report: &Record) -> Result<(), RecordError>;
}

/// Keeps `image` beside the results, so that it can be measured again. A measurement does not fail for the want of it:
/// the reason goes to `monitor`.
pub fn keep_image(results: &dyn Results, image: &Image, monitor: &dyn Monitor) {
    if let Err(error) = results.directory().keep_image(&image.path) {
        monitor.message(&format_args!(
            "{} is not kept: {error}",
            image.path.display()
        ));
    }
}

/// A directory of results without a terminal.
#[cfg(test)]
#[derive(Debug)]
pub struct InDirectory(pub ResultDirectory);

#[cfg(test)]
impl InDirectory {
    /// Creates the directory `out` in `directory`.
    pub fn create(directory: &std::path::Path) -> Self {
        let out = directory.join("out");
        let now = jiff::Timestamp::now();
        Self(ResultDirectory::create(Some(&out), directory, now, &[]).unwrap())
    }

    /// Returns the path of the file `name`.
    pub fn file(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }
}

#[cfg(test)]
impl Results for InDirectory {
    fn directory(&self) -> &ResultDirectory {
        &self.0
    }

    fn percentiles(&self) -> &[Requested] {
        &[]
    }

    fn publish(&self, report: &Record) -> Result<(), RecordError> {
        self.0.keep(report)
    }
}
