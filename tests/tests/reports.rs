//! `fathom report` on results that are missing, damaged or odd, and `fathom doctor`.
#![forbid(unsafe_code)]

use std::fs;
use std::path::Path;

use serde_json::Value;
use tests::fathom::Call;
use tests::qemu_lock::{QemuLock, lock_qemu};

/// Results of a short measurement.
fn results(lock: &QemuLock) -> tests::fathom::Outcome {
    let call = Call::run("--accel tcg --link unix --count 500 --warmup 0s --timeout 20s");
    let outcome = call.finish(lock);
    let _ = outcome.measured();
    outcome
}

fn report(lock: &QemuLock, directory: &Path) -> tests::fathom::Outcome {
    Call::new("report").with_argument(directory).finish(lock)
}

#[test]
fn rendering_results_again_makes_the_same_documents() {
    let lock = lock_qemu();
    let measured = results(&lock);
    let directory = measured.file("out");
    for name in ["report.html", "report.md"] {
        let written = fs::read_to_string(directory.join(name)).unwrap();
        fs::remove_file(directory.join(name)).unwrap();
        let outcome = report(&lock, &directory);
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
    let lock = lock_qemu();
    let measured = results(&lock);
    let directory = measured.file("out");
    let path = directory.join("result.json");
    let text = fs::read_to_string(&path).unwrap();
    let refused = |changed: &str, what: &[&str]| {
        fs::write(&path, changed).unwrap();
        report(&lock, &directory).expect_failure(1, what);
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
    report(&lock, &directory).expect_failure(1, &["hermit-unix-closed.hlog", "damaged"]);
    fs::remove_file(&log).unwrap();
    report(&lock, &directory).expect_failure(1, &["hermit-unix-closed.hlog", "name a directory"]);
    report(&lock, &directory.join("nowhere")).expect_failure(1, &["nowhere/result.json"]);
    Call::new("report")
        .finish(&lock)
        .expect_failure(2, &["DIR"]);
}

#[test]
fn numbers_at_the_ends_of_their_ranges_are_drawn() {
    let lock = lock_qemu();
    let measured = results(&lock);
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
    let outcome = report(&lock, &directory);
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    let html = fs::read_to_string(directory.join("report.html")).unwrap();
    assert!(
        !html.contains("NaN") && !html.contains("inf "),
        "no place on a chart"
    );
}

/// Results of a thread of `fathom`, which takes no boot, with percentiles beside the standard ones.
fn results_without_a_guest(lock: &QemuLock, percentiles: &str) -> tests::fathom::Outcome {
    let call = Call::new(&format!(
        "run --target null --link loopback --count 500 --warmup 0s --percentiles {percentiles}"
    ));
    let out = call.file("out");
    call.with("--out", out).finish(lock)
}

#[test]
fn percentiles_that_were_requested_are_in_record_and_reports() {
    let lock = lock_qemu();
    let outcome = results_without_a_guest(&lock, "75,50,99.999,75.0");
    let results = outcome.results();
    let latency = &results.run()["latency_ns"];
    assert!(
        latency["p75"].as_u64() >= latency["p50"].as_u64(),
        "{latency:#}"
    );
    assert!(
        latency["p90"].as_u64() >= latency["p75"].as_u64(),
        "{latency:#}"
    );
    let fields = latency.as_object().unwrap();
    assert!(
        latency["p99.999"].is_null() && fields.contains_key("p99.999"),
        "{latency:#}"
    );
    let is_shown = |name: &str| {
        let mut lines = outcome.stdout.lines();
        lines.any(|line| line.split_whitespace().any(|word| word == name))
    };
    assert!(
        ["p75", "p99", "p99.999"].into_iter().all(is_shown),
        "{outcome:#?}"
    );
    let directory = outcome.file("out");
    let markdown = |name: &str| {
        let text = fs::read_to_string(directory.join("report.md")).unwrap();
        text.contains(&format!(" {name} |"))
    };
    assert!(markdown("p75") && markdown("p99.999") && !markdown("p99.5"));
    let again = Call::new("report --percentiles 99.5")
        .with_argument(&directory)
        .finish(&lock);
    assert_eq!(again.code, Some(0), "{again:#?}");
    assert!(
        markdown("p75") && markdown("p99.5"),
        "those of the record stay"
    );

    for nonsense in ["0", "100", "p99", "-1", "99.99999999", "50,,99"] {
        for command in ["run --target null --link loopback", "report nowhere"] {
            let call = Call::new(command).with_argument(format!("--percentiles={nonsense}"));
            call.finish(&lock).expect_failure(2, &["--percentiles"]);
        }
    }
}

#[test]
fn results_of_different_machines_are_laid_over_each_other_only_if_that_is_wanted() {
    let lock = lock_qemu();
    let outcome = results_without_a_guest(&lock, "50");
    let [here, elsewhere] = ["out", "elsewhere"].map(|name| outcome.file(name));
    fs::create_dir(&elsewhere).unwrap();
    for entry in fs::read_dir(&here).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), elsewhere.join(entry.file_name())).unwrap();
    }
    let call = |options: &str| {
        let call = Call::new(&format!("report {options}"));
        let all = call.file("all");
        call.with_argument(&here)
            .with_argument(&elsewhere)
            .with("--out", all)
            .finish(&lock)
    };
    assert_eq!(call("").code, Some(0), "it is one machine yet");
    let path = elsewhere.join("result.json");
    let mut result: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let kernel = result["environment"]["kernel"].as_str().unwrap().to_owned();
    result["environment"]["kernel"] = "Linux 9.9".into();
    result["environment"]["git_revision"] = "another".into();
    let options = &mut result["environment"]["fingerprint"]["kernel_options"];
    options["isolcpus"] = "\u{1b}[2J2-3".into();
    fs::write(&path, result.to_string()).unwrap();

    let differences = format!("kernel {kernel} against Linux 9.9");
    let refused = call("");
    let option = r"against \x1b[2J2-3";
    refused.expect_failure(
        2,
        &[&differences, "kernel_options.isolcpus", option, "--anyway"],
    );
    assert!(!refused.file("all/report.html").exists());
    let made = call("--anyway");
    assert_eq!(made.code, Some(0), "{made:#?}");
    assert!(
        made.stderr.lines().any(|line| line.contains(&differences)),
        "{made:#?}"
    );
    for name in ["all/report.html", "all/report.md"] {
        let text = fs::read_to_string(made.file(name)).unwrap();
        assert!(
            text.contains("Different machines") && text.contains("against Linux 9.9"),
            "{name}"
        );
    }
}

#[test]
fn the_doctor_finds_something_of_everything() {
    let lock = lock_qemu();
    let outcome = Call::new("doctor --json").finish(&lock);
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
    let outcome = Call::new("doctor").finish(&lock);
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    assert!(outcome.stdout.contains(" ok, "), "{outcome:#?}");
    let absent = Call::new("doctor").with_qemu("/nowhere/qemu").finish(&lock);
    assert_eq!(absent.code, Some(0), "a finding is no failure");
    assert!(
        absent.stdout.contains("there is no /nowhere/qemu"),
        "{absent:#?}"
    );
}
