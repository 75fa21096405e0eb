//! Where results go: the directory, the terminal, and `--json`.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::CliError;
use super::args::OutputArgs;
use super::say::say_as_is;
use crate::experiment::{ExperimentError, NothingMeasured, Results};
use crate::files::NamedFile;
use crate::record::result_directory::DEFAULT_BASE;
use crate::record::{Record, RecordError, ResultDirectory};
use crate::report::renderer::Renderer as _;
use crate::report::result_set::ResultSet;
use crate::report::terminal_report::{Detail, Terminal};
use crate::report::{self, html};
use crate::stats::Requested;
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

impl Results for Output {
    fn directory(&self) -> &ResultDirectory {
        &self.directory
    }

    fn percentiles(&self) -> &[Requested] {
        &self.percentiles
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
            self.directory.path().join(html::NAME).display()
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
