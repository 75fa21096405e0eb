//! Made-up sources for the tests of this module's neighbours.

use crate::load::{Mode, Rate};
use crate::report::read::{Distribution, Interval, Source};
use crate::report::{BeforeAfter, Comparison, Merged, Report, Run, Skipped, sample};
use crate::stats::summary::PERCENTILES;
use crate::stats::{Recording, Summary};

fn source(run: Run, mode: Mode) -> Source {
    Source::new(
        "results/a".into(),
        sample::report(run),
        vec![distribution(mode)],
    )
    .expect("nothing is merged")
}

fn distribution(mode: Mode) -> Distribution {
    let recorder = sample::recorder(mode);
    let interval = |start_s: f64| Interval {
        start_s,
        length_s: 1.0,
        percentiles_ns: [Some(24_990), Some(28_990), None, None, None],
        max_ns: Some(30_000 + start_s as u64),
    };
    assert_eq!(PERCENTILES[2].name, "p99");
    Distribution {
        tagged: std::collections::BTreeMap::new(),
        histogram: recorder.latency.histogram().clone(),
        intervals: (0..5).map(|second| interval(f64::from(second))).collect(),
    }
}

/// A closed loop on shared memory.
pub(in crate::report) fn closed() -> Source {
    let mut run = sample::closed_run();
    run.core_round_trip_ns = Some(BeforeAfter {
        before: Some(120.0),
        after: Some(140.0),
    });
    source(run, Mode::Closed)
}

/// An open loop.
pub(in crate::report) fn open(rate: f64) -> Source {
    let mut run = sample::open_run();
    run.offered_rate = Some(rate);
    let rate = Rate::per_second(1000);
    source(
        run,
        Mode::Open {
            rate,
            arrivals: crate::load::Arrivals::Even,
        },
    )
}

/// A comparison of three rounds, of which some runs are not valid:
///
/// - on `unix` hermit, the second round at the second attempt, and a Linux guest;
/// - on `vhost-user` hermit and a reflector with one round, and a Linux guest without any;
/// - on `loopback` a process alone.
pub(in crate::report) fn comparison() -> Source {
    let hermit = ("hermit", None);
    let (guest, host) = (("linux-guest", Some("busy")), ("linux-host", Some("busy")));
    let mut runs = Vec::new();
    for round in 1..=3 {
        for (target, link) in [(hermit, "unix"), (guest, "unix")] {
            runs.push(repetition(target, link, round));
        }
    }
    let spoilt = Run {
        valid: false,
        invalid_because: vec!["the host slept".to_owned()],
        ..repetition(hermit, "unix", 2)
    };
    let again = runs
        .iter_mut()
        .find(|run| (&*run.target, run.round) == ("hermit", Some(2)));
    again.expect("it is there").attempt = Some(2);
    runs.push(spoilt.clone());
    for target in [hermit, ("null", None)] {
        runs.push(repetition(target, "vhost-user", 1));
    }
    let (target, responder) = guest;
    runs.push(Run {
        target: target.to_owned(),
        responder: responder.map(str::to_owned),
        link: "vhost-user".to_owned(),
        ..spoilt
    });
    runs.push(repetition(host, "loopback", 3));
    let merged = [
        (hermit, "unix"),
        (guest, "unix"),
        (hermit, "vhost-user"),
        (guest, "vhost-user"),
        (("null", None), "vhost-user"),
        (host, "loopback"),
    ];
    let report = Report {
        merged: merged
            .map(|(target, link)| merge(target, link, &runs))
            .into(),
        comparisons: comparisons(),
        skipped: vec![Skipped {
            target: "null".to_owned(),
            responder: None,
            link: "unix".to_owned(),
            round: None,
            reason: "null answers on vhost-user only".to_owned(),
        }],
        runs,
        ..sample::report(sample::closed_run())
    };
    let distributions = vec![distribution(Mode::Closed); report.runs.len()];
    Source::new("results/compared".into(), report, distributions).expect("it adds up")
}

type Named = (&'static str, Option<&'static str>);

fn repetition((target, responder): Named, link: &str, round: u32) -> Run {
    let shared = BeforeAfter {
        before: Some(80.0),
        after: Some(320.0),
    };
    Run {
        core_round_trip_ns: (link == "vhost-user").then_some(shared),
        target: target.to_owned(),
        responder: responder.map(str::to_owned),
        link: link.to_owned(),
        round: Some(round),
        attempt: Some(1),
        ..sample::closed_run()
    }
}

fn merge((target, responder): Named, link: &str, runs: &[Run]) -> Merged {
    let mut merged = Merged {
        target: target.to_owned(),
        responder: responder.map(str::to_owned),
        link: link.to_owned(),
        mode: Some("closed".into()),
        payload_bytes: Some(64),
        timeout_ns: Some(1_000_000_000),
        rounds_wanted: 3,
        rounds: Vec::new(),
        sent: 0,
        received: 0,
        lost: 0,
        latency_ns: Summary::default(),
        ..Merged::default()
    };
    let mut latency = Recording::default();
    for run in runs {
        if run.valid && merged.is_of(run) {
            merged.rounds.extend(run.round);
            merged.sent += run.sent;
            merged.received += run.received;
            merged.lost += run.lost;
            latency.add_all(&sample::recorder(Mode::Closed).latency);
        }
    }
    merged.latency_ns = (&latency).into();
    merged
}

fn comparisons() -> Vec<Comparison> {
    let comparison =
        |link: &str, baseline: &str, percentile: &'static str, interval, verdict: &str| {
            let (low_ns, high_ns) = Option::unzip(interval);
            Comparison {
                target: "hermit".to_owned(),
                baseline: baseline.to_owned(),
                link: link.to_owned(),
                percentile: percentile.into(),
                rounds: if interval.is_some() { 3 } else { 1 },
                target_ns: 72_000,
                baseline_ns: 116_000,
                difference_ns: Some(-44_000),
                low_ns,
                high_ns,
                verdict: verdict.to_owned(),
                ..Comparison::default()
            }
        };
    let busy = "linux-guest:busy";
    vec![
        comparison(
            "unix",
            busy,
            "p50",
            Some((-48_000, -41_000)),
            "lower by 41.0–48.0 µs at p50",
        ),
        comparison(
            "unix",
            busy,
            "p90",
            Some((-900, 1_200)),
            "no difference seen at p90",
        ),
        comparison(
            "unix",
            busy,
            "p99",
            Some((300, 700)),
            "higher by 300–700 ns at p99",
        ),
        comparison("vhost-user", "null", "p50", None, "too few rounds to say"),
    ]
}
