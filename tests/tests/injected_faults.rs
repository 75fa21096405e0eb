//! `--fault`: the real guest behind a link that loses and damages frames, every request accounted for.
#![forbid(unsafe_code)]

use serde_json::Value;
use tests::fathom::Call;
use tests::qemu_lock::lock_qemu;
use tests::soak;

/// Requests in the suite; `FATHOM_FAULTY_REQUESTS` in the environment for another number.
const REQUESTS: u64 = 5_000;

fn count(value: &Value) -> u64 {
    value
        .as_u64()
        .unwrap_or_else(|| panic!("{value} is no count"))
}

#[test]
fn loss_and_corruption_are_accounted_for_exactly_and_by_direction() {
    let lock = lock_qemu();
    let requests = soak::count("FATHOM_FAULTY_REQUESTS", REQUESTS);
    let call = Call::run(&format!(
        "--accel tcg --link vhost-user --mode pipeline --depth 256 --timeout 50ms --warmup 0s --count {requests} \
         --fault loss=15%,corrupt=15%,seed=7"
    ));
    let outcome = call.finish(&lock);
    let results = outcome.measured();
    let first = outcome.stdout.lines().next().unwrap_or_default();
    assert_eq!(first, "UNDER INJECTED FAULTS: loss=15%,corrupt=15%,seed=7");
    let run = results.run();
    let fault = &run["fault"];
    assert_eq!(fault["parameters"], "loss=15%,corrupt=15%,seed=7");
    let [to, from, of] = ["to_guest", "from_guest", "requests"].map(|part| &fault[part]);

    // No altered reply is accepted, and none came from elsewhere.
    assert_eq!(
        (results.count("corrupted"), results.count("foreign")),
        (0, 0)
    );
    // Each request has one outcome.
    let parts = [
        "lost_to_guest",
        "corrupted_to_guest",
        "unanswered",
        "lost_from_guest",
        "corrupted_from_guest",
    ];
    let lost: u64 = parts.iter().map(|part| count(&of[part])).sum();
    let late = count(&fault["answered_late"]);
    assert_eq!(lost + late, results.count("lost"), "{fault:#}");
    assert_eq!(lost + count(&of["answered"]), results.count("sent"));
    // The guest's own counters agree: it has seen the intact requests alone, and answered each.
    let delivered = count(&to["frames"]) - count(&to["lost"]) - count(&to["corrupted"]);
    assert_eq!(results.guest_counter("datagrams_received"), delivered);
    assert_eq!(results.guest_counter("replied"), delivered);
    assert_eq!(count(&from["frames"]) + count(&of["unanswered"]), delivered);
    let losses = &run["losses"];
    assert_eq!(
        count(&losses["not_received_by_guest"]),
        count(&of["lost_to_guest"]) + count(&of["corrupted_to_guest"])
    );
    // Twice 0.85 of 0.85 within six standard deviations, on a host that may stall for longer than the timeout.
    let sent = results.count("sent") as f64;
    let share = (results.count("received") + late) as f64 / sent;
    let expected = 0.85_f64.powi(4);
    let deviation = (expected * (1.0 - expected) / sent).sqrt();
    assert!((share - expected).abs() < 6.0 * deviation, "{share}");
}

#[test]
fn the_seed_repeats_the_faults_and_results_under_others_are_not_compared() {
    let lock = lock_qemu();
    let run = |fault: &str| {
        let call = Call::run(&format!(
            "--target null --link unix --count 500 --warmup 0s --timeout 20ms {fault}"
        ));
        call.finish(&lock)
    };
    let faulty = || run("--fault loss.to=10%,dup=5%,seed=3");
    let (one, other, without) = (faulty(), faulty(), run(""));
    let to_guest =
        |outcome: &tests::fathom::Outcome| outcome.results().run()["fault"]["to_guest"].clone();
    assert_eq!(to_guest(&one), to_guest(&other));
    assert!(count(&to_guest(&one)["lost"]) > 0);
    assert_eq!(to_guest(&without), Value::Null);
    let report = |first: &tests::fathom::Outcome, second: &tests::fathom::Outcome| {
        let call = Call::new("report").with_argument(first.file("out"));
        let call = call.with_argument(second.file("out"));
        let out = call.file("out");
        call.with("--out", out).finish(&lock)
    };
    let together = report(&one, &other);
    assert_eq!(together.code, Some(0), "{together:#?}");
    report(&one, &without).expect_failure(2, &["injected faults", "none", "seed=3"]);
}
