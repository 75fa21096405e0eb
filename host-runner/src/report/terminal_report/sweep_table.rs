//! The table of a sweep: how much the service carries, and its latency against the load.

use std::fmt::{self, Write as _};

use crate::quantity::{self, count, exact_time};
use crate::record::{Record, RecordError, Run};
use crate::report::capacity::Capacity;
use crate::report::marked;
use crate::report::renderer::Renderer;
use crate::report::result_set::ResultSet;
use crate::report::steps::{StepState, attempt, reasons, remedies};
use crate::report::terminal_report::columns;
use crate::stats::percentile_rule::{PERCENTILES, Percentile};
use crate::stats::summary::percentile_columns;

/// Name of the file with the table.
pub const NAME: &str = "sweep.txt";

/// The percentiles that a line has beside those that were asked for, and the maximum: the rare ones are
/// where load shows first.
const LATENCIES: [Percentile; 3] = [PERCENTILES[0], PERCENTILES[2], PERCENTILES[3]];

/// Returns the steps among `runs` in their order, each with its share of the pipeline's rate in percent.
fn steps(runs: &[Run]) -> Vec<(u32, &Run)> {
    let steps = runs
        .iter()
        .filter_map(|run| Some((run.sweep_percent?, run)));
    steps.collect()
}

/// Renders the table of a sweep.
#[derive(Debug)]
pub struct SweepTable;

impl Renderer for SweepTable {
    fn render(&self, results: &ResultSet<'_>) -> Result<Option<String>, RecordError> {
        let records = results.records().iter();
        let tables = records.filter_map(|record| render(record));
        let text: String = tables.collect();
        Ok((!text.is_empty()).then_some(text))
    }
}

/// The table of the runs that are steps of a sweep, with a newline at the end; `None` if none is.
#[must_use]
pub fn render(record: &Record) -> Option<String> {
    let steps = steps(&record.runs);
    let (_, first) = steps.first()?;
    let mut text = format!(
        "latency against offered load, open loop, timeout {}\n",
        exact_time(first.timeout_ns as f64)
    );
    // Writing to a string can't fail.
    let _ = write(&steps, &mut text);
    if let Some(top) = top(record) {
        let _ = writeln!(text, "{top}");
    }
    Some(text)
}

/// Returns what the loads are shares of, if the generator's limits are known.
fn top(record: &Record) -> Option<String> {
    let pipeline = record.runs.iter().find(|run| run.depth.is_some());
    let maximum = pipeline.and_then(|run| run.achieved_rate);
    let throughput = record.generator_limit;
    let limit = record.generator_on_time_limit.or(throughput)?;
    let sends = throughput.map(|rate| format!("can send {}/s", quantity::rate(rate)));
    let keeps = record.generator_on_time_limit.map(|rate| {
        let rate = quantity::rate(rate);
        format!("keeps its schedule up to {rate}/s")
    });
    let does: Vec<String> = keeps.into_iter().chain(sends).collect();
    let does = does.join(" and ");
    Some(match maximum {
        Some(maximum) if maximum <= limit => format!(
            "100 %      {}/s, which the pipeline was answered; the generator {does}",
            quantity::rate(maximum)
        ),
        Some(maximum) => format!(
            "100 %      {}/s, for the generator {does}; the pipeline was answered {}/s",
            quantity::rate(limit),
            quantity::rate(maximum)
        ),
        None => format!("generator  {does}"),
    })
}

fn write(steps: &[(u32, &Run)], text: &mut String) -> fmt::Result {
    let columns = percentile_columns(&LATENCIES, steps.iter().map(|(_, run)| &run.latency_ns));
    let mut head = ["load", "offered/s", "sent/s", "answered/s"]
        .map(str::to_owned)
        .to_vec();
    head.extend(columns.iter().map(|column| column.name.clone()));
    head.extend(["max", "lost", "state"].map(str::to_owned));
    let state = head.len() - 1;
    let mut rows = vec![head];
    for (percent, run) in steps {
        let rate = |rate: Option<f64>| rate.map_or_else(none, quantity::rate);
        let mut row = vec![
            format!("{percent} %"),
            rate(run.offered_rate),
            rate(run.achieved_rate),
            rate(run.answered_rate),
        ];
        let percentiles = columns.iter().map(|column| marked::percentile(run, column));
        row.extend(
            percentiles
                .chain([marked::max(run)])
                .map(|cell| match cell {
                    Some(marked) if !marked.value.starts_with("n/a") => marked.value,
                    _ => none(),
                }),
        );
        row.extend([count(run.lost), StepState::of(run).to_string()]);
        rows.push(row);
    }
    text.push_str(&columns::lines(&rows, &[state]));
    let labelled = steps
        .iter()
        .map(|(percent, run)| (format!("{percent} %"), *run));
    let labelled: Vec<(String, &Run)> = labelled.collect();
    let labelled: Vec<(&str, &Run)> = labelled
        .iter()
        .map(|(name, run)| (name.as_str(), *run))
        .collect();
    for (reason, of) in reasons(&labelled) {
        let names = of.join(", ");
        writeln!(
            text,
            "not valid  {} of {} steps ({names}): {reason}",
            of.len(),
            steps.len()
        )?;
    }
    for remedy in remedies(&labelled) {
        writeln!(text, "           {remedy}")?;
    }
    let mut repeated: Vec<(String, Vec<&str>)> = Vec::new();
    for (name, run) in &labelled {
        let Some(attempt) = attempt(run) else {
            continue;
        };
        match repeated.iter_mut().find(|(known, _)| *known == attempt) {
            Some((_, of)) => of.push(name),
            None => repeated.push((attempt, vec![name])),
        }
    }
    for (attempt, of) in repeated {
        writeln!(text, "repeated   {}: {attempt} is kept", of.join(", "))?;
    }
    let runs: Vec<&Run> = steps.iter().map(|(_, run)| *run).collect();
    writeln!(text, "capacity   {}", Capacity::of(&runs))
}

fn none() -> String {
    "n/a".to_owned()
}

#[cfg(test)]
mod tests;
