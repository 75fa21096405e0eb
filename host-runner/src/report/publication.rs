//! Publication of results: documents in their directory, a table on the terminal, and JSON wherever that is wanted.

use std::path::PathBuf;

use serde::Serialize;

use super::renderer::Renderer as _;
use super::result_set::ResultSet;
use super::terminal_report::{Detail, Terminal};
use super::{html, write};
use crate::files::NamedFile;
use crate::record::{Record, RecordError, ResultDirectory, to_json};
use crate::terminal::{self, eprint};

/// Further destination of the JSON.
#[derive(Debug)]
pub enum JsonDestination {
    /// None.
    Nowhere,
    /// Standard output, which then has nothing else.
    StandardOutput,
    /// A file.
    File {
        /// The file, open.
        file: NamedFile,
        /// Path of the file.
        path: PathBuf,
    },
}

impl JsonDestination {
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
            Self::File { file, path } => {
                print(text)?;
                let json = to_json(value)?;
                (file.write(json.as_bytes())).map_err(RecordError::unwritable(path))
            }
        }
    }
}

/// Writes the documents of `report` into `directory`, and shows the table on standard output, or on standard error
/// if the JSON goes to the other.
///
/// # Errors
///
/// [`RecordError`] if a file or the terminal can't be written, or a template can't be filled in.
pub fn publish(
    report: &Record,
    directory: &ResultDirectory,
    detail: Detail,
    json: &JsonDestination,
) -> Result<(), RecordError> {
    // Where the directory is full there is a terminal still.
    let written = write(directory, report);
    let more = match detail {
        Detail::Brief => "   (--verbose: all figures)",
        Detail::Full => "",
    };
    let table = Terminal { detail }.render(&ResultSet::of_record(report))?;
    let shown = format!(
        "{}report     {}{more}\n",
        table.unwrap_or_default(),
        directory.path().join(html::NAME).display()
    );
    json.show(&shown, report)?;
    written
}

/// Prints `text` on standard output.
///
/// # Errors
///
/// [`RecordError::Unwritable`] if nobody listens any more.
pub fn print(text: &str) -> Result<(), RecordError> {
    terminal::print(text).map_err(RecordError::unwritable("standard output"))
}
