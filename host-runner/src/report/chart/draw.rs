//! The drawing itself: a plot as SVG text.
//!
//! - `axes`: lines and labels of ticks;
//! - `bands`: what it stands on;
//! - `curves`: what was measured;
//! - [`dots()`]: a dot plot;
//! - [`Standalone`]: a drawing as a file of its own.

use std::fmt::{self, Write as _};

use crate::report::chart::{Plot, Size};
use crate::report::escape::escape;

mod axes;
mod bands;
mod curves;
mod dots;
mod standalone;

pub use curves::sample;
pub use dots::dots;
pub use standalone::{CHART_STYLE, Standalone};

/// Lengths of dashes and gaps, by [`Style::dash`].
pub const DASHES: [&str; 5] = ["", "7 3", "2 3", "9 3 2 3", "4 2"];

/// Number of marks, by [`Style::mark`].
pub const MARKS: usize = 6;

/// Height of the text, and how wide a character is at most, in pixels: the font is the reader's.
const FONT: f64 = 12.0;
const CHARACTER: f64 = 0.64 * FONT;

/// From one line of text to the next.
const LINE: f64 = 16.0;

/// Room between labels, and around the plot, in pixels.
const GAP: f64 = 8.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 48.0;
const RIGHT: f64 = 18.0;

/// Distance of the tick labels below the plot: clear of those at its left.
const TICK_BELOW: f64 = 21.0;

/// The place of the plot within the drawing.
#[derive(Clone, Copy)]
struct Frame {
    left: f64,
    top: f64,
    width: f64,
    height: f64,
}

impl Frame {
    fn x(&self, plot: &Plot, value: f64) -> f64 {
        self.left + self.width * plot.x.scale.place(value)
    }

    fn y(&self, plot: &Plot, value: f64) -> f64 {
        self.top + self.height * (1.0 - plot.y.scale.place(value))
    }

    fn bottom(&self) -> f64 {
        self.top + self.height
    }

    fn right(&self) -> f64 {
        self.left + self.width
    }
}

/// Returns the greatest width of `text`.
fn text_width(text: &str) -> f64 {
    text.chars().count() as f64 * CHARACTER
}

/// `plot` as an SVG element of this size.
#[must_use]
pub fn plot(plot: &Plot, size: Size) -> String {
    let mut svg = String::new();
    // Writing to a string can't fail.
    let _ = write_plot(plot, size, &mut svg);
    svg
}

fn write_plot(plot: &Plot, size: Size, svg: &mut String) -> fmt::Result {
    let labels = plot.y.ticks.iter().filter_map(|tick| tick.label.as_deref());
    let left = labels.map(text_width).fold(24.0, f64::max) + GAP;
    let frame = Frame {
        left,
        top: TOP,
        width: (size.width() - left - RIGHT).max(50.0),
        height: size.height() - TOP - BOTTOM,
    };
    writeln!(
        svg,
        "<svg class=\"plot {}\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">",
        size.class(),
        size.width(),
        size.height(),
        escape(&plot.title)
    )?;
    bands::fill(plot, frame, svg)?;
    axes::along(plot, frame, svg)?;
    axes::up(plot, frame, svg)?;
    // Under the curves, so that no label ever hides what was measured.
    bands::labels(plot, frame, svg)?;
    curves::all(plot, frame, svg)?;
    svg.push_str("</svg>");
    Ok(())
}

fn text(svg: &mut String, class: &str, anchor: &str, at: (f64, f64), content: &str) -> fmt::Result {
    let (x, y) = at;
    let content = escape(content);
    writeln!(
        svg,
        "<text class=\"{class}\" text-anchor=\"{anchor}\" x=\"{x:.1}\" y=\"{y:.1}\">{content}</text>"
    )
}

#[cfg(test)]
mod tests;
