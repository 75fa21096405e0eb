//! `fathom history` on a month of results, and Apache Otava on the CSV that it writes.
//!
//! The results are one real measurement, with dates, revisions and latencies of other nights.
#![forbid(unsafe_code)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use fathom::random::SplitMix64;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use suite::Capability;
use tests::artifacts;
use tests::browser::{self, Browser, View};
use tests::fathom::{Call, Outcome};
use tests::qemu_lock::{QemuLock, lock_qemu};

/// Program that `tests/otava/setup.sh` brings.
const OTAVA: &str = "target/otava/otava-0.8.0";

/// Number of results.
const NIGHTS: usize = 36;

/// The first result of the new level.
const CHANGED: usize = 20;

/// A lone spike.
const SPIKE: usize = 9;

/// Returns `result.json` of a short measurement.
fn template(lock: &QemuLock) -> Value {
    let call = Call::run("--accel tcg --link unix --count 1000 --warmup 0s --timeout 20s");
    call.finish(lock).measured().json
}

/// Writes the results of a month to `base`: from the changed one on latencies are `level` times as large, and those of
/// one night before `spike` times.
fn write_month(template: &Value, base: &Path, level: f64, spike: f64) {
    let mut random = SplitMix64(3);
    let first = Timestamp::now() - SignedDuration::from_hours(24 * (NIGHTS as i64 + 1));
    for night in 0..NIGHTS {
        let mut result = template.clone();
        let start = first + SignedDuration::from_hours(24 * night as i64);
        let environment = &mut result["environment"];
        environment["started_at"] = start.to_string().into();
        let revision = if night < CHANGED {
            "0123abc"
        } else {
            "4567def"
        };
        environment["git_revision"] = revision.into();
        environment["image"]["sha256"] = revision.into();
        let run = &mut result["runs"][0];
        run["valid"] = true.into();
        let level = match night {
            SPIKE => spike,
            ..CHANGED => 1.0,
            _ => level,
        };
        for (percentile, usual) in [("p50", 17_000.0), ("p90", 21_000.0), ("p99", 30_000.0)] {
            let noise = 1.0 + 0.03 * (random.fraction() + random.fraction() - 1.0);
            run["latency_ns"][percentile] = ((usual * level * noise) as u64).into();
        }
        let directory = base.join(format!("night-{night:02}"));
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("result.json"), result.to_string()).unwrap();
    }
}

/// `fathom history` of the results in `base`.
fn history(base: &Path, arguments: &str, lock: &QemuLock) -> Outcome {
    let call = Call::new(&format!("history {arguments}"));
    call.with_argument(base).finish(lock)
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn a_month_has_one_change_and_it_is_the_codes() {
    let lock = lock_qemu();
    let place = tempfile::tempdir().unwrap();
    let base = place.path().join("results");
    let template = template(&lock);
    write_month(&template, &base, 1.08, 5.0);
    std::os::unix::fs::symlink("night-00", base.join("latest")).unwrap();

    let outcome = history(&base, "--json history.json", &lock);
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    let told = json(&outcome.file("history.json"));
    assert_eq!(told["schema"], "fathom-history/1");
    assert_eq!(told["results"], NIGHTS);
    assert_eq!(told["series"].as_array().unwrap().len(), 1, "{told:#}");
    let changes = told["series"][0]["changes"].as_array().unwrap();
    let [change] = &changes[..] else {
        panic!("{changes:#?}");
    };
    assert_eq!(change["index"], CHANGED, "{change:#}");
    assert_eq!(change["cause"]["kind"], "code");
    assert!(
        outcome.stdout.contains("code: 0123abc -> 4567def"),
        "{outcome:#?}"
    );
    let page = fs::read_to_string(base.join("history.html")).unwrap();
    assert!(page.contains("History: one change found") && !page.contains("<script"));

    let gate = "--fail-on regression";
    history(&base, gate, &lock).expect_failure(3, &["regression: hermit on unix", "4567def"]);
    let since = Timestamp::now().strftime("%Y-%m-%d");
    let accepted = history(&base, &format!("{gate} --since {since}"), &lock);
    assert_eq!(accepted.code, Some(0), "{accepted:#?}");
    let no_repository = format!("--order git --repo {}", place.path().display());
    history(&base, &no_repository, &lock).expect_failure(2, &["--order git", "--repo DIR"]);
    history(&base, "--min-change 2", &lock).expect_failure(2, &["--min-change", "for example, 5%"]);
    history(&base.join("none"), "", &lock).expect_failure(1, &["none"]);
    look_at(&base.join("history.html"));

    // The same code, each night.
    write_month(&template, &base, 1.0, 5.0);
    let same = history(&base, gate, &lock);
    assert_eq!(same.code, Some(0), "{same:#?}");
    assert!(same.stdout.contains("no change point"), "{same:#?}");
    // A night without a valid run, and then one that is damaged.
    let last = base
        .join(format!("night-{}", NIGHTS - 1))
        .join("result.json");
    let mut invalid = json(&last);
    invalid["runs"][0]["valid"] = false.into();
    fs::write(&last, invalid.to_string()).unwrap();
    history(&base, gate, &lock).expect_failure(4, &["undecided", "the newest result is not valid"]);
    fs::write(&last, "{").unwrap();
    let damaged = history(&base, "", &lock);
    assert_eq!(damaged.code, Some(0), "{damaged:#?}");
    assert!(damaged.stdout.contains("not read   "), "{damaged:#?}");
}

/// Opens the page in a browser, light and dark, on a telephone, a desktop and on paper.
fn look_at(page: &Path) {
    if !browser::is_installed() {
        return;
    }
    let pictures = artifacts::root().join("target/screenshots");
    fs::create_dir_all(&pictures).unwrap();
    let mut browser = Browser::start();
    for (name, width, is_dark, is_paper) in [
        ("400-light", 400, false, false),
        ("1280-light", 1280, false, false),
        ("1280-dark", 1280, true, false),
        ("paper", 718, false, true),
    ] {
        let view = View {
            width,
            is_dark,
            is_paper,
        };
        let picture = pictures.join(format!("history-{name}.png"));
        let found = browser.look_at(page, view, &picture);
        assert!(found.problems.is_empty(), "{name}: {:#?}", found.problems);
        assert_eq!(is_dark, found.ground < 0.5, "{name}");
    }
}

/// Returns Otava, or skips the calling test.
#[track_caller]
fn otava() -> Option<PathBuf> {
    let program = artifacts::root().join(OTAVA);
    if !program.exists() {
        suite::skip(
            Capability::Otava,
            format_args!("no {OTAVA}: tests/otava/setup.sh brings it"),
        );
        return None;
    }
    Some(program)
}

#[test]
fn otava_reads_the_csv_and_finds_the_same_change() {
    let Some(otava) = otava() else { return };
    let lock = lock_qemu();
    let place = tempfile::tempdir().unwrap();
    let base = place.path().join("results");
    // Its t-test finds nothing in a series with one spike of five times the level: there is none in this one.
    write_month(&template(&lock), &base, 1.08, 1.0);
    let outcome = history(&base, "--csv history.csv --json history.json", &lock);
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    let told = json(&outcome.file("history.json"));
    // As docs/history.md has it.
    let page = include_str!("../../docs/history.md");
    let (_, rest) = page.split_once("```yaml\n").unwrap();
    let (settings, _) = rest.split_once("```").unwrap();
    fs::write(outcome.file("otava.yaml"), settings).unwrap();
    let series = told["series"][0]["name"].as_str().unwrap();
    let mut command = Command::new(otava);
    command.args(["analyze", "fathom", "--config-file", "otava.yaml"]);
    command.args(["--output", "json", "--branch", series]);
    let output = command.current_dir(outcome.place()).output().unwrap();
    assert!(output.status.success(), "{output:#?}");
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let indices: Vec<&Value> = found["fathom"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|point| point["changes"].as_array().unwrap())
        .map(|change| &change["index"])
        .collect();
    let ours = &told["series"][0]["changes"][0]["index"];
    assert!(indices.contains(&ours), "{found:#}, and {ours}");
    assert_eq!(told["series"][0]["changes"].as_array().unwrap().len(), 1);
}
