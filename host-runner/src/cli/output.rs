//! Where results go: the directory, the terminal, and `--json`.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::Timestamp;

use super::CliError;
use super::args::OutputArgs;
use super::say::say_as_is;
use crate::experiment::{ExperimentError, Results};
use crate::files::{Destination, NamedFile};
use crate::histogram::DurationHistogram;
use crate::record::result_directory::DEFAULT_BASE;
use crate::record::{MergedRuns, Record, RecordError, ResultDirectory, RoundLatency, Run};
use crate::report::renderer::Renderer as _;
use crate::report::result_set::ResultSet;
use crate::report::terminal_report::{Detail, Terminal};
use crate::report::{self, html};
use crate::stats::{Requested, RunRecorder};
use crate::terminal;

/// What `--json` takes for standard output.
const STANDARD_OUTPUT: &str = "-";

/// Where a command's results go; all of it was tried.
#[derive(Debug)]
pub struct Output {
    directory: ResultDirectory,
    json: Json,
    detail: Detail,
    percentiles: Vec<Requested>,
}

/// Further destination of the JSON.
#[derive(Debug)]
enum Json {
    Nowhere,
    StandardOutput,
    File { file: NamedFile, path: PathBuf },
}

impl Output {
    /// Creates the results directory and opens the file for JSON.
    ///
    /// # Errors
    ///
    /// [`CliError::Experiment`] if the directory can't be created or a file can't be written.
    pub fn prepare(args: &OutputArgs) -> Result<Self, CliError> {
        let json = match &args.json {
            None => Json::Nowhere,
            Some(path) if path == Path::new(STANDARD_OUTPUT) => Json::StandardOutput,
            Some(path) => {
                let file = NamedFile::prepare(path).map_err(RecordError::unwritable(path))?;
                let path = path.clone();
                Json::File { file, path }
            }
        };
        let base = Path::new(DEFAULT_BASE);
        let directory = ResultDirectory::create(
            args.out.as_deref(),
            base,
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

    /// Returns the path of the file `name` among the results.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Ends a command without results because of `error`, and leaves no empty directory behind.
    pub fn abandon(self, error: &ExperimentError) {
        self.directory.abandon(&error.with_causes());
    }
}

impl Results for Output {
    fn percentiles(&self) -> &[Requested] {
        &self.percentiles
    }

    fn log(&self, name: &str) -> Destination {
        self.directory.log(name)
    }

    fn write_run(&self, run: &Run, recorder: &RunRecorder) -> Result<(), RecordError> {
        self.directory.write_run(run, recorder)
    }

    fn write_merged(
        &self,
        merged: &MergedRuns,
        latency: &DurationHistogram,
        parts: &[RoundLatency],
        began_at: SystemTime,
    ) -> Result<(), RecordError> {
        self.directory
            .write_merged(merged, latency, parts, began_at)
    }

    fn write_partial(&self, report: &Record) -> Result<(), RecordError> {
        self.directory.keep(report)
    }

    /// Writes the documents, and shows the table on standard output, or on standard error if the JSON goes to
    /// the other.
    fn publish(&self, report: &Record) -> Result<(), RecordError> {
        // Where the directory is full there is a terminal still.
        let written = report::write(&self.directory, report);
        let more = match self.detail {
            Detail::Brief => "   (--verbose: all figures)",
            Detail::Full => "",
        };
        let table = Terminal {
            detail: self.detail,
        };
        let table = table.render(&ResultSet::of_record(report))?;
        let shown = format!(
            "{}report     {}{more}\n",
            table.unwrap_or_default(),
            self.file(html::NAME).display()
        );
        match &self.json {
            Json::Nowhere => print(&shown)?,
            Json::StandardOutput => {
                say_as_is(&shown);
                print(&report.to_json()?)?;
            }
            Json::File { file, path } => {
                print(&shown)?;
                file.write(report.to_json()?.as_bytes())
                    .map_err(RecordError::unwritable(path))?;
            }
        }
        written
    }
}

/// Prints `text` on standard output.
///
/// # Errors
///
/// [`RecordError::Unwritable`] if nobody listens any more.
pub fn print(text: &str) -> Result<(), RecordError> {
    terminal::print(text).map_err(RecordError::unwritable("standard output"))
}
