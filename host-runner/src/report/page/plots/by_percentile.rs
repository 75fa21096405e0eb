//! Latency by percentile, on `HdrHistogram`'s usual axis.

use hdrhistogram::Histogram;

use crate::report::chart::{Axis, Claim, Curve, Line, Plot};
use crate::report::page::entry::Entry;
use crate::report::page::plots::{Series, floors, latency_axis};
use crate::stats::percentile_rule::{MIN_BEYOND, PERCENTILES};
use crate::stats::summary::percentile_columns;

/// Points of a curve per factor of ten.
const POINTS_PER_DECADE: f64 = 40.0;

/// A curve per measurement.
#[must_use]
pub fn by_percentile(entries: &[Entry<'_>]) -> Plot {
    let curves: Vec<Curve> = entries.iter().map(with_nodes).collect();
    let bands = floors::bands(entries.iter().map(|entry| entry.run));
    let rarest = entries
        .iter()
        .map(|entry| entry.distribution.histogram.len());
    Plot {
        title: "Latency by percentile".to_owned(),
        x: Axis::percentile(rarest.max().unwrap_or_default() as f64),
        y: latency_axis(&curves, &bands),
        curves,
        bands,
    }
}

/// Returns the curve of `entry`, with those of the nodes that it is the sum of behind it.
fn with_nodes(entry: &Entry<'_>) -> Curve {
    let mut curve = curve(&entry.series(), &[]);
    let nodes = &entry.distribution.nodes;
    // A node alone is the whole.
    if nodes.len() > 1 {
        let pale = nodes.iter().filter_map(|node| part_line(&node.histogram()));
        curve.lines.splice(..0, pale);
    }
    curve
}

/// From the least sample to the largest. Where fewer than [`MIN_BEYOND`] lie beyond a point it claims
/// nothing: no percentile is told from there on. Behind it are the `parts` that it sums up, each by
/// itself.
#[must_use]
pub fn curve(series: &Series<'_>, parts: &[&Histogram<u64>]) -> Curve {
    let mut curve = Curve {
        style: series.style,
        lines: parts.iter().filter_map(|part| part_line(part)).collect(),
        marks: Vec::new(),
    };
    let histogram = series.histogram;
    if histogram.is_empty() {
        return curve;
    }
    let count = histogram.len() as f64;
    let max = series.summary.max.unwrap_or_default() as f64;
    let supported = (count / MIN_BEYOND as f64).max(1.0);
    curve.lines.push(Line {
        points: points(histogram, max, 1.0, supported),
        claim: Claim::Full,
    });
    if count > supported {
        let mut rest = points(histogram, max, supported, count);
        rest.push((count, max));
        curve.lines.push(Line {
            points: rest,
            claim: Claim::None,
        });
    }
    for percentile in percentile_columns(&PERCENTILES, [series.summary]) {
        if let Some(ns) = series.summary.get(&percentile.name).flatten() {
            let mark = series.mark(percentile.one_in, ns, &percentile.name);
            curve.marks.push(mark);
        }
    }
    let mut last = series.mark(count, max as u64, "max");
    last.is_hollow = true;
    curve.marks.push(last);
    curve
}

/// A part by itself, as far as its percentiles are told.
fn part_line(part: &Histogram<u64>) -> Option<Line> {
    let supported = part.len() as f64 / MIN_BEYOND as f64;
    (supported >= 1.0).then(|| Line {
        points: points(part, part.max() as f64, 1.0, supported),
        claim: Claim::Part,
    })
}

/// The values that one sample in `from` to one in `to` lies beyond, none over `max`.
fn points(histogram: &Histogram<u64>, max: f64, from: f64, to: f64) -> Vec<(f64, f64)> {
    let value = |one_in: f64| {
        let value = histogram.value_at_quantile(1.0 - 1.0 / one_in) as f64;
        (one_in, value.min(max))
    };
    let steps = ((to / from).log10() * POINTS_PER_DECADE).ceil().max(1.0);
    let at = |step: u32| value(from * (to / from).powf(f64::from(step) / steps));
    simplified((0..=steps as u32).map(at).collect())
}

/// Leaves out the points in the middle of level stretches.
fn simplified(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    let is_needed = |index: usize| {
        let level = |other: usize| points.get(other).is_some_and(|at| at.1 == points[index].1);
        index == 0 || !(level(index - 1) && level(index + 1))
    };
    let needed: Vec<usize> = (0..points.len())
        .filter(|&index| is_needed(index))
        .collect();
    needed.into_iter().map(|index| points[index]).collect()
}
