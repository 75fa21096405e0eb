//! Objectives on results of real boots: outcomes, exit codes and reports of each, and mistakes that are told before
//! anything boots.
//!
//! So that no outcome depends on the host, runs have fewer requests than any percentile takes, by which a run could be
//! invalid, or the limit is one that nothing can keep to.
#![forbid(unsafe_code)]

use std::fs;

use serde_json::Value;
use tests::artifacts;
use tests::fathom::{Call, Outcome};
use tests::objectives::{check, needs, requiring, states, with_file};
use tests::qemu_lock::lock_qemu;
use tests::results::Results;

/// A run of fewer requests than its median takes: valid on any host.
const FEW: &str = "--accel tcg --count 19 --warmup 0s --timeout 20s";

/// A run that a median is known of.
const MEDIAN: &str = "--accel tcg --count 400 --warmup 0s --timeout 20s --needs p50";

fn run(options: &str, requirements: &[&str]) -> Call {
    requiring(Call::run(options), requirements)
}

/// A comparison as short as can be, of `targets`.
fn compare(targets: &str, options: &str) -> Call {
    let call = Call::new(&format!(
        "compare --accel tcg --mode closed --count 19 --warmup 10ms --settle 0s --timeout 20s --retries 0 {options}"
    ));
    let out = call.file("out");
    call.with("--targets", targets)
        .with("--out", out)
        .with("--image", artifacts::image())
}

/// Asserts that a call was refused as wrong, with `what` in its message, before it made anything.
fn expect_refused(outcome: &Outcome, what: &[&str]) {
    outcome.expect_failure(2, what);
    assert!(!outcome.file("out").exists(), "{outcome:#?}");
    assert!(!outcome.place().join("results").exists(), "{outcome:#?}");
}

#[test]
fn what_is_met_ends_with_0_and_a_check_of_the_result_says_the_same() {
    let lock = lock_qemu();
    let required = ["lost == 0", "max <= 20s", "corrupted == 0"];
    let outcome = run(FEW, &required).finish(&lock);
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    let results = outcome.results();
    assert_eq!(states(&results.json), required.map(|text| (text, "met")));
    assert_eq!(results.json["objective_summary"]["state"], "met");
    assert_eq!(results.json["objective_summary"]["looks"], 1);
    let again = check(&lock, &outcome.file("out"), &required);
    assert_eq!(again.code, Some(0), "{again:#?}");
    assert!(again.stdout.contains("objectives met"), "{again:#?}");
}

#[test]
fn a_median_is_judged_by_a_valid_run_alone() {
    let lock = lock_qemu();
    let outcome = run(MEDIAN, &["p50 <= 1s", "p50 <= 1ns"]).finish(&lock);
    let results = outcome.results();
    let is_valid = results.run()["valid"] == true;
    let expected = match is_valid {
        true => ["met", "missed"],
        false => ["undecided", "undecided"],
    };
    let found: Vec<&str> = states(&results.json).iter().map(|state| state.1).collect();
    assert_eq!(found, expected, "{:#}", results.json["objectives"]);
    assert_eq!(outcome.code, Some(if is_valid { 3 } else { 4 }));
}

#[test]
fn what_is_missed_ends_with_3_and_is_in_every_report() {
    let lock = lock_qemu();
    let call = run(FEW, &["max <= 1ns", "lost == 0"]);
    let junit = call.file("junit.xml");
    let outcome = call
        .with("--junit", &junit)
        .with_argument("--github")
        .finish(&lock);
    outcome.expect_failure(3, &["objectives missed"]);
    let results = outcome.results();
    assert_eq!(results.run()["valid"], true, "{:#}", results.run());
    let expected = [("max <= 1ns", "missed"), ("lost == 0", "met")];
    assert_eq!(states(&results.json), expected);
    for (report, words) in [
        ("report.html", ["max &lt;= 1ns", "missed"]),
        ("report.md", ["max <= 1ns", "missed"]),
    ] {
        let text = fs::read_to_string(outcome.file("out").join(report)).unwrap();
        assert!(
            words.iter().all(|word| text.contains(word)),
            "{report}: {text}"
        );
    }
    let junit = fs::read_to_string(outcome.file("junit.xml")).unwrap();
    assert!(
        junit.contains("<failure")
            && junit.contains("max &lt;= 1ns")
            && junit.contains("failures=\"1\""),
        "{junit}"
    );
    let annotations: Vec<&str> = (outcome.stdout.lines())
        .filter(|line| line.starts_with("::error"))
        .collect();
    assert!(
        annotations.len() == 1 && annotations[0].contains("max <= 1ns"),
        "{outcome:#?}"
    );
    let again = check(&lock, &outcome.file("out"), &["max <= 1ns", "lost == 0"]);
    again.expect_failure(3, &["objectives missed"]);
}

#[test]
fn points_warnings_and_key_objectives_of_a_file_make_the_outcome() {
    let lock = lock_qemu();
    let file = |key: bool| {
        format!(
            "[[objective]]\nname = 'loses nothing'\npass = ['lost == 0']\nwarn = ['max <= 1ns']\nweight = 4\n\
             [[objective]]\nname = 'whole'\npass = ['corrupted == 0']\nweight = 2\n\
             [[objective]]\nname = 'at once'\npass = ['max <= 1ns']\nkey = {key}\n\
             [score]\npass = 90\nwarn = 50\n"
        )
    };
    let outcome = with_file(Call::run(FEW), &file(false)).finish(&lock);
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    let results = outcome.results();
    let summary = &results.json["objective_summary"];
    assert_eq!(summary["state"], "met", "{summary:#}");
    // Half of four for the warning, and two of two.
    assert_eq!(
        (&summary["points"], &summary["weight"]),
        (&4.0.into(), &7.0.into())
    );
    assert!(summary["warnings"].as_u64() >= Some(1), "{summary:#}");

    let with_key = with_file(
        Call::new("check").with_argument(outcome.file("out")),
        &file(true),
    );
    with_key
        .finish(&lock)
        .expect_failure(3, &["objectives missed"]);
}

#[test]
fn a_mistake_in_objectives_is_an_error_with_its_place_before_anything_boots() {
    let lock = lock_qemu();
    for (text, complaint) in [
        (
            "[[objective]]\npass = ['losst == 0']\n",
            ":3:10: unknown metric `losst`",
        ),
        (
            "[[objective]]\non = { target = 'hermitt' }\npass = ['lost == 0']\n",
            ":3:6: no target is called `hermitt`: did you mean `hermit`",
        ),
        (
            "[[objective]]\npass = ['p99 <= 2']\n",
            ":3:17: `2`: the unit is missing",
        ),
        (
            "[[objective]]\npass = ['p99 <= 1ms']\nabort = true\n",
            ":2:1: `abort`: `p99 <= 1ms` can't be certain to be missed before the end of a closed loop",
        ),
        (
            "[[objective]]\npass = ['p99 <= +5% of baseline']\n",
            ":3:17: there is no baseline",
        ),
    ] {
        let call = with_file(Call::run("--accel tcg --duration 1s"), text);
        expect_refused(&call.finish(&lock), &["objectives.toml", complaint]);
    }
    let required = run(FEW, &["p99 <= 2us on hermt"]).finish(&lock);
    expect_refused(
        &required,
        &["--require 'p99 <= 2us on hermt', column 15: no target"],
    );
    // A comparison repeats what is invalid: nothing of it is certain before its end.
    let text = "[[objective]]\npass = ['lost == 0']\nabort = true\n";
    let compared = with_file(compare("hermit,null", "--repeat 1"), text).finish(&lock);
    expect_refused(
        &compared,
        &[":2:1: `abort`: a comparison is judged by all of its boots"],
    );
    let probed = requiring(
        Call::probe("127.0.0.1:9 --count 1"),
        &["instructions_per_echo <= 500"],
    );
    expect_refused(
        &probed.finish(&lock),
        &["of remote is not counted: it runs elsewhere"],
    );
}

#[test]
fn a_percentile_without_its_samples_and_a_run_without_an_answer_meet_nothing() {
    let lock = lock_qemu();
    let few = run(FEW, &["p50 <= 1s", "p99.9 <= 1s"]).finish(&lock);
    few.expect_failure(4, &["can't tell"]);
    let results = few.results();
    let expected = [("p50 <= 1s", "undecided"), ("p99.9 <= 1s", "undecided")];
    assert_eq!(states(&results.json), expected);
    let reason = needs(&results.json, "p99.9 <= 1s");
    assert!(reason.contains("19 of 100,000 samples"), "{reason}");
    check(&lock, &few.file("out"), &["p50 <= 1s"]).expect_failure(4, &["can't tell"]);

    let options =
        "--accel tcg --link vhost-user --count 5 --warmup 0s --timeout 20ms --fault loss=100%";
    let required = [
        "p50 <= 1s",
        "max <= 3600s",
        "lost <= 1000",
        "rate >= 0/s",
        "min >= 0ns",
    ];
    let lost = run(options, &required).finish(&lock);
    assert_eq!(lost.code, Some(4), "{lost:#?}");
    let results = Results::read(&lost.file("out"));
    for (expression, state) in states(&results.json) {
        assert!(
            ["undecided", "not-measured"].contains(&state),
            "{expression}: {state}"
        );
    }
    let again = check(&lock, &lost.file("out"), &required);
    assert_eq!(again.code, Some(4), "{again:#?}");
    // What was lost stays lost.
    check(&lock, &lost.file("out"), &["lost == 0"]).expect_failure(3, &["objectives missed"]);
}

#[test]
fn a_result_that_is_not_there_or_has_no_run_meets_nothing() {
    let lock = lock_qemu();
    let measured = run(FEW, &[]).finish(&lock);
    let directory = measured.file("out");
    let path = directory.join("result.json");
    let mut result: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    result["runs"] = Value::Array(Vec::new());
    fs::write(&path, result.to_string()).unwrap();
    let required = ["lost == 0", "p50 <= 1s", "image_bytes <= 1GiB"];
    check(&lock, &directory, &required).expect_failure(1, &["holds no measurement"]);
    fs::remove_file(&path).unwrap();
    check(&lock, &directory, &required).expect_failure(1, &["result.json"]);
    check(&lock, &directory, &[]).expect_failure(2, &["nothing to check"]);
}

#[test]
fn figures_that_another_program_counted_are_judged_without_a_measurement() {
    let lock = lock_qemu();
    let outcome = run(FEW, &[]).finish(&lock);
    let directory = outcome.file("out");
    let path = directory.join("result.json");
    let text = fs::read_to_string(&path).unwrap();
    let mut result: Value = serde_json::from_str(&text).unwrap();
    result["runs"] = Value::Array(Vec::new());
    result["figures"] = serde_json::json!({"instructions per empty poll": 24});
    fs::write(&path, result.to_string()).unwrap();
    let limit = |limit: u32| format!("\"instructions per empty poll\" <= {limit}");
    let kept = check(&lock, &directory, &[&limit(24)]);
    assert_eq!(kept.code, Some(0), "{kept:#?}");
    check(&lock, &directory, &[&limit(23)]).expect_failure(3, &["objectives missed"]);
    check(&lock, &directory, &["lost == 0"]).expect_failure(4, &["undecided"]);
    let report = Call::new("report").with_argument(directory).finish(&lock);
    report.expect_failure(1, &["holds no measurement"]);
}

#[test]
fn what_an_echo_costs_is_counted_by_run_and_by_compare_if_an_objective_asks() {
    let lock = lock_qemu();
    let costs = [
        "instructions_per_echo <= 1000000",
        "doorbells_per_echo <= 1000",
    ];
    let outcome = run(FEW, &costs).finish(&lock);
    let results = outcome.results();
    // On a busy host there may be no time to count instructions: then they meet nothing.
    let cost = &results.json["why"][0];
    let is_counted = cost["instructions_per_echo"].is_number();
    let instructions = if is_counted { "met" } else { "not-measured" };
    assert!(cost["doorbells_per_echo"].is_number(), "{outcome:#?}");
    assert_eq!(
        states(&results.json),
        [(costs[0], instructions), (costs[1], "met")]
    );
    assert_eq!(outcome.code, Some(if is_counted { 0 } else { 4 }));

    let missed = requiring(
        compare("hermit,null", "--repeat 1"),
        &["doorbells_per_echo > 1000 on hermit"],
    );
    missed
        .finish(&lock)
        .expect_failure(3, &["objectives missed"]);
    // The thread in the service's place is no guest.
    let all = requiring(compare("hermit,null", "--repeat 1"), &[costs[0]]);
    expect_refused(
        &all.finish(&lock),
        &["column 1: `instructions_per_echo` of null is not counted"],
    );
    let skipped = requiring(compare("hermit", "--repeat 1 --no-why"), &[costs[0]]);
    expect_refused(&skipped.finish(&lock), &["leave out `--no-why`"]);
    let process = requiring(Call::new("run --target null --count 5"), &[costs[1]]);
    expect_refused(
        &process.finish(&lock),
        &["of null is not counted: it has no guest"],
    );
}

#[test]
fn further_rounds_are_made_at_fixed_looks_while_an_objective_is_undecided() {
    let lock = lock_qemu();
    // The requests of a boot are too few for this percentile, however many boots there are.
    let undecided = requiring(
        compare("hermit,null", "--no-why --repeat 2 --confirm 3"),
        &["p99.99 <= 1s on hermit"],
    );
    let outcome = undecided.finish(&lock);
    assert_eq!(outcome.code, Some(4), "{outcome:#?}");
    let json = Results::read(&outcome.file("out")).json;
    let rounds = |json: &Value| {
        let runs = json["runs"].as_array().expect("runs[]").iter();
        runs.filter_map(|run| run["round"].as_u64()).max()
    };
    assert_eq!(rounds(&json), Some(5), "two, then two more, then one");
    for step in ["2 more rounds are to decide", "1 more round is to decide"] {
        assert!(outcome.stderr.contains(step), "{step}: {outcome:#?}");
    }
    // After the rounds that were asked for, and after each of the two steps.
    let summary = &json["objective_summary"];
    assert_eq!(
        (&summary["looks"], &summary["confidence"]),
        (&3.into(), &0.95.into())
    );
    assert_eq!(states(&json), [("p99.99 <= 1s on hermit", "undecided")]);

    // What is decided asks for none.
    let decided = requiring(
        compare("hermit", "--no-why --repeat 2 --confirm 3"),
        &["corrupted == 0"],
    );
    let json = Results::read(&decided.finish(&lock).file("out")).json;
    assert_eq!(rounds(&json), Some(2));
    assert_eq!(states(&json), [("corrupted == 0", "met")]);
}
