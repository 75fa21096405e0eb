//! A comparison of made-up runs, to its end and in its files.

use std::path::Path;

use serde_json::Value;

use super::*;
use crate::cli::args::OutputArgs;
use crate::cli::output::Output;
use crate::host::noise::Noise;
use crate::load::{Limit, Mode, Observer as _, Plan, Rate, Sample, Tally};
use crate::record::Setting;
use crate::stats::{Ended, RunRecorder};
use crate::sut::SystemKind;

const PLAN: Plan = Plan {
    mode: Mode::Closed,
    payload_len: 64,
    timeout_ns: 1_000_000_000,
    warmup: Limit::NOTHING,
    measure: Limit {
        duration_ns: Some(1_000_000_000),
        count: None,
    },
    seed: 1,
    protocol: crate::load::Protocol::Fathom,
    wait_rule: crate::load::WaitRule::Sleep,
};

fn combination(target: &str) -> Combination {
    Combination {
        contender: target.parse().unwrap(),
        way: SystemKind::Hermit.system().default_link(),
    }
}

/// A made-up run of 2000 requests from `latency_ns` on, in a closed loop.
fn repetition(target: &str, round: u32, latency_ns: u64, ended: Ended) -> (Run, Measured) {
    repetition_by(&PLAN, target, round, latency_ns, ended)
}

/// The same by `plan`.
fn repetition_by(
    plan: &Plan,
    target: &str,
    round: u32,
    latency_ns: u64,
    ended: Ended,
) -> (Run, Measured) {
    let setting = Setting {
        target: target.to_owned(),
        responder: None,
        address: "10.0.2.15:9000".to_owned(),
        link: "vhost-user".to_owned(),
        accel: None,
        boot_ms: None,
        guest_boot_ms: None,
        placement: None,
    };
    let mut recorder = RunRecorder::new(plan);
    for index in 0..2000 {
        let latency_ns = latency_ns + index;
        recorder.replied(Sample {
            at_ns: index * 1000,
            latency_ns,
            round_trip_ns: latency_ns,
            is_closed_loop_sample: true,
            guest_times: None,
        });
    }
    let measured = Measured {
        tally: Tally {
            sent: 2000,
            received: 2000,
            ..Tally::default()
        },
        recorder,
        noise: Noise::default(),
        ended,
        failure: None,
        warmup_settled: Some(true),
        busy: Vec::new(),
        host_activity: None,
        policy: crate::stats::Policy::default(),
        stalls: Vec::new(),
    };
    let run = Run {
        round: Some(round),
        attempt: Some(1),
        ..measured.record(setting, plan)
    };
    (run, measured)
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn valid_runs_are_merged_and_compared_by_the_rounds_that_both_have() {
    let place = tempfile::tempdir().unwrap();
    let args = OutputArgs {
        out: Some(place.path().join("out")),
        json: Some(place.path().join("result.json")),
        verbose: false,
        percentiles: Vec::new(),
    };
    let output = Output::prepare(&args).unwrap();
    let combinations = ["hermit", "null", "linux-guest:busy"].map(combination);
    let mut ledger = Ledger::new(&combinations, &["closed"], Vec::new(), 4);
    for round in 1..=4 {
        let spoilt = if round == 2 {
            Ended::Interrupted
        } else {
            Ended::Completed
        };
        for (index, target, latency_ns, ended) in [
            (0, "hermit", 40_000, Ended::Completed),
            (1, "null", 20_000, spoilt),
        ] {
            let latency_ns = latency_ns + 100 * u64::from(round);
            let (run, measured) = repetition(target, round, latency_ns, ended);
            ledger.enter(run, &measured, &output).unwrap();
            // It is there as soon as it is finished.
            let so_far = read(&output.file("result.json"));
            let runs = so_far["runs"].as_array().unwrap();
            assert_eq!(runs.len(), 2 * (round as usize - 1) + index + 1);
        }
    }
    ledger.skip(combinations[2].skipped(None, "there is no kernel".to_owned()));
    let conclusion = ledger.conclude(&output).unwrap();
    assert_eq!(
        conclusion.missing,
        ["null on vhost-user, closed loop: 3 of 4 rounds are valid, without round 2"]
    );
    assert_eq!(conclusion.unjudged, [""; 0]);

    let json = read(&args.json.unwrap());
    let merged = |index: usize| &json["merged"][index];
    assert_eq!(merged(0)["rounds"], serde_json::json!([1, 2, 3, 4]));
    assert_eq!(merged(1)["rounds"], serde_json::json!([1, 3, 4]));
    assert_eq!(merged(0)["latency_ns"]["count"], 8000);
    assert_eq!(
        (&merged(1)["sent"], &merged(1)["lost"]),
        (&6000.into(), &0.into())
    );
    assert_eq!(merged(2)["latency_ns"]["count"], 0);
    assert_eq!(merged(0)["latency_ns"]["max"], 42_399);
    // Of 40,000 ns and more 20,000 are the link's.
    let [least, most] = [19_900, 20_100];
    for percentile in ["p50", "p99"] {
        let told = merged(0)["guest_estimate_ns"][percentile].as_i64().unwrap();
        assert!((least..=most).contains(&told), "{told}");
    }
    assert_eq!(merged(0)["guest_estimate_ns"]["rounds"], 3);
    assert!(merged(1)["guest_estimate_ns"].is_null(), "null is no guest");
    assert!(output.file("hermit-vhost-user-closed.hgrm").exists());
    assert!(output.file("null-vhost-user-closed.hlog").exists());
    assert!(!output.file("linux-guest-busy-vhost-user.hlog").exists());

    let comparisons = json["comparisons"].as_array().unwrap();
    assert_eq!(comparisons.len(), 3, "p50, p90, p99 of 6000 samples");
    for it in comparisons {
        assert_eq!(
            (&it["target"], &it["baseline"]),
            (&"hermit".into(), &"null".into())
        );
        assert_eq!(it["rounds"], 3);
        assert!(
            it["outcome"] == "higher" && it["rounds_higher"] == 3,
            "{it}"
        );
        let [low, difference, high] =
            ["low_ns", "difference_ns", "high_ns"].map(|key| it[key].as_i64().unwrap());
        assert!(0 < low && low < difference && difference < high, "{it}");
    }
    assert_eq!(json["skipped"][0]["reason"], "there is no kernel");
}

fn output(place: &Path) -> Output {
    let args = OutputArgs {
        out: Some(place.join("out")),
        json: Some(place.join("result.json")),
        verbose: false,
        percentiles: Vec::new(),
    };
    Output::prepare(&args).unwrap()
}

#[test]
fn a_comparison_whose_runs_are_all_spoilt_is_given_up_and_its_runs_are_kept() {
    let place = tempfile::tempdir().unwrap();
    let output = output(place.path());
    let mut ledger = Ledger::new(
        &["hermit", "null"].map(combination),
        &["closed"],
        Vec::new(),
        7,
    );
    let enter = |ledger: &mut Ledger, round| {
        for target in ["hermit", "null"] {
            for _ in 1..=3 {
                let (run, measured) = repetition(target, round, 40_000, Ended::Interrupted);
                ledger.enter(run, &measured, &output).unwrap();
            }
        }
    };
    enter(&mut ledger, 1);
    assert!(!ledger.gives_up(1, 2), "six runs are too few to say");
    enter(&mut ledger, 2);
    assert!(ledger.gives_up(2, 2));
    let why = ledger.out_of_reach().unwrap();
    assert!(why.contains("none of 12 runs is valid"), "{why}");
    assert!(why.contains("interrupted (12 times)"), "{why}");
    let conclusion = ledger.conclude(&output).unwrap();
    assert_eq!(conclusion.missing.len(), 2, "{conclusion:?}");
    assert_eq!(
        conclusion.unjudged,
        [
            "hermit and null on vhost-user, closed loop: valid together in 0 of 2 rounds, and it takes 3"
        ]
    );
    let json = read(&place.path().join("result.json"));
    assert_eq!(json["runs"].as_array().unwrap().len(), 12);
    assert_eq!(json["merged"][0]["rounds_wanted"], 2);
}

const OPEN: Plan = Plan {
    mode: Mode::Open {
        rate: Rate::per_second(1000),
        arrivals: crate::load::Arrivals::Even,
    },
    ..PLAN
};

/// A closed and an open loop in each round of both targets but for those that `spoilt` names; with an open
/// loop in the first round only if that is wanted.
fn with_both_loops(
    ledger: &mut Ledger,
    output: &Output,
    rounds: u32,
    spoilt: &[(&str, u32, &str)],
) {
    for round in 1..=rounds {
        for target in ["hermit", "null"] {
            for plan in [&PLAN, &OPEN] {
                let mode = plan.mode.name();
                if round == 1 && mode == "open" {
                    continue;
                }
                let ended = if spoilt.contains(&(target, round, mode)) {
                    Ended::Interrupted
                } else {
                    Ended::Completed
                };
                let (run, measured) = repetition_by(plan, target, round, 40_000, ended);
                ledger.enter(run, &measured, output).unwrap();
            }
        }
        ledger.gives_up(round, 2);
    }
}

#[test]
fn what_rounds_lack_is_measured_after_them_and_what_was_never_measured_first() {
    let place = tempfile::tempdir().unwrap();
    let output = output(place.path());
    let [hermit, null] = ["hermit", "null"].map(combination);
    let mut ledger = Ledger::new(&[hermit, null], &["closed", "open"], Vec::new(), 3);
    let spoilt = [
        ("null", 2, "closed"),
        ("null", 2, "open"),
        ("hermit", 3, "open"),
    ];
    with_both_loops(&mut ledger, &output, 3, &spoilt);
    let next = |ledger: &Ledger, retries| ledger.next_missing(retries, |_, _| true);
    let mut order = Vec::new();
    while let Some(missing) = next(&ledger, 2) {
        for mode in &missing.modes {
            let plan = if *mode == "open" { &OPEN } else { &PLAN };
            let target = missing.combination.contender.to_string();
            // The first repeat of null is spoilt again.
            let is_spoilt =
                target == "null" && ledger.tries(null, mode, 2) == 1 && missing.round == 2;
            let ended = if is_spoilt {
                Ended::Interrupted
            } else {
                Ended::Completed
            };
            let (run, measured) = repetition_by(plan, &target, missing.round, 40_000, ended);
            ledger.enter(run, &measured, &output).unwrap();
        }
        let Missing {
            combination,
            round,
            modes,
        } = missing;
        order.push((combination.contender.to_string(), round, modes.join("+")));
    }
    let expected = [
        ("hermit", 1, "open"),
        ("null", 1, "open"),
        ("null", 2, "closed+open"),
        ("hermit", 3, "open"),
        ("null", 2, "closed+open"),
    ];
    let expected =
        expected.map(|(target, round, modes)| (target.to_owned(), round, modes.to_owned()));
    assert_eq!(order, expected);
    let conclusion = ledger.conclude(&output).unwrap();
    assert_eq!(
        (conclusion.missing.len(), conclusion.unjudged.len()),
        (0, 0)
    );
    let json = read(&output.file("result.json"));
    let merged = json["merged"].as_array().unwrap();
    let named = |it: &Value| {
        format!(
            "{} {}",
            it["target"].as_str().unwrap(),
            it["mode"].as_str().unwrap()
        )
    };
    let names: Vec<String> = merged.iter().map(named).collect();
    assert_eq!(
        names,
        ["hermit closed", "null closed", "hermit open", "null open"]
    );
    for mode in ["closed", "open"] {
        let comparisons = json["comparisons"].as_array().unwrap().iter();
        let of_it: Vec<&Value> = comparisons.filter(|it| it["mode"] == mode).collect();
        assert!(
            !of_it.is_empty() && of_it.iter().all(|it| it["rounds"] == 3),
            "{json:#}"
        );
    }
}

#[test]
fn without_repeats_a_spoilt_round_is_listed_and_too_few_rounds_are_no_comparison() {
    let place = tempfile::tempdir().unwrap();
    let output = output(place.path());
    let [hermit, null] = ["hermit", "null"].map(combination);
    let concluded = |rounds, spoilt: &[(&str, u32, &str)]| {
        let mut ledger = Ledger::new(&[hermit, null], &["closed", "open"], Vec::new(), rounds);
        with_both_loops(&mut ledger, &output, rounds, spoilt);
        assert_eq!(ledger.next_missing(0, |_, mode| mode != "open"), None);
        ledger.conclude(&output).unwrap()
    };
    let conclusion = concluded(4, &[("null", 2, "closed")]);
    let open = |target| {
        format!("{target} on vhost-user, open loop: 3 of 4 rounds are valid, without round 1")
    };
    let closed =
        "null on vhost-user, closed loop: 3 of 4 rounds are valid, without round 2".to_owned();
    assert_eq!(conclusion.missing, [closed, open("hermit"), open("null")]);
    assert_eq!(conclusion.unjudged, [""; 0]);
    // Of the open loops two rounds are left.
    let conclusion = concluded(4, &[("null", 2, "open")]);
    assert_eq!(
        conclusion.unjudged,
        [
            "hermit and null on vhost-user, open loop: valid together in 2 of 4 rounds, and it takes 3"
        ]
    );
    let mut alone = Ledger::new(&[hermit], &["closed"], Vec::new(), 1);
    let (run, measured) = repetition("hermit", 1, 40_000, Ended::Interrupted);
    alone.enter(run, &measured, &output).unwrap();
    let conclusion = alone.conclude(&output).unwrap();
    assert_eq!(
        conclusion.unjudged,
        ["hermit on vhost-user, closed loop: no run is valid"]
    );
    // Nor is there a pair with a target that was left out.
    let left_out = null.skipped(None, "not there".to_owned());
    let mut alone = Ledger::new(&[hermit, null], &["closed"], vec![left_out], 1);
    let (run, measured) = repetition("hermit", 1, 40_000, Ended::Interrupted);
    alone.enter(run, &measured, &output).unwrap();
    let conclusion = alone.conclude(&output).unwrap();
    assert_eq!(
        conclusion.unjudged,
        ["hermit on vhost-user, closed loop: no run is valid"]
    );
}

/// On the terminal, in the record and in the documents, which are made of it.
#[test]
fn who_does_not_want_to_know_why_gets_no_table_of_it() {
    let why = |is_wanted: bool| {
        let place = tempfile::tempdir().unwrap();
        let output = output(place.path());
        let mut ledger = Ledger::new(
            &["hermit", "null"].map(combination),
            &["closed"],
            Vec::new(),
            1,
        );
        if !is_wanted {
            ledger.leave_out_why();
        }
        for target in ["hermit", "null"] {
            let (mut run, measured) = repetition(target, 1, 40_000, Ended::Completed);
            run.first_reply_ms = Some(150.0);
            ledger.enter(run, &measured, &output).unwrap();
            let so_far = read(&output.file("result.json"));
            assert_eq!(so_far["why"].is_array(), is_wanted, "{so_far:#}");
        }
        ledger.conclude(&output).unwrap();
        let markdown = std::fs::read_to_string(output.file("report.md")).unwrap();
        let html = std::fs::read_to_string(output.file("report.html")).unwrap();
        let json = read(&place.path().join("result.json"));
        (
            json["why"].is_array(),
            markdown.contains("first reply"),
            html.contains("first reply"),
        )
    };
    assert_eq!(why(true), (true, true, true));
    assert_eq!(why(false), (false, false, false));
}
