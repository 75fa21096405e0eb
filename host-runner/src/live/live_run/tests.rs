//! Snapshots of a run as they come, and what is shown of them.

use super::*;
use crate::load::{Limit, Rate};

const SECOND_NS: u64 = 1_000_000_000;

fn run(plan: &Plan) -> LiveRun {
    LiveRun::new(
        &Subject {
            target: "hermit",
            link: "vhost-user",
            position: RunPosition::Round {
                round: 3,
                attempt: 2,
            },
            plan,
            cpus: None,
            thread: rustix::thread::gettid(),
        },
        Vec::new(),
    )
}

fn open(measure: Limit) -> Plan {
    Plan {
        mode: Mode::Open {
            rate: Rate::per_second(1000),
            arrivals: Arrivals::Poisson,
        },
        measure,
        ..Plan::FIXTURE
    }
}

/// Returns the snapshot after `seconds` of a run at 1000 requests a second.
fn after(seconds: u64) -> RunSnapshot {
    let latency = DurationHistogram::of_values((0..1000 * seconds).map(|index| 5000 + index % 7));
    RunSnapshot {
        at_ns: (100 + seconds) * SECOND_NS,
        tally: Tally {
            started_ns: 100 * SECOND_NS,
            sent: 1000 * seconds,
            received: 1000 * seconds,
            ..Tally::default()
        },
        lateness: latency.clone(),
        latency,
    }
}

#[test]
fn figures_grow_with_the_seconds() {
    let plan = open(Limit::lasting(30 * SECOND_NS));
    let mut run = run(&plan);
    let before = run.snapshot(LiveStage::WarmingUp, None, 100 * SECOND_NS);
    assert_eq!(before.title, "hermit over vhost-user, round 3, attempt 2");
    assert!(
        before.load.starts_with("open loop, 1k/s, Poisson arrivals"),
        "{}",
        before.load
    );
    assert_eq!((before.elapsed_ns, before.windows[2].samples), (0, 0));
    for seconds in 1..=12 {
        run.add(&after(seconds));
    }
    let now_ns = 112 * SECOND_NS + SECOND_NS / 2;
    let snapshot = run.snapshot(LiveStage::Measuring, None, now_ns);
    let samples = snapshot.windows.map(|window| window.samples);
    assert_eq!(samples, [1000, 10_000, 12_000]);
    assert_eq!(snapshot.elapsed_ns, 12 * SECOND_NS + SECOND_NS / 2);
    assert_eq!(snapshot.left_ns, Some(17 * SECOND_NS + SECOND_NS / 2));
    assert_eq!(snapshot.requests.achieved_rate, 1000.0);
    assert_eq!(snapshot.requests.offered_rate, Some(1000.0));
    assert!(snapshot.lateness.is_some());
    assert_eq!(snapshot.heat_map.shown(100, 10).unwrap().columns.len(), 12);
}

#[test]
fn a_snapshot_of_warm_up_is_none() {
    let plan = open(Limit::lasting(SECOND_NS));
    let mut run = run(&plan);
    run.add(&RunSnapshot {
        tally: Tally::default(),
        ..after(1)
    });
    let snapshot = run.snapshot(LiveStage::WarmingUp, None, 101 * SECOND_NS);
    assert_eq!(
        (snapshot.windows[2].samples, snapshot.requests.sent),
        (0, 0)
    );
}

#[test]
fn what_is_left_follows_the_nearer_limit() {
    let left = |measure| {
        let plan = open(measure);
        let mut run = run(&plan);
        run.add(&after(2));
        run.snapshot(LiveStage::Measuring, None, 102 * SECOND_NS)
            .left_ns
    };
    assert_eq!(left(Limit::requests(5000)), Some(3 * SECOND_NS));
    assert_eq!(left(Limit::lasting(3 * SECOND_NS)), Some(SECOND_NS));
    let both = Limit {
        duration_ns: Some(30 * SECOND_NS),
        count: Some(4000),
    };
    assert_eq!(left(both), Some(2 * SECOND_NS));
    assert_eq!(left(Limit::lasting(SECOND_NS)), Some(0));
}

#[test]
fn losses_turn_values_into_bounds() {
    let plan = open(Limit::lasting(SECOND_NS));
    let mut run = run(&plan);
    let mut snapshot = after(1);
    (0..500).for_each(|_| snapshot.latency.record(plan.timeout_ns));
    snapshot.tally.lost = 500;
    run.add(&snapshot);
    let shown = run.snapshot(LiveStage::Draining, None, 101 * SECOND_NS);
    let bounds = shown.windows[2]
        .percentiles
        .map(|figure| figure.map(|figure| figure.is_bound));
    assert_eq!(bounds[..3], [Some(false), Some(true), Some(true)]);
    assert_eq!(shown.requests.lost, 500);
    assert_eq!(shown.standing.valid_to, Some("p99"));
    assert!(!shown.standing.reasons.is_empty());
}
