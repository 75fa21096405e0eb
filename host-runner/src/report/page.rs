//! All that is on the page, in order: comparisons first, other measurements after them, and last how
//! and on what all of it was measured.
//!
//! - [`front`]: the first screen, and the first chart as a file;
//! - [`objectives_view`]: objectives, before all else;
//! - [`comparison_view`]: outcomes of a comparison, before any single run;
//! - [`entry`]: other measurements, each with a name that tells it from the others;
//! - [`plots`], [`tables`]: what is shown of both; [`charts`]: plots at every size, with legends;
//! - [`method`]: how it was measured, in words.

use minijinja::Value;
use serde::Serialize;

use self::charts::{Chart, sample};
use self::comparison_view::comparison_views;
use self::comparison_view::section::View;
use self::entry::{Entry, entries};
use self::front::{Beginning, Front};
use self::objectives_view::{ObjectivesView, objectives_views};
use self::tables::fault_table::injected_faults;
use self::tables::loss_table::losses;
use self::tables::node_table::nodes;
use self::tables::{Table, cpu_activity, host_facts, runs};
use crate::judge::fingerprints::MachineDifferences;
use crate::quantity;
use crate::record::Run;
use crate::record::origin;
use crate::record::read::Source;
use crate::report::chart::draw::Standalone;
use crate::report::chart::palette;
use crate::report::escape;
use crate::report::marked;
use crate::report::steps;
use crate::stats::percentile_rule::PERCENTILES;

pub mod charts;
pub mod comparison_view;
pub mod entry;
pub mod front;
pub mod method;
pub mod objectives_view;
pub mod plots;
pub mod tables;

/// Everything that the templates show.
#[derive(Debug, Serialize)]
pub struct Page {
    title: String,
    /// Objectives that the results were held against.
    objectives: Vec<ObjectivesView>,
    /// The first screen, if one thing has the page for itself.
    front: Option<Front>,
    palette: Palette,
    /// Places where the replies were made, and the links.
    origins: Vec<String>,
    measured_at: String,
    is_emulated: bool,
    /// In what the machines differ that it was measured on.
    machines: Option<String>,
    comparisons: Vec<View>,
    measurements: Option<Measurements>,
    method: Vec<String>,
    sources: Vec<SourceView>,
}

/// The colours of the page.
#[derive(Debug, Serialize)]
struct Palette {
    light: String,
    dark: String,
}

/// Measurements that are no part of a comparison.
#[derive(Debug, Serialize)]
struct Measurements {
    entries: Vec<EntryView>,
    /// Reasons why some are not valid: like reasons once, each with the measurements that it applies to.
    invalid: Vec<Invalid>,
    /// Number of those.
    invalid_count: usize,
    /// The steps of a sweep.
    steps: Option<Table>,
    latency: Table,
    /// The worst stalls, and when the maximum was.
    stalls: Option<Table>,
    /// Activity of the host meanwhile.
    activity: Option<Table>,
    charts: Vec<Chart>,
    details: Vec<Table>,
    holds: Table,
}

/// Measurements that are not valid for one reason.
#[derive(Debug, Serialize)]
struct Invalid {
    /// Names of the measurements; empty if there is only one.
    labels: String,
    reasons: String,
}

/// A measurement, in short.
#[derive(Debug, Serialize)]
struct EntryView {
    label: String,
    sample: Value,
    is_partial: bool,
    figures: Vec<(&'static str, String)>,
}

/// Source of some of the measurements.
#[derive(Debug, Serialize)]
struct SourceView {
    directory: String,
    command: String,
    environment: Table,
    doctor: Option<Table>,
}

/// Returns the page of `sources`, and its first chart as a file of its own.
#[must_use]
pub fn page(sources: &[Source]) -> (Page, Option<Standalone>) {
    let comparison_views = comparison_views(sources);
    let entries = entries(sources);
    let Beginning { title, front, file } = front::beginning(&comparison_views, &entries, sources);
    let times = sources
        .iter()
        .map(|source| source.record.environment.started_at);
    let time = times.min();
    let time = time.map(|at| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string());
    let runs = sources.iter().flat_map(|source| &source.record.runs);
    let is_alone = sources.len() == 1;
    let views = comparison_views.iter().enumerate();
    let is_under_faults = runs.clone().any(|run| run.fault.is_some());
    let page = Page {
        title: match is_under_faults {
            true => format!("Under injected faults: {title}"),
            false => title,
        },
        objectives: objectives_views(sources),
        origins: origin::lines(runs.clone()),
        front,
        palette: Palette {
            light: palette::properties(&palette::LIGHT),
            dark: palette::properties(&palette::DARK),
        },
        measured_at: time.unwrap_or_default(),
        is_emulated: runs.clone().any(method::is_emulated),
        machines: MachineDifferences::of(sources).map(|difference| difference.to_string()),
        comparisons: views
            .map(|(index, comparison_view)| View::new(comparison_view, index, is_alone))
            .collect(),
        measurements: (!entries.is_empty()).then(|| measurements(&entries)),
        method: method::paragraphs(sources),
        sources: sources.iter().map(source_view).collect(),
    };
    (page, file)
}

fn measurements(entries: &[Entry<'_>]) -> Measurements {
    Measurements {
        entries: entries.iter().map(entry_view).collect(),
        invalid: invalid(entries),
        invalid_count: entries.iter().filter(|entry| !entry.run.valid).count(),
        steps: entry::is_sweep(entries).then(|| runs::steps(entries)),
        latency: runs::latency(entries),
        stalls: runs::stalls(entries),
        activity: cpu_activity::activity(entries),
        charts: charts::of_measurements(entries),
        details: tables::that_tell([
            nodes(entries),
            runs::floors(entries),
            runs::noise(entries),
            runs::parts(entries),
            runs::requests(entries),
            losses(entries),
            injected_faults(entries),
        ]),
        holds: runs::holds(entries),
    }
}

/// Returns the reasons why `entries` are not valid, and what to do.
fn invalid(entries: &[Entry<'_>]) -> Vec<Invalid> {
    let labelled: Vec<(&str, &Run)> = (entries
        .iter()
        .map(|entry| (entry.label.as_str(), entry.run)))
    .collect();
    let groups = steps::reasons(&labelled);
    let remedies = steps::remedies(&labelled);
    let count = groups.len();
    let line = |(index, (reason, of)): (usize, (String, Vec<&str>))| {
        let labels = match (entries.len(), of.len()) {
            (1, _) => String::new(),
            (_, 1) => of[0].to_owned(),
            (all, some) => format!("{some} of {all} ({})", of.join(", ")),
        };
        // What to do stands once, with the last of them.
        let last = if index + 1 == count {
            &remedies[..]
        } else {
            &[]
        };
        let reasons = std::iter::once(&reason).chain(last);
        let reasons: Vec<&str> = reasons.map(String::as_str).collect();
        Invalid {
            labels,
            reasons: reasons.join("; "),
        }
    };
    groups.into_iter().enumerate().map(line).collect()
}

fn entry_view(entry: &Entry<'_>) -> EntryView {
    let run = entry.run;
    let percentile = |index: usize| {
        let column = (&PERCENTILES[index]).into();
        let value = marked::percentile(run, &column).map(|marked| marked.text());
        let value = value.filter(|value| !value.starts_with("n/a"));
        (
            PERCENTILES[index].name,
            value.unwrap_or_else(|| "n/a".to_owned()),
        )
    };
    let mut figures: Vec<(&'static str, String)> = [0, 2, 3].map(percentile).into();
    let max = marked::max(run).map_or_else(|| "n/a".to_owned(), |marked| marked.text());
    let valid_to = match (&run.valid_to, run.valid) {
        (_, false) => "no".to_owned(),
        (Some(percentile), true) => format!("to {percentile}"),
        (None, true) => "yes".to_owned(),
    };
    figures.extend([
        ("max", max),
        ("samples", quantity::count(run.latency_ns.count)),
        (
            "measured for",
            quantity::time(run.measured().as_nanos() as f64),
        ),
        ("load", entry::mode(run)),
        ("lost", quantity::count(run.lost)),
        ("valid", valid_to),
    ]);
    EntryView {
        label: entry.label.clone(),
        sample: sample(entry.style),
        is_partial: run.partial,
        figures,
    }
}

fn source_view(source: &Source) -> SourceView {
    SourceView {
        directory: source.directory.display().to_string(),
        command: escape::command(&source.record.environment.command_line),
        environment: host_facts::environment(source),
        doctor: host_facts::doctor(source),
    }
}
