//! Outcomes of expressions on results of whole boots.

use std::collections::BTreeMap;

use super::*;
use crate::histogram::DurationHistogram;
use crate::record::read::Distribution;
use crate::record::{BeforeAfter, Run, fixtures};
use crate::stats::percentile_rule::PERCENTILES;
use crate::stats::{PercentileState, State};

use ObjectiveState::{Met, Missed, NotMeasured, Undecided};

mod broken_runs;
mod relative_limits;

/// A run of a closed loop with latencies about `level_ns`: most within 5 % of it.
struct Boot {
    target: &'static str,
    round: Option<u32>,
    level_ns: u64,
    samples: u64,
}

const ONE: Boot = Boot {
    target: "hermit",
    round: None,
    level_ns: 2000,
    samples: 20_000,
};

fn run(boot: &Boot) -> (Run, Distribution) {
    let level_ns = boot.level_ns;
    let values = (0..boot.samples).map(|index| level_ns + level_ns * (index % 100) / 2000);
    let latency = DurationHistogram::of_values(values);
    let run = Run {
        target: boot.target.to_owned(),
        link: "vhost-user".to_owned(),
        round: boot.round,
        attempt: boot.round.map(|_| 1),
        sent: boot.samples,
        received: boot.samples,
        lost: 0,
        late: 0,
        censored_from_ns: None,
        censored_count: 0,
        latency_ns: (&latency).into(),
        ..fixtures::closed_run()
    };
    let distribution = Distribution {
        histogram: latency.histogram().clone(),
        intervals: Vec::new(),
        tagged: BTreeMap::new(),
        nodes: Vec::new(),
    };
    (run, distribution)
}

fn source_of(runs: Vec<(Run, Distribution)>) -> Source {
    let (runs, distributions): (Vec<Run>, Vec<Distribution>) = runs.into_iter().unzip();
    let record = record::Record {
        runs,
        ..fixtures::record(fixtures::closed_run())
    };
    Source::new("results/a".into(), record, distributions).unwrap()
}

fn source(boots: &[Boot]) -> Source {
    source_of(boots.iter().map(run).collect())
}

/// Rounds of two targets with these levels.
fn rounds(hermit: &[u64], linux: &[u64]) -> Source {
    let boots = |target, levels: &[u64]| -> Vec<Boot> {
        let levels = levels.iter().zip(1..);
        levels
            .map(|(&level_ns, round)| Boot {
                target,
                round: Some(round),
                level_ns,
                ..ONE
            })
            .collect()
    };
    let mut all = boots("hermit", hermit);
    all.extend(boots("linux-guest", linux));
    source(&all)
}

fn objectives(texts: &[&str]) -> Objectives {
    let mut objectives = Objectives::none();
    for text in texts {
        objectives
            .add("--require", text, ObjectiveLevel::Pass)
            .unwrap();
    }
    objectives
}

fn judged(source: &Source, text: &str) -> record::Objective {
    let judgement = judge(&objectives(&[text]), source, References::default());
    assert_eq!(judgement.objectives.len(), 1, "{text}: {judgement:?}");
    judgement.objectives.into_iter().next().unwrap()
}

fn state(source: &Source, text: &str) -> ObjectiveState {
    judged(source, text).state
}

fn reason(source: &Source, text: &str) -> String {
    judged(source, text).needs.unwrap_or_default()
}

/// Expressions that a good result meets.
const ALL_KINDS: [&str; 16] = [
    "p50 <= 1s",
    "p99 <= 1s",
    "p0.5 <= 1s",
    "min >= 0ns",
    "min <= 1s",
    "mean <= 1s",
    "max <= 10s",
    "service.p99 <= 1s",
    "p50 <= 1000000 floors",
    "lost == 0",
    "lost <= 1000000",
    "lost_share <= 100%",
    "received >= 1",
    "rate >= 0.001/s",
    "boot_ms <= 10s",
    "instructions_per_echo <= 1000000",
];

#[test]
fn an_empty_result_meets_nothing() {
    let (mut run, distribution) = run(&Boot { samples: 0, ..ONE });
    (run.answered_rate, run.service_ns, run.boot_ms) = (None, None, None);
    let empty = source_of(vec![(run, distribution)]);
    for text in ALL_KINDS {
        assert_eq!(state(&empty, text), NotMeasured, "{text}");
        let judgement = judge(&objectives(&[text]), &empty, References::default());
        assert_eq!(judgement.summary.state, Undecided, "{text}");
    }
}

#[test]
fn a_run_that_lost_everything_meets_nothing_of_its_latency() {
    let timeout_ns = 1_000_000_000;
    let (mut run, distribution) = run(&Boot {
        level_ns: timeout_ns,
        ..ONE
    });
    (run.lost, run.received, run.timeout_ns) = (run.sent, 0, timeout_ns);
    run.censored_from_ns = Some(timeout_ns);
    (run.service_ns, run.answered_rate) = (None, None);
    let lost = source_of(vec![(run, distribution)]);
    for text in [
        "p50 <= 100s",
        "p99 <= 100s",
        "mean <= 100s",
        "max <= 100s",
        "service.p99 <= 1s",
        "rate >= 0.001/s",
    ] {
        assert!(!matches!(state(&lost, text), Met), "{text}");
    }
    for text in [
        "p50 <= 2us",
        "p99 <= 2us",
        "lost == 0",
        "received >= 1",
        "lost_share < 100%",
        "max <= 1ms",
        "mean <= 1ms",
    ] {
        assert_eq!(state(&lost, text), Missed, "{text}");
    }
}

#[test]
fn an_invalid_run_meets_nothing_and_what_it_lost_stays_lost() {
    let (mut run, distribution) = run(&ONE);
    run.valid = false;
    run.invalid_because = vec!["the host slept".to_owned()];
    run.lost = 3;
    let invalid = source_of(vec![(run, distribution)]);
    for text in ALL_KINDS {
        if text != "lost == 0" && !text.starts_with("instructions") {
            let judged = judged(&invalid, text);
            assert_eq!(judged.state, Undecided, "{text}");
            assert!(judged.needs.unwrap().contains("the host slept"), "{text}");
        }
    }
    assert_eq!(state(&invalid, "lost == 0"), Missed);
    assert_eq!(state(&invalid, "lost <= 2"), Missed);
    assert_eq!(state(&invalid, "lost <= 3"), Undecided);
}

#[test]
fn a_percentile_needs_a_hundred_samples_beyond() {
    let one = source(&[ONE]);
    let judged = judged(&one, "p99.9 <= 1s");
    assert_eq!(judged.state, Undecided);
    assert_eq!(
        judged.needs.as_deref(),
        Some("p99.9 has 20,000 of 100,000 samples")
    );
    assert_eq!(
        reason(&one, "p99.99 <= 1s"),
        "p99.99 has 20,000 of 1,000,000 samples"
    );
    // A low percentile has as many below.
    assert_eq!(
        reason(&one, "p0.1 >= 0ns"),
        "p0.1 has 20,000 of 100,000 samples"
    );
    // Samples of all boots count.
    let seven = rounds(&[2000; 7], &[2000; 7]);
    assert_eq!(state(&seven, "p99.9 <= 1s on hermit"), Met);
}

#[test]
fn one_boot_is_judged_by_its_samples_and_says_so() {
    let one = source(&[ONE]);
    let met = judged(&one, "p50 <= 2.2us");
    assert_eq!((met.state, met.unit.as_str()), (Met, "ns"));
    assert!(met.needs.unwrap().starts_with("in this boot alone"));
    assert!(met.low.unwrap() <= met.value.unwrap() && met.value.unwrap() <= met.high.unwrap());
    assert_eq!(state(&one, "p50 <= 2us"), Missed);
    assert_eq!(state(&one, "p50 <= 2.05us"), Undecided);
    assert_eq!(state(&one, "p50 >= 2us"), Met);
    assert_eq!(state(&one, "p50 >= 3us"), Missed);
    // What was counted is exact.
    assert_eq!(state(&one, "max <= 2.2us"), Met);
    assert_eq!(state(&one, "max <= 2us"), Missed);
    assert_eq!(state(&one, "sent == 20000"), Met);
}

#[test]
fn a_percentile_of_the_hosts_making_decides_nothing() {
    let states = |state, low_ns| {
        let (mut run, distribution) = run(&ONE);
        run.percentiles = PERCENTILES
            .iter()
            .map(|percentile| {
                let state = PercentileState {
                    state,
                    low_ns: Some(low_ns),
                    high_ns: Some(3000),
                    stalls: None,
                    host_share: None,
                };
                (percentile.name.to_owned(), state)
            })
            .collect();
        source_of(vec![(run, distribution)])
    };
    let host = states(State::Host, 1000);
    assert_eq!(state(&host, "p99 <= 1s"), Undecided);
    assert!(reason(&host, "p99 <= 1s").contains("host's gaps"));
    // A percentile of one's own is no better than the standard one beyond it.
    assert_eq!(state(&host, "p98 <= 1s"), Undecided);
    let bracket = states(State::Partly, 1000);
    assert_eq!(state(&bracket, "p99 <= 3us"), Met);
    assert_eq!(state(&bracket, "p99 <= 2.5us"), Undecided);
    assert_eq!(state(&bracket, "p99 <= 900ns"), Missed);
}

const CALM: [u64; 7] = [2000, 2010, 1990, 2005, 1995, 2015, 1985];

#[test]
fn of_several_boots_the_boot_is_the_unit() {
    let wild = [2000, 3000, 1500, 2500, 1800, 2800, 1600];
    let source = rounds(&CALM, &wild);
    assert_eq!(state(&source, "p99 <= 2.3us on hermit"), Met);
    assert_eq!(state(&source, "p99 <= 1.9us on hermit"), Missed);
    let undecided = judged(&source, "p99 <= 2.4us on linux-guest");
    assert_eq!(undecided.state, Undecided);
    assert!(undecided.needs.unwrap().contains("more rounds would tell"));
    // Two valid rounds of seven are too few.
    let mut few = rounds(&CALM, &CALM);
    for run in few.record.runs.iter_mut().filter(|run| run.round > Some(2)) {
        run.valid = false;
    }
    assert_eq!(
        reason(&few, "p99 <= 1s on hermit"),
        "2 of 7 rounds can be judged by, 3 are needed"
    );
    // A boot that lost requests has no upper end.
    let mut lossy = rounds(&CALM, &CALM);
    (
        lossy.record.runs[0].lost,
        lossy.record.runs[0].censored_from_ns,
    ) = (1, Some(1000));
    assert_eq!(state(&lossy, "p99 <= 1s on hermit"), Undecided);
    assert_eq!(state(&lossy, "p99 <= 1us on hermit"), Missed);
}

#[test]
fn a_floor_is_that_of_each_boot() {
    let mut source = rounds(&CALM, &CALM);
    for run in source
        .record
        .runs
        .iter_mut()
        .filter(|run| run.target == "hermit")
    {
        run.core_round_trip_ns = Some(BeforeAfter {
            before: Some(400.0),
            after: Some(400.0),
        });
    }
    assert_eq!(state(&source, "p50 <= 6 floors on hermit"), Met);
    assert_eq!(state(&source, "p50 <= 4 floors on hermit"), Missed);
    assert_eq!(
        state(&source, "p50 <= 6 floors on linux-guest"),
        NotMeasured
    );
    let mut one = self::source(&[ONE]);
    one.record.runs[0].core_round_trip_ns = Some(BeforeAfter {
        before: Some(200.0),
        after: Some(400.0),
    });
    assert_eq!(state(&one, "p50 <= 11 floors"), Met);
    assert_eq!(state(&one, "p50 <= 9 floors"), Undecided);
    assert_eq!(state(&one, "p50 <= 5 floors"), Missed);
}

#[test]
fn each_target_and_load_is_judged_and_a_boot_once() {
    let mut source = rounds(&CALM, &CALM);
    let mut open = rounds(&CALM, &CALM);
    for run in &mut open.record.runs {
        run.mode = "open".into();
    }
    source.record.runs.extend(open.record.runs);
    source.distributions.extend(open.distributions);
    let on = |text: &str| -> Vec<String> {
        let judgement = judge(&objectives(&[text]), &source, References::default());
        judgement
            .objectives
            .into_iter()
            .map(|objective| objective.on)
            .collect()
    };
    assert_eq!(on("p99 <= 2us").len(), 4);
    assert_eq!(
        on("boot_ms <= 2s"),
        ["hermit on vhost-user", "linux-guest on vhost-user"]
    );
    assert_eq!(on("p99 <= 2us on null"), ["target null"]);
    assert_eq!(state(&source, "p99 <= 2us on null"), NotMeasured);
}

#[test]
fn points_lie_with_the_expressions_that_must_hold() {
    let text = "schema = \"fathom-objectives/1\"\n[score]\npass = 90\nwarn = 40\n\
        [[objective]]\nname = 'tail'\nkey = true\nweight = 4\non = { target = 'hermit' }\n\
        pass = ['p50 <= 1s', 'p99 <= 1s']\nwarn = ['p99 <= 1ns']\n\
        [[objective]]\nname = 'rest'\npass = ['lost == 1']\non = { target = 'hermit' }";
    let objectives = Objectives::read(text.as_bytes(), "o.toml").unwrap();
    let judgement = judge(&objectives, &rounds(&CALM, &[]), References::default());
    let points: Vec<(f64, f64)> = (judgement.objectives.iter())
        .map(|objective| (objective.weight, objective.points))
        .collect();
    assert_eq!(points, [(2.0, 1.0), (2.0, 1.0), (0.0, 0.0), (1.0, 0.0)]);
    let summary = judgement.summary;
    assert_eq!((summary.state, summary.warnings), (Met, 1));
    assert_eq!(
        summary.reason,
        "score 2 of 5 = 40 % >= 40 %: pass with a warning; key objective \"tail\" met"
    );
}
