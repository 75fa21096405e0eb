//! `history.html`: the change points first, then each series as charts, counted figures, machines, and the method.
//! One file without scripts, like a report.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};

use minijinja::Value;
use minijinja::value::Serde;
use serde::Serialize;

use super::history_charts::chart;
use super::history_table::{
    host_words, moved_words, noise_words, place_words, possible_words, results_words, short,
};
use crate::judge::history::{Change, ExactSeries, History, Series};
use crate::quantity;
use crate::record::RecordError;
use crate::record::file_names::RESULT;
use crate::report::chart::draw;
use crate::report::chart::palette;
use crate::report::page::charts::Chart;
use crate::report::page::tables::{NONE, Table};
use crate::report::template;
use crate::terminal::one_line;

/// Name of the file, and of its template: that it ends in `.html` has everything in it escaped.
pub const NAME: &str = "history.html";

/// Returns the path of the page unless one is named: in `first`, the first directory that was given, or beside it if that is
/// one result and not a directory of results.
#[must_use]
pub fn default_path(first: &Path) -> PathBuf {
    let is_result = first.join(RESULT).exists();
    let directory = match first.parent() {
        Some(parent) if is_result => parent,
        _ => first,
    };
    directory.join(NAME)
}

/// Templates of the page.
const TEMPLATES: [(&str, &str); 4] = [
    ("style.css", include_str!("../templates/style.css")),
    ("chart.css", draw::CHART_STYLE),
    ("parts.html", include_str!("../templates/parts.html.j2")),
    (NAME, include_str!("../templates/history.html.j2")),
];

/// Everything that the template shows.
#[derive(Debug, Serialize)]
struct HistoryPage {
    title: String,
    palette: PageColours,
    summary: String,
    /// Change points of all series, the newest first.
    changes: Option<Table>,
    /// Newest results that look like a change, and measurements that ended.
    notes: Vec<String>,
    series: Vec<SeriesView>,
    exact: Option<Table>,
    hosts: Vec<String>,
    unread: Vec<String>,
    method: Vec<String>,
}

#[derive(Debug, Serialize)]
struct PageColours {
    light: String,
    dark: String,
}

/// A series on the page.
#[derive(Debug, Serialize)]
struct SeriesView {
    chart: Chart,
    lines: Vec<String>,
    results: Table,
}

/// Renders `history`.
///
/// # Errors
///
/// [`RecordError::Document`] if the template can't be filled in.
pub fn render(history: &History) -> Result<String, RecordError> {
    let page = page(history);
    template::fill_in_value(NAME, &TEMPLATES, Value::from(Serde(&page)))
}

fn page(history: &History) -> HistoryPage {
    let changes = history.series.iter().map(|series| series.changes.len());
    let steps = history.exact.iter().map(|exact| exact.steps.len());
    let count: usize = changes.chain(steps).sum();
    HistoryPage {
        title: match count {
            0 => "History: no change found".to_owned(),
            1 => "History: one change found".to_owned(),
            many => format!("History: {many} changes found"),
        },
        palette: PageColours {
            light: palette::properties(&palette::LIGHT),
            dark: palette::properties(&palette::DARK),
        },
        summary: format!(
            "{} results in {} series; changes of {} or more count.",
            quantity::count(history.results as u64),
            history.series.len(),
            quantity::share(history.min_change)
        ),
        changes: changes_table(history),
        notes: history.series.iter().flat_map(notes).collect(),
        series: history.series.iter().enumerate().map(view).collect(),
        exact: exact_table(&history.exact),
        hosts: (history.hosts.iter())
            .map(|host| {
                host_words(host)
                    .trim_start_matches("host")
                    .trim()
                    .to_owned()
            })
            .collect(),
        unread: (history.unread.iter())
            .map(|unread| one_line(&format!("{}: {}", unread.directory, unread.reason)))
            .collect(),
        method: method(history),
    }
}

/// Returns the change points and steps of all, the newest first; `None` if there are none.
fn changes_table(history: &History) -> Option<Table> {
    let mut table = Table::new(
        "Change points",
        &["what", "from", "change", "cause", "p-value"],
    );
    let latency = history.series.iter().flat_map(|series| {
        let changes = series.changes.iter();
        changes.map(move |change| (change.started_at, change_cells(series, change)))
    });
    let exact = history.exact.iter().flat_map(|exact| {
        let steps = exact.steps.iter().map(move |step| (exact, step));
        steps.map(|(exact, step)| {
            let at = exact.values[step.index].started_at;
            let cells = [
                exact.name(),
                at.strftime("from %Y-%m-%d %H:%M on").to_string(),
                format!("{} {}", sign(step.to > step.from), exact.step_words(step)),
                "counted, not timed".to_owned(),
                NONE.to_owned(),
            ];
            (at, cells)
        })
    });
    let mut rows: Vec<_> = latency.chain(exact).collect();
    rows.sort_by_key(|(at, _)| Reverse(*at));
    for (_, cells) in rows {
        table.row(None, cells.map(|cell| one_line(&cell)));
    }
    (!table.rows.is_empty()).then_some(table)
}

fn change_cells(series: &Series, change: &Change) -> [String; 5] {
    [
        series.name.clone(),
        place_words(series, change),
        format!("{} {}", sign(change.is_worse()), moved_words(&change.moved)),
        change.cause.words(),
        format!("{:.4}", change.p_value),
    ]
}

/// Returns a sign with its word: it is not told by the sign alone.
const fn sign(is_worse: bool) -> &'static str {
    if is_worse {
        "▲ worse:"
    } else {
        "▼ better:"
    }
}

/// Returns what stands beside the change points of `series`.
fn notes(series: &Series) -> Vec<String> {
    let possible = series.possible.as_ref();
    let possible =
        possible.map(|possible| format!("Possible, {}: {}", series.name, possible_words(possible)));
    let invalid = (series.newest_invalid > 0).then(|| series.invalid_words());
    let notes = possible.into_iter().chain(invalid);
    notes.map(|note| one_line(&note)).collect()
}

fn view((index, series): (usize, &Series)) -> SeriesView {
    let mut head = vec!["start", "revision"];
    head.extend(&series.percentiles);
    head.extend(["rounds", "directory"]);
    let mut results = Table::new("Results", &head);
    for result in series.results.iter().rev() {
        let values = result.values_ns.iter().zip(&result.is_bound);
        let values = values.map(|(ns, is_bound)| quantity::at_least(*ns as f64, *is_bound));
        let start = result.started_at.strftime("%Y-%m-%d %H:%M:%S").to_string();
        let cells = [start, short(result.revision.as_deref())].into_iter();
        let last = [result.rounds.to_string(), result.directory.clone()];
        let cells = cells.chain(values).chain(last);
        results.row(None, cells.map(|cell| one_line(&cell)));
    }
    SeriesView {
        chart: chart(series, index),
        lines: vec![
            results_words(series),
            format!("Noise: {}.", noise_words(series)),
        ],
        results,
    }
}

/// Returns the counted figures with their first and last values; `None` if there are none.
fn exact_table(exact: &[ExactSeries]) -> Option<Table> {
    let mut table = Table::new(
        "Counted figures",
        &["figure", "results", "first", "last", "steps"],
    );
    for series in exact {
        let value = |value: Option<&crate::judge::history::exact_steps::ExactValue>| {
            value.map_or(NONE.to_owned(), |value| {
                quantity::in_full((value.value * 1000.0).round() / 1000.0)
            })
        };
        let steps = series.steps.iter().map(|step| series.step_words(step));
        let steps: Vec<String> = steps.collect();
        let cells = [
            series.name(),
            series.values.len().to_string(),
            value(series.values.first()),
            value(series.values.last()),
            match steps.is_empty() {
                true => NONE.to_owned(),
                false => steps.join("; "),
            },
        ];
        table.row(None, cells.map(|cell| one_line(&cell)));
    }
    (!table.rows.is_empty()).then_some(table)
}

fn method(history: &History) -> Vec<String> {
    vec![
        format!(
            "Results of one setting on one machine are a series. Each has one point: the logarithms of the percentiles \
             of its valid rounds together, in units of their own noise. A place is a change point if the energy \
             distance of the results before and after it is larger than in all but {} of random orders of the same \
             results, the best place taken anew in each (E-divisive, multivariate), if that holds between the \
             neighbouring points and without what lone results add to it, and if a percentile moved by {} or more \
             (Hodges and Lehmann's shift, with the interval of 95 % that the rank-sum test has).",
            quantity::share(history.level),
            quantity::share(history.min_change)
        ),
        "The cause is what the records say changed at that place: fields of the environment, the code's revision or \
         image; or the host, if `null`, the floor or a Linux target in the same results moved alike. The newest results \
         alone are no change point, only possible. Counted figures need two results and no statistics."
            .to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_in_the_directory_of_results_and_not_in_a_result() {
        let base = tempfile::tempdir().unwrap();
        let result = base.path().join("2026-11-27T174000Z");
        std::fs::create_dir(&result).unwrap();
        std::fs::write(result.join(RESULT), "{}").unwrap();
        for directory in [base.path(), &result] {
            assert_eq!(default_path(directory), base.path().join(NAME));
        }
    }
}
