//! Two measurements on one host would measure each other: the second waits for the first, says so, and
//! can be made to go on anyway.
#![forbid(unsafe_code)]

use std::fs;

use tests::fathom::{Call, Running};
use tests::qemu_lock::lock_qemu;
use tests::results::Results;
use tests::timeouts;

/// A measurement without a guest.
fn measurement(arguments: &str, lock: &str) -> Call {
    let call = Call::new(&format!(
        "run --target null --link loopback --warmup 0s {arguments}"
    ));
    let out = call.file("out");
    call.with("--out", out).with_lock(lock)
}

/// Waits until somebody has `lock`, which the kernel lists with an `@` in front.
fn wait_until_held(lock: &str) {
    timeouts::until(timeouts::BOOT, lock, || {
        let sockets = fs::read_to_string("/proc/net/unix").expect("it is mounted");
        let name = format!("@{lock}");
        sockets
            .lines()
            .any(|line| line.ends_with(&name))
            .then_some(())
    });
}

fn process(running: &Running<'_>) -> String {
    format!("process {}, ", running.pid().as_raw_nonzero())
}

#[test]
fn the_second_measurement_waits_or_says_who_measures() {
    let qemu = lock_qemu();
    let lock = format!("fathom-test-{}", std::process::id());
    let first = measurement("--duration 300s", &lock).start(&qemu);
    wait_until_held(&lock);
    let holder = process(&first);

    let refused = measurement("--wait 0s --count 10", &lock).finish(&qemu);
    refused.expect_failure(1, &[&holder, "--target null", "--concurrent"]);
    assert!(!refused.file("out").exists());

    let beside = measurement("--concurrent --count 10", &lock).start(&qemu);
    let beside_pid = beside.pid().as_raw_nonzero().get();
    let beside = beside.finish();
    assert!(beside.stderr.contains(&holder), "{beside:#?}");
    let concurrent =
        |results: &Results| results.json["environment"]["concurrent"][0]["pid"].clone();
    assert_eq!(
        concurrent(&beside.measured()),
        first.pid().as_raw_nonzero().get()
    );

    let mut second = measurement("--count 10", &lock).start(&qemu);
    second.wait_for_error(&holder);
    first.interrupt();
    let first = first.finish();
    assert_eq!(concurrent(&first.results()), beside_pid);
    let second = second.finish();
    let results = second.measured();
    assert_eq!(results.count("received"), 10);
    let nobody = serde_json::json!([]);
    assert_eq!(results.json["environment"]["concurrent"], nobody);
}

#[test]
fn a_killed_measurement_keeps_nobody_waiting_and_a_wait_can_be_broken_off() {
    let qemu = lock_qemu();
    let lock = format!("fathom-test-killed-{}", std::process::id());
    let first = measurement("--duration 300s", &lock).start(&qemu);
    wait_until_held(&lock);
    let holder = process(&first);
    let mut given_up = measurement("--count 10", &lock).start(&qemu);
    let mut second = measurement("--count 10", &lock).start(&qemu);
    for waiting in [&mut given_up, &mut second] {
        waiting.wait_for_error(&holder);
    }
    given_up.interrupt();
    given_up.finish().expect_failure(1, &["interrupted"]);
    first.signal(rustix::process::Signal::KILL);
    let _ = first.finish_abruptly();
    assert_eq!(second.finish().measured().count("received"), 10);
}
