//! Whole screens, and the lines that only some runs have.

use super::*;
use crate::host::doctor::busy::Busy;
use crate::record::{BeforeAfter, fixtures};
use crate::stats::one_way::DelayEstimate;
use crate::stats::{OneWayDelays, State};

const HEAD: &str = "\
accel      tcg: there is no /dev/kvm
           TCG compares guests under one emulator; no statement about KVM
boot       143 ms from QEMU's start to ready, 98.2 ms of it in the guest
";

/// Target and link, described.
const ORIGIN: &str = "\
hermit (answered in the receive ring, below smoltcp)
  over unix (Ethernet frames over a Unix datagram socket and through QEMU: no NIC)
";

const TAIL: &str = "
requests   1,000 sent, 998 received, 2 lost; 1.00k/s; 500 before as warm-up
replies    1 late, 0 duplicated, 0 reordered, 0 corrupted
noise      a spinning thread lost 0.12 % of its time, 34.2 µs at most; put off the CPU 231 times; \
steal 0 %
           during the run 1.00 %, 81.5 µs at most; after it 0.20 %, 12.3 µs at most; \
waited for the CPU 0.40 %
placement  left to the scheduler: a sample
idle CPUs  sleep: a sample
";

#[test]
fn a_closed_loop_on_one_screen() {
    let expected = format!(
        "\
{ORIGIN}hermit at 10.0.2.15:9000 over link unix, closed loop, 64-byte payload
{HEAD}
                         latency       service          path
min                      20.0 µs       1.50 µs       18.5 µs
mean                   ≥ 2.02 ms       1.50 µs       23.5 µs
p50                      25.0 µs       1.50 µs       23.5 µs
p90                      29.0 µs       1.50 µs       27.5 µs
p99                      29.9 µs           n/a           n/a
p99.9         n/a (needs 10,000)           n/a           n/a
p99.99       n/a (needs 100,000)           n/a           n/a
max                     ≥ 1.00 s       1.50 µs       28.5 µs
samples                    1,000           998           998
{TAIL}max        ≥ 1.00 s; the longest time that the host took from the measuring CPU in the run is 81.5 µs
trust      valid
"
    );
    assert_eq!(
        render(&fixtures::record(fixtures::closed_run()), Detail::Full),
        expected
    );
}

#[test]
fn an_open_loop_on_one_screen() {
    let expected = format!(
        "\
{ORIGIN}hermit at 10.0.2.15:9000 over link unix, open loop at 1,000 requests/s, 64-byte payload
{HEAD}
                         latency       waiting       service          path      lateness
min                      20.0 µs       20.0 µs       1.50 µs       18.5 µs         10 ns
mean                   ≥ 2.02 ms     ≥ 2.02 ms       1.50 µs       23.5 µs         10 ns
p50                      25.0 µs       25.0 µs       1.50 µs       23.5 µs         10 ns
p90                      29.0 µs       29.0 µs       1.50 µs       27.5 µs         10 ns
p99                      29.9 µs       29.9 µs           n/a           n/a         10 ns
p99.9         n/a (needs 10,000)           n/a           n/a           n/a           n/a
p99.99       n/a (needs 100,000)           n/a           n/a           n/a           n/a
max                     ≥ 1.00 s      ≥ 1.00 s       1.50 µs       28.5 µs         10 ns
samples                    1,000         1,000           998           998         1,000
{TAIL}max        ≥ 1.00 s; the longest time that the host took from the measuring CPU in the run is 81.5 µs
trust      valid
"
    );
    assert_eq!(
        render(&fixtures::record(fixtures::open_run()), Detail::Full),
        expected
    );
}

#[test]
fn a_pipeline_says_under_what_load_its_latency_was() {
    let text = render(&fixtures::record(fixtures::pipeline_run()), Detail::Full);
    let heading = "hermit at 10.0.2.15:9000 over link unix, pipeline: closed loop of 8 in flight, \
                       64-byte payload
load       full: each request waits for those before it, and latency says so
";
    assert!(text.starts_with(&format!("{ORIGIN}{heading}")), "{text}");
    assert!(
        text.contains("; 998 echoes/s; 500 before as warm-up"),
        "{text}"
    );
}

#[test]
fn a_sweep_is_a_pipeline_and_a_table() {
    let record = fixtures::sweep_report();
    let text = render(&record, Detail::Full);
    assert_eq!(text.matches("over link").count(), 1);
    let steps = sweep_table::render(&record).unwrap();
    assert!(text.ends_with(&format!("\n\n{steps}")));
    let text = render(&record, Detail::Brief);
    let head = "sweep, 64 bytes, emulated (TCG)\npipeline   998 echoes/s with 8 in flight\n\n";
    assert_eq!(text, format!("{ORIGIN}{head}{steps}"));
}

#[test]
fn a_bad_run_says_so() {
    let mut run = fixtures::closed_run();
    run.partial = true;
    run.valid = false;
    run.invalid_because = vec!["interrupted".to_owned(), "nothing was received".to_owned()];
    run.in_flight_at_end = 1;
    run.impossible_times = 3;
    let text = render(&fixtures::record(run), Detail::Full);
    for line in [
        "partial    broken off before the end",
        "           1 unanswered at the end, 3 with impossible guest times",
        "trust      INVALID: interrupted; nothing was received",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}");
    }
}

#[test]
fn a_bad_run_says_once_why_and_who_had_the_cpu_and_what_to_do() {
    let mut run = fixtures::open_run();
    run.valid = false;
    run.invalid_because = vec!["the generator was late".to_owned()];
    run.advice = vec!["lower `--rate`".to_owned()];
    run.busy_processes = vec![Busy {
        pid: 7,
        name: "cc1".to_owned(),
        share: 0.95,
    }];
    let text = render(&fixtures::record(run.clone()), Detail::Full);
    let expected = "\
trust      INVALID: the generator was late
           meanwhile busy: cc1 (95.0 % of a CPU)
           to do: lower `--rate`
";
    assert!(text.ends_with(expected), "{text}");
    assert_eq!(text.matches("generator was late").count(), 1);
    // Of a good run nobody needs to know.
    run.valid = true;
    run.invalid_because.clear();
    assert!(!render(&fixtures::record(run), Detail::Full).contains("cc1"));
}

#[test]
fn no_line_is_wider_than_a_common_terminal() {
    let text = render(&fixtures::record(fixtures::open_run()), Detail::Full);
    assert!(text.lines().all(|line| line.chars().count() <= 110));
    assert!(text.lines().count() <= 27);
}

#[test]
fn a_run_in_short_has_seven_lines_under_what_was_measured_over_what() {
    let states = [State::Clean, State::Clean, State::Late, State::Few];
    let mut run = fixtures::stated_run(states);
    run.reflector_round_trip_ns = Some(BeforeAfter {
        before: Some(20_000.0),
        after: Some(21_000.0),
    });
    let text = render(&fixtures::record(run), Detail::Brief);
    let expected = "\
open loop at 1,000 requests/s, 64 bytes, 1.00 s, emulated (TCG)
                 p50      p90             p99                  p99.9      max
latency      25.0 µs  29.0 µs  29.9 µs (late)  30.0 µs (few samples)  30.0 µs
requests   1,000 sent (1.00k/s), none lost; 1 late
floor      a thread in the guest's place takes 20.5 µs; the guest adds about 4.49 µs at p50
max        30.0 µs; the longest time that the host took from the measuring CPU in the run is 81.5 µs
trust      p50, p90: yes; p99: a range, for the generator was late; p99.9: yes, though few stalls make it
";
    assert_eq!(text, format!("{ORIGIN}{expected}"));
    assert!(text.lines().all(|line| line.chars().count() <= 110));
}

#[test]
fn a_run_in_short_that_is_not_valid_says_why_and_what_to_do() {
    let mut run = fixtures::closed_run();
    run.valid = false;
    run.invalid_because = vec!["the host slept".to_owned()];
    run.advice = vec!["wake it".to_owned()];
    run.partial = true;
    let text = render(&fixtures::record(run), Detail::Brief);
    assert!(text.starts_with(&format!("{ORIGIN}closed loop")), "{text}");
    assert!(text.contains("; broken off before the end\n"), "{text}");
    assert!(text.contains("n/a (needs 10,000)  ≥ 1.00 s\n"), "{text}");
    let end = "trust      INVALID: the host slept\n           to do: wake it\n";
    assert!(text.ends_with(end), "{text}");
}

#[test]
fn unsent_requests_are_reported_with_their_reasons() {
    let mut run = fixtures::closed_run();
    assert!(!render(&fixtures::record(run.clone()), Detail::Full).contains("not sent"));
    run.send_errors = [("EPERM".to_owned(), 1200), ("ENOBUFS".to_owned(), 3)].into();
    let text = render(&fixtures::record(run), Detail::Full);
    let expected = "\nnot sent   1,203 that this host refused to send, neither sent nor lost: 3 ENOBUFS, \
                    1,200 EPERM\n";
    assert!(text.contains(expected), "{text}");
}

#[test]
fn a_plain_echo_has_no_columns_for_what_it_does_not_tell() {
    let mut run = fixtures::closed_run();
    (run.service_ns, run.path_ns) = (None, None);
    run.protocol = "echo".into();
    let text = render(&fixtures::record(run), Detail::Full);
    assert!(text.contains("64-byte payload, protocol echo\n"), "{text}");
    assert!(
        text.contains("latency\n") && !text.contains("service"),
        "{text}"
    );
}

#[test]
fn delays_of_either_direction_are_shown_with_their_bounds() {
    let mut run = fixtures::closed_run();
    for detail in [Detail::Brief, Detail::Full] {
        let text = render(&fixtures::record(run.clone()), detail);
        assert!(!text.contains("one way"), "{text}");
    }
    let delay = |p50_ns: i64| DelayEstimate {
        min_ns: p50_ns - 1000,
        p50_ns,
        p50_at_least_ns: 0,
        p50_at_most_ns: 2_000_000 + p50_ns.unsigned_abs(),
    };
    run.one_way = Some(OneWayDelays {
        forward: delay(-40_000),
        backward: delay(90_000),
        error_ns: 2_000_000,
    });
    for detail in [Detail::Brief, Detail::Full] {
        let text = render(&fixtures::record(run.clone()), detail);
        for expected in [
            "\none way    p50 by the two clocks -40.0 µs, so from 0 ns to 2.04 ms\n",
            "\nand back   p50 by the two clocks 90.0 µs, so from 0 ns to 2.09 ms\n",
            "apart by 2.00 ms,",
        ] {
            assert!(text.contains(expected), "{text}");
        }
    }
}
