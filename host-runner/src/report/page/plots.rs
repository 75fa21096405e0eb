//! The charts of a document: what is drawn, and on which scales.
//!
//! - [`by_percentile`]: latency by percentile;
//! - [`over_time`]: latency over time, of a run or of rounds;
//! - [`offered_load`]: latency against offered load;
//! - [`floors`]: what latencies stand on.

use hdrhistogram::Histogram;

use crate::quantity;
use crate::report::chart::{Axis, Band, Curve, Mark, Style};
use crate::stats::Summary;

pub mod by_percentile;
pub mod floors;
pub mod offered_load;
pub mod over_time;

/// Latency of a measurement, or of several together, to be drawn.
#[derive(Clone, Copy, Debug)]
pub struct Series<'a> {
    /// Label.
    pub label: &'a str,
    /// Style.
    pub style: Style,
    /// Summary of it.
    pub summary: &'a Summary,
    /// All of it.
    pub histogram: &'a Histogram<u64>,
    /// From this value on it is a lower bound, because requests were lost.
    pub censored_from_ns: Option<u64>,
    /// True if the figures mean what they say.
    pub is_valid: bool,
}

impl Series<'_> {
    /// A mark at `x` for its `ns`, which is called `name`.
    fn mark(&self, x: f64, ns: u64, name: &str) -> Mark {
        let is_bound = self.censored_from_ns.is_some_and(|from| ns >= from);
        let relation = if is_bound { "at least" } else { "is" };
        Mark {
            at: (x, ns as f64),
            is_hollow: !self.is_valid,
            says: format!(
                "{}: {name} {relation} {}",
                self.label,
                quantity::time(ns as f64)
            ),
        }
    }
}

/// Returns the style of a quantity in the colour of its subject.
#[must_use]
pub const fn quantity(colour: usize, look: usize) -> Style {
    Style {
        colour,
        dash: look,
        mark: look,
    }
}

/// An axis for all that is drawn.
#[must_use]
pub fn latency_axis<'a>(
    curves: impl IntoIterator<Item = &'a Curve>,
    bands: impl IntoIterator<Item = &'a Band>,
) -> Axis {
    let points = curves.into_iter().flat_map(|curve| {
        let lines = curve.lines.iter().flat_map(|line| line.points.iter());
        lines
            .map(|at| at.1)
            .chain(curve.marks.iter().map(|mark| mark.at.1))
    });
    let values: Vec<f64> = points
        .chain(bands.into_iter().flat_map(|band| [band.low, band.high]))
        .filter(|&value| value > 0.0)
        .collect();
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    Axis::latency(low, values.iter().copied().fold(1.0, f64::max))
}

#[cfg(test)]
mod tests;
