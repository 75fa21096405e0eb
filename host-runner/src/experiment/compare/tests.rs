//! Cases and runs for the tests of the parts.

use clap::ValueEnum as _;

use super::case::Case;
use crate::experiment::measured::Measured;
use crate::host::noise::Noise;
use crate::load::{Limit, Observer as _, Plan, Sample, Tally};
use crate::record::run::{Readings, Undelivered};
use crate::record::{Run, RunFacts, RunLabels, RunPosition};
use crate::stats::{Ended, RunRecorder, WarmUpEnd};
use crate::sut::LinkChoice;

/// A closed loop of one second.
pub const PLAN: Plan = Plan {
    measure: Limit::lasting(1_000_000_000),
    ..Plan::FIXTURE
};

/// Returns the case of the variant and the link with these names.
pub fn case(variant: &str, link: &str) -> Case {
    Case {
        variant: variant.parse().unwrap(),
        link: LinkChoice::from_str(link, false).unwrap(),
    }
}

/// Returns a run of 2000 requests with latencies from `latency_ns` on, in a closed loop.
pub fn repetition(target: &str, round: u32, latency_ns: u64, ended: Ended) -> (Run, Measured) {
    repetition_by(&PLAN, target, round, latency_ns, ended)
}

/// Returns such a run under `plan`.
pub fn repetition_by(
    plan: &Plan,
    target: &str,
    round: u32,
    latency_ns: u64,
    ended: Ended,
) -> (Run, Measured) {
    let labels = RunLabels {
        target: target.to_owned(),
        address: "10.0.2.15:9000".to_owned(),
        link: "vhost-user".to_owned(),
        ..RunLabels::default()
    };
    let mut recorder = RunRecorder::new(plan);
    for index in 0..2000 {
        let latency_ns = latency_ns + index;
        recorder.replied(Sample {
            at_ns: index * 1000,
            latency_ns,
            round_trip_ns: latency_ns,
            is_closed_loop_sample: true,
            guest_times: None,
        });
    }
    let measured = Measured {
        tally: Tally {
            sent: 2000,
            received: 2000,
            ..Tally::default()
        },
        recorder,
        noise: Noise::default(),
        ended,
        failure: None,
        warm_up: WarmUpEnd::Settled,
        faults: None,
        undelivered: Undelivered::default(),
        busy: Vec::new(),
        host_activity: None,
        policy: crate::stats::Policy::default(),
        stalls: Vec::new(),
    };
    let run = measured.record(RunFacts {
        labels,
        position: RunPosition::Round { round, attempt: 1 },
        plan,
        readings: Readings::default(),
        percentiles: &[],
    });
    (run, measured)
}
