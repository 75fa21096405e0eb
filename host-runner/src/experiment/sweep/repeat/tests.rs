//! Sweeps of which some steps are spoilt: of fixture measurements with given states and, in [`slow_generator`], on
//! virtual time.

use std::collections::BTreeMap;

use super::super::tests::{LADDER, PLAN, measurement, runs};
use super::super::{Extent, verdict};
use super::*;
use crate::experiment::measured::Measured;
use crate::experiment::{ExperimentError, InDirectory};
use crate::load::ladder::PERCENTAGES;
use crate::load::{Mode, Plan};
use crate::record::RunPosition;
use crate::stats::reason::Code;
use crate::stats::{Ended, PercentileState, Reason};

mod slow_generator;

const CLEAN: [State; 4] = [State::Clean; 4];
const LATE: [State; 4] = [State::Clean, State::Late, State::Late, State::Late];
const PARTLY: [State; 4] = [State::Partly, State::Partly, State::Clean, State::Clean];
const HOST: [State; 4] = [State::Clean, State::Clean, State::Host, State::Host];

/// Outcome of one attempt at a step.
#[derive(Clone)]
struct Outcome {
    states: [State; 4],
    p50_ns: u64,
    is_limited: bool,
    ended: Ended,
}

impl Outcome {
    fn of(states: [State; 4]) -> Self {
        let ended = Ended::Completed;
        Self {
            states,
            p50_ns: 1000,
            is_limited: false,
            ended,
        }
    }

    /// Returns the measurement by `plan` with this outcome.
    fn measurement(&self, plan: &Plan, position: RunPosition) -> (Run, Measured) {
        let (mut run, measured) = measurement(plan, position, 1000, self.ended.clone());
        let state = |state| PercentileState {
            state,
            low_ns: Some(self.p50_ns),
            high_ns: Some(self.p50_ns),
            stalls: None,
            host_share: None,
        };
        let states = PERCENTILES.iter().zip(self.states);
        run.percentiles = states
            .map(|(percentile, of)| (percentile.name.to_owned(), state(of)))
            .collect();
        run.judged_by = Some("p99".to_owned());
        run.valid = !run.partial && self.states[..3].iter().all(|of| state(*of).counts(false));
        run.latency_ns.p50 = Some(self.p50_ns);
        run.generator_limited = self.is_limited;
        (run, measured)
    }
}

/// A sweep whose steps have these outcomes, attempt by attempt; other steps and later attempts are clean.
fn sweep(outcomes: &[(u32, &[Outcome])]) -> (Vec<Run>, Vec<u32>) {
    let dir = tempfile::tempdir().unwrap();
    let results = InDirectory::create(dir.path());
    let mut attempts: BTreeMap<u32, usize> = BTreeMap::new();
    let mut order = Vec::new();
    let mut runs = runs(&results);
    runs.measure(&PLAN, Some(LADDER), |plan, position| {
        let Mode::Open { rate, .. } = plan.mode else {
            return measurement(plan, position, 1000, Ended::Completed);
        };
        // The pipeline is answered 1000 times a second.
        let percent = (rate.as_f64() / 10.0).round() as u32;
        order.push(percent);
        let attempt = attempts.entry(percent).or_default();
        *attempt += 1;
        let given = outcomes.iter().find(|(step, _)| *step == percent);
        let given = given.and_then(|(_, outcomes)| outcomes.get(*attempt - 1));
        given.map_or_else(
            || Outcome::of(CLEAN).measurement(plan, position),
            |outcome| outcome.measurement(plan, position),
        )
    });
    (runs.runs, order)
}

/// Returns the step at `percent`.
fn step(runs: &[Run], percent: u32) -> &Run {
    let mut steps = runs.iter();
    let found = steps.find(|run| run.sweep_percent == Some(percent));
    found.expect("it was measured")
}

fn kept(run: &Run) -> Vec<bool> {
    run.attempts.iter().map(|attempt| attempt.kept).collect()
}

#[test]
fn a_clean_sweep_repeats_nothing() {
    let (runs, order) = sweep(&[]);
    assert_eq!(order, PERCENTAGES);
    assert!(runs.iter().all(|run| run.attempts.is_empty()));
}

#[test]
fn a_spoilt_step_is_measured_again_after_the_ladder_and_keeps_its_place() {
    let (runs, order) = sweep(&[(30, &[Outcome::of(LATE)])]);
    assert_eq!(order[..10], PERCENTAGES);
    assert_eq!(order[10..], [30]);
    let percents: Vec<u32> = (runs.iter()).filter_map(|run| run.sweep_percent).collect();
    assert_eq!(percents, PERCENTAGES);
    let run = step(&runs, 30);
    assert_eq!(kept(run), [false, true]);
    assert_eq!(run.percentiles["p90"].state, State::Clean);
    assert_eq!(run.attempts[0].percentiles["p90"].state, State::Late);
    assert!(verdict(&runs, Extent::Sweep).is_ok());
}

#[test]
fn a_step_has_three_attempts_and_a_sweep_as_many_repeats_as_steps() {
    let spoilt: [Outcome; ATTEMPTS + 1] = std::array::from_fn(|_| Outcome::of(LATE));
    let (runs, order) = sweep(&[(20, &spoilt)]);
    assert_eq!(order[10..], [20, 20]);
    assert_eq!(
        kept(step(&runs, 20)),
        [true, false, false],
        "the first of equals"
    );
    let all = PERCENTAGES.map(|percent| (percent, &spoilt[..]));
    let (runs, order) = sweep(&all);
    assert_eq!(order.len(), 20);
    assert_eq!(order[10..], PERCENTAGES, "each once before one twice");
    assert!(runs[1..].iter().all(|run| kept(run) == [true, false]));
}

#[test]
fn the_attempt_that_is_kept_follows_from_states_and_not_from_latency() {
    let slow = Outcome {
        p50_ns: 9_000_000,
        ..Outcome::of(LATE)
    };
    let fast = Outcome {
        p50_ns: 1,
        ..Outcome::of(PARTLY)
    };
    // Slow and clean up to p50, before or after what is fast and clean up to nothing.
    for (attempts, expected) in [
        (
            [slow.clone(), fast.clone(), fast.clone()],
            [true, false, false],
        ),
        (
            [fast.clone(), slow.clone(), fast.clone()],
            [false, true, false],
        ),
        (
            [fast.clone(), fast.clone(), slow.clone()],
            [false, false, true],
        ),
    ] {
        let (runs, _) = sweep(&[(50, &attempts)]);
        let run = step(&runs, 50);
        assert_eq!(kept(run), expected);
        assert_eq!(run.latency_ns.p50, Some(slow.p50_ns));
    }
    // Of equals the first, if it is the slower or the faster.
    for (first_ns, second_ns) in [(1, 9_000_000), (9_000_000, 1)] {
        let attempts = [first_ns, second_ns, second_ns].map(|p50_ns| Outcome {
            p50_ns,
            ..Outcome::of(LATE)
        });
        let (runs, _) = sweep(&[(50, &attempts)]);
        assert_eq!(step(&runs, 50).latency_ns.p50, Some(first_ns));
    }
}

#[test]
fn what_was_asked_for_has_to_count_and_a_valid_attempt_is_not_given_up_for_an_invalid_one() {
    let (runs, order) = sweep(&[(40, &[Outcome::of(HOST)])]);
    assert_eq!(order[10..], [40]);
    assert!(step(&runs, 40).valid);
    let attempts = [PARTLY, HOST, HOST].map(Outcome::of);
    let (runs, _) = sweep(&[(40, &attempts)]);
    assert_eq!(kept(step(&runs, 40)), [true, false, false]);
    // A tail beyond that is a row's own affair.
    let tail = [State::Clean, State::Clean, State::Late, State::Host];
    let (_, order) = sweep(&[(40, &[Outcome::of(tail)])]);
    assert_eq!(order.len(), 10);
}

#[test]
fn what_is_not_the_hosts_doing_is_not_measured_again() {
    let limited = Outcome {
        is_limited: true,
        ..Outcome::of(LATE)
    };
    let (runs, order) = sweep(&[(70, std::slice::from_ref(&limited))]);
    assert_eq!(order, PERCENTAGES[..7], "the ladder ends there");
    assert!(runs.iter().all(|run| run.attempts.is_empty()));
    for state in [State::Censored, State::Few] {
        let (_, order) = sweep(&[(70, &[Outcome::of([state; 4])])]);
        assert_eq!(order.len(), 10, "{state:?}");
    }
    // A repeat that the generator limits is the last, and is not kept.
    let limited_now = Outcome {
        is_limited: true,
        ..Outcome::of(CLEAN)
    };
    let attempts = [Outcome::of(LATE), limited_now, Outcome::of(CLEAN)];
    let (runs, order) = sweep(&[(70, &attempts)]);
    assert_eq!(order[10..], [70]);
    assert_eq!(kept(step(&runs, 70)), [true, false]);
}

#[test]
fn beyond_the_whole_and_as_a_whole_nothing_is_repeated() {
    let (runs, _) = sweep(&[(
        30,
        &[Outcome::of(LATE), Outcome::of(LATE), Outcome::of(LATE)],
    )]);
    let mut run = step(&runs, 30).clone();
    assert_eq!(spoilt(&run), None, "it had its attempts");
    run.attempts.clear();
    assert_eq!(spoilt(&run), Some(("p90", State::Late)));
    for (percent, is_repeated) in [(Some(100), true), (Some(101), false), (None, false)] {
        let run = Run {
            sweep_percent: percent,
            ..run.clone()
        };
        assert_eq!(spoilt(&run).is_some(), is_repeated, "{percent:?}");
    }
    run.reasons.push(Reason::of(Code::ForeignBoot));
    assert_eq!(spoilt(&run), None);
}

#[test]
fn a_repeat_that_is_broken_off_leaves_the_earlier_attempt_and_no_whole_sweep() {
    let interrupted = Outcome {
        ended: Ended::Interrupted,
        ..Outcome::of(CLEAN)
    };
    let attempts = [Outcome::of(LATE), interrupted];
    let (runs, order) = sweep(&[(20, &attempts), (30, &[Outcome::of(LATE)])]);
    assert_eq!(order[10..], [20], "nothing follows");
    let run = step(&runs, 20);
    assert!(!run.partial && run.attempts[1].partial);
    assert_eq!(kept(run), [true, false]);
    match verdict(&runs, Extent::Sweep) {
        Err(ExperimentError::Invalid { reasons }) => {
            assert_eq!(reasons.len(), 1);
            assert!(
                reasons[0].starts_with("at 20 %, measured again: "),
                "{reasons:?}"
            );
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_record_has_every_attempt_and_the_files_are_those_of_the_one_that_was_kept() {
    let dir = tempfile::tempdir().unwrap();
    let results = InDirectory::create(dir.path());
    let mut count = 0;
    let mut runs = runs(&results);
    runs.measure(&PLAN, Some(LADDER), |plan, position| {
        count += 1;
        // The first step, its repeat after the ten, and its last attempt.
        let is_first = matches!(count, 2 | 13);
        let states = match count {
            2 => PARTLY,
            12 => LATE,
            13 => PARTLY,
            _ => CLEAN,
        };
        let (run, mut measured) = Outcome::of(states).measurement(plan, position);
        measured
            .recorder
            .latency
            .record(if is_first { 7_000 } else { 5_000 });
        (run, measured)
    });
    assert_eq!(count, 13);
    runs.conclude().unwrap();
    let json = std::fs::read_to_string(results.file("result.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let attempts = json["runs"][1]["attempts"].as_array().unwrap();
    let states: Vec<_> = (attempts.iter())
        .map(|attempt| {
            (
                attempt["kept"].as_bool(),
                attempt["percentiles"]["p90"]["state"].as_str(),
            )
        })
        .collect();
    let expected = [(false, "partly"), (true, "late"), (false, "partly")];
    assert_eq!(
        states,
        expected.map(|(kept, state)| (Some(kept), Some(state)))
    );
    assert!(json["runs"][2].get("attempts").is_none());
    let files = std::fs::read_dir(dir.path().join("out")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let of_step = names.filter(|name| name.contains("-10-percent"));
    assert_eq!(of_step.count(), 4);
    let distribution = results.file("hermit-unix-open-10-percent.hgrm");
    let distribution = std::fs::read_to_string(distribution).unwrap();
    assert!(
        distribution.contains("5.0") && !distribution.contains("7.0"),
        "{distribution}"
    );
}
