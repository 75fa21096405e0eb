//! Results for people: as text at the terminal, as HTML and as Markdown. Renders what [`record`] holds and
//! measures nothing.
//!
//! - [`table`]: one screen; [`merged_table`]: a comparison on one screen; [`sweep`]: a sweep's part of it;
//! - [`document`]: `report.html` and `report.md`, with [`chart`]'s charts;
//! - `marked`, `trust`, `stalls`, `accounting`: states, the maximum and the requests in words;
//! - [`apart`]: what of a comparison may be the cores' distance; [`own_share`]: what the targets' own
//!   emulation took of the measuring CPU.
#![forbid(unsafe_code)]

pub use crate::record::{
    CommonRate, Comparison, Directory, Environment, Image, Merged, Report, ReportError, Run,
    Setting, Skipped, Why,
};

mod accounting;
pub mod apart;
pub mod chart;
pub mod document;
mod marked;
pub mod merged_table;
pub mod own_share;
mod stalls;
pub mod sweep;
pub mod table;
mod trust;

/// Names of all files that reports are written to.
pub const FILES: [&str; 4] = [
    sweep::FILE,
    document::HTML,
    document::MARKDOWN,
    document::CHART,
];

/// Writes `report` into `directory`, and what is rendered from it; then makes the directory the latest.
///
/// # Errors
///
/// [`ReportError`] if something of it can't be written.
pub fn write(directory: &Directory, report: &Report) -> Result<(), ReportError> {
    if let Some(text) = sweep::render(&report.runs, report.generator_limit) {
        directory.write_file(sweep::FILE, text.as_bytes())?;
    }
    directory.keep(report)?;
    // From the files, as anyone else would make them later.
    let documents = document::render(&[directory.read()?])?;
    for (name, text) in documents.files() {
        directory.write_file(name, text.as_bytes())?;
    }
    directory.make_latest()
}

#[cfg(test)]
mod tests;
