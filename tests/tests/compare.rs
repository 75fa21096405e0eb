//! `fathom compare`: targets in turns, in an order that the seed decides, merged and held against each
//! other. None of the figures is expected to be good, and any run may turn out invalid.
#![forbid(unsafe_code)]

use std::fs;
use std::path::Path;

use hdrhistogram::Histogram;
use serde_json::Value;
use tests::artifacts;
use tests::fathom::{Call, Outcome};
use tests::interval_log::{histogram, measured_s};
use tests::qemu_lock::lock_qemu;
use tests::results::Results;

/// A call of `fathom compare` of the built image under TCG.
fn call(arguments: &str) -> Call {
    let call = Call::new(&format!(
        "compare --accel tcg --no-why --duration 100ms --warmup 10ms --settle 0s --timeout 20s {arguments}"
    ));
    let out = call.file("out");
    call.with("--out", out).with("--image", artifacts::image())
}

fn results(outcome: &Outcome) -> Results {
    Results::read(&outcome.file("out"))
}

fn array<'a>(json: &'a Value, field: &str) -> &'a [Value] {
    json[field].as_array().map_or(&[], Vec::as_slice)
}

/// The rounds and targets in the order in which they were booted, repeats left out.
fn order(results: &Results) -> Vec<(u64, String)> {
    array(&results.json, "runs")
        .iter()
        .filter(|run| run["attempt"] == 1 && run["mode"] == "closed")
        .map(|run| {
            let target = run["target"].as_str().unwrap().to_owned();
            (run["round"].as_u64().unwrap(), target)
        })
        .collect()
}

/// Returns the name of the files of a run, or of a merged target, without extension.
fn stem(value: &Value) -> String {
    let named = |prefix: &str, value: &Value| {
        value
            .as_u64()
            .map(|number| format!("-{prefix}-{number}"))
            .unwrap_or_default()
    };
    let attempt = if value["attempt"] == 1 {
        &Value::Null
    } else {
        &value["attempt"]
    };
    format!(
        "{}-{}-{}{}{}",
        value["target"].as_str().unwrap(),
        value["link"].as_str().unwrap(),
        value["mode"].as_str().unwrap(),
        named("round", &value["round"]),
        named("attempt", attempt)
    )
}

/// Checks that merged results are the sum of the valid runs, in numbers and in files.
fn check_merged(results: &Results, out: &Path) {
    let runs = array(&results.json, "runs");
    for run in runs {
        // Every interval of a log counts what its own run counts, and no more.
        let log = histogram(&out.join(stem(run) + ".hlog"));
        let latency = &run["latency_ns"];
        assert_eq!(Some(log.len()), latency["count"].as_u64(), "{run:#}");
        assert!(
            run["partial"] == true || latency["count"] == run["sent"],
            "{run:#}"
        );
        let max = latency["max"].as_u64().unwrap_or(0);
        assert!(log.equivalent(log.max(), max) || log.is_empty(), "{run:#}");
    }
    for merged in array(&results.json, "merged") {
        let valid: Vec<&Value> = runs
            .iter()
            .filter(|run| run["valid"] == true)
            .filter(|run| {
                ["target", "link", "responder", "mode"]
                    .iter()
                    .all(|key| run[key] == merged[key])
            })
            .collect();
        let rounds: Vec<&Value> = valid.iter().map(|run| &run["round"]).collect();
        assert_eq!(array(merged, "rounds").iter().collect::<Vec<_>>(), rounds);
        let sum =
            |field: &str| -> u64 { valid.iter().map(|run| run[field].as_u64().unwrap()).sum() };
        for field in ["sent", "received", "lost"] {
            assert_eq!(
                merged[field].as_u64(),
                Some(sum(field)),
                "{field}: {merged:#}"
            );
        }
        assert_eq!(merged["latency_ns"]["count"], merged["sent"], "{merged:#}");
        if valid.is_empty() {
            continue;
        }
        let mut parts = Histogram::<u64>::new(3).unwrap();
        for run in &valid {
            parts
                .add(histogram(&out.join(stem(run) + ".hlog")))
                .unwrap();
        }
        assert_eq!(histogram(&out.join(stem(merged) + ".hlog")), parts);
        assert_eq!(Some(parts.len()), merged["latency_ns"]["count"].as_u64());
        assert!(out.join(stem(merged) + ".hgrm").exists());
        let max = valid
            .iter()
            .map(|run| run["latency_ns"]["max"].as_u64())
            .max()
            .unwrap();
        assert_eq!(merged["latency_ns"]["max"].as_u64(), max);
    }
}

#[test]
fn targets_in_turns_merged_and_compared() {
    let lock = lock_qemu();
    let outcome = call("--targets hermit,null --repeat 2 --seed 5").finish(&lock);
    let results = outcome.completed("out");
    let json = &results.json;
    let order = order(&results);
    let mut sorted = order.clone();
    sorted.sort();
    let all = [(1, "hermit"), (1, "null"), (2, "hermit"), (2, "null")];
    assert_eq!(
        sorted,
        all.map(|(round, target)| (round, target.to_owned()))
    );
    for run in array(json, "runs") {
        assert_eq!(
            (&run["link"], &run["responder"]),
            (&"vhost-user".into(), &Value::Null)
        );
        // A boot is warm when a second load begins.
        let settled = &run["warmup_settled"];
        assert!(
            settled.is_boolean() || (settled.is_null() && run["mode"] == "open"),
            "{run:#}"
        );
        assert_eq!(run["lost"], 0, "{run:#}");
        assert_eq!(run["name"], run["target"], "{run:#}");
        if run["attempt"] == 1 && run["mode"] == "closed" {
            let [name, round] = ["name", "round"].map(|field| run[field].to_string());
            let log = format!(
                "out/{}-vhost-user-closed-round-{round}.hlog",
                name.trim_matches('"')
            );
            let (log_s, sending_ns) = (measured_s(&outcome.file(&log)), run["sending_ns"].as_f64());
            // Each of its lengths is rounded to a millisecond.
            assert!(
                (log_s - sending_ns.unwrap() / 1e9).abs() < 0.04,
                "{log_s} s: {run:#}"
            );
        }
        assert_eq!(
            run["accel"].is_string(),
            run["target"] == "hermit",
            "{run:#}"
        );
    }
    // Each target is measured by both loops, and all open loops have one rate.
    assert_eq!(array(json, "merged").len(), 4);
    let rate = &json["common_rate"][0];
    assert_eq!(rate["link"], "vhost-user");
    assert!(
        rate["rate"].as_f64().is_some_and(|rate| rate > 0.0),
        "{rate}"
    );
    let open = array(json, "runs")
        .iter()
        .filter(|run| run["mode"] == "open");
    let open: Vec<&Value> = open.collect();
    assert!(open.len() >= 4, "of two rounds, the first made up for");
    for run in open {
        assert_eq!(run["offered_rate"], rate["rate"], "{run:#}");
    }
    check_merged(&results, &outcome.file("out"));
    for comparison in array(json, "comparisons") {
        assert_eq!(
            (&comparison["target"], &comparison["baseline"]),
            (&"hermit".into(), &"null".into())
        );
        assert_eq!(
            (&comparison["name"], &comparison["baseline_name"]),
            (&"hermit".into(), &"null".into())
        );
        assert_eq!(comparison["outcome"], "too_few_rounds");
        assert!(comparison["low_ns"].is_null() && comparison["high_ns"].is_null());
        let [target, baseline] = ["target_ns", "baseline_ns"].map(|key| comparison[key].as_i64());
        let difference = target.unwrap() - baseline.unwrap();
        assert_eq!(comparison["difference_ns"].as_i64(), Some(difference));
    }
    let complete = array(json, "merged")
        .iter()
        .all(|merged| array(merged, "rounds").len() == 2);
    assert_eq!(outcome.code == Some(0), complete, "{outcome:#?}");
    assert!(
        !complete || array(json, "comparisons").len() >= 3,
        "{json:#}"
    );
    for shown in ["target", "hermit", "null", "validity"] {
        assert!(
            outcome.stdout.contains(shown),
            "{shown}: {}",
            outcome.stdout
        );
    }
}

#[test]
fn the_seed_decides_the_order_and_what_cannot_be_is_skipped_with_its_reason() {
    let lock = lock_qemu();
    let arguments = "--targets null,null,null,linux-host:busy --links vhost-user,user --repeat 2 \
                     --mode closed --duration 20ms --retries 0 --seed";
    let orders = [3, 3, 4].map(|seed| {
        let outcome = call(&format!("{arguments} {seed}")).finish(&lock);
        let results = results(&outcome);
        let skipped = array(&results.json, "skipped");
        let is_on = |link: &'static str| move |value: &&Value| value["link"] == link;
        // linux-host on both, and nobody reflects on `user`.
        assert_eq!(
            skipped.iter().filter(is_on("vhost-user")).count(),
            1,
            "{skipped:#?}"
        );
        assert_eq!(
            skipped.iter().filter(is_on("user")).count(),
            4,
            "{skipped:#?}"
        );
        assert!(skipped.iter().all(|skipped| {
            skipped["reason"]
                .as_str()
                .is_some_and(|reason| reason.len() > 20)
        }));
        assert!(outcome.stdout.contains("linux-host:busy on user"));
        order(&results)
    });
    assert_eq!(orders[0], orders[1]);
    assert_ne!(orders[0], orders[2]);
}

#[test]
fn an_interrupted_comparison_keeps_the_runs_that_it_finished() {
    let lock = lock_qemu();
    let mut running = call("--targets null --repeat 500 --retries 0").start(&lock);
    running.wait_for_file("out/null-vhost-user-closed-round-2.hlog", 1);
    running.interrupt();
    let outcome = running.finish();
    outcome.expect_failure(1, &["interrupted"]);
    let results = results(&outcome);
    assert!(array(&results.json, "runs").len() >= 2);
    check_merged(&results, &outcome.file("out"));
}

#[test]
fn a_part_that_is_missing_costs_its_target_only() {
    let lock = lock_qemu();
    let call =
        call("--targets linux-guest,null --repeat 1 --retries 0 --kernel /nonexistent/vmlinuz");
    let outcome = call.finish(&lock);
    let results = outcome.completed("out");
    let skipped = array(&results.json, "skipped");
    assert_eq!(skipped.len(), 1);
    assert_eq!(
        (&skipped[0]["target"], &skipped[0]["round"]),
        (&"linux-guest".into(), &Value::Null)
    );
    assert!(
        skipped[0]["reason"]
            .as_str()
            .unwrap()
            .contains("/nonexistent/vmlinuz")
    );
    assert_eq!(order(&results), [(1, "null".to_owned())]);
}

#[test]
fn a_part_that_is_missing_is_the_error_if_there_is_no_other_target() {
    let lock = lock_qemu();
    let outcome = call("--targets linux-guest --kernel /nonexistent/vmlinuz").finish(&lock);
    outcome.expect_failure(1, &["/nonexistent/vmlinuz", "make linux-guest"]);
    assert!(!outcome.file("out").exists(), "nothing came of it");
}

#[test]
fn an_image_that_does_not_boot_is_an_error_and_the_others_are_kept() {
    let lock = lock_qemu();
    let call = Call::new(
        "compare --accel tcg --duration 100ms --warmup 10ms --settle 0s --targets hermit,null --repeat 1 --retries 1 \
         --seed 1",
    );
    let (out, image) = (call.file("out"), call.file("image"));
    fs::write(&image, "no image").unwrap();
    let outcome = call.with("--out", out).with("--image", image).finish(&lock);
    outcome.expect_failure(1, &["is no x86-64 ELF file", "again", "given up"]);
    let results = results(&outcome);
    assert_eq!(order(&results), [(1, "null".to_owned())]);
    assert_eq!(results.json["skipped"][0]["round"], 1);
}

#[test]
fn unknown_targets_and_links_are_usage_errors() {
    let lock = lock_qemu();
    for (arguments, named) in [
        ("--targets plan9", "there is hermit"),
        ("--links pigeon", "pigeon"),
        ("--targets linux-guest:epoll", "the modes are"),
        ("--targets null --links user", "there is nothing to measure"),
        ("--sweep", "--sweep"),
    ] {
        call(arguments).finish(&lock).expect_failure(2, &[named]);
    }
}
