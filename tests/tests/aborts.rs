//! Runs of a real boot that end with the objective that they are certain to miss.
#![forbid(unsafe_code)]

use tests::fathom::Call;
use tests::objectives::{check, needs, states, with_file};
use tests::qemu_lock::lock_qemu;

/// Objectives that end a run, each with the options of one that is certain to miss it long before its end.
const ABORTED: [(&str, &str); 5] = [
    (
        "lost == 0",
        "--duration 300s --timeout 50ms --fault loss=20%,seed=3",
    ),
    ("max <= 1ns", "--duration 300s"),
    ("max <= 1ns", "--mode pipeline --depth 8 --duration 300s"),
    // So few requests that the host can't have made it what it is, and more than enough for it to be certain.
    ("p99.99 <= 1ns", "--count 3000000"),
    (
        "lost_share <= 1%",
        "--mode open --rate 2000 --timeout 50ms --duration 300s --fault loss=50%,seed=3",
    ),
];

#[test]
fn a_run_ends_with_the_objective_that_it_is_certain_to_miss() {
    let lock = lock_qemu();
    for (limit, options) in ABORTED {
        let text = format!("[[objective]]\npass = ['{limit}']\nabort = true\n");
        let call = Call::run(&format!(
            "--accel tcg --link vhost-user --warmup 0s {options}"
        ));
        let outcome = with_file(call, &text).finish(&lock);
        outcome.expect_failure(
            3,
            &[&format!("`{limit}` is certain to be missed"), "interrupted"],
        );
        let results = outcome.partial("interrupted");
        assert_eq!(states(&results.json), [(limit, "missed")], "{options}");
        let reason = needs(&results.json, limit);
        assert!(reason.starts_with("certain, although"), "{reason}");
        let planned = results.run()["planned_requests"].as_u64();
        assert_eq!(
            planned.is_some(),
            options.contains("count") || options.contains("open")
        );
        if let Some(planned) = planned {
            assert!(
                results.count("sent") < planned / 2,
                "{limit}: {:#}",
                results.run()
            );
        }
        // The same by the record alone.
        check(&lock, &outcome.file("out"), &[limit]).expect_failure(3, &["objectives missed"]);
    }
}

#[test]
fn a_percentile_of_an_open_loop_ends_it_by_the_number_that_its_schedule_has() {
    let lock = lock_qemu();
    let text = "[[objective]]\npass = ['p99.9 <= 1ns', 'lost <= 1000000']\nabort = true\n\
        on = { mode = 'open' }\n";
    let call = Call::run(
        "--accel tcg --link vhost-user --warmup 100ms --mode open --arrivals even --rate 1000 --duration 300s",
    );
    let outcome = with_file(call, text).finish(&lock);
    assert!(
        outcome.stderr.contains("`p99.9 <= 1ns` is certain"),
        "{outcome:#?}"
    );
    let results = outcome.partial("interrupted");
    assert_eq!(results.run()["planned_requests"], 300_000);
    // 300 may be above it, and some more by chance: it was ended when that was exceeded, and no sooner.
    let samples = results.run()["latency_ns"]["count"].as_u64().unwrap();
    assert!((301..150_000).contains(&samples), "{:#}", results.run());
    let state = states(&results.json)[0].1;
    let is_too_few = results.run()["percentiles"]["p99.9"]["state"] == "few";
    assert!(
        state == "missed" || !is_too_few,
        "{:#}",
        results.json["objectives"]
    );
    assert_ne!(state, "met");
}
