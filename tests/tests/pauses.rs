//! A guest that stands still for a moment: what that does to each figure, and that nothing is lost.
//!
//! The virtual machine is stopped for 100 ms and the stop's true length read from QEMU's own events, so
//! no expectation here depends on how fast anything is. A host that stands still by itself adds
//! samples: what is expected holds for any number of stops.
#![forbid(unsafe_code)]

use std::fs;
use std::thread;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::json;
use tests::fathom::Outcome;
use tests::interval_log::histogram;
use tests::mid_run::{MEASURING, measuring_with_monitor};
use tests::qemu_lock::{QemuLock, lock_qemu};
use tests::results::Results;

/// The links on which `fathom` itself keeps what the guest does not take.
const FRAMES: [&str; 2] = ["vhost-user", "unix"];

/// Requests a second of the open loop: few enough for a host that others use as well.
const RATE: f64 = 2000.0;

/// Time for which the guest is stopped.
const PAUSE: Duration = Duration::from_millis(100);

/// Samples are counted from here on: half of the pause.
const COUNTED_FROM_NS: u64 = 50_000_000;

/// Number of attempts at an open loop on a host that can't carry it for the whole of a test.
const ATTEMPTS: u32 = 8;

/// Measures until a pause is over and its backlog is answered; nothing is lost. Returns the pause's
/// length in nanoseconds.
fn paused(lock: &QemuLock, arguments: &str) -> (Outcome, Results, f64) {
    let arguments = format!("--duration 300s --timeout 20s {arguments}");
    let (mut running, mut monitor) = measuring_with_monitor(lock, &arguments);
    monitor.execute("stop", &json!({}));
    thread::sleep(PAUSE);
    monitor.execute("cont", &json!({}));
    let pause = monitor.event("RESUME") - monitor.event("STOP");
    assert!(pause >= PAUSE, "{pause:?}");
    let captured = fs::metadata(running.file("frames.pcap")).unwrap().len();
    running.wait_for_file("frames.pcap", captured + MEASURING);
    running.interrupt();
    let outcome = running.finish();
    let results = outcome.partial("interrupted");
    assert_eq!(results.count("lost"), 0, "{:#}", results.run());
    (outcome, results, pause.as_nanos() as f64)
}

/// Number of samples that are longer than half of the pause.
fn counted(histogram: &Histogram<u64>) -> u64 {
    histogram.count_between(COUNTED_FROM_NS, u64::MAX)
}

/// Returns the largest number of such samples that a client that waits for each reply can have: each
/// begins when the last has ended.
fn most_of_a_client_that_waits(results: &Results) -> u64 {
    results.count("elapsed_ns") / COUNTED_FROM_NS + 1
}

#[test]
fn an_open_loop_counts_a_pause_for_each_request_that_it_delayed() {
    let lock = lock_qemu();
    for link in FRAMES {
        let is_seen = (0..ATTEMPTS).any(|_| {
            let arguments = format!("--link {link} --mode open --arrivals even --rate {RATE}");
            let (outcome, results, pause_ns) = paused(&lock, &arguments);
            let file = |end: &str| outcome.file(&format!("out/hermit-{link}-open{end}.hlog"));
            let corrected = histogram(&file(""));
            let uncorrected = histogram(&file("-uncorrected"));
            expect_spread(&corrected, pause_ns);
            let long = [&corrected, &uncorrected].map(counted);
            eprintln!(
                "{link}, paused for {:.1} ms: over half of that {} of {} samples, uncorrected {} of {}",
                pause_ns / 1e6,
                long[0],
                corrected.len(),
                long[1],
                uncorrected.len(),
            );
            assert!(long[1] <= most_of_a_client_that_waits(&results));
            assert!(uncorrected.len() <= corrected.len());
            // The request that was out when the guest stopped, unless a backlog was there before: then
            // a client that waits would not have sent it.
            uncorrected.max() as f64 >= pause_ns * 0.99 && long[1] < long[0]
        });
        assert!(
            is_seen,
            "{link}: there was a backlog at each of {ATTEMPTS} pauses"
        );
    }
}

/// Expects a wait for each request of the pause, which waits for what is left of it when it is due: they
/// are spread evenly from none of it to all of it. What else delays them only adds to that.
fn expect_spread(latency: &Histogram<u64>, pause_ns: f64) {
    for quarter in 0..4 {
        let from_ns = pause_ns / 4.0 * f64::from(quarter);
        let expected = (pause_ns - from_ns) * RATE / 1e9;
        let longer = latency.count_between(from_ns as u64, u64::MAX);
        // A histogram knows values to three digits.
        let least = expected * 0.99 - 1.0;
        assert!(longer as f64 >= least, "{longer} of {expected:.0}");
    }
}

#[test]
fn a_closed_loop_counts_a_pause_once() {
    let lock = lock_qemu();
    for link in FRAMES {
        let (outcome, results, pause_ns) = paused(&lock, &format!("--link {link}"));
        let latency = histogram(&outcome.file(&format!("out/hermit-{link}-closed.hlog")));
        assert!(latency.max() as f64 >= pause_ns * 0.99);
        assert!(counted(&latency) <= most_of_a_client_that_waits(&results));
    }
}
