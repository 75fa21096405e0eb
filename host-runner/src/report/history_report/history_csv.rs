//! A history as CSV (RFC 4180): a row for each result of each series, with columns that Apache Otava's `analyze`
//! reads: `time`, `commit`, `branch` for the series, and a column for each percentile.

use crate::judge::history::{History, PERCENTILES, Series};

/// Value of a percentile that a series does not have; every reader of numbers takes it.
const NONE: &str = "nan";

/// Renders the results of `history`.
#[must_use]
pub fn render(history: &History) -> String {
    let percentiles = PERCENTILES.map(|name| format!("{name}_ns"));
    let mut text = format!("time,commit,branch,rounds,{}\r\n", percentiles.join(","));
    for series in &history.series {
        for index in 0..series.results.len() {
            text.push_str(&row(series, index));
        }
    }
    text
}

fn row(series: &Series, index: usize) -> String {
    let result = &series.results[index];
    let value = |name: &str| {
        let column = series.percentiles.iter().position(|known| *known == name);
        column.map_or(NONE.to_owned(), |column| {
            result.values_ns[column].to_string()
        })
    };
    let values: Vec<String> = PERCENTILES.iter().map(|name| value(name)).collect();
    format!(
        "{},{},{},{},{}\r\n",
        result.started_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        quoted(result.revision.as_deref().unwrap_or("unknown")),
        quoted(&series.name),
        result.rounds,
        values.join(",")
    )
}

/// Returns a field in quotation marks, for commas and quotation marks in it.
fn quoted(text: &str) -> String {
    format!(
        "\"{}\"",
        crate::terminal::one_line(text).replace('"', "\"\"")
    )
}
