//! The figures: a row for each percentile, a column for each quantity.

use std::fmt::{self, Write as _};

use crate::quantity::{at_least, count};
use crate::record::Run;
use crate::report::marked;
use crate::stats::Summary;
use crate::stats::percentile_rule::PERCENTILES;
use crate::stats::summary::percentile_columns;

/// Width of the column of names, in characters: enough for p99.999.
const NAME_WIDTH: usize = 8;

/// Width of the column of latency: it says how many samples a percentile needs, and each one's state.
const FIRST_WIDTH: usize = 24;

/// Width of the other columns.
const WIDTH: usize = 14;

/// A quantity's column: its name and its figures.
struct Column<'a> {
    name: &'static str,
    summary: &'a Summary,
    /// From this value on a figure is a lower bound, because requests were lost.
    censored_from_ns: Option<u64>,
}

fn columns(run: &Run) -> Vec<Column<'_>> {
    let censored_from_ns = marked::censored_from_ns(run);
    let plain = |name, summary| Column {
        name,
        summary,
        censored_from_ns: None,
    };
    let latency = Column {
        name: "latency",
        summary: &run.latency_ns,
        censored_from_ns,
    };
    let uncorrected = run.uncorrected_latency_ns.as_ref().map(|summary| Column {
        name: "waiting",
        summary,
        censored_from_ns,
    });
    let lateness = run.send_lateness_ns.as_ref();
    let (service, path) = (run.service_ns.as_ref(), run.path_ns.as_ref());
    std::iter::once(latency)
        .chain(uncorrected)
        .chain(service.map(|summary| plain("service", summary)))
        .chain(path.map(|summary| plain("path", summary)))
        .chain(lateness.map(|summary| plain("lateness", summary)))
        .collect()
}

/// Writes them, under the quantities' names.
pub fn write(run: &Run, text: &mut String) -> fmt::Result {
    let columns = columns(run);
    row(
        text,
        "",
        columns.iter().map(|column| column.name.to_owned()),
    )?;
    let is_bound =
        |column: &Column<'_>, ns: u64| column.censored_from_ns.is_some_and(|from_ns| ns >= from_ns);
    let value = |column: &Column<'_>, value_ns: Option<u64>| match value_ns {
        Some(ns) => at_least(ns as f64, is_bound(column, ns)),
        None => "n/a".to_owned(),
    };
    row(
        text,
        "min",
        columns
            .iter()
            .map(|column| value(column, column.summary.min)),
    )?;
    let mean = |column: &Column<'_>| match column.summary.mean {
        Some(ns) => at_least(ns, column.censored_from_ns.is_some()),
        None => "n/a".to_owned(),
    };
    row(text, "mean", columns.iter().map(mean))?;
    for percentile in percentile_columns(&PERCENTILES, [&run.latency_ns]) {
        let known = |column: &Column<'_>| column.summary.get(&percentile.name).flatten();
        let mut cells: Vec<String> = columns
            .iter()
            .map(|column| value(column, known(column)))
            .collect();
        if let Some(marked) = marked::percentile(run, &percentile) {
            cells[0] = marked.text();
        }
        row(text, &percentile.name, cells.into_iter())?;
    }
    row(
        text,
        "max",
        columns
            .iter()
            .map(|column| value(column, column.summary.max)),
    )?;
    row(
        text,
        "samples",
        columns.iter().map(|column| count(column.summary.count)),
    )
}

fn row(text: &mut String, name: &str, mut cells: impl Iterator<Item = String>) -> fmt::Result {
    let first = cells.next().unwrap_or_default();
    write!(text, "{name:<NAME_WIDTH$}{first:>FIRST_WIDTH$}")?;
    for cell in cells {
        write!(text, "{cell:>WIDTH$}")?;
    }
    text.push('\n');
    Ok(())
}
