//! Ctrl-C and other ends that `fathom` does not choose: QEMU ends with it, and what was measured is
//! kept. Every call checks on its own that no process is left behind.
#![forbid(unsafe_code)]

use rustix::process::Signal;
use tests::fathom::{Call, Outcome, Running};
use tests::results::Results;
use tests::turn::{Turn, turn};

/// So much captured means that it is measuring: far more than address resolution takes.
const MEASURING: u64 = 100_000;

/// A long measurement that is under way.
fn measuring<'t>(turn: &'t Turn, arguments: &str) -> Running<'t> {
    let call = Call::run(&format!(
        "--accel tcg --warmup 0s --duration 300s {arguments}"
    ));
    let capture = call.file("frames.pcap");
    let mut running = call.with("--pcap", capture).start(turn);
    running.wait_for_file("frames.pcap", MEASURING);
    running
}

fn expect_partial(outcome: &Outcome) {
    assert_eq!(outcome.code, Some(4), "{outcome:#?}");
    let results = outcome.results();
    let run = results.run();
    assert_eq!(
        (&run["partial"], &run["valid"]),
        (&true.into(), &false.into())
    );
    assert!(
        run["invalid_because"].to_string().contains("interrupted"),
        "{run:#}"
    );
    assert!(results.count("received") > 0, "{run:#}");
}

#[test]
fn ctrl_c_keeps_what_was_measured_on_any_link() {
    let turn = turn();
    for arguments in [
        "--link vhost-user",
        "--link unix",
        "--link user",
        "--link vhost-user --mode open --rate 1000",
        "--link unix --mode open --rate 1000",
    ] {
        let running = measuring(&turn, arguments);
        running.interrupt();
        expect_partial(&running.finish());
    }
}

#[test]
fn a_request_to_terminate_and_a_hangup_are_a_ctrl_c() {
    let turn = turn();
    for signal in [Signal::TERM, Signal::HUP] {
        let running = measuring(&turn, "--json -");
        running.signal(signal);
        let outcome = running.finish();
        expect_partial(&outcome);
        let printed: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
        assert_eq!(printed, outcome.results().json);
    }
}

/// Starts a command with its outputs at a pipe that nobody reads, where each write fails, as on a
/// terminal that is gone.
const UNREAD: &str = "mkfifo pipe && exec 3<>pipe 4>pipe 3<&- && exec \"$0\" \"$@\" >&4 2>&4";

#[test]
fn results_are_written_when_nobody_reads_what_it_says() {
    let turn = turn();
    // A comparison says what it does on standard error, run by run, and its table goes to standard
    // output.
    let call = Call::new(
        "compare --targets null,null --links loopback --repeat 1 --retries 0 --duration 20ms \
         --warmup 0s --settle 0s",
    );
    let out = call.file("out");
    let outcome = call.with("--out", &out).wrapped_in(&["sh", "-c", UNREAD]);
    let outcome = outcome.finish(&turn);
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
    let turn = turn();
    // Its processor stopped, the guest never gets ready.
    let mut running = Call::run("--accel tcg")
        .with_qemu_arguments("-S")
        .start(&turn);
    running.qemu();
    running.interrupt();
    let outcome = running.finish();
    assert!(matches!(outcome.code, Some(1 | 4)), "{outcome:#?}");
    assert!(outcome.stderr.contains("interrupted"), "{outcome:#?}");
}

#[test]
fn a_second_ctrl_c_ends_it_the_hard_way() {
    let turn = turn();
    let running = measuring(&turn, "");
    running.interrupt();
    running.interrupt();
    let outcome = running.finish();
    assert!(matches!(outcome.code, Some(1 | 4)), "{outcome:#?}");
}

#[test]
fn killed_outright_it_takes_qemu_along() {
    let turn = turn();
    let mut running = measuring(&turn, "");
    running.qemu();
    running.signal(Signal::KILL);
    let outcome = running.finish();
    assert_eq!(outcome.code, None, "{outcome:#?}");
}
