//! The tables of a document. Cells are text already, the same in every form of it.

use serde::Serialize;

use super::entry::{Entry, mode};
use super::format::{count, micros, plain};
use crate::report::{BeforeAfter, Comparison, Source};
use crate::stats::Summary;
use crate::stats::summary::PERCENTILES;

/// What stands where there is nothing to tell.
const NONE: &str = "–";

/// A table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Table {
    /// What it holds.
    pub title: String,
    /// The names of its columns, that of the rows' names first.
    pub head: Vec<String>,
    /// Its rows.
    pub rows: Vec<Row>,
}

/// A row.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Which measurement it is of, by its number, if it is of one.
    pub entry: Option<usize>,
    /// Its cells, its name first.
    pub cells: Vec<String>,
}

impl Table {
    fn new(title: &str, head: &[&str]) -> Self {
        Self {
            title: title.to_owned(),
            head: head.iter().map(|&name| name.to_owned()).collect(),
            rows: Vec::new(),
        }
    }

    fn row(&mut self, entry: Option<usize>, cells: impl IntoIterator<Item = String>) {
        let cells = cells.into_iter().collect();
        self.rows.push(Row { entry, cells });
    }
}

/// A value in microseconds; from `censored_from_ns` on it is a lower bound.
fn value(ns: Option<u64>, censored_from_ns: Option<u64>) -> String {
    match ns {
        None => "n/a".to_owned(),
        Some(ns) if censored_from_ns.is_some_and(|from| ns >= from) => {
            format!("≥ {}", micros(ns as f64))
        }
        Some(ns) => micros(ns as f64),
    }
}

fn percentiles(summary: &Summary, censored_from_ns: Option<u64>) -> Vec<String> {
    let cell = |(percentile, ns): (&crate::stats::summary::Percentile, Option<u64>)| match ns {
        None => format!("n/a (needs {})", count(percentile.samples_needed())),
        ns => value(ns, censored_from_ns),
    };
    let cells = PERCENTILES.iter().zip(summary.percentiles()).map(cell);
    cells.collect()
}

/// Latency: measurements by percentile.
#[must_use]
pub fn latency(entries: &[Entry<'_>]) -> Table {
    let names = PERCENTILES.map(|percentile| percentile.name);
    let mut head = vec!["latency, µs", "min"];
    head.extend(names);
    head.extend(["max", "samples", "valid"]);
    let mut table = Table::new("Latency by percentile", &head);
    for (index, entry) in entries.iter().enumerate() {
        let summary = &entry.run.latency_ns;
        let censored = entry.censored_from_ns();
        let valid = if entry.run.valid { "yes" } else { "NO" };
        let cells = [entry.label.clone(), value(summary.min, censored)]
            .into_iter()
            .chain(percentiles(summary, censored))
            .chain([
                value(summary.max, censored),
                count(summary.count),
                valid.to_owned(),
            ]);
        table.row(Some(index), cells);
    }
    table
}

/// Where the time goes: the guest's share, the way, what an open loop adds.
#[must_use]
pub fn parts(entries: &[Entry<'_>]) -> Table {
    let names = PERCENTILES.map(|percentile| percentile.name);
    let mut head = vec!["µs", "part", "min"];
    head.extend(names);
    head.extend(["max", "samples"]);
    let mut table = Table::new("Where the time goes", &head);
    for (index, entry) in entries.iter().enumerate() {
        let run = entry.run;
        let parts = [
            ("service", Some(&run.service_ns)),
            ("path", Some(&run.path_ns)),
            ("uncorrected", run.uncorrected_latency_ns.as_ref()),
            ("lateness", run.send_lateness_ns.as_ref()),
        ];
        for (name, summary) in parts {
            let Some(summary) = summary.filter(|summary| summary.count > 0) else {
                continue;
            };
            let censored = entry.censored_from_ns().filter(|_| name == "uncorrected");
            let cells = [
                entry.label.clone(),
                name.to_owned(),
                value(summary.min, censored),
            ];
            let cells = cells
                .into_iter()
                .chain(percentiles(summary, censored))
                .chain([value(summary.max, censored), count(summary.count)]);
            table.row(Some(index), cells);
        }
    }
    table
}

/// What came of the requests.
#[must_use]
pub fn requests(entries: &[Entry<'_>]) -> Table {
    let mut table = Table::new(
        "What came of the requests",
        &[
            "",
            "mode",
            "payload, bytes",
            "sent",
            "received",
            "lost",
            "late",
            "duplicated",
            "reordered",
            "corrupted",
            "per second",
            "warm-up",
        ],
    );
    for (index, entry) in entries.iter().enumerate() {
        let run = entry.run;
        let rate = run
            .achieved_rate
            .map_or_else(|| NONE.to_owned(), |rate| format!("{rate:.0}"));
        let counts = [
            run.payload_bytes as u64,
            run.sent,
            run.received,
            run.lost,
            run.late,
            run.duplicated,
            run.reordered,
            run.corrupted,
        ];
        let cells = [entry.label.clone(), mode(run)]
            .into_iter()
            .chain(counts.map(count))
            .chain([rate, count(run.warmup_discarded)]);
        table.row(Some(index), cells);
    }
    table
}

/// What the figures stand on, and the median in units of it.
#[must_use]
pub fn floors(entries: &[Entry<'_>]) -> Table {
    let mut table = Table::new(
        "What the figures stand on",
        &[
            "",
            "core-to-core round trip, ns: before",
            "after",
            "p50 in it",
            "a thread in the guest's place, ns: before",
            "after",
            "p50 in it",
            "a spinning thread lost",
            "its longest gap, µs",
            "lost during the run",
            "longest gap, µs",
            "lost after it",
            "longest gap, µs",
            "put off the CPU",
            "steal",
        ],
    );
    for (index, entry) in entries.iter().enumerate() {
        let run = entry.run;
        let noise = &run.noise;
        let none = || NONE.to_owned();
        let percent = |share: f64| format!("{:.2} %", share * 100.0);
        let floor = |floor: Option<BeforeAfter>| {
            let end = |ns: Option<f64>| ns.map_or_else(none, |ns| format!("{ns:.0}"));
            let in_it = floor.and_then(|floor| {
                let floor_ns = floor.mean().filter(|&ns| ns > 0.0)?;
                Some(format!(
                    "{} ×",
                    plain(run.latency_ns.p50? as f64 / floor_ns)
                ))
            });
            [
                floor.map_or_else(none, |floor| end(floor.before)),
                floor.map_or_else(none, |floor| end(floor.after)),
                in_it.unwrap_or_else(none),
            ]
        };
        let cells = [entry.label.clone()]
            .into_iter()
            .chain(floor(run.core_round_trip_ns))
            .chain(floor(run.reflector_round_trip_ns))
            .chain([
                percent(noise.floor_share),
                micros(noise.floor_max_gap_ns as f64),
                noise.beside.map_or_else(none, |it| percent(it.share)),
                noise
                    .beside
                    .map_or_else(none, |it| micros(it.max_gap_ns as f64)),
                noise.after.map_or_else(none, |it| percent(it.share)),
                noise
                    .after
                    .map_or_else(none, |it| micros(it.max_gap_ns as f64)),
                noise.involuntary_switches.map_or_else(none, count),
                noise.steal_share.map_or_else(none, percent),
            ]);
        table.row(Some(index), cells);
    }
    table
}

/// Which figures hold on any machine, and which do not.
#[must_use]
pub fn holds(entries: &[Entry<'_>]) -> Table {
    let mut table = Table::new(
        "What holds elsewhere",
        &[
            "",
            "doorbells per echo",
            "interrupts per echo",
            "image, bytes",
            "start to ready, ms",
            "of it in the guest, ms",
            "latency and rates",
        ],
    );
    for (index, entry) in entries.iter().enumerate() {
        let run = entry.run;
        let none = || NONE.to_owned();
        // The signals count the warm-up too.
        let echoes = run.sent.saturating_add(run.warmup_discarded);
        let per_echo = |signals: Option<u64>| {
            let signals = signals.filter(|_| echoes > 0);
            signals.map_or_else(none, |signals| {
                format!("{:.4}", signals as f64 / echoes as f64)
            })
        };
        let ms = |ms: Option<f64>| ms.map_or_else(none, |ms| format!("{ms:.1}"));
        let image = entry.environment.image.as_ref().map(|image| image.bytes);
        let hold = match run.accel.as_deref() {
            Some("tcg") => "under this emulator on this host only",
            _ => "on this host only",
        };
        let cells = [
            entry.label.clone(),
            per_echo(run.signals.map(|signals| signals.doorbells)),
            per_echo(run.signals.map(|signals| signals.interrupts)),
            image.map_or_else(none, count),
            ms(run.boot_ms),
            ms(run.guest_boot_ms),
            hold.to_owned(),
        ];
        table.row(Some(index), cells);
    }
    table
}

/// Differences with their confidence intervals and verdicts; `None` if nothing was compared.
#[must_use]
pub fn comparisons(sources: &[Source]) -> Option<Table> {
    let mut table = Table::new(
        "Differences",
        &[
            "",
            "against",
            "percentile",
            "µs",
            "against, µs",
            "95 % interval of the difference, µs",
            "verdict",
        ],
    );
    for comparison in sources.iter().flat_map(|source| &source.report.comparisons) {
        table.row(None, comparison_cells(comparison));
    }
    (!table.rows.is_empty()).then_some(table)
}

fn comparison_cells(comparison: &Comparison) -> [String; 7] {
    let ns = |ns: u64| micros(ns as f64);
    let interval = comparison.low_ns.zip(comparison.high_ns).map_or_else(
        || "n/a".to_owned(),
        |(low, high)| format!("{} to {}", micros(low as f64), micros(high as f64)),
    );
    [
        format!("{} on {}", comparison.target, comparison.link),
        comparison.baseline.clone(),
        comparison.percentile.to_string(),
        ns(comparison.target_ns),
        ns(comparison.baseline_ns),
        interval,
        comparison.verdict.clone(),
    ]
}

/// What the hosts were found to spoil.
#[must_use]
pub fn doctor(source: &Source) -> Option<Table> {
    let mut table = Table::new(
        "What may spoil a measurement",
        &["", "verdict", "found", "to do"],
    );
    for finding in &source.report.environment.doctor {
        table.row(
            None,
            [
                finding.name.clone(),
                finding.verdict.name().to_owned(),
                finding.fact.clone(),
                finding.advice.clone().unwrap_or_default(),
            ],
        );
    }
    (!table.rows.is_empty()).then_some(table)
}

/// What it was measured on.
#[must_use]
pub fn environment(source: &Source) -> Table {
    let environment = &source.report.environment;
    let image = environment.image.as_ref();
    let image = image.map(|image| {
        let bytes = count(image.bytes);
        format!(
            "{}, {bytes} bytes, SHA-256 {}",
            image.path.display(),
            image.sha256
        )
    });
    let run = source.report.runs.first();
    let steal = environment
        .steal_share
        .map(|share| format!("{:.2} % of the CPU time meanwhile", share * 100.0));
    let facts = [
        ("measured at", Some(environment.started_at.to_string())),
        ("processor", environment.cpu_model.clone()),
        (
            "CPUs to use",
            environment.cores.map(|cores| cores.to_string()),
        ),
        ("kernel", Some(environment.kernel.clone())),
        ("governor", environment.governor.clone()),
        ("steal", steal),
        ("QEMU", environment.qemu_version.clone()),
        ("accelerator", environment.accel.clone()),
        ("why that", environment.accel_reason.clone()),
        ("placement", run.and_then(|run| run.placement.clone())),
        ("image", image),
        ("fathom", Some(environment.fathom_version.clone())),
        ("revision", environment.git_revision.clone()),
        ("results", Some(source.directory.display().to_string())),
    ];
    let mut table = Table::new("Environment", &["", "found"]);
    for (name, fact) in facts {
        let fact = fact.unwrap_or_else(|| "not known".to_owned());
        table.row(None, [name.to_owned(), fact]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::super::{entry::entries, made_up};
    use super::*;

    fn line(table: &Table, row: usize) -> String {
        table.rows[row].cells.join("|")
    }

    #[test]
    fn latency_says_what_it_does_not_know() {
        let sources = [made_up::closed()];
        let table = latency(&entries(&sources));
        assert_eq!(
            table.head.join("|"),
            "latency, µs|min|p50|p90|p99|p99.9|p99.99|max|samples|valid"
        );
        assert_eq!(
            line(&table, 0),
            "hermit, unix|20.00|24.99|28.99|29.90|n/a (needs 10,000)|n/a (needs 100,000)|\
             ≥ 1000000.00|1,000|yes"
        );
    }

    #[test]
    fn every_table_has_as_many_cells_as_columns() {
        let mut source = made_up::open(1000.0);
        source.report.comparisons.push(Comparison {
            target: "hermit".to_owned(),
            baseline: "linux-guest:busy".to_owned(),
            link: "unix".to_owned(),
            percentile: "p99".into(),
            rounds: 5,
            target_ns: 72_000,
            baseline_ns: 116_000,
            difference_ns: -44_000,
            low_ns: Some(-48_000),
            high_ns: Some(-41_000),
            verdict: "lower by 41–48 us at p99".to_owned(),
        });
        let sources = [made_up::closed(), source];
        let entries = entries(&sources);
        let tables = [
            latency(&entries),
            parts(&entries),
            requests(&entries),
            floors(&entries),
            holds(&entries),
            environment(&sources[0]),
            doctor(&sources[0]).unwrap(),
            comparisons(&sources).unwrap(),
        ];
        for table in &tables {
            for row in &table.rows {
                assert_eq!(row.cells.len(), table.head.len(), "{table:?}");
            }
        }
        assert_eq!(
            tables[1].rows.len(),
            2 + 4,
            "an open loop has two parts more"
        );
        assert_eq!(
            line(&tables[7], 0),
            "hermit on unix|linux-guest:busy|p99|72.00|116.00|-48.00 to -41.00|\
             lower by 41–48 us at p99"
        );
        assert!(super::comparisons(&sources[..1]).is_none());
    }

    #[test]
    fn the_median_is_told_in_round_trips_of_a_cache_line() {
        let sources = [made_up::closed()];
        let table = floors(&entries(&sources));
        let expected =
            "hermit, unix|120|140|192 ×|–|–|–|0.12 %|34.20|1.00 %|81.50|0.20 %|12.30|231|0.00 %";
        assert_eq!(line(&table, 0), expected);
    }

    #[test]
    fn signals_are_per_echo_with_the_warm_up() {
        let mut source = made_up::closed();
        source.report.runs[0].signals = Some(crate::link::Signals {
            doorbells: 750,
            interrupts: 0,
        });
        let sources = [source];
        let table = holds(&entries(&sources));
        assert_eq!(
            line(&table, 0),
            "hermit, unix|0.5000|0.0000|256,000|143.2|98.2|under this emulator on this host only"
        );
    }
}
