//! Differences between results that nobody measured, and how often they are wrong.

use std::sync::LazyLock;

use hdrhistogram::Histogram;

use super::*;
use crate::random::SplitMix64;
use crate::record::read::Distribution;
use crate::record::{BeforeAfter, Record, Run, Source, SystemCost, fixtures};

mod diff_refusals;
mod diff_simulation;
mod diff_verdicts;

/// A record of this host, examined once.
static RECORD: LazyLock<Record> = LazyLock::new(|| fixtures::record(fixtures::closed_run()));

/// Requests of a boot: enough for p99.
const REQUESTS: u32 = 1100;

/// A result with two targets, `hermit` and `null`, on one link.
#[derive(Clone, Copy, Debug)]
struct Measured {
    rounds: u32,
    /// Level of the unikernel's latency, in nanoseconds.
    hermit_ns: f64,
    /// The same of `null`; `None` if it was not measured.
    null_ns: Option<f64>,
    /// Standard deviation of the logarithm of boots' levels.
    sigma: f64,
    instructions: f64,
    seed: u64,
}

const USUAL: Measured = Measured {
    rounds: 7,
    hermit_ns: 1700.0,
    null_ns: Some(360.0),
    sigma: 0.01,
    instructions: 495.0,
    seed: 1,
};

impl Measured {
    fn seeded(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    fn source(self) -> Source {
        let mut boots = Boots(SplitMix64(self.seed));
        let mut runs = Vec::new();
        let mut distributions = Vec::new();
        for round in 1..=self.rounds {
            let targets = [("hermit", Some(self.hermit_ns)), ("null", self.null_ns)];
            for (target, level_ns) in targets {
                let Some(level_ns) = level_ns else { continue };
                runs.push(Run {
                    target: target.to_owned(),
                    link: "vhost-user".to_owned(),
                    round: Some(round),
                    accel: (target == "hermit").then(|| "kvm".to_owned()),
                    lost: 0,
                    censored_from_ns: None,
                    ..RECORD.runs[0].clone()
                });
                distributions.push(boots.distribution(level_ns, self.sigma, REQUESTS));
            }
        }
        let why = SystemCost {
            link: "vhost-user".to_owned(),
            instructions_per_echo: Some(self.instructions),
            instructions_quartiles: None,
            ..fixtures::hermit_cost()
        };
        let record = Record {
            runs,
            why: vec![why],
            ..RECORD.clone()
        };
        Source::new("results/a".into(), record, distributions).unwrap()
    }
}

/// Boots at random levels.
struct Boots(SplitMix64);

impl Boots {
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.0.fraction()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.0.fraction()).cos()
    }

    /// As many requests, spread by a tenth about a level, which is this boot's.
    fn distribution(&mut self, level_ns: f64, sigma: f64, requests: u32) -> Distribution {
        let level_ns = level_ns * (sigma * self.normal()).exp();
        let mut histogram = Histogram::new(3).unwrap();
        for request in 0..requests {
            let place = (f64::from(request) + 0.5) / f64::from(requests);
            let ns = level_ns * (0.05 * (place / (1.0 - place)).ln()).exp();
            histogram.record(ns as u64).unwrap();
        }
        Distribution {
            histogram,
            intervals: Vec::new(),
            tagged: std::collections::BTreeMap::new(),
            nodes: Vec::new(),
        }
    }
}

fn held(a: &Source, b: &Source, spec: &DiffSpec) -> Diff {
    diff(a, b, spec).unwrap()
}

fn anyway(field: &str) -> DiffSpec {
    DiffSpec {
        anyway: vec![field.to_owned()],
        ..DiffSpec::default()
    }
}

/// Returns the finding at `percentile`.
fn at<'a>(diff: &'a Diff, percentile: &str) -> &'a LatencyFinding {
    let mut findings = diff.latency.iter();
    let finding = findings.find(|finding| finding.percentile == percentile);
    finding.unwrap_or_else(|| panic!("{percentile} is judged: {diff:#?}"))
}
