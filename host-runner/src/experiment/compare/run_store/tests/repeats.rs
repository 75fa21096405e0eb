//! Missing runs, and their repeats.

use super::*;
use crate::experiment::compare::tests::repetition_by;
use crate::load::{Arrivals, Mode, Plan, Rate};

const OPEN: Plan = Plan {
    mode: Mode::Open {
        rate: Rate::per_second(1000),
        arrivals: Arrivals::Even,
    },
    ..PLAN
};

/// Adds a closed and an open loop of both systems in each round, without an open loop in the first. The runs that
/// `spoilt` names are invalid.
fn with_both_loops(
    store: &mut RunStore,
    results: &InDirectory,
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
                store.add(run, &measured, results).unwrap();
            }
        }
        let _ = store.check_feasibility(round, 2);
    }
}

#[test]
fn missing_runs_are_made_after_the_rounds_and_those_never_made_come_first() {
    let directory = tempfile::tempdir().unwrap();
    let results = InDirectory::create(directory.path());
    let [hermit, null] = ["hermit", "null"].map(on_vhost_user);
    let mut store = store_of(&[hermit, null], &["closed", "open"], Vec::new(), 3);
    let spoilt = [
        ("null", 2, "closed"),
        ("null", 2, "open"),
        ("hermit", 3, "open"),
    ];
    with_both_loops(&mut store, &results, 3, &spoilt);
    let next = |store: &RunStore, retries| store.next_missing(retries, |_, _| true);
    let mut order = Vec::new();
    while let Some(missing) = next(&store, 2) {
        for mode in &missing.modes {
            let plan = if *mode == "open" { &OPEN } else { &PLAN };
            let target = missing.case.variant.to_string();
            // The first repeat of null is spoilt again.
            let is_spoilt =
                target == "null" && store.tries(null, mode, 2) == 1 && missing.round == 2;
            let ended = if is_spoilt {
                Ended::Interrupted
            } else {
                Ended::Completed
            };
            let (run, measured) = repetition_by(plan, &target, missing.round, 40_000, ended);
            store.add(run, &measured, &results).unwrap();
        }
        let Missing { case, round, modes } = missing;
        order.push((case.variant.to_string(), round, modes.join("+")));
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
    let conclusion = store.finish(&results).unwrap();
    assert_eq!(
        (conclusion.missing.len(), conclusion.unjudged.len()),
        (0, 0)
    );
    let json = read(&results.file("result.json"));
    let merged = json["merged"].as_array().unwrap();
    let named = |value: &Value| {
        format!(
            "{} {}",
            value["target"].as_str().unwrap(),
            value["mode"].as_str().unwrap()
        )
    };
    let names: Vec<String> = merged.iter().map(named).collect();
    assert_eq!(
        names,
        ["hermit closed", "null closed", "hermit open", "null open"]
    );
    for mode in ["closed", "open"] {
        let comparisons = json["comparisons"].as_array().unwrap().iter();
        let of_it: Vec<&Value> = comparisons
            .filter(|comparison| comparison["mode"] == mode)
            .collect();
        assert!(
            !of_it.is_empty() && of_it.iter().all(|comparison| comparison["rounds"] == 3),
            "{json:#}"
        );
    }
}

#[test]
fn without_repeats_missing_rounds_are_listed_and_too_few_make_no_verdict() {
    let directory = tempfile::tempdir().unwrap();
    let results = InDirectory::create(directory.path());
    let [hermit, null] = ["hermit", "null"].map(on_vhost_user);
    let concluded = |rounds, spoilt: &[(&str, u32, &str)]| {
        let mut store = store_of(&[hermit, null], &["closed", "open"], Vec::new(), rounds);
        with_both_loops(&mut store, &results, rounds, spoilt);
        assert_eq!(store.next_missing(0, |_, mode| mode != "open"), None);
        store.finish(&results).unwrap()
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
    let mut alone = store_of(&[hermit], &["closed"], Vec::new(), 1);
    let (run, measured) = repetition("hermit", 1, 40_000, Ended::Interrupted);
    alone.add(run, &measured, &results).unwrap();
    let conclusion = alone.finish(&results).unwrap();
    assert_eq!(
        conclusion.unjudged,
        ["hermit on vhost-user, closed loop: no run is valid"]
    );
    // Nor is there a pair with a target that was left out.
    let left_out = null.skipped(None, "not there".to_owned());
    let mut alone = store_of(&[hermit, null], &["closed"], vec![left_out], 1);
    let (run, measured) = repetition("hermit", 1, 40_000, Ended::Interrupted);
    alone.add(run, &measured, &results).unwrap();
    let conclusion = alone.finish(&results).unwrap();
    assert_eq!(
        conclusion.unjudged,
        ["hermit on vhost-user, closed loop: no run is valid"]
    );
}
