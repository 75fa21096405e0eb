//! The table of a sweep, the states of its steps, and the capacity that they come to.

use super::*;
use crate::record::fixtures;
use crate::record::run::Attempt;
use crate::stats::State;
use crate::stats::reason::{Code, Reason};

/// A step at `rate` whose percentiles have these states, of a thousand requests of which `lost` were lost.
fn step(rate: f64, states: [State; 4], lost: u64) -> Run {
    let mut run = fixtures::stated_run(states);
    run.offered_rate = Some(rate);
    (run.sent, run.lost, run.received) = (1000, lost, 1000 - lost);
    run
}

const CLEAN: [State; 4] = [State::Clean; 4];
const LATE: [State; 4] = [State::Clean, State::Clean, State::Late, State::Late];

#[test]
fn a_line_per_step_and_like_reasons_once() {
    let mut record = fixtures::sweep_report();
    record.runs[2].valid = false;
    for run in &mut record.runs[2..=3] {
        run.reasons = vec![Reason::of(Code::Late).at("p99")];
    }
    record.runs[2].invalid_because = vec!["the generator was late: 13 µs at p99".to_owned()];
    record.runs[3].invalid_because = vec!["the generator was late: 4.1 ms at p99".to_owned()];
    let expected = "\
latency against offered load, open loop, timeout 1 s
load  offered/s  sent/s  answered/s      p50      p99  p99.9       max  lost  state
10 %        100   1.00k         999  25.0 µs  29.9 µs    n/a  ≥ 1.00 s     2  overloaded: 0.20 % lost
50 %        500   1.00k         999  25.0 µs  29.9 µs    n/a  ≥ 1.00 s     2  not valid
95 %        950   1.00k         999  25.0 µs  29.9 µs    n/a  ≥ 1.00 s     2  not valid
not valid  2 of 3 steps (50 %, 95 %): the generator was late: 13 µs at p99
capacity   not found; at 100/s 0.20 % of the requests are lost
";
    let text = render(&record).unwrap();
    assert_eq!(text, expected);
    assert!(text.lines().all(|line| line.chars().count() <= 110));
}

#[test]
fn repeated_steps_are_named_with_the_attempt_that_was_kept() {
    let mut record = fixtures::sweep_report();
    let repeat = |run: &mut Run, kept: usize, count: usize| {
        let attempt = |index| Attempt {
            kept: index == kept,
            ..Attempt::from(&*run)
        };
        run.attempts = (1..=count).map(attempt).collect();
    };
    assert!(!render(&record).unwrap().contains("repeated"));
    repeat(&mut record.runs[1], 2, 2);
    repeat(&mut record.runs[2], 1, 3);
    repeat(&mut record.runs[3], 2, 2);
    let text = render(&record).unwrap();
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("repeated"))
        .collect();
    let expected = [
        "repeated   10 %, 95 %: attempt 2 of 2 is kept",
        "repeated   50 %: attempt 1 of 3 is kept",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn other_runs_have_no_such_table() {
    let single = Record {
        runs: vec![fixtures::open_run()],
        ..fixtures::sweep_report()
    };
    assert_eq!(render(&single), None);
}

#[test]
fn a_step_has_the_worst_state_that_applies() {
    let state = |run: &Run| StepState::of(run).to_string();
    assert_eq!(state(&step(1.0, CLEAN, 0)), "ok");
    assert_eq!(state(&step(1.0, LATE, 0)), "late from p99");
    let mut overloaded = step(1.0, LATE, 40);
    assert_eq!(state(&overloaded), "overloaded: 4.00 % lost");
    overloaded.generator_limited = true;
    assert_eq!(state(&overloaded), "generator's limit");
    overloaded.reasons = vec![Reason::of(Code::Interrupted)];
    assert_eq!(state(&overloaded), "not valid");
    let mut accident = step(1.0, CLEAN, 1);
    accident.sent = 100_000;
    assert_eq!(state(&accident), "1 lost");
    accident.valid = false;
    accident.percentiles.clear();
    assert_eq!(state(&accident), "not valid");
}

#[test]
fn the_capacity_is_the_highest_load_under_the_first_that_was_not_carried() {
    let outcome = |runs: &[Run]| {
        let runs: Vec<&Run> = runs.iter().collect();
        Capacity::of(&runs).to_string()
    };
    let steps = [
        step(1_430_000.0, CLEAN, 40),
        step(100_000.0, CLEAN, 0),
        step(1_250_000.0, CLEAN, 0),
        step(1_700_000.0, CLEAN, 0),
    ];
    assert_eq!(
        outcome(&steps),
        "1.25M requests/s, with a p99 of 29.9 µs there; at 1.43M/s 4.00 % of the requests are lost"
    );
    let runs: Vec<&Run> = steps.iter().collect();
    assert_eq!(
        Capacity::of(&runs).title("hermit"),
        "hermit carries 1.25M requests/s, with a p99 of 29.9 µs there; at 1.43M/s 4.00 % of the requests \
         are lost"
    );
    assert_eq!(
        outcome(&steps[1..3]),
        "at least 1.25M requests/s, with a p99 of 29.9 µs there; no higher load was offered"
    );
    let mut limited = steps[1..].to_vec();
    limited[2].generator_limited = true;
    assert_eq!(
        outcome(&limited),
        "at least 1.25M requests/s, with a p99 of 29.9 µs there; 1.70M/s is more than the generator itself \
         can send"
    );
    assert!(outcome(&steps[..1]).starts_with("not found; at 1.43M/s"));
}

#[test]
fn a_sweep_without_a_valid_step_has_no_capacity() {
    let mut steps = [
        step(100_000.0, CLEAN, 0),
        step(200_000.0, [State::Host; 4], 0),
        step(400_000.0, CLEAN, 40),
    ];
    let outcome = |steps: &[Run]| {
        let steps: Vec<&Run> = steps.iter().collect();
        let capacity = Capacity::of(&steps);
        (capacity.title("hermit"), capacity.to_string())
    };
    let (title, _) = outcome(&steps);
    assert!(title.starts_with("hermit carries 200k"), "{title}");
    for step in &mut steps {
        step.valid = false;
    }
    let (title, line) = outcome(&steps);
    assert_eq!(title, "hermit under load: no step is valid");
    assert_eq!(line, "not found; no step is valid");
    steps[0].valid = true;
    let (title, _) = outcome(&steps);
    assert!(title.starts_with("hermit carries 200k"), "{title}");
}

#[test]
fn the_load_that_is_100_percent_is_named() {
    let line = |throughput, on_time| {
        let record = Record {
            generator_limit: throughput,
            generator_on_time_limit: on_time,
            ..fixtures::sweep_report()
        };
        let text = render(&record).unwrap();
        let line = text.lines().find(|line| line.starts_with("100 %"));
        line.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
    };
    for (throughput, on_time, expected) in [
        (
            Some(1e9),
            Some(9e8),
            "100 % 998/s, which the pipeline was answered; the generator keeps its schedule up to 900M/s and can \
             send 1,000M/s",
        ),
        (
            Some(2.0),
            Some(1.0),
            "100 % 1.00/s, for the generator keeps its schedule up to 1.00/s and can send 2.00/s; the pipeline was \
             answered 998/s",
        ),
        (
            Some(2.0),
            None,
            "100 % 2.00/s, for the generator can send 2.00/s; the pipeline was answered 998/s",
        ),
    ] {
        assert_eq!(line(throughput, on_time).as_deref(), Some(expected));
    }
    assert_eq!(line(None, None), None);
}
