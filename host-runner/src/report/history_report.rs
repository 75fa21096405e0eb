//! A history for people and for other programs.
//!
//! - [`history_page`]: `history.html`, a page like a report's;
//! - [`history_table`]: text for a terminal;
//! - [`history_csv`]: a row for each result, which other change detectors read.

mod history_charts;
pub mod history_csv;
pub mod history_page;
pub mod history_table;

#[cfg(test)]
mod tests;
