//! Results as text for a terminal: in eight lines each, or in full.
//!
//! - `run_brief`: the eight lines of a measurement; `run_table`: everything that is known of it;
//! - `comparison_table`: a line per target and link, and the verdicts;
//! - [`diff_table`]: the difference between two results;
//! - [`sweep_table`]: the steps of a sweep;
//! - [`status_table`]: the status of a running service; [`counter_list`]: its counters at its end;
//! - `percentile_rows`, `node_rows`, `floor_lines`, `noise_lines`, `stall_table`, `cost_table`: parts of those;
//! - [`objective_table`]: objectives and their outcomes;
//! - `common_lines`, `columns`: what several of them share.

use super::renderer::Renderer;
use super::result_set::ResultSet;
use crate::record::{Record, RecordError, origin};

mod columns;
mod common_lines;
mod comparison_table;
mod cost_table;
pub mod counter_list;
mod detail;
pub mod diff_table;
mod floor_lines;
mod node_rows;
mod noise_lines;
pub mod objective_table;
mod percentile_rows;
mod run_brief;
mod run_table;
mod stall_table;
pub mod status_table;
pub mod sweep_table;

pub use detail::Detail;

/// Renders the text that a command prints when it is done.
#[derive(Debug)]
pub struct Terminal {
    /// Amount of detail.
    pub detail: Detail,
}

impl Renderer for Terminal {
    fn render(&self, results: &ResultSet<'_>) -> Result<Option<String>, RecordError> {
        let texts = (results.records().iter()).map(|record| render(record, self.detail));
        Ok(Some(texts.collect()))
    }
}

/// The report as text, with a newline at the end.
#[must_use]
pub fn render(record: &Record, detail: Detail) -> String {
    let summary = record.objective_summary.as_ref();
    let mut text = objective_table::render("", &record.objectives, summary);
    for line in origin::lines(&record.runs) {
        text.push_str(&broken(&line));
        text.push('\n');
    }
    if !record.merged.is_empty() {
        text.push_str(&comparison_table::render(record, detail));
        return text;
    }
    let steps = sweep_table::render(record);
    for run in record.runs.iter().filter(|run| run.sweep_percent.is_none()) {
        // Writing to a string can't fail.
        let _ = match detail {
            Detail::Brief if steps.is_some() => run_brief::write_pipeline(run, &mut text),
            Detail::Brief => run_brief::write(run, &mut text),
            Detail::Full => run_table::write(record, run, &mut text),
        };
    }
    if let Some(steps) = steps {
        text.push('\n');
        text.push_str(&steps);
    }
    text
}

/// The columns of a common terminal.
const WIDTH: usize = 110;

/// Returns `line` in two, before the link, if it is wider than a terminal.
fn broken(line: &str) -> String {
    match line.split_once(" over ") {
        Some((who, link)) if line.chars().count() > WIDTH => format!("{who}\n  over {link}"),
        _ => line.to_owned(),
    }
}

#[cfg(test)]
mod tests;
