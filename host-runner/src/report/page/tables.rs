//! The tables of a document. Cells are text already, the same in every form of it.
//!
//! - [`runs`]: what each measurement came to;
//! - [`activity`]: what the host did meanwhile;
//! - [`fault_table`]: faults on the link;
//! - [`node_table`]: nodes of a sum;
//! - [`loss_table`]: places where requests were lost;
//! - [`host`]: what it was measured on.

use serde::Serialize;

use crate::quantity::{at_least, count};
use crate::stats::Summary;
use crate::stats::summary::PercentileColumn;

pub mod cpu_activity;
pub mod fault_table;
pub mod host_facts;
pub mod loss_table;
pub mod node_table;
pub mod runs;

/// Text of a cell without a value.
pub const NONE: &str = "–";

/// A table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Table {
    /// Title.
    pub title: String,
    /// The names of its columns, that of the rows' names first.
    pub head: Vec<String>,
    /// Rows.
    pub rows: Vec<Row>,
}

/// A row.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Number of the measurement, if it is of one.
    pub entry: Option<usize>,
    /// Cells, its name first.
    pub cells: Vec<String>,
}

impl Table {
    /// A table without rows.
    #[must_use]
    pub fn new(title: &str, head: &[&str]) -> Self {
        Self {
            title: title.to_owned(),
            head: head.iter().map(|&name| name.to_owned()).collect(),
            rows: Vec::new(),
        }
    }

    /// Returns whether no row has any value beside its name.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        let cells = self.rows.iter().flat_map(|row| row.cells.iter().skip(1));
        cells.into_iter().all(|cell| cell == NONE)
    }

    /// Adds a row, of the measurement `entry` if it is of one.
    pub fn row(&mut self, entry: Option<usize>, cells: impl IntoIterator<Item = String>) {
        let cells = cells.into_iter().collect();
        self.rows.push(Row { entry, cells });
    }
}

/// Returns those of `tables` that are not empty.
#[must_use]
pub fn that_tell(tables: impl IntoIterator<Item = Table>) -> Vec<Table> {
    tables
        .into_iter()
        .filter(|table| !table.is_blank())
        .collect()
}

/// A measured time; from `censored_from_ns` on it is a lower bound.
#[must_use]
pub fn value(ns: Option<u64>, censored_from_ns: Option<u64>) -> String {
    match ns {
        None => "n/a".to_owned(),
        Some(ns) => at_least(ns as f64, censored_from_ns.is_some_and(|from| ns >= from)),
    }
}

/// The percentiles of `summary` that `columns` are of; where there are not enough samples, how many it
/// takes.
#[must_use]
pub fn percentiles(
    columns: &[PercentileColumn],
    summary: &Summary,
    censored_from_ns: Option<u64>,
) -> Vec<String> {
    let cell = |column: &PercentileColumn| match summary.get(&column.name) {
        None => NONE.to_owned(),
        Some(None) => format!("n/a (needs {})", count(column.samples_needed)),
        Some(ns) => value(ns, censored_from_ns),
    };
    columns.iter().map(cell).collect()
}

#[cfg(test)]
mod tests;
