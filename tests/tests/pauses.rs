//! A guest that stands still for a moment: what that does to each figure, and that nothing is lost.
//!
//! The virtual machine is stopped for 100 ms and the stop's true length read from QEMU's own events, so
//! no expectation here depends on how fast anything is.
#![forbid(unsafe_code)]

use std::thread;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::json;
use tests::fathom::Outcome;
use tests::midway::measuring;
use tests::results::histogram;
use tests::turn::{Turn, turn};

/// The links on which `fathom` itself keeps what the guest does not take, each with a rate, in requests
/// a second, that it can carry: on a host that others use, QEMU passes on but some thousand frames.
const FRAMES: [(&str, u32); 2] = [("vhost-user", 10_000), ("unix", 2_000)];

/// How long the guest is stopped.
const PAUSE: Duration = Duration::from_millis(100);

/// How often a pause is tried on a host that stands still by itself.
const ATTEMPTS: u32 = 8;

/// Samples are counted from here on: half of the pause.
const COUNTED_FROM_NS: u64 = 50_000_000;

/// Measures with a pause in the middle; nothing is lost. Returns the pause's length in nanoseconds.
fn paused(turn: &Turn, arguments: &str) -> (Outcome, f64) {
    let (running, mut monitor) = measuring(turn, &format!("--timeout 20s {arguments}"));
    monitor.execute("stop", &json!({}));
    thread::sleep(PAUSE);
    monitor.execute("cont", &json!({}));
    let pause = monitor.event("RESUME") - monitor.event("STOP");
    assert!(pause >= PAUSE, "{pause:?}");
    let outcome = running.finish();
    let results = outcome.measured();
    assert_eq!(results.count("lost"), 0, "{:#}", results.run());
    assert_eq!(
        results.count("sent"),
        results.count("received"),
        "{:#}",
        results.run()
    );
    (outcome, pause.as_nanos() as f64)
}

/// How many samples are longer than half of the pause.
fn counted(histogram: &Histogram<u64>) -> u64 {
    histogram.count_between(COUNTED_FROM_NS, u64::MAX)
}

/// Pauses again and again until `is_seen` says that the pause was all there was to see: a host that
/// stands still by itself for as long adds samples of its own, but not every time.
fn until_undisturbed(is_seen: impl Fn(&Turn) -> bool) {
    let turn = turn();
    assert!(
        (0..ATTEMPTS).any(|_| is_seen(&turn)),
        "{ATTEMPTS} times there was more than the pause"
    );
}

#[test]
fn an_open_loop_counts_a_pause_for_each_request_that_it_delayed() {
    for (link, rate) in FRAMES {
        until_undisturbed(|turn| {
            let arguments = format!("--link {link} --mode open --rate {rate} --duration 2s");
            let (outcome, pause_ns) = paused(turn, &arguments);
            let file = |end: &str| outcome.file(&format!("out/hermit-{link}-open{end}.hlog"));
            let corrected = histogram(&file(""));
            let uncorrected = histogram(&file("-uncorrected"));
            assert_eq!(corrected.len(), u64::from(rate) * 2);
            expect_spread(&corrected, f64::from(rate) / 1e9, pause_ns);
            assert!(uncorrected.max() as f64 >= pause_ns * 0.99);
            let long = [&corrected, &uncorrected].map(counted);
            eprintln!(
                "{link} at {rate}/s, paused for {:.1} ms: over half of that {} of {} samples, \
                 uncorrected {} of {}",
                pause_ns / 1e6,
                long[0],
                corrected.len(),
                long[1],
                uncorrected.len(),
            );
            // A client that waits for each reply has one request delayed, and sends no other meanwhile.
            assert!(uncorrected.len() <= corrected.len() - long[0] + long[1]);
            long[1] == 1
        });
    }
}

/// Each request waits for what is left of the pause when it is due, so the waits are spread evenly from
/// none of it to all of it. What else delays them, such as catching up, only adds to that.
fn expect_spread(latency: &Histogram<u64>, requests_per_ns: f64, pause_ns: f64) {
    for quarter in 0..4 {
        let from_ns = pause_ns / 4.0 * f64::from(quarter);
        let expected = (pause_ns - from_ns) * requests_per_ns;
        let longer = latency.count_between(from_ns as u64, u64::MAX);
        // A histogram knows values to three digits.
        let least = expected * 0.99 - 1.0;
        assert!(longer as f64 >= least, "{longer} of {expected:.0}");
    }
    // As one stop makes them: the longest wait begins it, and one follows in each interval. Catching
    // up stretches that.
    let most = (latency.max() - COUNTED_FROM_NS) as f64 * requests_per_ns;
    assert!(counted(latency) as f64 <= most * 3.0, "of {most:.0}");
}

#[test]
fn a_closed_loop_counts_a_pause_once() {
    for (link, _) in FRAMES {
        until_undisturbed(|turn| {
            let (outcome, pause_ns) = paused(turn, &format!("--link {link} --duration 2s"));
            let latency = histogram(&outcome.file(&format!("out/hermit-{link}-closed.hlog")));
            assert!(latency.max() as f64 >= pause_ns * 0.99);
            counted(&latency) == 1
        });
    }
}
