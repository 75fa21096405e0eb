//! All that is on the page, in order: comparisons first, other measurements after them, and last how
//! and on what all of it was measured.

use minijinja::Value;
use serde::Serialize;

use super::charts::{self, Chart, sample};
use super::comparison::view::View;
use super::comparison::{Contest, contests};
use super::entry::{Entry, entries};
use super::tables::{self, Table, host, runs};
use super::{format, method};
use crate::quantity;
use crate::report::machines::Differences;
use crate::report::read::Source;

/// Everything that the templates show.
#[derive(Debug, Serialize)]
pub struct Page {
    title: String,
    measured_at: String,
    is_emulated: bool,
    /// In what the machines differ that it was measured on.
    machines: Option<String>,
    comparisons: Vec<View>,
    measurements: Option<Measurements>,
    method: Vec<String>,
    sources: Vec<SourceView>,
}

/// Measurements that are no part of a comparison.
#[derive(Debug, Serialize)]
struct Measurements {
    entries: Vec<EntryView>,
    latency: Table,
    charts: Vec<Chart>,
    details: Vec<Table>,
    holds: Table,
}

/// A measurement, in short.
#[derive(Debug, Serialize)]
struct EntryView {
    label: String,
    sample: Value,
    is_valid: bool,
    reasons: String,
    is_partial: bool,
    figures: Vec<(&'static str, String)>,
}

/// Where some of the measurements come from.
#[derive(Debug, Serialize)]
struct SourceView {
    directory: String,
    command: String,
    environment: Table,
    doctor: Option<Table>,
}

/// The page of `sources`.
#[must_use]
pub fn page(sources: &[Source]) -> Page {
    let contests = contests(sources);
    let entries = entries(sources);
    let times = sources
        .iter()
        .map(|source| source.report.environment.started_at);
    let time = times.min();
    let time = time.map(|at| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string());
    let runs = sources.iter().flat_map(|source| &source.report.runs);
    let is_alone = sources.len() == 1;
    let views = contests.iter().enumerate();
    Page {
        title: title(&contests, &entries),
        measured_at: time.unwrap_or_default(),
        is_emulated: runs.clone().any(method::is_emulated),
        machines: Differences::of(sources).map(|it| it.to_string()),
        comparisons: views
            .map(|(index, contest)| View::new(contest, index, is_alone))
            .collect(),
        measurements: (!entries.is_empty()).then(|| measurements(&entries)),
        method: method::paragraphs(sources),
        sources: sources.iter().map(source_view).collect(),
    }
}

fn title(contests: &[Contest<'_>], entries: &[Entry<'_>]) -> String {
    let several = |count: usize, what: &str| match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    };
    let subject = match (contests, entries) {
        ([only], []) => compared(only),
        ([], [only]) => only.label.clone(),
        ([], entries) => several(entries.len(), "measurement"),
        (contests, []) => several(contests.len(), "comparison"),
        (contests, entries) => format!(
            "{} and {}",
            several(contests.len(), "comparison"),
            several(entries.len(), "measurement")
        ),
    };
    format!("Round-trip latency: {subject}")
}

/// Who was compared with whom.
fn compared(contest: &Contest<'_>) -> String {
    let mut labels: Vec<&str> = Vec::new();
    for target in contest.links.iter().flat_map(|link| &link.targets) {
        if !labels.contains(&target.label.as_str()) {
            labels.push(&target.label);
        }
    }
    let first = contest.source.report.comparisons.first();
    let first = first.map(|it| it.target.as_str());
    let first = first
        .or_else(|| labels.first().copied())
        .unwrap_or_default();
    let others: Vec<&str> = labels.into_iter().filter(|label| *label != first).collect();
    match others.as_slice() {
        [] => format!("{first} compared"),
        [one] => format!("{first} and {one} compared"),
        several => format!("{first} and {} others compared", several.len()),
    }
}

fn measurements(entries: &[Entry<'_>]) -> Measurements {
    Measurements {
        entries: entries.iter().map(entry_view).collect(),
        latency: runs::latency(entries),
        charts: charts::of_measurements(entries),
        details: tables::that_tell([
            runs::floors(entries),
            runs::noise(entries),
            runs::parts(entries),
            runs::requests(entries),
        ]),
        holds: runs::holds(entries),
    }
}

fn entry_view(entry: &Entry<'_>) -> EntryView {
    let latency = &entry.run.latency_ns;
    let figures = [
        ("p50", latency.p50),
        ("p99", latency.p99),
        ("p99.9", latency.p99_9),
        ("max", latency.max),
    ];
    let figure = |ns: u64| {
        let is_bound = entry.censored_from_ns().is_some_and(|from| ns >= from);
        quantity::at_least(ns as f64, is_bound)
    };
    let figures = figures.map(|(name, ns)| (name, ns.map_or_else(|| "n/a".to_owned(), figure)));
    EntryView {
        label: entry.label.clone(),
        sample: sample(entry.style),
        is_valid: entry.run.valid,
        reasons: [&entry.run.invalid_because[..], &entry.run.remedies()[..]]
            .concat()
            .join("; "),
        is_partial: entry.run.partial,
        figures: figures.into(),
    }
}

fn source_view(source: &Source) -> SourceView {
    SourceView {
        directory: source.directory.display().to_string(),
        command: format::command(&source.report.environment.command_line),
        environment: host::environment(source),
        doctor: host::doctor(source),
    }
}
