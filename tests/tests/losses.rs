//! Requests that never reach the guest: each is counted where it stayed, and none is called the service's.
#![forbid(unsafe_code)]

use std::fs;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};
use tests::mid_run::{MEASURING, measuring, measuring_with_monitor};
use tests::network;
use tests::qemu_lock::lock_qemu;
use tests::results::Results;

/// Time for which the guest takes nothing: many times the timeout of a request.
const PAUSE: Duration = Duration::from_millis(800);

/// An open loop that fills every queue on the way in that time: it has no more than 256 requests out that it waits
/// for, and none of them for longer than the timeout.
const LOAD: &str = "--mode open --arrivals even --rate 20000 --timeout 50ms --duration 300s";

fn losses(results: &Results, part: &str) -> u64 {
    let value = &results.run()["losses"][part];
    let shown = || panic!("{part} in {:#}", results.run());
    value.as_u64().unwrap_or_else(shown)
}

/// Expects that the places add up to what was lost, and that the service dropped nothing.
fn expect_accounted(results: &Results) {
    let parts = ["not_received_by_guest", "dropped_by_guest", "answer_lost"];
    let sum: u64 = parts.iter().map(|part| losses(results, part)).sum();
    assert_eq!(sum, results.count("lost"), "{:#}", results.run());
    assert_eq!(losses(results, "dropped_by_guest"), 0);
    let (received, answered) = ["datagrams_received", "replied"]
        .map(|counter| results.guest_counter(counter))
        .into();
    assert_eq!(received, answered, "it answered all that it had");
}

#[test]
fn requests_without_a_receive_buffer_wait_and_are_counted_with_faults_and_without() {
    let lock = lock_qemu();
    for (link, fault) in [
        ("vhost-user", ""),
        ("vhost-user", "--fault loss=1%,dup=1%,seed=5"),
        ("unix", ""),
    ] {
        let arguments = format!("--link {link} {LOAD} {fault}");
        let (running, mut monitor) = measuring_with_monitor(&lock, &arguments);
        monitor.execute("stop", &json!({}));
        thread::sleep(PAUSE);
        running.interrupt();
        let results = running.finish().partial("interrupted");
        expect_accounted(&results);
        let waiting = losses(&results, "waiting_at_end");
        assert!(waiting > 0, "{:#}", results.run());
        assert_eq!(results.run()["losses"]["dropped_by_host"], Value::Null);
        let missing = losses(&results, "not_received_by_guest");
        let injected = &results.run()["fault"]["requests"]["lost_to_guest"];
        let injected = injected.as_u64().unwrap_or(0);
        // Those that it still had time for when the run was broken off are not lost.
        let out = missing + results.count("in_flight_at_end");
        assert!(out >= waiting + injected, "{:#}", results.run());
        assert_eq!(injected > 0, !fault.is_empty());
    }
}

#[test]
fn what_full_queues_of_the_host_drop_is_counted() {
    let lock = lock_qemu();
    let links = ["user", "tap"];
    let count = if network::is_root() { 2 } else { 1 };
    for link in &links[..count] {
        let mut running = measuring(&lock, &format!("--link {link} {LOAD}"));
        let qemu = running.qemu();
        qemu.signal(Signal::STOP);
        thread::sleep(PAUSE);
        qemu.signal(Signal::CONT);
        let captured = fs::metadata(running.file("frames.pcap")).unwrap().len();
        running.wait_for_file("frames.pcap", captured + MEASURING);
        running.interrupt();
        let results = running.finish().partial("interrupted");
        expect_accounted(&results);
        let dropped = losses(&results, "dropped_by_host");
        assert!(dropped > 0, "{link}: {:#}", results.run());
        assert_eq!(losses(&results, "waiting_at_end"), 0);
        // All others arrived, but for those that were on their way when it was broken off.
        let sent = results.count("sent");
        let out = sent - results.guest_counter("datagrams_received");
        let in_flight = results.count("in_flight_at_end");
        assert!(
            (dropped..=dropped + in_flight).contains(&out),
            "{link}, {out} of {sent}: {:#}",
            results.run()
        );
    }
}
