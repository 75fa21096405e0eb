use std::time::SystemTime;

use proptest::prelude::*;

use super::super::{hlog, sample};
use super::log::decode;
use super::*;
use crate::load::Mode;

/// A directory with one run's results.
fn results() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    let report = sample::report(sample::closed_run());
    let json = report.to_json().unwrap();
    fs::write(place.path().join(RESULT), json).unwrap();
    let recorder = sample::recorder(Mode::Closed);
    let log = hlog::render(&recorder.intervals, SystemTime::UNIX_EPOCH).unwrap();
    fs::write(place.path().join("hermit-unix-closed.hlog"), log).unwrap();
    place
}

/// What reading says after `from` in the record has become `to`.
fn after(from: &str, to: &str) -> String {
    let place = results();
    let path = place.path().join(RESULT);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{from}");
    fs::write(&path, text.replacen(from, to, 1)).unwrap();
    match read(place.path()) {
        Ok(_) => "fine".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn what_was_written_is_read_back() {
    let place = results();
    let source = read(place.path()).unwrap();
    let written = fs::read_to_string(place.path().join(RESULT)).unwrap();
    assert_eq!(source.report.to_json().unwrap(), written);
    let recorder = sample::recorder(Mode::Closed);
    let histogram = recorder.latency.histogram().clone();
    assert_eq!(source.distributions[0].histogram, histogram);
    let intervals = &source.distributions[0].intervals;
    assert_eq!(intervals.len(), 2);
    assert_eq!((intervals[1].start_s, intervals[1].length_s), (1.0, 1.0));
    let counts = intervals.iter().map(|interval| interval.percentiles_ns[0]);
    assert!(counts.eq([Some(24_991), None]), "{intervals:?}");
}

#[test]
fn fields_that_are_not_known_are_left_alone() {
    let more = r#""runs": ["#;
    assert_eq!(
        after(more, &format!(r#""future": {{"a": [1]}}, {more}"#)),
        "fine"
    );
    assert_eq!(
        after(r#""target":"#, r#""colour": "blue", "target":"#),
        "fine"
    );
}

#[test]
fn what_is_missing_or_damaged_is_named() {
    let schema = after("fathom/1", "fathom/9");
    assert!(schema.contains("schema `fathom/9`"), "{schema}");
    let count = after(r#""count": 1000"#, r#""count": 999"#);
    assert!(
        count.contains("it has 1000 samples, the record 999"),
        "{count}"
    );
    let max = after(r#""max": 1000000000"#, r#""max": 5"#);
    assert!(max.contains("largest latency"), "{max}");
    let damaged = "is damaged, or no result";
    for (from, to) in [
        ("{", "["),
        ("}", ""),
        (r#""schema""#, r#""scheme""#),
        (r#""sent": 1000"#, r#""sent": -1"#),
        (r#""sent": 1000"#, r#""sent": "many""#),
        (r#""mode": "closed""#, r#""mode": null"#),
        (r#""started_at": ""#, r#""started_at": "yesterday "#),
    ] {
        let said = after(from, to);
        assert!(said.contains(damaged), "{from} -> {to}: {said}");
    }
    let name = after(r#""target": "hermit""#, r#""target": "../hermit""#);
    assert!(name.contains("can't be the name of a file"), "{name}");
    let other = after(r#""target": "hermit""#, r#""target": "linux""#);
    assert!(other.contains("linux-unix-closed.hlog"), "{other}");

    let place = tempfile::tempdir().unwrap();
    let error = read(place.path()).unwrap_err().to_string();
    assert!(error.contains("result.json; name a directory"), "{error}");
}

#[test]
fn a_record_without_runs_is_none() {
    let empty = sample::report(sample::closed_run());
    let empty = super::Report {
        runs: Vec::new(),
        ..empty
    };
    let error = parse(&empty.to_json().unwrap(), Path::new("x")).unwrap_err();
    assert!(
        error.to_string().contains("holds no measurement"),
        "{error}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_damaged_log_is_an_error_or_another_log_but_no_panic(
        at in 0.0..1.0f64, byte: u8, cut in prop::option::of(0.0..1.0f64),
    ) {
        let recorder = sample::recorder(Mode::Closed);
        let mut log = hlog::render(&recorder.intervals, SystemTime::UNIX_EPOCH).unwrap();
        let len = log.len() as f64;
        log[(at * len) as usize] = byte;
        if let Some(cut) = cut {
            log.truncate((cut * len) as usize);
        }
        if let Ok(distribution) = decode(&log) {
            prop_assert!(distribution.intervals.len() <= 3);
        }
    }
}
