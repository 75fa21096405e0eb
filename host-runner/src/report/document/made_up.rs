//! Made-up sources for the tests of this module's neighbours.

use std::num::NonZeroU32;

use crate::load::Mode;
use crate::report::read::{Distribution, Interval, Source};
use crate::report::{BeforeAfter, Run, sample};
use crate::stats::summary::PERCENTILES;

fn source(run: Run, mode: Mode) -> Source {
    let recorder = sample::recorder(mode);
    let interval = |start_s: f64| Interval {
        start_s,
        length_s: 1.0,
        percentiles_ns: [Some(24_990), Some(28_990), None, None, None],
        max_ns: Some(30_000 + start_s as u64),
    };
    assert_eq!(PERCENTILES[2].name, "p99");
    Source {
        directory: "results/a".into(),
        report: sample::report(run),
        distributions: vec![Distribution {
            histogram: recorder.latency.histogram().clone(),
            intervals: vec![interval(0.0), interval(1.0)],
        }],
    }
}

/// A closed loop on shared memory.
pub(super) fn closed() -> Source {
    let mut run = sample::closed_run();
    run.core_round_trip_ns = Some(BeforeAfter {
        before: Some(120.0),
        after: Some(140.0),
    });
    source(run, Mode::Closed)
}

/// An open loop.
pub(super) fn open(rate: f64) -> Source {
    let mut run = sample::open_run();
    run.offered_rate = Some(rate);
    let rate = NonZeroU32::new(1000).expect("it is not zero");
    source(run, Mode::Open { rate })
}
