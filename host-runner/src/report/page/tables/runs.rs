//! Results of each measurement.

use crate::host::gaps::GapSummary;
use crate::quantity::{bytes, count, per_echo, rate, ratio, share, time};
use crate::record::BeforeAfter;
use crate::report::marked;
use crate::report::page::entry::{Entry, mode};
use crate::report::page::tables::{NONE, Table, percentiles, value};
use crate::report::steps::{self, StepState};
use crate::stats::percentile_rule::PERCENTILES;
use crate::stats::summary::{PercentileColumn, percentile_columns};

/// Most stalls of a measurement that are shown.
const MOST_STALLS: usize = 10;

/// The percentiles that any of the measurements has.
fn columns(entries: &[Entry<'_>]) -> Vec<PercentileColumn> {
    percentile_columns(
        &PERCENTILES,
        entries.iter().map(|entry| &entry.run.latency_ns),
    )
}

/// Latency: measurements by percentile.
#[must_use]
pub fn latency(entries: &[Entry<'_>]) -> Table {
    let columns = columns(entries);
    let mut head = vec!["latency", "min"];
    head.extend(columns.iter().map(|column| column.name.as_str()));
    head.extend(["max", "samples", "valid"]);
    let mut table = Table::new("Latency by percentile", &head);
    for (index, entry) in entries.iter().enumerate() {
        let run = entry.run;
        let summary = &run.latency_ns;
        let censored = entry.censored_from_ns();
        let valid = match (run.valid, &run.valid_to) {
            (false, _) => "NO".to_owned(),
            (true, Some(percentile)) => format!("to {percentile}"),
            (true, None) => "yes".to_owned(),
        };
        let percentiles = columns.iter().map(|column| {
            marked::percentile(run, column).map_or_else(|| NONE.to_owned(), |marked| marked.text())
        });
        let cells = [entry.label.clone(), value(summary.min, censored)]
            .into_iter()
            .chain(percentiles)
            .chain([value(summary.max, censored), count(summary.count), valid]);
        table.row(Some(index), cells);
    }
    table
}

/// Returns the table of the steps of a sweep: what was offered, sent and answered, and each one's state.
#[must_use]
pub fn steps(entries: &[Entry<'_>]) -> Table {
    let head = [
        "load", "offered", "sent", "answered", "p50", "p99", "p99.9", "max", "lost", "state",
    ];
    let mut table = Table::new("Steps", &head);
    let shown = [PERCENTILES[0], PERCENTILES[2], PERCENTILES[3]];
    for (index, entry) in entries.iter().enumerate() {
        let run = entry.run;
        let Some(percent) = run.sweep_percent else {
            continue;
        };
        let per_second = |known: Option<f64>| {
            known.map_or_else(|| NONE.to_owned(), |known| format!("{}/s", rate(known)))
        };
        let latency = shown
            .iter()
            .map(|shown| marked::percentile(run, &shown.into()));
        let latency = latency.chain([marked::max(run)]).map(|known| match known {
            Some(known) if !known.value.starts_with("n/a") => known.value,
            _ => NONE.to_owned(),
        });
        let cells = [
            format!("{percent} %"),
            per_second(run.offered_rate),
            per_second(run.achieved_rate),
            per_second(run.answered_rate),
        ];
        let cells = cells.into_iter().chain(latency);
        let state = match steps::attempt(run) {
            Some(attempt) => format!("{}; {attempt}", StepState::of(run)),
            None => StepState::of(run).to_string(),
        };
        table.row(Some(index), cells.chain([count(run.lost), state]));
    }
    table
}

/// Returns the table of the worst stalls and of the maxima; `None` without any.
#[must_use]
pub fn stalls(entries: &[Entry<'_>]) -> Option<Table> {
    let head = [
        "",
        "at",
        "length",
        "requests hit",
        "longest latency",
        "host's gap then",
    ];
    let mut table = Table::new("Stalls", &head);
    let most = if entries.len() > 1 {
        MOST_STALLS / 3
    } else {
        MOST_STALLS
    };
    for (index, entry) in entries.iter().enumerate() {
        for stall in entry.run.stalls.iter().take(most) {
            let cells = [
                entry.label.clone(),
                time(stall.at_ns as f64),
                time(stall.length_ns as f64),
                count(stall.requests),
                value(Some(stall.max_ns), entry.censored_from_ns()),
                match stall.host_gap_ns {
                    None => "unobserved".to_owned(),
                    Some(0) => "none".to_owned(),
                    Some(ns) => time(ns as f64),
                },
            ];
            table.row(Some(index), cells);
        }
    }
    (!table.rows.is_empty()).then_some(table)
}

/// Returns the latency by component: the guest's share, the way, what an open loop adds.
#[must_use]
pub fn parts(entries: &[Entry<'_>]) -> Table {
    let columns = columns(entries);
    let mut head = vec!["", "part", "min"];
    head.extend(columns.iter().map(|column| column.name.as_str()));
    head.extend(["max", "samples"]);
    let mut table = Table::new("Latency by component", &head);
    for (index, entry) in entries.iter().enumerate() {
        let run = entry.run;
        let parts = [
            ("service", run.service_ns.as_ref()),
            ("path", run.path_ns.as_ref()),
            ("from send", run.round_trip_ns.as_ref()),
            ("waiting client", run.uncorrected_latency_ns.as_ref()),
            ("lateness", run.send_lateness_ns.as_ref()),
        ];
        for (name, summary) in parts {
            let Some(summary) = summary.filter(|summary| summary.count > 0) else {
                continue;
            };
            let censored = entry
                .censored_from_ns()
                .filter(|_| matches!(name, "waiting client" | "from send"));
            let cells = [
                entry.label.clone(),
                name.to_owned(),
                value(summary.min, censored),
            ];
            let cells = cells
                .into_iter()
                .chain(percentiles(&columns, summary, censored))
                .chain([value(summary.max, censored), count(summary.count)]);
            table.row(Some(index), cells);
        }
    }
    table
}

/// Returns the table of what became of the requests.
#[must_use]
pub fn requests(entries: &[Entry<'_>]) -> Table {
    // A name that is the mode already says it.
    let has_mode = entries.iter().any(|entry| entry.label != mode(entry.run));
    let mut head = vec![""];
    head.extend(has_mode.then_some("mode"));
    head.extend([
        "payload, bytes",
        "sent",
        "not sent",
        "received",
        "lost",
        "late",
        "duplicated",
        "reordered",
        "corrupted",
        "per second",
        "warm-up",
    ]);
    let mut table = Table::new("Request accounting", &head);
    for (index, entry) in entries.iter().enumerate() {
        let run = entry.run;
        let rate = run.achieved_rate.map_or_else(|| NONE.to_owned(), rate);
        let counts = [
            run.payload_bytes as u64,
            run.sent,
            run.send_errors.values().sum(),
            run.received,
            run.lost,
            run.late,
            run.duplicated,
            run.reordered,
            run.corrupted,
        ];
        let cells = std::iter::once(entry.label.clone())
            .chain(has_mode.then(|| mode(run)))
            .chain(counts.map(count))
            .chain([rate, count(run.warmup_discarded)]);
        table.row(Some(index), cells);
    }
    table
}

/// Returns the table of the round trips that the latencies rest on, and of the median in units of them.
#[must_use]
pub fn floors(entries: &[Entry<'_>]) -> Table {
    let mut table = Table::new(
        "Measurement floors",
        &[
            "",
            "core-to-core round trip before",
            "core-to-core round trip after",
            "p50 in these round trips",
            "thread in the guest's place before",
            "thread in the guest's place after",
            "p50 in its round trips",
        ],
    );
    for (index, entry) in entries.iter().enumerate() {
        let run = entry.run;
        let none = || NONE.to_owned();
        let floor = |floor: Option<BeforeAfter>| {
            let end = |ns: Option<f64>| ns.map_or_else(none, time);
            let p50 = floor.and_then(|floor| floor.in_units(run.latency_ns.p50));
            let p50 = p50.map(|times| format!("{} ×", ratio(times)));
            [
                floor.map_or_else(none, |floor| end(floor.before)),
                floor.map_or_else(none, |floor| end(floor.after)),
                p50.unwrap_or_else(none),
            ]
        };
        let cells = [entry.label.clone()]
            .into_iter()
            .chain(floor(run.core_round_trip_ns))
            .chain(floor(run.reflector_round_trip_ns));
        table.row(Some(index), cells);
    }
    table
}

/// Returns the table of the time that the host took from spinning threads and from the measuring thread.
#[must_use]
pub fn noise(entries: &[Entry<'_>]) -> Table {
    let mut table = Table::new(
        "Host noise",
        &[
            "",
            "lost before the run",
            "longest gap before",
            "lost during the run",
            "longest gap during",
            "lost after the run",
            "longest gap after",
            "put off the CPU",
            "steal",
        ],
    );
    // A sum has none of its own.
    let measured = entries.iter().enumerate();
    for (index, entry) in measured.filter(|(_, entry)| entry.run.nodes.is_empty()) {
        let noise = &entry.run.noise;
        let none = || NONE.to_owned();
        let lost = |lost: Option<GapSummary>| match lost {
            Some(lost) => [share(lost.share), time(lost.max_gap_ns as f64)],
            None => [none(), none()],
        };
        let before = [
            share(noise.floor_share),
            time(noise.floor_max_gap_ns as f64),
        ];
        let cells = [entry.label.clone()]
            .into_iter()
            .chain(before)
            .chain(lost(noise.beside))
            .chain(lost(noise.after))
            .chain([
                noise.involuntary_switches.map_or_else(none, count),
                noise.steal_share.map_or_else(none, share),
            ]);
        table.row(Some(index), cells);
    }
    table
}

/// Returns the figures that hold on any machine, and those that do not.
#[must_use]
pub fn holds(entries: &[Entry<'_>]) -> Table {
    let mut table = Table::new(
        "Figures that hold on other machines",
        &[
            "",
            "doorbells per echo",
            "interrupts per echo",
            "image",
            "start to ready",
            "of it in the guest",
            "latency and rates",
        ],
    );
    for (index, entry) in entries.iter().enumerate() {
        let run = entry.run;
        let none = || NONE.to_owned();
        // The signals count the warm-up too.
        let echoes = run.sent.saturating_add(run.warmup_discarded);
        let each = |signals: Option<u64>| {
            let signals = signals.filter(|_| echoes > 0);
            signals.map_or_else(none, |signals| per_echo(signals as f64 / echoes as f64))
        };
        let ms = |ms: Option<f64>| ms.map_or_else(none, |ms| time(ms * 1e6));
        let hold = match run.accel.as_deref() {
            Some("tcg") => "under this emulator on this host only",
            _ => "on this host only",
        };
        let cells = [
            entry.label.clone(),
            each(run.signals.map(|signals| signals.doorbells)),
            each(run.signals.map(|signals| signals.interrupts)),
            entry.image_bytes().map_or_else(none, bytes),
            ms(run.boot_ms),
            ms(run.guest_boot_ms),
            hold.to_owned(),
        ];
        table.row(Some(index), cells);
    }
    table
}
