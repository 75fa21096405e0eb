//! Results for people: as text at the terminal, as HTML and as Markdown. Renders what [`record`] holds and
//! measures nothing.
//!
//! - [`terminal`]: text for a terminal; [`sweep_table`] is a file, too;
//! - [`document`]: `report.html` and `report.md`, made of a [`page`] with [`chart`]s;
//! - `marked`, `trust`, `stalls`, `accounting`: states, the maximum and the requests in words;
//! - `steps`, `capacity`: a sweep's steps and what they come to;
//! - `core_distance`: what of a comparison may be the cores' distance; `emulator_share`: what the targets' own
//!   emulation took of the measuring CPU;
//! - `escape`, `markdown`: text that is no markup.
#![forbid(unsafe_code)]

pub use crate::record::{
    CommonRate, Comparison, Directory, Environment, Image, Merged, Report, ReportError, Run,
    Setting, Skipped, Why,
};

use terminal::sweep_table;

mod accounting;
mod capacity;
pub mod chart;
mod core_distance;
pub mod document;
mod emulator_share;
mod escape;
mod markdown;
mod marked;
pub mod page;
mod stalls;
mod steps;
pub mod terminal;
mod trust;

/// Names of all files that reports are written to.
pub const FILES: [&str; 4] = [
    sweep_table::FILE,
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
    if let Some(text) = sweep_table::render(&report.runs, report.generator_limit) {
        directory.write_file(sweep_table::FILE, text.as_bytes())?;
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
