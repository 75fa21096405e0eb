//! Sweeps of fixture measurements.

use std::num::NonZeroU16;

use super::*;
use crate::experiment::InDirectory;
use crate::experiment::progress::Silent;
use crate::host::noise::Noise;
use crate::load::{Limit, Mode, Tally};
use crate::record::run::{Readings, Undelivered};
use crate::record::{RunFacts, RunLabels};
use crate::stats::{RunRecorder, WarmUpEnd};

pub(super) const PLAN: Plan = Plan {
    mode: Mode::Pipeline {
        depth: NonZeroU16::new(8).unwrap(),
    },
    measure: Limit::lasting(2_000_000_000),
    ..Plan::FIXTURE
};

pub(super) const LADDER: Ladder = Ladder {
    arrivals: Arrivals::Poisson,
    generator: Limits {
        throughput: None,
        on_time: None,
    },
};

/// Returns no runs yet.
pub(super) fn runs(results: &InDirectory) -> Runs<'_> {
    let environment = EnvironmentBuilder::examine("poll: a test".to_owned(), None);
    Runs::new(environment, results, &Silent)
}

/// Returns what is known of a fixture measurement beforehand and beside it.
pub(super) fn facts(plan: &Plan, position: RunPosition) -> RunFacts<'_> {
    let labels = RunLabels {
        target: "hermit".to_owned(),
        address: "10.0.2.15:9000".to_owned(),
        link: "unix".to_owned(),
        ..RunLabels::default()
    };
    RunFacts {
        labels,
        position,
        plan,
        readings: Readings::default(),
        percentiles: &[],
    }
}

/// Returns a measurement with `received` answers in a second.
pub(super) fn measurement(
    plan: &Plan,
    position: RunPosition,
    received: u64,
    ended: Ended,
) -> (Run, Measured) {
    let measured = Measured {
        tally: Tally {
            sent: received,
            received,
            completed: received,
            sending_ns: 1_000_000_000,
            ..Tally::default()
        },
        recorder: RunRecorder::new(plan),
        noise: Noise {
            steal_share: Some(received as f64 / 1e9),
            ..Noise::default()
        },
        ended,
        failure: None,
        warm_up: WarmUpEnd::Planned,
        faults: None,
        undelivered: Undelivered::default(),
        busy: Vec::new(),
        host_activity: None,
        policy: crate::stats::Policy::default(),
        stalls: Vec::new(),
    };
    (measured.record(facts(plan, position)), measured)
}

/// The outcome of a sweep.
struct Swept {
    runs: Vec<Run>,
    plans: Vec<Plan>,
    /// The largest share of CPU time that went to others.
    steal_share: Option<f64>,
}

/// Sweeps; the measurement number `bad` has `received` answers and ends as `ended` says.
fn sweep(bad: usize, received: u64, ended: Ended) -> Swept {
    let dir = tempfile::tempdir().unwrap();
    let results = InDirectory::create(dir.path());
    let mut plans = Vec::new();
    let mut runs = runs(&results);
    runs.measure(&PLAN, Some(LADDER), |plan, position| {
        plans.push(*plan);
        if plans.len() == bad + 1 {
            measurement(plan, position, received, ended.clone())
        } else {
            measurement(plan, position, 1000, Ended::Completed)
        }
    });
    assert!(runs.failure.is_none() && runs.unwritten.is_none());
    Swept {
        steal_share: runs.environment.record().steal_share,
        runs: runs.runs,
        plans,
    }
}

#[test]
fn a_sweep_is_a_pipeline_and_the_whole_ladder() {
    let Swept {
        runs,
        plans,
        steal_share,
    } = sweep(3, 2000, Ended::Completed);
    assert_eq!(plans[0], PLAN);
    let ladder: Vec<Plan> = ladder::steps(&PLAN, Arrivals::Poisson, &Reach::up_to(1000.0))
        .iter()
        .map(|step| step.plan)
        .collect();
    assert_eq!(plans[1..], ladder);
    let percents: Vec<_> = runs.iter().map(|run| run.sweep_percent).collect();
    assert_eq!(percents[..2], [None, Some(10)]);
    assert_eq!(percents.last(), Some(&Some(95)));
    assert_eq!(steal_share, Some(2e-6));
    assert!(verdict(&runs, Extent::Sweep).is_ok());
}

#[test]
fn without_a_sweep_there_is_one_measurement() {
    let dir = tempfile::tempdir().unwrap();
    let results = InDirectory::create(dir.path());
    let mut runs = runs(&results);
    runs.measure(&PLAN, None, |plan, position| {
        measurement(plan, position, 5, Ended::Completed)
    });
    assert_eq!(runs.runs.len(), 1);
    runs.conclude().unwrap();
    assert!(results.file("hermit-unix-pipeline.hlog").exists());
    assert!(results.file("result.json").exists());
}

fn reasons(error: ExperimentError) -> Vec<String> {
    match error {
        ExperimentError::Invalid { reasons } => reasons,
        other => panic!("{other}"),
    }
}

#[test]
fn an_invalid_step_is_a_row_and_spoils_nothing() {
    let Swept { runs, plans, .. } = sweep(4, 0, Ended::Completed);
    assert_eq!(plans.len(), 11);
    assert!(!runs[4].valid);
    assert!(verdict(&runs, Extent::Sweep).is_ok());
}

#[test]
fn a_sweep_without_a_valid_step_or_with_an_invalid_pipeline_is_invalid() {
    let Swept { runs, .. } = sweep(3, 1000, Ended::Completed);
    let invalid = |is_invalid: fn(&Run) -> bool| {
        let mut all = runs.clone();
        for run in all.iter_mut().filter(|run| is_invalid(run)) {
            run.valid = false;
            run.invalid_because = vec!["a test".to_owned()];
        }
        verdict(&all, Extent::Sweep).map_err(reasons)
    };
    let steps = invalid(|run| run.sweep_percent.is_some()).unwrap_err();
    assert_eq!(steps.len(), 10);
    assert_eq!(steps[0], "at 10 %: a test");
    let pipeline = invalid(|run| run.sweep_percent.is_none()).unwrap_err();
    assert_eq!(pipeline, ["pipeline: a test"]);
    assert!(invalid(|run| run.sweep_percent > Some(10)).is_ok());
}

#[test]
fn the_ladder_ends_at_the_generators_limit() {
    let dir = tempfile::tempdir().unwrap();
    let results = InDirectory::create(dir.path());
    let limit = Ladder {
        generator: Limits {
            throughput: Some(800.0),
            on_time: Some(500.0),
        },
        ..LADDER
    };
    let mut plans = Vec::new();
    let mut runs = runs(&results);
    runs.measure(&PLAN, Some(limit), |plan, position| {
        plans.push(*plan);
        let (mut run, measured) = measurement(plan, position, 1000, Ended::Completed);
        run.generator_limited = plans.len() == 12;
        (run, measured)
    });
    let reach = Reach {
        whole: 500.0,
        most: 800.0,
    };
    let ladder = ladder::steps(&PLAN, Arrivals::Poisson, &reach);
    let ladder: Vec<Plan> = ladder.iter().map(|step| step.plan).collect();
    assert_eq!(ladder.len(), 13, "three are beyond the whole");
    assert_eq!(plans[1..], ladder[..11]);
    assert!(runs.runs.last().is_some_and(|run| run.generator_limited));
    runs.conclude().unwrap();
    let json = std::fs::read_to_string(results.file("result.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["generator_limit"], 800.0);
    assert_eq!(json["generator_on_time_limit"], 500.0);
}

#[test]
fn a_generator_that_is_never_on_time_is_swept_up_to_what_it_can_send() {
    let dir = tempfile::tempdir().unwrap();
    let results = InDirectory::create(dir.path());
    let never = Ladder {
        generator: Limits {
            throughput: Some(800.0),
            on_time: None,
        },
        ..LADDER
    };
    let mut plans = Vec::new();
    let mut runs = runs(&results);
    runs.measure(&PLAN, Some(never), |plan, position| {
        plans.push(*plan);
        measurement(plan, position, 1000, Ended::Completed)
    });
    let ladder = ladder::steps(&PLAN, Arrivals::Poisson, &Reach::up_to(800.0));
    let ladder: Vec<Plan> = ladder.iter().map(|step| step.plan).collect();
    assert_eq!(plans[1..], ladder);
    runs.conclude().unwrap();
}

#[test]
fn the_generators_limits_are_named_with_the_ladder() {
    let words = |throughput, on_time| {
        let limits = Limits {
            throughput,
            on_time,
        };
        generators_part(&limits)
    };
    let both = words(Some(2e6), Some(3e5)).unwrap();
    assert_eq!(both, "the generator keeps its schedule up to 300k/s");
    let never = words(Some(2e6), None).unwrap();
    assert_eq!(
        never,
        "the generator can send 2.00M/s, but kept its schedule at no rate that was tried"
    );
    assert_eq!(words(None, None), None);
}

#[test]
fn without_an_answer_there_is_no_ladder() {
    let Swept { runs, plans, .. } = sweep(0, 0, Ended::Completed);
    assert_eq!(plans.len(), 1);
    let error = verdict(&runs, Extent::Sweep).unwrap_err();
    assert_eq!(reasons(error), ["nothing was received"]);
}

#[test]
fn a_step_that_was_broken_off_is_the_last_and_is_kept() {
    for (bad, ended) in [
        (0, Ended::Interrupted),
        (5, Ended::Interrupted),
        (5, Ended::Failed("QEMU ended".to_owned())),
    ] {
        let Swept { runs, plans, .. } = sweep(bad, 10, ended);
        assert_eq!((plans.len(), runs.len()), (bad + 1, bad + 1));
        assert!(runs[bad].partial);
        let error = verdict(&runs, Extent::Sweep).unwrap_err();
        assert!(matches!(error, ExperimentError::Invalid { .. }), "{error}");
    }
}

#[test]
fn files_that_cannot_be_written_end_the_sweep() {
    let dir = tempfile::tempdir().unwrap();
    let results = InDirectory::create(dir.path());
    let mut count = 0;
    let mut runs = runs(&results);
    runs.measure(&PLAN, Some(LADDER), |plan, position| {
        count += 1;
        if count == 2 {
            std::fs::remove_dir_all(dir.path().join("out")).unwrap();
        }
        measurement(plan, position, 1000, Ended::Completed)
    });
    assert_eq!(count, 2);
    let error = runs.conclude().unwrap_err();
    assert!(matches!(error, ExperimentError::Report(_)), "{error}");
}
