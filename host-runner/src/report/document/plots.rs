//! The charts of a document: latency by percentile, over time, and against offered load.

use std::collections::BTreeMap;

use super::entry::Entry;
use super::format;
use crate::report::BeforeAfter;
use crate::report::chart::{Axis, Band, Curve, Line, Mark, Plot, Style};
use crate::stats::summary::{MIN_BEYOND, PERCENTILES};

/// Points of a percentile curve per factor of ten.
const POINTS_PER_DECADE: f64 = 40.0;

/// What is drawn over time: its name and its look.
pub const OVER_TIME: [(&str, usize); 3] = [("p50", 0), ("p99", 1), ("max", 2)];

/// What is drawn against load.
pub const AGAINST_LOAD: [(&str, usize); 4] = [("p50", 0), ("p99", 1), ("p99.9", 2), ("max", 3)];

/// Latency by percentile, a curve per measurement.
#[must_use]
pub fn by_percentile(entries: &[Entry<'_>]) -> Plot {
    let curves: Vec<Curve> = entries.iter().map(percentile_curve).collect();
    let bands = floors(entries);
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

/// From the least sample to the largest. Where fewer than [`MIN_BEYOND`] lie beyond a point it is
/// faint: no percentile is told from there on.
fn percentile_curve(entry: &Entry<'_>) -> Curve {
    let histogram = &entry.distribution.histogram;
    let count = histogram.len() as f64;
    let max = entry.run.latency_ns.max.unwrap_or_default() as f64;
    let told = (count / MIN_BEYOND as f64).max(1.0);
    let value = |one_in: f64| {
        let value = histogram.value_at_quantile(1.0 - 1.0 / one_in) as f64;
        (one_in, value.min(max))
    };
    let between = |from: f64, to: f64| {
        let steps = ((to / from).log10() * POINTS_PER_DECADE).ceil().max(1.0);
        let points =
            (0..=steps as u32).map(|step| value(from * (to / from).powf(f64::from(step) / steps)));
        simplified(points.collect())
    };
    let mut lines = Vec::new();
    let mut marks = Vec::new();
    if histogram.is_empty() {
        return Curve {
            style: entry.style,
            lines,
            marks,
        };
    }
    let line = |points, is_faint| Line { points, is_faint };
    lines.push(line(between(1.0, told), false));
    if count > told {
        let mut rest = between(told, count);
        rest.push((count, max));
        lines.push(line(rest, true));
    }
    for (percentile, ns) in PERCENTILES.iter().zip(entry.run.latency_ns.percentiles()) {
        if let Some(ns) = ns {
            marks.push(mark(entry, percentile.one_in as f64, ns, percentile.name));
        }
    }
    let mut last = mark(entry, count, max as u64, "max");
    last.is_hollow = true;
    marks.push(last);
    Curve {
        style: entry.style,
        lines,
        marks,
    }
}

fn mark(entry: &Entry<'_>, x: f64, ns: u64, name: &str) -> Mark {
    let is_bound = entry.censored_from_ns().is_some_and(|from| ns >= from);
    let relation = if is_bound { "at least" } else { "is" };
    Mark {
        at: (x, ns as f64),
        is_hollow: !entry.run.valid,
        says: format!(
            "{}: {name} {relation} {}",
            entry.label,
            format::nanoseconds(ns as f64)
        ),
    }
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

/// What latencies stand on, over all measurements: each from its least to its largest value.
fn floors(entries: &[Entry<'_>]) -> Vec<Band> {
    let both = |floor: Option<BeforeAfter>| {
        let ends = floor.map(|floor| [floor.before, floor.after]);
        ends.into_iter().flatten().flatten().collect::<Vec<f64>>()
    };
    let mut line = Vec::new();
    let mut reflector = Vec::new();
    let mut gaps = Vec::new();
    for entry in entries {
        line.extend(both(entry.run.core_round_trip_ns));
        reflector.extend(both(entry.run.reflector_round_trip_ns));
        gaps.push(entry.run.noise.floor_max_gap_ns as f64);
    }
    [
        ("core round trip", line),
        ("stand-in thread", reflector),
        ("longest spin gap", gaps),
    ]
    .into_iter()
    .filter_map(|(name, values)| band(name, &values))
    .collect()
}

fn band(name: &str, values: &[f64]) -> Option<Band> {
    let values = values.iter().copied().filter(|&value| value > 0.0);
    let low = values.clone().reduce(f64::min)?;
    let high = values.reduce(f64::max)?;
    let [from, to] = [low, high].map(format::nanoseconds);
    let unit = |text: &str| text.split_once(' ').map(|(_, unit)| unit.to_owned());
    let range = match from.split_once(' ') {
        _ if from == to => from,
        Some((value, _)) if unit(&from) == unit(&to) => format!("{value}–{to}"),
        _ => format!("{from}–{to}"),
    };
    Some(Band {
        low,
        high,
        label: format!("{name}: {range}"),
    })
}

/// An axis for all that is drawn.
fn latency_axis(curves: &[Curve], bands: &[Band]) -> Axis {
    let points = curves.iter().flat_map(|curve| {
        let lines = curve.lines.iter().flat_map(|line| line.points.iter());
        lines
            .map(|at| at.1)
            .chain(curve.marks.iter().map(|mark| mark.at.1))
    });
    let values: Vec<f64> = points
        .chain(bands.iter().flat_map(|band| [band.low, band.high]))
        .filter(|&value| value > 0.0)
        .collect();
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    Axis::latency(low, values.iter().copied().fold(1.0, f64::max))
}

/// Latency over time, a chart per measurement, all on the same scale.
#[must_use]
pub fn over_time(entries: &[Entry<'_>]) -> Vec<Plot> {
    let curves: Vec<Vec<Curve>> = entries.iter().map(time_curves).collect();
    let all: Vec<Curve> = curves.iter().flatten().cloned().collect();
    let axis = latency_axis(&all, &[]);
    let plot = |(entry, curves): (&Entry<'_>, Vec<Curve>)| {
        let intervals = &entry.distribution.intervals;
        let end = intervals
            .last()
            .map_or(1.0, |last| last.start_s + last.length_s);
        Plot {
            title: format!("Latency over time: {}", entry.label),
            x: Axis::seconds(end),
            y: axis.clone(),
            curves,
            bands: Vec::new(),
        }
    };
    entries.iter().zip(curves).map(plot).collect()
}

fn time_curves(entry: &Entry<'_>) -> Vec<Curve> {
    let curve = |(name, look): (&str, usize)| {
        let index = PERCENTILES
            .iter()
            .position(|percentile| percentile.name == name);
        let mut lines = vec![Vec::new()];
        let mut marks = Vec::new();
        for interval in &entry.distribution.intervals {
            let ns = index.map_or(interval.max_ns, |index| interval.percentiles_ns[index]);
            let Some(ns) = ns else {
                lines.push(Vec::new());
                continue;
            };
            let middle_s = interval.start_s + interval.length_s / 2.0;
            let mut mark = mark(entry, middle_s, ns, name);
            mark.says.push_str(&format!(", at {middle_s:.1} s"));
            marks.push(mark);
            if let Some(line) = lines.last_mut() {
                line.push((middle_s, ns as f64));
            }
        }
        let lines = lines.into_iter().filter(|points| points.len() > 1);
        Curve {
            style: quantity(entry.style.colour, look),
            lines: lines
                .map(|points| Line {
                    points,
                    is_faint: false,
                })
                .collect(),
            marks,
        }
    };
    OVER_TIME.map(curve).into()
}

/// How a quantity looks in the colour of what it is of.
#[must_use]
pub const fn quantity(colour: usize, look: usize) -> Style {
    Style {
        colour,
        dash: look,
        mark: look,
    }
}

/// Measurements of one thing at several rates.
#[derive(Clone, Debug)]
pub struct Sweep<'a> {
    /// What is measured.
    pub subject: String,
    /// In which colour.
    pub colour: usize,
    /// The measurements, by rate.
    steps: Vec<(f64, &'a Entry<'a>)>,
}

/// What was measured at two rates or more.
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
pub fn against_load(sweeps: &[Sweep<'_>], entries: &[Entry<'_>]) -> Plot {
    let curves: Vec<Curve> = sweeps.iter().flat_map(load_curves).collect();
    let bands = floors(entries);
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
                Some(mark(entry, *rate, ns, name))
            })
            .collect();
        let points: Vec<(f64, f64)> = marks.iter().map(|mark| mark.at).collect();
        Curve {
            style: quantity(sweep.colour, look),
            lines: vec![Line {
                points,
                is_faint: false,
            }],
            marks,
        }
    };
    AGAINST_LOAD.map(curve).into()
}

#[cfg(test)]
mod tests {
    use super::super::{entry::entries, made_up};
    use super::*;

    #[test]
    fn a_percentile_curve_ends_at_the_maximum_and_is_faint_where_it_says_little() {
        let sources = [made_up::closed()];
        let plot = by_percentile(&entries(&sources));
        let [curve] = plot.curves.as_slice() else {
            panic!("{plot:?}");
        };
        let [told, rest] = curve.lines.as_slice() else {
            panic!("{curve:?}");
        };
        assert!(!told.is_faint && rest.is_faint);
        // 1000 samples tell p99 and no more.
        assert!((told.points.last().unwrap().0 - 100.0).abs() < 1e-6);
        assert_eq!(rest.points.last(), Some(&(1000.0, 1e9)));
        let says: Vec<&str> = curve.marks.iter().map(|mark| mark.says.as_str()).collect();
        let expected = [
            "hermit, unix: p50 is 25 µs",
            "hermit, unix: p90 is 29 µs",
            "hermit, unix: p99 is 29.9 µs",
            "hermit, unix: max at least 1 s",
        ];
        assert_eq!(says, expected);
        assert!(plot.y.scale.is_log());
    }

    #[test]
    fn floors_are_ranges_over_all_measurements() {
        let mut other = made_up::closed();
        other.report.runs[0].core_round_trip_ns = Some(BeforeAfter {
            before: None,
            after: Some(580.0),
        });
        other.report.runs[0].noise.floor_max_gap_ns = 0;
        let sources = [made_up::closed(), other];
        let plot = by_percentile(&entries(&sources));
        let labels: Vec<&str> = plot.bands.iter().map(|band| band.label.as_str()).collect();
        let expected = ["core round trip: 120–580 ns", "longest spin gap: 34.2 µs"];
        assert_eq!(labels, expected);
    }

    #[test]
    fn what_an_interval_does_not_tell_is_a_gap() {
        let mut source = made_up::closed();
        source.distributions[0].intervals[1].percentiles_ns[0] = None;
        let sources = [source];
        let plots = over_time(&entries(&sources));
        let marks: Vec<usize> = plots[0]
            .curves
            .iter()
            .map(|curve| curve.marks.len())
            .collect();
        assert_eq!(marks, [1, 0, 2], "p50, p99, max");
        let lines: Vec<usize> = plots[0]
            .curves
            .iter()
            .map(|curve| curve.lines.len())
            .collect();
        assert_eq!(lines, [0, 0, 1]);
    }

    #[test]
    fn a_sweep_takes_two_rates_of_one_thing() {
        let mut other = made_up::open(3000.0);
        other.report.runs[0].target = "linux".to_owned();
        let alone = [
            made_up::open(1000.0),
            made_up::open(1000.0),
            other,
            made_up::closed(),
        ];
        assert!(sweeps(&entries(&alone)).is_empty());
        let sources = [
            made_up::open(5000.0),
            made_up::closed(),
            made_up::open(1000.0),
        ];
        let entries = entries(&sources);
        let found = sweeps(&entries);
        let [sweep] = found.as_slice() else {
            panic!("{found:?}");
        };
        let plot = against_load(&found, &entries);
        let rates: Vec<f64> = plot.curves[0].marks.iter().map(|mark| mark.at.0).collect();
        assert_eq!(rates, [1000.0, 5000.0]);
        assert_eq!(sweep.subject, "hermit, unix");
        // p99.9 is not told of a thousand samples; the maximum always is.
        let marks: Vec<usize> = plot.curves.iter().map(|curve| curve.marks.len()).collect();
        assert_eq!(marks, [2, 2, 0, 2]);
    }

    #[test]
    fn nothing_at_all_can_be_drawn() {
        let mut source = made_up::closed();
        source.distributions[0].histogram.reset();
        source.distributions[0].intervals.clear();
        source.report.runs[0].latency_ns = Default::default();
        let sources = [source];
        let entries = entries(&sources);
        assert!(by_percentile(&entries).curves[0].lines.is_empty());
        assert_eq!(over_time(&entries).len(), 1);
    }
}
