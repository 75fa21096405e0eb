//! `fathom report` on results that are missing, damaged or odd, and `fathom doctor`.
#![forbid(unsafe_code)]

use std::fs;
use std::path::Path;

use serde_json::Value;
use tests::fathom::Call;
use tests::turn::{Turn, turn};

/// Results of a short measurement.
fn results(turn: &Turn) -> tests::fathom::Outcome {
    let call = Call::run("--accel tcg --link unix --count 500 --warmup 0s --timeout 20s");
    let outcome = call.finish(turn);
    let _ = outcome.measured();
    outcome
}

fn report(turn: &Turn, directory: &Path) -> tests::fathom::Outcome {
    Call::new("report").with_argument(directory).finish(turn)
}

#[test]
fn the_same_documents_again() {
    let turn = turn();
    let measured = results(&turn);
    let directory = measured.file("out");
    for name in ["report.html", "report.md"] {
        let written = fs::read_to_string(directory.join(name)).unwrap();
        fs::remove_file(directory.join(name)).unwrap();
        let outcome = report(&turn, &directory);
        assert_eq!(outcome.code, Some(0), "{outcome:#?}");
        assert!(outcome.stdout.contains(name), "{outcome:#?}");
        let again = fs::read_to_string(directory.join(name)).unwrap();
        // The directory is called otherwise on the way, and nothing else.
        let shown = directory.display().to_string();
        assert_eq!(again.replace(&shown, "out"), written.replace(&shown, "out"));
    }
}

#[test]
fn results_that_do_not_fit_are_refused_and_named() {
    let turn = turn();
    let measured = results(&turn);
    let directory = measured.file("out");
    let path = directory.join("result.json");
    let text = fs::read_to_string(&path).unwrap();
    let refused = |changed: &str, what: &[&str]| {
        fs::write(&path, changed).unwrap();
        report(&turn, &directory).expect_failure(1, what);
    };
    refused(
        &text.replace("fathom/1", "fathom/2"),
        &["result.json", "schema `fathom/2`"],
    );
    refused(&text[..text.len() / 2], &["result.json", "damaged"]);
    refused("{}", &["result.json", "missing field `schema`"]);
    refused("[1, 2", &["result.json", "damaged"]);
    let mut result: Value = serde_json::from_str(&text).unwrap();
    result["runs"][0]["latency_ns"]["count"] = 499.into();
    refused(
        &result.to_string(),
        &["hermit-unix-closed.hlog", "500 samples, the record 499"],
    );
    fs::write(&path, &text).unwrap();

    let log = directory.join("hermit-unix-closed.hlog");
    let lines = fs::read_to_string(&log).unwrap();
    fs::write(&log, lines.replace("HISTF", "XXXXX")).unwrap();
    report(&turn, &directory).expect_failure(1, &["hermit-unix-closed.hlog", "damaged"]);
    fs::remove_file(&log).unwrap();
    report(&turn, &directory).expect_failure(1, &["hermit-unix-closed.hlog", "name a directory"]);
    report(&turn, &directory.join("nowhere")).expect_failure(1, &["nowhere/result.json"]);
    Call::new("report")
        .finish(&turn)
        .expect_failure(2, &["DIR"]);
}

#[test]
fn numbers_at_the_ends_of_their_ranges_are_drawn() {
    let turn = turn();
    let measured = results(&turn);
    let directory = measured.file("out");
    let path = directory.join("result.json");
    let mut result: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let run = &mut result["runs"][0];
    for field in [
        "sent",
        "received",
        "lost",
        "warmup_discarded",
        "elapsed_ns",
        "timeout_ns",
    ] {
        run[field] = u64::MAX.into();
    }
    for percentile in ["p50", "p90", "p99", "p99.9", "p99.99"] {
        run["latency_ns"][percentile] = u64::MAX.into();
    }
    run["offered_rate"] = (-1e300).into();
    run["noise"]["floor_max_gap_ns"] = u64::MAX.into();
    run["core_round_trip_ns"] = serde_json::json!({"before": -1e308, "after": 1e308});
    fs::write(&path, result.to_string()).unwrap();
    let outcome = report(&turn, &directory);
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    let html = fs::read_to_string(directory.join("report.html")).unwrap();
    assert!(
        !html.contains("NaN") && !html.contains("inf "),
        "no place on a chart"
    );
}

#[test]
fn the_doctor_finds_something_of_everything() {
    let turn = turn();
    let outcome = Call::new("doctor --json").finish(&turn);
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    let findings: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let findings = findings.as_array().unwrap();
    for name in [
        "cores",
        "clock source",
        "noise floor",
        "KVM",
        "QEMU",
        "governor",
        "memory lock",
    ] {
        let is_it = |finding: &&Value| finding["name"] == name;
        let finding = findings
            .iter()
            .find(is_it)
            .unwrap_or_else(|| panic!("{name}"));
        let verdict = finding["verdict"].as_str().unwrap();
        assert!(
            ["ok", "warn", "bad", "unknown"].contains(&verdict),
            "{finding}"
        );
        assert!(!finding["fact"].as_str().unwrap().is_empty(), "{finding}");
    }
    let outcome = Call::new("doctor").finish(&turn);
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    assert!(outcome.stdout.contains(" ok, "), "{outcome:#?}");
    let absent = Call::new("doctor").with_qemu("/nowhere/qemu").finish(&turn);
    assert_eq!(absent.code, Some(0), "a finding is no failure");
    assert!(
        absent.stdout.contains("there is no /nowhere/qemu"),
        "{absent:#?}"
    );
}
