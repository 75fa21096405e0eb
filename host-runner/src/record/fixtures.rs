//! Records for tests, of measurements that nobody made. [`source_fixtures`]: the same with distributions.

use std::num::NonZeroU16;

use jiff::Timestamp;
use wire::Counters;

use super::hlog::{self, Head};
use super::run::{CounterReadings, FaultRecord, Measurement, Readings, Undelivered};
use super::{
    Environment, EnvironmentBuilder, Image, MergedRuns, Record, Run, RunFacts, RunLabels,
    RunPosition, SystemCost,
};
use crate::host::gaps::GapSummary;
use crate::host::noise::Noise;
use crate::host::process_rights::ProcessRights;
use crate::link::fault::{DirectionCounts, RequestOutcomes};
use crate::load::{GuestTimes, Limit, Loss, Mode, Observer, Plan, Rate, Sample, Tally};
use crate::stats::percentile_rule::PERCENTILES;
use crate::stats::{Ended, PercentileState, Policy, RunRecorder, State, Tag, WarmUpEnd};

pub mod source_fixtures;

/// Start of every sample.
pub const STARTED_AT: Timestamp = Timestamp::constant(1_800_000_000, 500_000_000);

pub fn plan(mode: Mode) -> Plan {
    Plan {
        mode,
        measure: Limit::requests(1000),
        ..Plan::FIXTURE
    }
}

/// 998 replies from 20 us on, one every millisecond, and two losses.
pub fn recorder(mode: Mode) -> RunRecorder {
    let mut recorder = RunRecorder::new(&plan(mode));
    recorder.started(0);
    recorder.started_at = Some(STARTED_AT);
    for index in 0..998 {
        recorder.sent(10);
        let latency_ns = 20_000 + index * 10;
        recorder.replied(Sample {
            at_ns: index * 1_000_000,
            latency_ns,
            round_trip_ns: latency_ns - 10,
            is_closed_loop_sample: true,
            guest_times: Some(GuestTimes {
                t2_ns: 5000,
                t3_ns: 6500,
                error_estimate: None,
            }),
        });
    }
    for at_ns in [1_998_000_000, 1_999_000_000] {
        recorder.sent(10);
        recorder.lost(Loss {
            at_ns,
            latency_ns: 1_000_000_000,
            round_trip_ns: 1_000_000_000,
            is_closed_loop_sample: true,
        });
    }
    recorder.end_services();
    recorder
}

/// The log of `recorder`, of a run of `mode`.
pub fn log(mode: Mode, recorder: &RunRecorder) -> Vec<u8> {
    let head = Head {
        started_at: STARTED_AT.into(),
        censored: recorder.censored,
        comments: &[],
    };
    let run = run(mode);
    let tags = Tag::ALL
        .into_iter()
        .filter(|&tag| run.tagged(tag).is_some());
    let tagged = tags.filter_map(|tag| Some((tag, recorder.tagged(tag)?)));
    hlog::render(head, &recorder.intervals, run.measured(), tagged).unwrap()
}

fn run(mode: Mode) -> Run {
    let labels = RunLabels {
        target: "hermit".to_owned(),
        address: "10.0.2.15:9000".to_owned(),
        link: "unix".to_owned(),
        accel: Some("tcg".to_owned()),
        boot_ms: Some(143.25),
        guest_boot_ms: Some(98.2),
        placement: Some("left to the scheduler: a sample".to_owned()),
        live_view: None,
        ..RunLabels::default()
    };
    let tally = Tally {
        warmup_discarded: 500,
        sent: 1000,
        received: 998,
        lost: 2,
        late: 1,
        completed: 998,
        sending_ns: 1_000_000_000,
        last_sent_ns: 999_000_000,
        last_due_ns: 999_000_000,
        last_reply_ns: 999_025_000,
        elapsed_ns: 2_000_000_000,
        ..Tally::default()
    };
    let noise = Noise {
        floor_observed_ns: 150_000_000,
        floor_max_gap_ns: 34_200,
        floor_total_gap_ns: 180_000,
        floor_share: 0.0012,
        involuntary_switches: Some(231),
        steal_share: Some(0.0),
        beside: Some(GapSummary {
            observed_ns: 900_000_000,
            max_gap_ns: 81_500,
            total_gap_ns: 9_000_000,
            share: 0.01,
        }),
        after: Some(GapSummary {
            observed_ns: 50_000_000,
            max_gap_ns: 12_300,
            total_gap_ns: 100_000,
            share: 0.002,
        }),
        waited_ns: Some(4_000_000),
        waited_share: Some(0.004),
        ..Noise::default()
    };
    let recorder = recorder(mode);
    let counters = Counters {
        replied: 1000,
        ..Counters::ZERO
    };
    let facts = RunFacts {
        labels,
        position: RunPosition::First,
        plan: &plan(mode),
        readings: Readings {
            counters: CounterReadings {
                before: None,
                after: Some(counters),
            },
            ..Readings::default()
        },
        percentiles: &[],
    };
    let measurement = Measurement {
        tally: &tally,
        recorder: &recorder,
        stalls: &[],
        noise: &noise,
        ended: &Ended::Completed,
        warm_up: WarmUpEnd::Planned,
        faults: None,
        undelivered: Undelivered::default(),
        busy: &[],
        host_activity: None,
        policy: Policy::default(),
    };
    let mut run = Run::new(facts, &measurement);
    // States are the business of those tests that set them.
    run.percentiles.clear();
    (run.max_at_ns, run.valid_to) = (None, None);
    run
}

pub fn closed_run() -> Run {
    run(Mode::Closed)
}

/// Returns what a comparison merges out of `run`.
pub fn merged(run: &Run) -> MergedRuns {
    MergedRuns {
        target: run.target.clone(),
        responder: run.responder.clone(),
        link: run.link.clone(),
        mode: Some(run.mode.clone()),
        payload_bytes: Some(run.payload_bytes),
        timeout_ns: Some(run.timeout_ns),
        rounds_wanted: 1,
        rounds: vec![1],
        sent: run.sent,
        received: run.received,
        lost: run.lost,
        latency_ns: run.latency_ns.clone(),
        ..MergedRuns::default()
    }
}

pub fn pipeline_run() -> Run {
    let depth = NonZeroU16::new(8).unwrap();
    run(Mode::Pipeline { depth })
}

/// A pipeline and three steps, the last of them invalid.
pub fn sweep_report() -> Record {
    let mut runs = vec![pipeline_run()];
    for percent in [10, 50, 95] {
        let rate = Rate::per_second(10 * percent);
        let mut step = run(Mode::Open {
            rate,
            arrivals: crate::load::Arrivals::Even,
        });
        step.sweep_percent = Some(percent);
        runs.push(step);
    }
    runs[3].valid = false;
    runs[3].invalid_because = vec!["the generator was late".to_owned()];
    Record {
        runs,
        ..record(pipeline_run())
    }
}

pub fn open_run() -> Run {
    let rate = Rate::per_second(1000);
    run(Mode::Open {
        rate,
        arrivals: crate::load::Arrivals::Even,
    })
}

pub fn record(run: Run) -> Record {
    let environment = Environment {
        qemu_version: Some("7.2.0".to_owned()),
        qemu_rights: Some(ProcessRights {
            user: 65534,
            own_user_reason: None,
            capabilities: "0000000000000000".to_owned(),
            no_new_privileges: true,
            seccomp: true,
            own_network: false,
        }),
        accel: Some("tcg".to_owned()),
        accel_reason: Some("there is no /dev/kvm".to_owned()),
        image: Some(Image {
            path: "target/fathom.elf".into(),
            sha256: "00ff".to_owned(),
            bytes: 256_000,
        }),
        ..EnvironmentBuilder::examine("sleep: a sample".to_owned(), None).record()
    };
    Record::new(environment, vec![run])
}

/// An open loop without losses whose p50, p90, p99 and p99.9 have these states.
pub fn stated_run(states: [State; 4]) -> Run {
    let mut run = open_run();
    (run.lost, run.latency_ns.p99_9) = (0, Some(29_950));
    run.latency_ns.max = Some(29_970);
    run.percentiles = PERCENTILES
        .iter()
        .zip(states)
        .map(|(percentile, state)| {
            let value_ns = run.latency_ns.get(percentile.name).flatten();
            let state = PercentileState {
                state,
                low_ns: value_ns.map(|ns| ns - 10),
                high_ns: value_ns,
                stalls: None,
                host_share: None,
            };
            (percentile.name.to_owned(), state)
        })
        .collect();
    run
}

/// The faults of a run of 1000 requests, 998 of which were answered.
pub fn fault_record() -> FaultRecord {
    FaultRecord {
        parameters: "loss=1%,seed=7".to_owned(),
        seed: 7,
        to_guest: DirectionCounts {
            frames: 1500,
            lost: 3,
            ..DirectionCounts::default()
        },
        from_guest: DirectionCounts {
            frames: 1497,
            lost: 2,
            ..DirectionCounts::default()
        },
        requests: RequestOutcomes {
            lost_to_guest: 1,
            lost_from_guest: 1,
            answered: 998,
            ..RequestOutcomes::default()
        },
        answered_late: 0,
    }
}

/// The cost of an echo of a guest of which all is known.
pub fn hermit_cost() -> SystemCost {
    SystemCost {
        target: "hermit".to_owned(),
        link: "unix".to_owned(),
        instructions_per_echo: Some(495.6),
        doorbells_per_echo: Some(1.0),
        interrupts_per_echo: Some(0.0),
        first_reply_ms: Some(143.6),
        resident_bytes: Some(61_000_000),
        memory_bytes: Some(32 << 20),
        image_bytes: Some(400 << 10),
        ..SystemCost::default()
    }
}

/// The cost of an echo of a system of which nothing is known.
pub fn null_cost() -> SystemCost {
    SystemCost {
        target: "null".to_owned(),
        link: "vhost-user".to_owned(),
        ..SystemCost::default()
    }
}
