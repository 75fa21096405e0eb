//! Destination of a command's results: the directory, the terminal, and `--json`.

use std::path::Path;

use jiff::Timestamp;

use super::CliError;
use super::args::OutputArgs;
use crate::experiment::{ExperimentError, NothingMeasured, Results};
use crate::files::NamedFile;
use crate::record::result_directory::DEFAULT_BASE;
use crate::record::{Record, RecordError, ResultDirectory};
use crate::report;
pub use crate::report::publication::print;
use crate::report::publication::{JsonDestination, publish};
use crate::report::terminal_report::Detail;
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
}

impl Output {
    /// Creates the results directory and opens the file for JSON.
    ///
    /// # Errors
    ///
    /// [`CliError::Experiment`] if the directory can't be created or a file can't be written.
    pub fn prepare(args: &OutputArgs) -> Result<Self, CliError> {
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
        })
    }

    /// Ends a command; without results it leaves no empty directory behind.
    ///
    /// # Errors
    ///
    /// The experiment's.
    pub fn conclude(
        self,
        outcome: Result<Result<(), ExperimentError>, NothingMeasured>,
    ) -> Result<(), CliError> {
        match outcome {
            Ok(outcome) => Ok(outcome?),
            Err(NothingMeasured(error)) => {
                self.directory.abandon(&error.with_causes());
                Err(error.into())
            }
        }
    }
}

/// Opens the file at `path`, if there is one; `-` is standard output.
fn json_destination(path: Option<&Path>) -> Result<JsonDestination, RecordError> {
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
        publish(report, &self.directory, self.detail, &self.json)
    }
}
