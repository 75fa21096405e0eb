//! Results of a nightly measurement that nobody made.

use jiff::{SignedDuration, Timestamp};

use super::{DatedResult, settings};
use crate::random::SplitMix64;
use crate::record::fixtures;
use crate::record::{BeforeAfter, Record, Run};
use crate::stats::Summary;
use crate::stats::change_points::Settings;

/// Start of the first result.
const FIRST: Timestamp = Timestamp::constant(1_800_000_000, 0);

/// Revisions before and after a change.
pub const OLD: &str = "8269e39aa0c1";
pub const NEW: &str = "bf2fc61d0e55";

/// Returns settings with fewer random orders than usual.
pub fn quick() -> Settings {
    Settings {
        permutations: 399,
        ..settings(0.02)
    }
}

/// Returns the start of the result of night `night`.
pub fn start(night: usize) -> Timestamp {
    FIRST + SignedDuration::from_hours(24 * night as i64)
}

/// Returns the record of a night: a run of the unikernel whose latencies are `level` times the usual, within 1 %.
pub fn night(night: usize, level: f64) -> Record {
    let mut random = SplitMix64(night as u64 + 1);
    let mut ns = |usual: f64| {
        let noise = 1.0 + 0.01 * (random.fraction() + random.fraction() - 1.0);
        Some((usual * level * noise) as u64)
    };
    let mut run = fixtures::closed_run();
    run.latency_ns = Summary {
        count: 1_000_000,
        p50: ns(17_000.0),
        p90: ns(21_000.0),
        p99: ns(30_000.0),
        p99_9: ns(45_000.0),
        ..Summary::default()
    };
    run.censored_from_ns = None;
    let mut record = fixtures::record(run);
    record.environment.started_at = start(night);
    record.environment.machine = Some("00ff00ff00ff00ff".to_owned());
    record.environment.git_revision = Some(OLD.to_owned());
    record
}

/// Adds to `record` a run of `null`, at `level` times its usual latency.
pub fn add_null(record: &mut Record, level: f64) {
    let mut run: Run = record.runs[0].clone();
    run.target = "null".to_owned();
    run.latency_ns.p50 =
        Some((9_000.0 * level) as u64 + record.runs[0].latency_ns.p50.unwrap() % 50);
    run.latency_ns.p90 = run.latency_ns.p50.map(|ns| ns + 2000);
    run.latency_ns.p99 = run.latency_ns.p50.map(|ns| ns + 9000);
    run.latency_ns.p99_9 = run.latency_ns.p50.map(|ns| ns + 19_000);
    record.runs.push(run);
}

/// Gives the runs of `record` a floor.
pub fn set_floor(record: &mut Record, ns: f64) {
    for run in &mut record.runs {
        run.core_round_trip_ns = Some(BeforeAfter {
            before: Some(ns),
            after: Some(ns + 1.0),
        });
    }
}

/// Lets the code of `record` be the new one.
pub fn set_new_code(record: &mut Record) {
    record.environment.git_revision = Some(NEW.to_owned());
    let image = record.environment.image.as_mut().unwrap();
    image.sha256 = "11ee".to_owned();
}

/// Returns what history takes of `records`, in directories `results/0` and so on.
pub fn dated(records: &[Record]) -> Vec<DatedResult> {
    let numbered = records.iter().enumerate();
    numbered
        .map(|(number, record)| DatedResult::of(format!("results/{number}").as_ref(), record))
        .collect()
}
