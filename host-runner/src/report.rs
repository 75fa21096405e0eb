//! Results for people: as text at the terminal, as HTML and as Markdown. Renders what [`record`] holds and
//! measures nothing.
//!
//! - [`renderer`]: what a form of report is; [`result_set`]: what it is given; [`FORMATS`]: which there are;
//! - [`terminal_report`]: text for a terminal; [`sweep_table`] is a file, too;
//! - [`html`], [`markdown`]: `report.html` and `report.md`, made of one [`page`] with [`chart`]s;
//!   [`chart_file`]: its first chart alone; `template`: how both are filled in;
//! - [`test_case`]: judgements as tools for continuous integration know them; [`junit`], [`github`]: forms of those;
//!   [`test_report`]: where they go; [`output_file`]: a file that was tried before;
//! - `marked`, `trust`, `stalls`, `accounting`, `node_spread`: states, the maximum, the requests and the nodes of a sum
//!   in words;
//! - `steps`, `capacity`: a sweep's steps and what they come to;
//! - `core_distance`: what of a comparison may be the cores' distance; `emulator_share`: what the targets' own
//!   emulation took of the measuring CPU;
//! - [`diff_suite`], `diff_words`: the difference between two results as judgements, and in words;
//! - [`history_report`]: a history, as a page, as text and as CSV; [`history_suite`]: as judgements;
//! - [`publication`]: where a measurement's results go when it ends; [`judging`]: objectives that they are held against
//!   there;
//! - `escape`, `markdown_text`: text that is no markup; `code_spans`: code in it, as HTML.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

use crate::files::Directory;
use crate::record::{Record, RecordError, ResultDirectory, Source};
use chart_file::ChartFile;
use html::Html;
use markdown::Markdown;
use renderer::{FileFormat, Written};
use result_set::ResultSet;
use terminal_report::sweep_table::{self, SweepTable};

mod accounting;
mod capacity;
pub mod chart;
pub mod chart_file;
mod code_spans;
mod core_distance;
pub mod diff_suite;
mod diff_words;
mod emulator_share;
mod escape;
pub mod github;
pub mod history_report;
pub mod history_suite;
pub mod html;
pub mod judging;
pub mod junit;
pub mod markdown;
mod markdown_text;
mod marked;
mod node_spread;
pub mod output_file;
pub mod page;
pub mod publication;
pub mod renderer;
pub mod result_set;
mod stalls;
mod steps;
mod template;
pub mod terminal_report;
pub mod test_case;
pub mod test_report;
mod trust;

/// Every form of report that goes into a file. A new one is a renderer, and a line here.
pub const FORMATS: [FileFormat; 4] = [
    FileFormat {
        name: sweep_table::NAME,
        renderer: &SweepTable,
        written: Written::WithResults,
    },
    FileFormat {
        name: html::NAME,
        renderer: &Html,
        written: Written::Always,
    },
    FileFormat {
        name: markdown::NAME,
        renderer: &Markdown,
        written: Written::Always,
    },
    FileFormat {
        name: chart_file::NAME,
        renderer: &ChartFile,
        written: Written::Always,
    },
];

/// Returns the names of all files that reports are written to.
#[must_use]
pub fn file_names() -> Vec<&'static str> {
    FORMATS.iter().map(|format| format.name).collect()
}

/// Writes `report` into `directory`, and what is rendered from it; then makes the directory the latest.
///
/// # Errors
///
/// [`RecordError`] if something of it can't be written, or a template can't be filled in.
pub fn write(directory: &ResultDirectory, report: &Record) -> Result<(), RecordError> {
    directory.keep(report)?;
    // From the files, as anyone else would make them later.
    for file in render(&[directory.read()?], Written::WithResults)? {
        directory.write_file(file.name, file.text.as_bytes())?;
    }
    directory.make_latest()
}

/// Writes the documents of `sources` together into the directory at `path`, which is made if it is not there, and
/// returns their paths.
///
/// # Errors
///
/// [`RecordError`] if one can't be written, or a template can't be filled in.
pub fn write_documents(path: &Path, sources: &[Source]) -> Result<Vec<PathBuf>, RecordError> {
    let files = render(sources, Written::Always)?;
    let directory = Directory::create(path).map_err(RecordError::unwritable(path))?;
    let write = |file: RenderedFile| {
        let path = path.join(file.name);
        match directory.replace(file.name, file.text.as_bytes()) {
            Ok(()) => Ok(path),
            Err(error) => Err(RecordError::unwritable(path)(error)),
        }
    };
    files.into_iter().map(write).collect()
}

/// Returns the paths of `documents`, a line each.
#[must_use]
pub fn listing(documents: &[PathBuf]) -> String {
    let labels = std::iter::once("report").chain(std::iter::repeat(""));
    let lines = labels.zip(documents);
    lines
        .map(|(label, path)| format!("{label:<11}{}\n", path.display()))
        .collect()
}

/// A file of a report.
#[derive(Clone, Debug)]
pub struct RenderedFile {
    /// Name.
    pub name: &'static str,
    /// Content.
    pub text: String,
}

/// Renders `sources` together into the files that are written on the occasion `written`.
///
/// # Errors
///
/// [`RecordError::Document`] if a template can't be filled in.
pub fn render(sources: &[Source], written: Written) -> Result<Vec<RenderedFile>, RecordError> {
    let results = ResultSet::of_sources(sources);
    let mut files = Vec::new();
    for format in FORMATS.iter().filter(|format| format.written <= written) {
        let text = format.renderer.render(&results)?;
        let name = format.name;
        files.extend(text.map(|text| RenderedFile { name, text }));
    }
    Ok(files)
}

#[cfg(test)]
mod tests;
