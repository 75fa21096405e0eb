//! Comparisons of synthetic runs, to the end and in their files.
//!
//! - `repeats`: missing runs, and their repeats.

use std::path::Path;

use serde_json::Value;

use super::*;
use crate::experiment::InDirectory;
use crate::experiment::compare::tests::{PLAN, case, repetition};
use crate::stats::Ended;

mod repeats;

fn on_vhost_user(variant: &str) -> Case {
    case(variant, "vhost-user")
}

/// Returns the store of a comparison of `cases` without runs.
fn store_of(
    cases: &[Case],
    modes: &[&'static str],
    skipped: Vec<Skipped>,
    rounds: u32,
) -> RunStore {
    let environment = EnvironmentBuilder::examine("poll: a test".to_owned(), None);
    RunStore::new(
        environment,
        cases,
        modes,
        skipped,
        rounds,
        CostAnalysis::Included,
    )
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn valid_runs_are_merged_and_compared_by_the_rounds_that_both_have() {
    let directory = tempfile::tempdir().unwrap();
    let results = InDirectory::create(directory.path());
    let cases = ["hermit", "null", "linux-guest:busy"].map(on_vhost_user);
    let mut store = store_of(&cases, &["closed"], Vec::new(), 4);
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
            store.add(run, &measured, &results).unwrap();
            // Each run is in the file as soon as it ends.
            let so_far = read(&results.file("result.json"));
            let runs = so_far["runs"].as_array().unwrap();
            assert_eq!(runs.len(), 2 * (round as usize - 1) + index + 1);
        }
    }
    store.skip(cases[2].skipped(None, "there is no kernel".to_owned()));
    let conclusion = store.finish(&results).unwrap();
    assert_eq!(
        conclusion.missing,
        ["null on vhost-user, closed loop: 3 of 4 rounds are valid, without round 2"]
    );
    assert_eq!(conclusion.unjudged, [""; 0]);

    let json = read(&results.file("result.json"));
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
        let estimate = merged(0)["guest_estimate_ns"][percentile].as_i64().unwrap();
        assert!((least..=most).contains(&estimate), "{estimate}");
    }
    assert_eq!(merged(0)["guest_estimate_ns"]["rounds"], 3);
    assert!(merged(1)["guest_estimate_ns"].is_null(), "null is no guest");
    assert!(results.file("hermit-vhost-user-closed.hgrm").exists());
    assert!(results.file("null-vhost-user-closed.hlog").exists());
    assert!(!results.file("linux-guest-busy-vhost-user.hlog").exists());

    let comparisons = json["comparisons"].as_array().unwrap();
    assert_eq!(comparisons.len(), 3, "p50, p90, p99 of 6000 samples");
    for comparison in comparisons {
        assert_eq!(
            (&comparison["target"], &comparison["baseline"]),
            (&"hermit".into(), &"null".into())
        );
        assert_eq!(comparison["rounds"], 3);
        assert!(
            comparison["outcome"] == "higher" && comparison["rounds_higher"] == 3,
            "{comparison}"
        );
        let [low, difference, high] =
            ["low_ns", "difference_ns", "high_ns"].map(|key| comparison[key].as_i64().unwrap());
        assert!(
            0 < low && low < difference && difference < high,
            "{comparison}"
        );
    }
    assert_eq!(json["skipped"][0]["reason"], "there is no kernel");
}

#[test]
fn a_comparison_without_a_valid_run_ends_early_and_keeps_its_runs() {
    let directory = tempfile::tempdir().unwrap();
    let results = InDirectory::create(directory.path());
    let mut store = store_of(
        &["hermit", "null"].map(on_vhost_user),
        &["closed"],
        Vec::new(),
        7,
    );
    let add = |store: &mut RunStore, round| {
        for target in ["hermit", "null"] {
            for _ in 1..=3 {
                let (run, measured) = repetition(target, round, 40_000, Ended::Interrupted);
                store.add(run, &measured, &results).unwrap();
            }
        }
    };
    add(&mut store, 1);
    let feasibility = store.check_feasibility(1, 2);
    assert_eq!(
        feasibility,
        Feasibility::Feasible,
        "six runs are too few to say"
    );
    add(&mut store, 2);
    assert_eq!(store.check_feasibility(2, 2), Feasibility::Infeasible);
    let why = store.infeasibility().unwrap();
    assert!(why.contains("none of 12 runs is valid"), "{why}");
    assert!(why.contains("interrupted (12 times)"), "{why}");
    let conclusion = store.finish(&results).unwrap();
    assert_eq!(conclusion.missing.len(), 2, "{conclusion:?}");
    assert_eq!(
        conclusion.unjudged,
        [
            "hermit and null on vhost-user, closed loop: valid together in 0 of 2 rounds, and it takes 3"
        ]
    );
    let json = read(&results.file("result.json"));
    assert_eq!(json["runs"].as_array().unwrap().len(), 12);
    assert_eq!(json["merged"][0]["rounds_wanted"], 2);
}
