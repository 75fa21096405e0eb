//! Ctrl-C and other ends that `fathom` does not choose: QEMU ends with it, and what was measured is
//! kept. Every call checks on its own that no process is left behind.
#![forbid(unsafe_code)]

use std::time::Duration;

use fathom::random::SplitMix64;
use rustix::process::Signal;
use tests::fathom::Call;
use tests::mid_run::{MEASURING, ON_ANY_LINK, measuring, wait_for_replies};
use tests::qemu_lock::lock_qemu;
use tests::results::Results;
use tests::soak;

/// Longer than any test waits.
const LONG: &str = "--duration 300s";

#[test]
fn ctrl_c_keeps_what_was_measured_on_any_link() {
    let lock = lock_qemu();
    for arguments in ON_ANY_LINK {
        let running = measuring(&lock, &format!("{LONG} {arguments}"));
        running.interrupt();
        let outcome = running.finish();
        assert_eq!(outcome.code, Some(4), "{outcome:#?}");
        let _ = outcome.partial("interrupted");
    }
}

#[test]
fn a_request_to_terminate_and_a_hangup_are_a_ctrl_c() {
    let lock = lock_qemu();
    for signal in [Signal::TERM, Signal::HUP] {
        let running = measuring(&lock, &format!("{LONG} --json -"));
        running.signal(signal);
        let outcome = running.finish();
        assert_eq!(outcome.code, Some(4), "{outcome:#?}");
        let printed: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
        assert_eq!(printed, outcome.partial("interrupted").json);
    }
}

/// Starts a command as `nohup` does.
const NOHUP: &str = "trap '' HUP && exec \"$0\" \"$@\"";

#[test]
fn under_nohup_a_hangup_is_no_ctrl_c_and_a_request_to_terminate_is() {
    let lock = lock_qemu();
    let call = Call::run(&format!("--accel tcg --warmup 0s {LONG}"));
    let (capture, nohup) = (call.file("frames.pcap"), ["sh", "-c", NOHUP]);
    let call = call.with("--pcap", capture).wrapped_in(&nohup);
    let mut running = call.start(&lock);
    wait_for_replies(&mut running);
    running.signal(Signal::HUP);
    // It goes on for longer than it takes to find out about a signal.
    let captured = std::fs::metadata(running.file("frames.pcap")).unwrap();
    running.wait_for_file("frames.pcap", captured.len() + MEASURING);
    running.signal(Signal::TERM);
    let outcome = running.finish();
    assert_eq!(outcome.code, Some(4), "{outcome:#?}");
    let _ = outcome.partial("interrupted");
}

/// Starts a command with its outputs at a pipe that nobody reads, where each write fails, as on a
/// terminal that is gone.
const UNREAD: &str = "mkfifo pipe && exec 3<>pipe 4>pipe 3<&- && exec \"$0\" \"$@\" >&4 2>&4";

#[test]
fn results_are_written_when_nobody_reads_what_it_says() {
    let lock = lock_qemu();
    // A comparison says what it does on standard error, run by run, and its table goes to standard
    // output.
    let call = Call::new(
        "compare --mode closed --targets null,null --links loopback --repeat 1 --retries 0 --duration 20ms \
         --warmup 0s --settle 0s",
    );
    let out = call.file("out");
    let outcome = call.with("--out", &out).wrapped_in(&["sh", "-c", UNREAD]);
    let outcome = outcome.finish(&lock);
    assert_eq!(
        outcome.code,
        Some(1),
        "the table reached nobody: {outcome:#?}"
    );
    let runs = &Results::read(&outcome.file("out")).json["runs"];
    assert_eq!(runs.as_array().unwrap().len(), 2, "{runs:#}");
}

#[test]
fn ctrl_c_while_booting_ends_at_once() {
    let lock = lock_qemu();
    // Its processor stopped, the guest never gets ready.
    let mut running = Call::run("--accel tcg")
        .with_qemu_arguments("-S")
        .start(&lock);
    running.qemu();
    running.interrupt();
    let outcome = running.finish();
    // Without waiting for the guest until it would be given up.
    outcome.expect_failure(1, &["interrupted"]);
    assert!(!outcome.stderr.contains("not ready"), "{outcome:#?}");
    assert!(!outcome.file("out/result.json").exists());
}

#[test]
fn a_second_ctrl_c_ends_it_without_results() {
    let lock = lock_qemu();
    // Both signals are there when it goes on, and the second is taken before the first has had its
    // way. Two threads may take one each, in the same instant: then neither finds that it is the second.
    let is_ended = (0..3).any(|_| {
        let running = measuring(&lock, LONG);
        for signal in [Signal::STOP, Signal::INT, Signal::TERM, Signal::CONT] {
            running.signal(signal);
        }
        let outcome = running.finish_abruptly();
        assert!(matches!(outcome.code, Some(1 | 4)), "{outcome:#?}");
        let has_results = outcome.file("out/result.json").exists();
        assert_eq!(has_results, outcome.code == Some(4), "{outcome:#?}");
        outcome.code == Some(1)
    });
    assert!(is_ended, "a second signal was a first one three times");
}

#[test]
fn killed_outright_it_takes_qemu_along() {
    let lock = lock_qemu();
    let mut running = measuring(&lock, LONG);
    running.qemu();
    running.signal(Signal::KILL);
    let outcome = running.finish_abruptly();
    assert_eq!(outcome.code, None, "{outcome:#?}");
}

#[test]
fn ctrl_c_ends_it_even_if_qemu_stands_still() {
    let lock = lock_qemu();
    let mut running = measuring(&lock, LONG);
    running.qemu().signal(Signal::STOP);
    running.interrupt();
    let outcome = running.finish();
    assert_eq!(outcome.code, Some(4), "{outcome:#?}");
    let _ = outcome.partial("interrupted");
}

/// Number of moments at which a signal is sent; `FATHOM_MOMENTS` asks for more, and `FATHOM_SEED` for others.
const MOMENTS: u64 = 6;

/// Calls that are interrupted: long ones in every phase but the last, and one that is about to end.
const CALLS: [&str; 6] = [
    "--duration 300s --link vhost-user --quiet 300s",
    "--duration 300s --link vhost-user --warmup 300s",
    "--duration 300s --link unix --mode open --rate 1000 --json -",
    "--duration 300s --link user --mode pipeline",
    "--duration 300s --link unix --sweep",
    "--duration 10ms --link vhost-user --warmup 0s",
];

/// The latest moment after the start: a boot and the floors take less at rest.
const LATEST: Duration = Duration::from_millis(1500);

#[test]
fn a_signal_at_any_moment_ends_it_and_leaves_nothing() {
    let lock = lock_qemu();
    let mut random = SplitMix64(soak::count("FATHOM_SEED", 1));
    let moments = soak::count("FATHOM_MOMENTS", MOMENTS);
    for (arguments, _) in CALLS.iter().cycle().zip(0..moments) {
        let running = Call::run(&format!("--accel tcg {arguments}")).start(&lock);
        let at = LATEST.mul_f64(random.fraction());
        std::thread::sleep(at);
        let signal = [Signal::INT, Signal::TERM, Signal::HUP][random.below(3)];
        if signal == Signal::INT {
            running.interrupt();
        } else {
            running.signal(signal);
        }
        let what = format!("{signal:?} {at:?} after the start of {arguments}");
        println!("{what}");
        let outcome = running.finish();
        // Before it watches for signals, one ends it as it ends any program; when all is done, none does.
        let has_results = outcome.file("out/result.json").exists();
        match outcome.code {
            None => assert!(!outcome.file("out").exists(), "{what}: {outcome:#?}"),
            Some(1) => assert!(!has_results, "{what}: {outcome:#?}"),
            Some(4) => drop(outcome.results()),
            Some(0) if arguments.contains("10ms") => drop(outcome.results()),
            _ => panic!("{what}: {outcome:#?}"),
        }
    }
}
