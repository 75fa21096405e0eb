//! Histories of nightly results: causes, counted figures, newest results, and what can't be told.

use super::outcome::Outcome;
use super::result_fixtures::{
    NEW, OLD, add_null, dated, night, quick, set_floor, set_new_code, start,
};
use super::result_reader::read;
use super::*;
use crate::record::Record;
use crate::record::fixtures;
use crate::stats::change_points::newest::fewest_results;

/// Nights of a history, and the first that is another.
const NIGHTS: usize = 24;
const CHANGED: usize = 14;

fn history(records: &[Record]) -> History {
    History::of(dated(records), Vec::new(), &quick())
}

/// Returns a history in which latencies rise by 8 %, and `change` happens to the records from there on.
fn risen(change: impl Fn(&mut Record)) -> History {
    let record = |number: usize| {
        let is_new = number >= CHANGED;
        let mut record = night(number, if is_new { 1.08 } else { 1.0 });
        if is_new {
            change(&mut record);
        }
        record
    };
    history(&(0..NIGHTS).map(record).collect::<Vec<_>>())
}

fn only_change(history: &History) -> &Change {
    let [series] = &history.series[..] else {
        panic!("{:?}", history.series);
    };
    let [change] = &series.changes[..] else {
        panic!("{:?}", series.changes);
    };
    change
}

#[test]
fn a_change_at_new_code_is_the_codes_and_a_regression() {
    let history = risen(set_new_code);
    let change = only_change(&history);
    assert_eq!(change.index, CHANGED);
    assert_eq!(change.started_at, start(CHANGED));
    assert_eq!(change.cause.kind, CauseKind::Code);
    assert_eq!(change.cause.words(), format!("code: {OLD} -> {NEW}"));
    assert_eq!(change.moved.len(), 4);
    for moved in &change.moved {
        assert_eq!(moved.direction, 1, "{moved:?}");
        assert!((moved.ratio.unwrap() - 1.08).abs() < 0.01, "{moved:?}");
    }
    let Outcome::Regression(lines) = history.outcome(None) else {
        panic!("{history:?}");
    };
    let [line] = &lines[..] else {
        panic!("{lines:?}");
    };
    assert!(line.starts_with("hermit on unix, closed loop"), "{line}");
    assert!(line.contains("p50 +8.") && line.ends_with(NEW), "{line}");
    assert_eq!(
        history.outcome(Some(start(CHANGED + 1))),
        Outcome::NoRegression
    );
    assert!(matches!(
        history.outcome(Some(start(CHANGED))),
        Outcome::Regression(_)
    ));
}

#[test]
fn a_change_at_another_kernel_is_the_environments() {
    let set_kernel = |record: &mut Record| record.environment.kernel = "Linux 9.9".to_owned();
    let history = risen(set_kernel);
    let cause = &only_change(&history).cause;
    assert_eq!(cause.kind, CauseKind::Environment);
    let words = cause.words();
    assert!(
        words.starts_with("environment: kernel ") && words.ends_with(" -> Linux 9.9"),
        "{words}"
    );
    assert_eq!(history.outcome(None), Outcome::NoRegression);
    // Both may have done it.
    let both = risen(|record| {
        set_kernel(record);
        set_new_code(record);
    });
    assert_eq!(only_change(&both).cause.kind, CauseKind::CodeOrEnvironment);
    assert!(matches!(both.outcome(None), Outcome::Regression(_)));
}

#[test]
fn a_change_without_anything_recorded_is_unknown_and_counts() {
    let history = risen(|_| {});
    assert_eq!(only_change(&history).cause.kind, CauseKind::Unknown);
    assert!(matches!(history.outcome(None), Outcome::Regression(_)));
}

#[test]
fn a_change_that_a_reference_makes_too_is_the_hosts() {
    let with_floor = |risen: f64| {
        let record = |number: usize| {
            let is_new = number >= CHANGED;
            let mut record = night(number, if is_new { 1.08 } else { 1.0 });
            let noise = (number % 5) as f64;
            set_floor(
                &mut record,
                if is_new { 120.0 * risen } else { 120.0 } + noise,
            );
            if is_new {
                set_new_code(&mut record);
            }
            record
        };
        history(&(0..NIGHTS).map(record).collect::<Vec<_>>())
    };
    let moved = with_floor(1.2);
    let cause = &only_change(&moved).cause;
    assert_eq!(cause.kind, CauseKind::Host);
    assert!(
        cause
            .words()
            .starts_with("host: the floor (one cache line) moved alike (+")
    );
    assert_eq!(moved.outcome(None), Outcome::NoRegression);
    assert_eq!(only_change(&with_floor(1.0)).cause.kind, CauseKind::Code);

    // `null` says more than the floor.
    let with_null = |risen: f64| {
        let record = |number: usize| {
            let is_new = number >= CHANGED;
            let mut record = night(number, if is_new { 1.08 } else { 1.0 });
            add_null(&mut record, if is_new { risen } else { 1.0 });
            set_floor(&mut record, if is_new { 150.0 } else { 120.0 });
            record
        };
        history(&(0..NIGHTS).map(record).collect::<Vec<_>>())
    };
    let kind = |history: &History| {
        let hermit = history
            .series
            .iter()
            .find(|series| series.target == "hermit");
        hermit.unwrap().changes[0].cause.kind
    };
    assert_eq!(kind(&with_null(1.0)), CauseKind::Unknown);
    let moved = with_null(1.3);
    assert_eq!(kind(&moved), CauseKind::Host);
    assert_eq!(moved.series.len(), 2);
    // `null` by itself has no target.
    let null = moved.series.iter().find(|series| series.target == "null");
    assert_eq!(null.unwrap().changes[0].cause.kind, CauseKind::Host);
    assert_eq!(moved.outcome(None), Outcome::NoRegression);
}

#[test]
fn a_regression_stands_until_code_mends_it() {
    let of = |last: f64, change: fn(&mut Record)| {
        let record = |number: usize| {
            let level = match number {
                0..12 => 1.0,
                12..24 => 1.08,
                _ => last,
            };
            let mut record = night(number, level);
            if number >= 12 {
                set_new_code(&mut record);
            }
            if number >= 24 {
                change(&mut record);
            }
            record
        };
        history(&(0..36).map(record).collect::<Vec<_>>())
    };
    let set_kernel = |record: &mut Record| record.environment.kernel = "Linux 9.9".to_owned();
    let slower_host = of(1.2, set_kernel);
    assert_eq!(slower_host.series[0].changes.len(), 2);
    let Outcome::Regression(lines) = slower_host.outcome(None) else {
        panic!("{slower_host:?}");
    };
    assert!(lines[0].contains("code: "), "{lines:?}");
    let mended = of(1.0, |record| {
        record.environment.git_revision = Some("mended".to_owned());
    });
    assert_eq!(mended.series[0].changes.len(), 2);
    assert_eq!(mended.outcome(None), Outcome::NoRegression);
}

#[test]
fn the_newest_results_alone_are_possible() {
    let record = |number: usize| night(number, if number >= NIGHTS - 2 { 1.2 } else { 1.0 });
    let history = history(&(0..NIGHTS).map(record).collect::<Vec<_>>());
    let series = &history.series[0];
    assert!(series.changes.is_empty());
    let possible = series.possible.as_ref().unwrap();
    assert_eq!((possible.results, possible.more), (2, 1));
    assert!(possible.moved.iter().all(|moved| moved.direction == 1));
    assert_eq!(history.outcome(None), Outcome::NoRegression);
}

#[test]
fn the_same_code_has_no_history() {
    let records: Vec<Record> = (0..NIGHTS).map(|number| night(number, 1.0)).collect();
    let history = history(&records);
    assert!(history.series[0].changes.is_empty() && history.series[0].possible.is_none());
    assert_eq!(history.outcome(None), Outcome::NoRegression);
    assert!(history.series[0].noise.iter().all(|noise| *noise < 0.02));
}

#[test]
fn requests_that_are_lost_from_some_result_on_are_a_change() {
    let history = risen(|record| {
        let run = &mut record.runs[0];
        run.latency_ns.p99_9 = Some(1_000_000_000);
        run.censored_from_ns = Some(1_000_000_000);
    });
    let moved = only_change(&history).moved[3];
    assert_eq!(
        (moved.percentile, moved.ratio, moved.direction),
        ("p99.9", None, 1)
    );
    assert_eq!(moved.words(), "now among lost requests");
}

#[test]
fn settings_and_machines_are_series_of_their_own() {
    let records: Vec<Record> = (0..6)
        .map(|number| {
            let mut record = night(number, 1.0);
            match number % 3 {
                0 => {}
                1 => record.runs[0].payload_bytes = 1000,
                _ => record.environment.machine = Some("another".to_owned()),
            }
            record
        })
        .collect();
    let history = history(&records);
    assert_eq!(history.series.len(), 3);
    let names: std::collections::BTreeSet<&str> = history
        .series
        .iter()
        .map(|series| series.name.as_str())
        .collect();
    assert_eq!(names.len(), 3, "{names:?}");
    assert!(
        history
            .series
            .iter()
            .all(|series| series.results.len() == 2)
    );
    let needed = fewest_results(&quick()) - 2;
    let mut series = history.series.iter();
    assert!(series.all(|series| series.needs_more == needed));
    assert_eq!(history.hosts.len(), 2);
    let Outcome::Undecided(lines) = history.outcome(None) else {
        panic!("{history:?}");
    };
    assert!(lines[0].contains("too few"), "{lines:?}");
}

#[test]
fn measurements_that_are_not_valid_are_no_evidence() {
    let mut records: Vec<Record> = (0..NIGHTS).map(|number| night(number, 1.0)).collect();
    for record in &mut records[NIGHTS - 2..] {
        record.runs[0].valid = false;
        record.runs[0].latency_ns.p50 = Some(1);
    }
    let history = history(&records);
    let series = &history.series[0];
    assert_eq!((series.results.len(), series.invalid), (NIGHTS - 2, 2));
    assert_eq!(series.newest_invalid, 2);
    let Outcome::Undecided(lines) = history.outcome(None) else {
        panic!("{history:?}");
    };
    assert!(
        lines[0].ends_with("the newest 2 results are not valid"),
        "{lines:?}"
    );
}

#[test]
fn counted_figures_have_steps_over_all_machines_and_small_ones_add_up() {
    let counts = [495.0, 495.3, 498.5, 501.5, 501.4];
    let records: Vec<Record> = counts
        .iter()
        .enumerate()
        .map(|(number, count)| {
            let mut record = night(number, 1.0);
            record.environment.machine = Some(number.to_string());
            let mut cost = fixtures::hermit_cost();
            cost.instructions_per_echo = Some(*count);
            record.why = vec![cost];
            if number >= 3 {
                set_new_code(&mut record);
            }
            record
        })
        .collect();
    let history = history(&records);
    let instructions = history
        .exact
        .iter()
        .find(|exact| exact.figure == "instructions_per_echo")
        .unwrap();
    let [step] = &instructions.steps[..] else {
        panic!("{instructions:?}");
    };
    assert_eq!((step.index, step.from, step.to), (3, 495.0, 501.5));
    assert_eq!(
        instructions.words().unwrap(),
        format!("hermit: instructions per echo 495 -> 501.5 (+1.3 %); {OLD} -> {NEW}")
    );
    assert!(
        history
            .exact
            .iter()
            .all(|exact| exact.figure == "instructions_per_echo" || exact.steps.is_empty())
    );
    let Outcome::Regression(lines) = history.outcome(None) else {
        panic!("{history:?}");
    };
    assert_eq!(lines.len(), 1);
}

#[test]
fn a_restless_machine_is_named() {
    let mut records: Vec<Record> = (0..12).map(|number| night(number, 1.0)).collect();
    assert!(!history(&records).hosts[0].is_restless);
    for (number, record) in records.iter_mut().enumerate() {
        set_floor(record, if number % 2 == 0 { 120.0 } else { 300.0 });
    }
    let restless = history(&records);
    assert!(restless.hosts[0].is_restless);
    assert!(restless.hosts[0].references[0].noise > 0.5, "{restless:?}");
}

#[test]
fn results_are_read_once_and_damaged_ones_are_named() {
    let base = tempfile::tempdir().unwrap();
    for number in 0..3 {
        let directory = base.path().join(number.to_string());
        std::fs::create_dir(&directory).unwrap();
        let text = match number {
            2 => "{\"schema\":\"fathom/1\"".to_owned(),
            _ => night(number, 1.0).to_json().unwrap(),
        };
        std::fs::write(directory.join("result.json"), text).unwrap();
    }
    let (results, unread) = read(&[base.path(), &base.path().join("1")]).unwrap();
    assert_eq!(results.len(), 2);
    assert_eq!(results[1].started_at, start(1));
    assert!(unread[0].reason.contains("damaged"), "{unread:?}");
    assert!(read(&[base.path().join("2")]).is_err());
    assert!(read(&[base.path().join("none")]).is_err());
}
