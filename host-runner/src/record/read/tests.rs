//! Results that are written and read back, damaged or not.

use std::fs;

use proptest::prelude::*;
use serde_json::Value;

use super::super::fixtures;
use super::log::decode;
use super::*;
use crate::load::Mode;
use crate::record::MergedRuns;

/// A directory with one run's results.
fn results() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    let record = fixtures::record(fixtures::closed_run());
    let json = record.to_json().unwrap();
    fs::write(place.path().join(RESULT), json).unwrap();
    let recorder = fixtures::recorder(Mode::Closed);
    let log = fixtures::log(Mode::Closed, &recorder);
    fs::write(place.path().join("hermit-unix-closed.hlog"), log).unwrap();
    place
}

/// Returns what reading says after `from` in the record has become `to`.
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
fn results_are_read_back_as_written() {
    let place = results();
    let source = read(place.path()).unwrap();
    let written = fs::read_to_string(place.path().join(RESULT)).unwrap();
    assert_eq!(source.record.to_json().unwrap(), written);
    let recorder = fixtures::recorder(Mode::Closed);
    let histogram = recorder.latency.histogram().clone();
    assert_eq!(source.distributions[0].histogram, histogram);
    let tagged = &source.distributions[0].tagged;
    let tags: Vec<Tag> = tagged.keys().copied().collect();
    assert_eq!(tags, [Tag::Service, Tag::Path]);
    assert_eq!(
        tagged[&Tag::Service].histogram(),
        recorder.service.histogram()
    );
    assert_eq!(tagged[&Tag::Path].histogram(), recorder.path.histogram());
    let intervals = &source.distributions[0].intervals;
    assert_eq!(intervals.len(), 2);
    assert_eq!((intervals[1].start_s, intervals[1].length_s), (1.0, 1.0));
    let counts = intervals.iter().map(|interval| interval.percentiles_ns[0]);
    assert!(counts.eq([Some(24_991), None]), "{intervals:?}");
}

/// A record that version 0.1.0 wrote at revision 5414f18, of an open loop against `null`.
const EARLIER: &str = include_str!("earlier_result.json");

/// Returns the paths of what `earlier` has and `now` has not, or has otherwise.
fn lost(path: &str, earlier: &Value, now: &Value) -> Vec<String> {
    match (earlier, now) {
        (Value::Object(earlier), Value::Object(now)) => {
            let fields = earlier.iter().flat_map(|(name, value)| {
                let now = now.get(name).unwrap_or(&Value::Null);
                lost(&format!("{path}.{name}"), value, now)
            });
            fields.collect()
        }
        (Value::Array(earlier), Value::Array(now)) if earlier.len() == now.len() => {
            let items = earlier.iter().zip(now).enumerate();
            items
                .flat_map(|(index, (earlier, now))| lost(&format!("{path}[{index}]"), earlier, now))
                .collect()
        }
        _ if earlier == now => Vec::new(),
        _ => vec![format!("{path}: {earlier} became {now}")],
    }
}

#[test]
fn an_earlier_record_loses_nothing_by_being_read() {
    let record = parse(EARLIER.as_bytes(), Path::new("x")).unwrap();
    let earlier: Value = serde_json::from_str(EARLIER).unwrap();
    let now: Value = serde_json::from_str(&record.to_json().unwrap()).unwrap();
    assert_eq!(lost("", &earlier, &now), Vec::<String>::new());
    // The comparison sees a value that is gone or another.
    let mut other = now.clone();
    other["runs"][0]["noise"]["was_quiet"] = Value::Null;
    other["runs"][0]["latency_ns"]["p75"] = 1.into();
    assert_eq!(lost("", &earlier, &other).len(), 2);
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
fn missing_and_damaged_files_are_named() {
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
        (r#""started_at": "2027"#, r#""started_at": "in 2027"#),
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
    let empty = fixtures::record(fixtures::closed_run());
    let empty = super::Record {
        runs: Vec::new(),
        ..empty
    };
    let error = parse(empty.to_json().unwrap().as_bytes(), Path::new("x")).unwrap_err();
    assert!(
        error.to_string().contains("holds no measurement"),
        "{error}"
    );
}

#[test]
fn figures_alone_can_be_judged_and_are_no_measurement() {
    let counted = super::Record {
        runs: Vec::new(),
        figures: [("instructions".to_owned(), 24.0)].into(),
        ..fixtures::record(fixtures::closed_run())
    };
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join(RESULT), counted.to_json().unwrap()).unwrap();
    let source = read_measured_or_counted(place.path()).unwrap();
    assert_eq!(source.record.figures["instructions"], 24.0);
    let errors = [
        read(place.path()).map(drop),
        read_record(place.path()).map(drop),
    ];
    for error in errors {
        assert!(matches!(error, Err(ReadError::Empty { .. })), "{error:?}");
    }
}

/// Returns the error of reading a record beside a log whose text is changed.
fn after_log(change: impl Fn(&str) -> String) -> String {
    let place = results();
    let path = place.path().join("hermit-unix-closed.hlog");
    let text = fs::read_to_string(&path).unwrap();
    let changed = change(&text);
    assert_ne!(text, changed);
    fs::write(&path, changed).unwrap();
    match read(place.path()) {
        Ok(_) => "fine".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn tagged_histograms_are_optional_and_must_match_the_record() {
    let without = |text: &str| {
        let lines = text.lines().filter(|line| !line.starts_with("Tag="));
        lines.map(|line| format!("{line}\n")).collect::<String>()
    };
    assert_eq!(after_log(without), "fine", "as older versions wrote");
    let other = |text: &str| text.replace("Tag=service", "Tag=colour");
    assert_eq!(after_log(other), "fine", "as later versions may write");
    let twice = |text: &str| text.replace("Tag=service", "Tag=path");
    let said = after_log(twice);
    assert!(
        said.contains("with tag path: it has 1996 samples, the record 998"),
        "{said}"
    );
    let open = |text: &str| text.replace("Tag=service", "Tag=lateness");
    let said = after_log(open);
    assert!(
        said.contains("with tag lateness: the record has none"),
        "{said}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_damaged_log_is_an_error_or_another_log_but_no_panic(
        at in 0.0..1.0f64, byte: u8, cut in prop::option::of(0.0..1.0f64),
    ) {
        let recorder = fixtures::recorder(Mode::Closed);
        let mut log = fixtures::log(Mode::Closed, &recorder);
        let len = log.len() as f64;
        log[(at * len) as usize] = byte;
        if let Some(cut) = cut {
            log.truncate((cut * len) as usize);
        }
        if let Ok(distribution) = decode(&log, 2.0, &[]) {
            prop_assert!(distribution.intervals.len() <= 3);
        }
    }
}

/// A directory with the results of a comparison: two valid rounds and one that is not.
fn compared() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    let round = |number| Run {
        round: Some(number),
        attempt: Some(1),
        ..fixtures::closed_run()
    };
    let mut runs = vec![round(1), round(2), round(3)];
    runs[1].valid = false;
    let recorder = fixtures::recorder(Mode::Closed);
    for run in &runs {
        let log = fixtures::log(Mode::Closed, &recorder);
        fs::write(place.path().join(run.file_stem() + ".hlog"), log).unwrap();
    }
    let mut latency = recorder.latency.clone();
    latency.add_all(&recorder.latency);
    let merged = MergedRuns {
        target: "hermit".to_owned(),
        responder: None,
        link: "unix".to_owned(),
        mode: Some("closed".into()),
        payload_bytes: Some(64),
        timeout_ns: Some(1_000_000_000),
        rounds_wanted: 3,
        rounds: vec![1, 3],
        sent: 2000,
        received: 1996,
        lost: 4,
        latency_ns: (&latency).into(),
        ..MergedRuns::default()
    };
    let merged = MergedRuns {
        service_ns: Some({
            let mut service = recorder.service.clone();
            service.add_all(&recorder.service);
            (&service).into()
        }),
        ..merged
    };
    let record = super::Record {
        runs,
        merged: vec![merged],
        ..fixtures::record(fixtures::closed_run())
    };
    fs::write(place.path().join(RESULT), record.to_json().unwrap()).unwrap();
    place
}

#[test]
fn a_merged_target_is_the_sum_of_its_valid_runs() {
    let place = compared();
    let source = read(place.path()).unwrap();
    let [merged_histogram] = source.merged_histograms.as_slice() else {
        panic!("{:?}", source.merged_histograms);
    };
    assert_eq!(merged_histogram.runs, [0, 2]);
    let recorder = fixtures::recorder(Mode::Closed);
    let mut twice = recorder.latency.histogram();
    twice.add(recorder.latency.histogram()).unwrap();
    assert_eq!(merged_histogram.histogram, twice);
    assert_eq!(merged_histogram.histogram.len(), 2000);
}

#[test]
fn a_merged_target_that_is_something_else_is_refused() {
    let path = |place: &tempfile::TempDir| place.path().join(RESULT);
    let text = fs::read_to_string(path(&compared())).unwrap();
    let result: serde_json::Value = serde_json::from_str(&text).unwrap();
    type Change = fn(&mut serde_json::Value);
    let changes: [(&str, Change); 7] = [
        (
            "with tag service: it has 1996 samples, the record 1995",
            |record| {
                record["merged"][0]["service_ns"]["count"] = 1995.into();
            },
        ),
        ("it has 2000 samples, the record 1999", |record| {
            record["merged"][0]["latency_ns"]["count"] = 1999.into();
        }),
        ("its largest latency is", |record| {
            record["merged"][0]["latency_ns"]["max"] = 5.into();
        }),
        ("2000 requests were sent, the record has 1", |record| {
            record["merged"][0]["sent"] = 1.into();
        }),
        ("4 were lost, the record has 0", |record| {
            record["merged"][0]["lost"] = 0.into();
        }),
        ("the rounds are others", |record| {
            record["merged"][0]["rounds"] = serde_json::json!([1, 2]);
        }),
        // A run that is called valid afterwards was not merged.
        ("3000 requests were sent, the record has 2000", |record| {
            record["runs"][1]["valid"] = true.into();
        }),
    ];
    for (complaint, change) in changes {
        let place = compared();
        let mut changed = result.clone();
        change(&mut changed);
        fs::write(path(&place), changed.to_string()).unwrap();
        let error = read(place.path()).unwrap_err();
        assert!(
            matches!(error, ReadError::Contradiction { .. }),
            "{error:?}"
        );
        let said = error.to_string();
        assert!(said.contains(complaint), "{complaint}: {said}");
        assert!(said.contains("hermit on unix"), "{said}");
    }
}

#[test]
fn the_drain_at_the_end_is_no_interval_of_its_own() {
    let recorder = fixtures::recorder(Mode::Closed);
    let log = fixtures::log(Mode::Closed, &recorder);
    let decoded = |elapsed_s| decode(&log, elapsed_s, &[]).unwrap();
    assert_eq!(decoded(1.2).intervals.len(), 2);
    let short = decoded(1.05);
    let [only] = short.intervals.as_slice() else {
        panic!("{:?}", short.intervals);
    };
    assert_eq!((only.start_s, only.length_s), (0.0, 1.05));
    // A whole second was written of each; the run was over in the middle of the last.
    assert_eq!(decoded(1.2).intervals[1].length_s, 1.2 - 1.0);
    // The losses of the second interval are in it.
    assert_eq!(only.max_ns, Some(short.histogram.max()));
    assert_eq!(short.histogram, decoded(1.2).histogram);
}
