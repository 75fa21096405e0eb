//! Latency over time: of one run, interval by interval, or of the rounds of a comparison beside
//! each other.

use crate::quantity::{exact_time, time};
use crate::record::read::Interval;
use crate::report::chart::{Axis, Claim, Curve, Line, Plot};
use crate::report::page::entry::Entry;
use crate::report::page::plots::{Series, latency_axis, quantity};
use crate::stats::percentile_rule::PERCENTILES;

/// Quantities that are drawn: name and index of the style.
pub const QUANTITIES: [(&str, usize); 3] = [("p50", 0), ("p99", 1), ("max", 2)];

/// Share of a round's width that is left free at either side.
const MARGIN: f64 = 0.12;

/// A chart per measurement, all on the same scale.
#[must_use]
pub fn by_second(entries: &[Entry<'_>]) -> Vec<Plot> {
    let curves: Vec<Vec<Curve>> = entries
        .iter()
        .map(|entry| {
            let intervals = &entry.distribution.intervals;
            let at = |middle_s: f64| (middle_s, format!("at {}", time(middle_s * 1e9)));
            let points = intervals
                .iter()
                .map(|interval| (at(middle_s(interval)), interval));
            curves(&entry.series(), &[points.collect()])
        })
        .collect();
    let axis = latency_axis(curves.iter().flatten(), &[]);
    let plot = |(entry, curves): (&Entry<'_>, Vec<Curve>)| Plot {
        title: format!("Latency over time: {}", entry.label),
        x: Axis::seconds(end_s(&entry.distribution.intervals).unwrap_or(1.0)),
        y: axis.clone(),
        curves,
        bands: Vec::new(),
    };
    entries.iter().zip(curves).map(plot).collect()
}

/// The valid rounds of one target, to be drawn beside each other.
#[derive(Clone, Debug)]
pub struct Rounds<'a> {
    /// All of them together.
    pub series: Series<'a>,
    /// Each with its number, from 1 on.
    pub rounds: Vec<(u32, &'a [Interval])>,
}

/// A chart per target of `count` rounds, all on the same scale; a round without a valid run is empty.
#[must_use]
pub fn by_round(targets: &[Rounds<'_>], count: u32) -> Vec<Plot> {
    let curves: Vec<Vec<Curve>> = targets.iter().map(round_curves).collect();
    let axis = latency_axis(curves.iter().flatten(), &[]);
    let lengths = targets.iter().flat_map(|target| &target.rounds);
    let longest_s = lengths.filter_map(|(_, intervals)| end_s(intervals));
    let title = match longest_s.reduce(f64::max) {
        Some(seconds) => format!(
            "round (each up to {} of measuring)",
            exact_time(seconds * 1e9)
        ),
        None => "round".to_owned(),
    };
    let plot = |(target, curves): (&Rounds<'_>, Vec<Curve>)| Plot {
        title: format!("Latency round by round: {}", target.series.label),
        x: Axis::rounds(title.clone(), count),
        y: axis.clone(),
        curves,
        bands: Vec::new(),
    };
    targets.iter().zip(curves).map(plot).collect()
}

fn round_curves(target: &Rounds<'_>) -> Vec<Curve> {
    let stretches = target.rounds.iter().map(|(number, intervals)| {
        let end_s = end_s(intervals).unwrap_or(1.0);
        let from = f64::from(number.saturating_sub(1)) + MARGIN;
        let points = intervals.iter().map(|interval| {
            let middle_s = middle_s(interval);
            let x = from + (1.0 - 2.0 * MARGIN) * middle_s / end_s;
            (
                (x, format!("round {number} at {}", time(middle_s * 1e9))),
                interval,
            )
        });
        points.collect()
    });
    curves(&target.series, &stretches.collect::<Vec<_>>())
}

/// Intervals that follow each other: each with its place, and that in words.
type Stretch<'a> = Vec<((f64, String), &'a Interval)>;

/// A curve per quantity: a line through each stretch, broken where an interval does not tell it.
fn curves(series: &Series<'_>, stretches: &[Stretch<'_>]) -> Vec<Curve> {
    let curve = |(name, look): (&str, usize)| {
        let index = PERCENTILES
            .iter()
            .position(|percentile| percentile.name == name);
        let mut lines = Vec::new();
        let mut marks = Vec::new();
        for stretch in stretches {
            lines.push(Vec::new());
            for ((x, place), interval) in stretch {
                let ns = index.map_or(interval.max_ns, |index| interval.percentiles_ns[index]);
                let Some(ns) = ns else {
                    lines.push(Vec::new());
                    continue;
                };
                let mut mark = series.mark(*x, ns, name);
                mark.says.push_str(&format!(", {place}"));
                marks.push(mark);
                if let Some(line) = lines.last_mut() {
                    line.push((*x, ns as f64));
                }
            }
        }
        let lines = lines.into_iter().filter(|points| points.len() > 1);
        Curve {
            style: quantity(series.style.colour, look),
            lines: lines
                .map(|points| Line {
                    points,
                    claim: Claim::Full,
                })
                .collect(),
            marks,
        }
    };
    QUANTITIES.map(curve).into()
}

fn middle_s(interval: &Interval) -> f64 {
    interval.start_s + interval.length_s / 2.0
}

fn end_s(intervals: &[Interval]) -> Option<f64> {
    let last = intervals.last()?;
    Some(last.start_s + last.length_s)
}
