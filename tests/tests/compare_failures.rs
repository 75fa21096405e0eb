//! `fathom compare` where something is in the way: a message that names it and says what to do, the
//! other targets measured, and what was finished kept as a whole.
#![forbid(unsafe_code)]

use std::fs;
use std::path::Path;

use serde_json::Value;
use tests::artifacts;
use tests::fathom::{Call, Outcome};
use tests::interval_log::histogram;
use tests::qemu_lock::lock_qemu;
use tests::results::Results;
use tests::small_disk::SmallDisk;

/// A short comparison under TCG, into `out` of the call's own.
fn compare(arguments: &str) -> Call {
    compare_into(None, arguments)
}

fn compare_into(out: Option<&Path>, arguments: &str) -> Call {
    let call = Call::new(&format!(
        "compare --accel tcg --mode closed --duration 20ms --warmup 10ms --settle 0s --timeout 20s {arguments}"
    ));
    let out = out.map_or_else(|| call.file("out"), Path::to_owned);
    call.with("--out", out).with("--image", artifacts::image())
}

/// The runs in the record of `out`, each with logs that add up to it.
fn whole_runs(out: &Path) -> Vec<Value> {
    let runs = Results::read(out).json["runs"].take();
    let runs = runs.as_array().expect("runs[]").clone();
    for run in &runs {
        let [target, link, mode] = ["target", "link", "mode"].map(|key| run[key].as_str().unwrap());
        let stem = format!("{target}-{link}-{mode}-round-{}", run["round"]);
        let log = histogram(&out.join(stem.clone() + ".hlog"));
        assert_eq!(
            Some(log.len()),
            run["latency_ns"]["count"].as_u64(),
            "{stem}"
        );
        assert!(out.join(stem + ".hgrm").exists());
    }
    runs
}

/// Returns the skipped cases, with the reasons.
fn skipped(outcome: &Outcome) -> Vec<(String, String)> {
    let json = Results::read(&outcome.file("out")).json;
    let skipped = json["skipped"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    skipped
        .iter()
        .map(|skipped| (text(&skipped["target"]), text(&skipped["reason"])))
        .collect()
}

#[test]
fn a_full_disk_ends_it_and_spoils_nothing_that_was_finished() {
    SmallDisk::with(200_000, |disk| {
        let lock = lock_qemu();
        let out = disk.path().join("out");
        let call = compare_into(Some(&out), "--targets hermit,null --repeat 200 --retries 0");
        let outcome = call.finish(&lock);
        let directory = out.display().to_string();
        outcome.expect_failure(
            1,
            &[
                "there is no room for",
                &directory,
                "--out DIR",
                "No space left",
            ],
        );
        let runs = whole_runs(&out);
        assert!(!runs.is_empty() && runs.len() < 400, "{}", runs.len());
        for entry in fs::read_dir(&out).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(!name.starts_with('.'), "{name} is half a file");
        }
        // They can be read as any others.
        let report = Call::new("report");
        let place = report.file("report");
        fs::create_dir(&place).unwrap();
        let report = report
            .with_argument(&out)
            .with("--out", place)
            .finish(&lock);
        assert_eq!(report.code, Some(0), "{report:#?}");
        assert!(report.file("report/report.html").exists());
    });
}

#[test]
fn a_full_disk_leaves_the_terminal() {
    SmallDisk::with(8192, |disk| {
        let lock = lock_qemu();
        let call = Call::new("run --accel tcg --duration 100ms --warmup 10ms --json -");
        let call = call
            .with("--image", artifacts::image())
            .with("--out", disk.path());
        let outcome = call.finish(&lock);
        let directory = disk.path().display().to_string();
        outcome.expect_failure(1, &["there is no room for", &directory, "p99"]);
        let json: Value = serde_json::from_str(&outcome.stdout).expect("the whole result");
        assert!(json["runs"][0]["received"].as_u64() > Some(0), "{json:#}");
        assert!(!disk.path().join("result.json").exists());
    });
}

#[test]
fn a_file_that_is_no_kernel_costs_its_target_only() {
    let lock = lock_qemu();
    let call = compare("--targets linux-guest,null --repeat 2 --retries 0");
    let kernel = call.file("kernel");
    fs::write(&kernel, "no kernel".repeat(1000)).unwrap();
    let outcome = call.with("--kernel", &kernel).finish(&lock);
    let _ = outcome.completed("out");
    assert_eq!(whole_runs(&outcome.file("out")).len(), 2);
    let skipped = skipped(&outcome);
    assert_eq!(skipped.len(), 1, "{skipped:?}");
    assert_eq!(skipped[0].0, "linux-guest");
    let kernel = kernel.display().to_string();
    assert!(
        skipped[0].1.contains(&kernel) && skipped[0].1.contains("--kernel PATH"),
        "{skipped:?}"
    );
    // Alone, it is the error.
    let call = compare("--targets linux-guest");
    let kernel = call.file("kernel");
    fs::write(&kernel, "no kernel").unwrap();
    let outcome = call.with("--kernel", &kernel).finish(&lock);
    outcome.expect_failure(1, &["is no Linux kernel", "--kernel PATH"]);
}
