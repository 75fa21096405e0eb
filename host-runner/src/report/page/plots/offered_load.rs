//! Latency against offered load: of what was measured at several rates.

use std::collections::BTreeMap;

use crate::report::chart::{Axis, Claim, Curve, Line, Mark, Plot, Style};
use crate::report::page::entry::Entry;
use crate::report::page::plots::{floors, latency_axis, quantity};
use crate::stats::percentile_rule::PERCENTILES;

/// Quantities that are drawn: name and index of the style.
pub const QUANTITIES: [(&str, usize); 4] = [("p50", 0), ("p99", 1), ("p99.9", 2), ("max", 3)];

/// Measurements of one thing at several rates.
#[derive(Clone, Debug)]
pub struct Sweep<'a> {
    /// Extent of the measurement.
    pub subject: String,
    /// In which colour.
    pub colour: usize,
    /// The measurements, by rate.
    steps: Vec<(f64, &'a Entry<'a>)>,
}

/// Returns the measurements at two rates or more.
#[must_use]
pub fn sweeps<'a>(entries: &'a [Entry<'a>]) -> Vec<Sweep<'a>> {
    let mut by_subject: BTreeMap<&str, Vec<(f64, &Entry<'_>)>> = BTreeMap::new();
    for entry in entries {
        if let Some(rate) = entry.run.offered_rate.filter(|&rate| rate > 0.0) {
            by_subject
                .entry(&entry.subject)
                .or_default()
                .push((rate, entry));
        }
    }
    let mut sweeps = Vec::new();
    for (subject, mut steps) in by_subject {
        steps.sort_by(|a, b| a.0.total_cmp(&b.0));
        if steps.windows(2).any(|pair| pair[0].0 < pair[1].0) {
            sweeps.push(Sweep {
                subject: subject.to_owned(),
                colour: Style::numbered(sweeps.len()).colour,
                steps,
            });
        }
    }
    sweeps
}

/// Latency against offered load.
#[must_use]
pub fn plot(sweeps: &[Sweep<'_>], entries: &[Entry<'_>]) -> Plot {
    let curves: Vec<Curve> = sweeps.iter().flat_map(load_curves).collect();
    let bands = floors::bands(entries.iter().map(|entry| entry.run));
    let rates = sweeps
        .iter()
        .flat_map(|sweep| &sweep.steps)
        .map(|step| step.0);
    let low = rates.clone().fold(f64::INFINITY, f64::min);
    Plot {
        title: "Latency against offered load".to_owned(),
        x: Axis::rate(low, rates.fold(1.0, f64::max)),
        y: latency_axis(&curves, &bands),
        curves,
        bands,
    }
}

fn load_curves(sweep: &Sweep<'_>) -> Vec<Curve> {
    let curve = |(name, look): (&str, usize)| {
        let index = PERCENTILES
            .iter()
            .position(|percentile| percentile.name == name);
        let marks: Vec<Mark> = sweep
            .steps
            .iter()
            .filter_map(|(rate, entry)| {
                let latency = &entry.run.latency_ns;
                let ns = index.map_or(latency.max, |index| latency.percentiles()[index])?;
                Some(entry.series().mark(*rate, ns, name))
            })
            .collect();
        let points: Vec<(f64, f64)> = marks.iter().map(|mark| mark.at).collect();
        Curve {
            style: quantity(sweep.colour, look),
            lines: vec![Line {
                points,
                claim: Claim::Full,
            }],
            marks,
        }
    };
    QUANTITIES.map(curve).into()
}
