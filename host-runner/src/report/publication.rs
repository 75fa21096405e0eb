//! Publication of results: documents in their directory, a table on the terminal, and JSON wherever that is wanted.

use std::path::Path;
use std::sync::OnceLock;

use serde::Serialize;

use super::judging::Judging;
use super::output_file::OutputFile;
use super::renderer::Renderer as _;
use super::result_set::ResultSet;
use super::terminal_report::{Detail, Terminal};
use super::{html, write};
use crate::record::{ObjectiveState, Record, RecordError, ResultDirectory, to_json};
use crate::terminal::{self, eprint};

/// Name that stands for standard output in the place of a file's.
const STANDARD_OUTPUT: &str = "-";

/// Further destination of the JSON.
#[derive(Debug)]
pub enum JsonDestination {
    /// None.
    Nowhere,
    /// Standard output, which then has nothing else.
    StandardOutput,
    /// A file.
    File(OutputFile),
}

impl JsonDestination {
    /// Opens the file at `path`, if there is one; `-` is standard output.
    ///
    /// # Errors
    ///
    /// [`RecordError`] if it can't be written.
    pub fn prepare(path: Option<&Path>) -> Result<Self, RecordError> {
        match path {
            None => Ok(Self::Nowhere),
            Some(path) if is_standard_output(path) => Ok(Self::StandardOutput),
            Some(path) => Ok(Self::File(OutputFile::prepare(path)?)),
        }
    }

    /// Shows `text` on standard output, or on standard error if the JSON of `value` goes to the other, and writes that.
    ///
    /// # Errors
    ///
    /// [`RecordError`] if the file or the terminal can't be written.
    pub fn show(&self, text: &str, value: &impl Serialize) -> Result<(), RecordError> {
        match self {
            Self::Nowhere => print(text),
            Self::StandardOutput => {
                eprint(text);
                print(&to_json(value)?)
            }
            Self::File(file) => {
                print(text)?;
                file.write(&to_json(value)?)
            }
        }
    }
}

/// Returns true if `path` stands for standard output.
#[must_use]
pub fn is_standard_output(path: &Path) -> bool {
    path == Path::new(STANDARD_OUTPUT)
}

/// Publication of a command's results; every destination was tried.
#[derive(Debug)]
pub struct Publication {
    directory: ResultDirectory,
    json: JsonDestination,
    detail: Detail,
    judging: Judging,
    /// Outcome of the objectives, once the results are published.
    state: OnceLock<ObjectiveState>,
}

impl Publication {
    /// Returns the publication in `directory` and to `json`, with a table of this `detail`, of results that `judging`
    /// judges.
    #[must_use]
    pub const fn new(
        directory: ResultDirectory,
        json: JsonDestination,
        detail: Detail,
        judging: Judging,
    ) -> Self {
        Self {
            directory,
            json,
            detail,
            judging,
            state: OnceLock::new(),
        }
    }

    /// Returns the directory.
    #[must_use]
    pub const fn directory(&self) -> &ResultDirectory {
        &self.directory
    }

    /// Returns the outcome of the objectives, once the results are published.
    #[must_use]
    pub fn state(&self) -> Option<ObjectiveState> {
        self.state.get().copied()
    }

    /// Gives up, `because` of something, before there are results: as [`ResultDirectory::abandon`].
    pub fn abandon(self, because: &str) {
        self.directory.abandon(because);
    }

    /// Holds `record` against the objectives, writes it and its documents, and shows what came of it.
    ///
    /// # Errors
    ///
    /// [`RecordError`] if a file or the terminal can't be written, or a template can't be filled in.
    pub fn publish(&self, record: &Record) -> Result<(), RecordError> {
        let judging = &self.judging;
        if judging.is_idle() {
            return self.write(record);
        }
        if !judging.has_objectives() {
            self.write(record)?;
            return judging.publish_outcome(record, &self.directory);
        }
        // What can't be judged is shown all the same.
        let judged = judging.judge(record, &self.directory);
        let written = self.write(judged.as_ref().unwrap_or(record));
        let judged = judged?;
        if let Some(summary) = &judged.objective_summary {
            let _ = self.state.set(summary.state);
        }
        judging.publish_outcome(&judged, &self.directory)?;
        written
    }

    /// Writes the documents of `record` into the directory, and shows the table on standard output, or on standard error
    /// if the JSON goes to the other.
    fn write(&self, record: &Record) -> Result<(), RecordError> {
        // Where the directory is full there is a terminal still.
        let written = write(&self.directory, record);
        let more = match self.detail {
            Detail::Brief => "   (--verbose: all figures)",
            Detail::Full => "",
        };
        let detail = self.detail;
        let table = Terminal { detail }.render(&ResultSet::of_record(record))?;
        let shown = format!(
            "{}report     {}{more}\n",
            table.unwrap_or_default(),
            self.directory.path().join(html::NAME).display()
        );
        self.json.show(&shown, record)?;
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
