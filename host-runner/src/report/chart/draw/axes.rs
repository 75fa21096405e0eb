//! The axes of a drawing: a line for each tick, and labels where there is room for them.

use std::fmt::{self, Write as _};

use crate::report::chart::Plot;
use crate::report::chart::draw::{FONT, Frame, GAP, RIGHT, TICK_BELOW, text, text_width};

/// Distance of the axis title below the plot.
const TITLE_BELOW: f64 = 40.0;

fn grid(svg: &mut String, from: (f64, f64), to: (f64, f64), is_labelled: bool) -> fmt::Result {
    let class = if is_labelled { "grid" } else { "grid minor" };
    writeln!(
        svg,
        "<path class=\"{class}\" d=\"M{:.1} {:.1}L{:.1} {:.1}\"/>",
        from.0, from.1, to.0, to.1
    )
}

/// The axis along.
pub(super) fn along(plot: &Plot, frame: Frame, svg: &mut String) -> fmt::Result {
    let mut taken: Vec<(f64, f64)> = Vec::new();
    for tick in &plot.x.ticks {
        let x = frame.x(plot, tick.at);
        // At the very end there is room for half of a short one only.
        let edge = frame.right() + RIGHT;
        let middle = |label: &str| x.min(edge - text_width(label) / 2.0);
        let label = tick.label.as_deref().filter(|label| {
            let (x, half) = (middle(label), text_width(label) / 2.0 + GAP / 2.0);
            let is_free = taken
                .iter()
                .all(|&(from, to)| x + half <= from || x - half >= to);
            if is_free {
                taken.push((x - half, x + half));
            }
            is_free
        });
        if tick.has_line {
            grid(svg, (x, frame.top), (x, frame.bottom()), label.is_some())?;
        }
        if let Some(label) = label {
            text(
                svg,
                "tick",
                "middle",
                (middle(label), frame.bottom() + TICK_BELOW),
                label,
            )?;
        }
    }
    let middle = frame.left + frame.width / 2.0;
    text(
        svg,
        "axis",
        "middle",
        (middle, frame.bottom() + TITLE_BELOW),
        &plot.x.title,
    )
}

/// The axis up.
pub(super) fn up(plot: &Plot, frame: Frame, svg: &mut String) -> fmt::Result {
    let mut taken: Vec<f64> = Vec::new();
    for tick in &plot.y.ticks {
        let y = frame.y(plot, tick.at);
        let label = tick.label.as_deref().filter(|_| {
            let is_free = taken.iter().all(|other| (other - y).abs() >= FONT + 3.0);
            if is_free {
                taken.push(y);
            }
            is_free
        });
        if tick.has_line {
            grid(svg, (frame.left, y), (frame.right(), y), label.is_some())?;
        }
        if let Some(label) = label {
            text(svg, "tick", "end", (frame.left - GAP + 2.0, y + 4.0), label)?;
        }
    }
    text(svg, "axis", "start", (2.0, 13.0), &plot.y.title)
}
