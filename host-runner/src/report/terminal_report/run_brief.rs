//! A measurement in eight lines: what it is of, the latency, what became of the requests, and how far to
//! trust it.

use std::fmt::{self, Write as _};
use std::time::Duration;

use super::common_lines;
use crate::load::Protocol;
use crate::quantity::{self, time};
use crate::record::Run;
use crate::report::{accounting, marked, node_spread, stalls};
use crate::stats::percentile_rule::{PERCENTILES, Percentile};
use crate::stats::summary::percentile_columns;

/// The percentiles that are shown beside those that were asked for.
const LATENCIES: [Percentile; 4] = [
    PERCENTILES[0],
    PERCENTILES[1],
    PERCENTILES[2],
    PERCENTILES[3],
];

/// Writes the lines of `run`.
pub(super) fn write(run: &Run, text: &mut String) -> fmt::Result {
    writeln!(text, "{}", heading(run, &load(run), Some(run.measured())))?;
    latency(run, text)?;
    if let Some(nodes) = node_spread::sentence(run) {
        writeln!(text, "nodes      {nodes}")?;
    }
    common_lines::one_way(run, text)?;
    writeln!(text, "requests   {}", accounting::sentence(run))?;
    for (direction, faults) in accounting::faults(run).into_iter().flatten() {
        writeln!(text, "{direction:<11}{faults}")?;
    }
    if let Some(floor) = floor(run) {
        writeln!(text, "floor      {floor}")?;
    }
    if let Some(max) = stalls::maximum(run) {
        writeln!(text, "max        {max}")?;
    }
    common_lines::trust(run, text)
}

/// Writes what the steps of a sweep are shares of.
pub(super) fn write_pipeline(run: &Run, text: &mut String) -> fmt::Result {
    let rate = run
        .achieved_rate
        .map_or_else(|| "n/a".to_owned(), quantity::rate);
    let depth = run.depth.unwrap_or(1);
    writeln!(text, "{}", heading(run, "sweep", None))?;
    writeln!(text, "pipeline   {rate} echoes/s with {depth} in flight")
}

/// Returns the load of `run`, as `open loop at 1,000 requests/s`.
fn load(run: &Run) -> String {
    match (run.depth, run.offered_rate) {
        (Some(depth), _) => format!("pipeline of {depth}"),
        (None, Some(rate)) => {
            format!(
                "{} loop at {} requests/s",
                run.mode,
                quantity::in_full(rate)
            )
        }
        (None, None) => format!("{} loop", run.mode),
    }
}

/// Returns with which load it was measured and for how long: what and over what stands before it.
fn heading(run: &Run, load: &str, length: Option<Duration>) -> String {
    let mut parts = vec![load.to_owned(), format!("{} bytes", run.payload_bytes)];
    parts.extend(length.map(|length| time(length.as_nanos() as f64)));
    if run.flows > 1 {
        parts.push(format!("{} flows", run.flows));
    }
    if run.protocol != Protocol::Fathom.name() {
        parts.push(format!("protocol {}", run.protocol));
    }
    parts.extend(run.accel.as_deref().map(|accel| match accel {
        "tcg" => "emulated (TCG)".to_owned(),
        accel => accel.to_uppercase(),
    }));
    let end = if run.partial {
        "; broken off before the end"
    } else {
        ""
    };
    parts.join(", ") + end
}

fn latency(run: &Run, text: &mut String) -> fmt::Result {
    let mut names = String::new();
    let mut values = String::new();
    let columns = percentile_columns(&LATENCIES, [&run.latency_ns]);
    let percentiles = columns.into_iter().map(|column| {
        let value = marked::percentile(run, &column).map(|marked| marked.text());
        (column.name, value)
    });
    let max = (
        "max".to_owned(),
        marked::max(run).map(|marked| marked.text()),
    );
    for (name, value) in percentiles.chain([max]) {
        let value = value.unwrap_or_else(|| "n/a".to_owned());
        let width = value.chars().count().max(name.chars().count()) + 2;
        write!(names, "{name:>width$}")?;
        write!(values, "{value:>width$}")?;
    }
    writeln!(text, "           {names}")?;
    writeln!(text, "latency    {values}")
}

/// Returns the time that a thread in the guest's place takes, and the time that the guest adds to that.
fn floor(run: &Run) -> Option<String> {
    let floor_ns = run.reflector_round_trip_ns?.mean()?;
    let mut text = format!("a thread in the guest's place takes {}", time(floor_ns));
    if let Some(p50_ns) = run.latency_ns.p50
        && p50_ns as f64 > floor_ns
    {
        let added = time(p50_ns as f64 - floor_ns);
        let _ = write!(text, "; the guest adds about {added} at p50");
    }
    Some(text)
}
