//! A run on a host whose CPUs others want as well: whatever that does to it, it is not the service's.
//!
//! The expectations hold however the scheduler shares the time out: states follow from what the record says
//! that was observed, and never hide a loss.
#![forbid(unsafe_code)]

use std::hint::spin_loop;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde_json::Value;
use tests::fathom::Call;
use tests::network;
use tests::qemu_lock::lock_qemu;

/// Number of requests measured.
const COUNT: u64 = 2000;

/// Length of a wait that the record holds for able to lose a request, in nanoseconds.
const LOSING_NS: u64 = 1_000_000;

/// The same of a thread's wake-up, which is nobody else's.
const WAKE_UP_NS: u64 = 50_000;

/// Does `work` while a thread spins on each CPU that this process may use.
fn beside_spinners<T>(work: impl FnOnce() -> T) -> T {
    let allowed = sched_getaffinity(None).expect("an affinity");
    let cpus = (0..CpuSet::MAX_CPU).filter(|&cpu| allowed.is_set(cpu));
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for cpu in cpus {
            let stop = &stop;
            scope.spawn(move || {
                let mut set = CpuSet::new();
                set.set(cpu);
                // Anywhere else it disturbs as well.
                let _ = sched_setaffinity(None, &set);
                while !stop.load(Ordering::Relaxed) {
                    spin_loop();
                }
            });
        }
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        stop.store(true, Ordering::Relaxed);
        done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn count(value: &Value, field: &str) -> u64 {
    value[field]
        .as_u64()
        .unwrap_or_else(|| panic!("no {field}: {value:#}"))
}

/// Returns the number of waits of `thread` that can have lost a request.
fn losing_waits(thread: &Value) -> u64 {
    let slices = count(thread, "slices");
    let wake_ups = slices.saturating_sub(count(thread, "involuntary_switches"));
    let taken_ns = count(thread, "waited_ns").saturating_sub(wake_ups * WAKE_UP_NS);
    slices.min(taken_ns / LOSING_NS)
}

#[test]
fn percentiles_that_spinners_spoilt_are_never_clean() {
    if !network::is_root() {
        return;
    }
    let lock = lock_qemu();
    let arguments =
        format!("--accel tcg --link tap --count {COUNT} --duration 20s --warmup 0s --timeout 2ms");
    let outcome = beside_spinners(|| Call::run(&arguments).finish(&lock));
    let results = outcome.measured();
    let run = results.run();
    let noise = &run["noise"];
    eprintln!("{noise:#} {:#} {:#}", run["percentiles"], run["reasons"]);
    let answering = &noise["answering"];
    // A guest that polls has to share its CPU.
    assert!(count(answering, "waited_ns") > 0, "{noise:#}");
    assert!(noise["measuring"].is_object() && noise["carrying"].is_object());
    let (sent, lost) = (results.count("sent"), results.count("lost"));
    let waits = losing_waits(answering);
    for (name, one_in) in [("p50", 2), ("p90", 10), ("p99", 100)] {
        let percentile = &run["percentiles"][name];
        let beyond = sent / one_in;
        if beyond < 10 {
            continue;
        }
        let state = percentile["state"].as_str().expect("a state");
        assert!(percentile["host_share"].is_number(), "{percentile:#}");
        if lost <= beyond {
            continue;
        }
        let is_known = matches!(state, "host" | "partly" | "censored");
        assert!(is_known, "{name}: {run:#}");
        assert!(percentile["high_ns"].is_null(), "{name}: {run:#}");
        // Without those that gaps can have lost there would be no more lost ones than lie beyond.
        if waits >= lost - beyond {
            assert_ne!(state, "censored", "{name}: {run:#}");
            let reasons = run["reasons"].as_array().expect("reasons[]");
            assert!(
                reasons.iter().any(|reason| reason["code"] == "host"),
                "{run:#}"
            );
            if state == "host" {
                assert_eq!(run["valid"], false, "{run:#}");
            }
        }
    }
}

#[test]
fn a_wait_for_a_quiet_host_ends_and_is_told() {
    let lock = lock_qemu();
    let arguments = "--target null --count 100 --warmup 0s --quiet 200ms";
    let call = Call::new(&format!("run {arguments}"));
    let out = call.file("out");
    let outcome = beside_spinners(|| call.with("--out", out).finish(&lock));
    let results = outcome.measured();
    let noise = &results.run()["noise"];
    let is_quiet = noise["was_quiet"].as_bool().expect("was_quiet");
    let waited = Duration::from_nanos(count(noise, "waited_for_quiet_ns"));
    // It goes on whatever the host does, and says for how long it did not.
    assert!(
        is_quiet || waited >= Duration::from_millis(100),
        "{noise:#}"
    );
}
