//! The drawing of a dot plot.

use std::fmt::{self, Write as _};

use crate::report::chart::dot_plot::{DotPanel, DotPlot, DotRow, Side};
use crate::report::chart::draw::curves::outline;
use crate::report::chart::draw::{CHARACTER, text, text_width};
use crate::report::chart::{Axis, Size};
use crate::report::escape::escape;

/// Height that rows share if they are few, and the bounds of one row's, in pixels.
const HEIGHT: f64 = 380.0;
const ROW: (f64, f64) = (26.0, 44.0);

/// Height of a line of names or of a heading.
const LINE: f64 = 17.0;

/// Room for the axis under the rows.
const AXIS: f64 = 44.0;

/// Room at both ends of the axis, for the text at the outermost marks.
const ENDS: (f64, f64) = (76.0, 90.0);

/// Widest that the column of names is at the left of the rows; longer names stand over them.
const NAMES: f64 = 280.0;

/// Distances from the line of a row: of the foot of the values, and of both ends of a repetition.
const VALUE_ABOVE: f64 = 7.0;
const REPETITION: (f64, f64) = (5.0, 10.0);

/// Positions of the chart's parts.
struct Layout {
    width: f64,
    left: f64,
    row: f64,
    is_stacked: bool,
}

impl Layout {
    fn new(plot: &DotPlot, size: Size) -> Self {
        let rows = || plot.panels.iter().flat_map(|panel| &panel.rows);
        let longest = rows().map(|row| text_width(&row.label)).fold(0.0, f64::max);
        let is_stacked = size == Size::Narrow || longest > NAMES;
        let width = size.width();
        let mut layout = Self {
            width,
            left: if is_stacked { 0.0 } else { longest + 12.0 },
            row: ROW.1,
            is_stacked,
        };
        let headings: f64 = plot.panels.iter().map(|panel| layout.heading(panel)).sum();
        let room = HEIGHT - AXIS - headings;
        layout.row = (room / rows().count().max(1) as f64).clamp(ROW.0, ROW.1);
        layout
    }

    fn x(&self, axis: &Axis, value: f64) -> f64 {
        let left = self.left + ENDS.0;
        left + (self.width - ENDS.1 - left) * axis.scale.place(value)
    }

    fn heading(&self, panel: &DotPanel) -> f64 {
        LINE * wrapped(&panel.title, self.width).len() as f64 + 6.0
    }

    /// The height of the names over a row, and that of all of it.
    fn heights(&self, row: &DotRow) -> (f64, f64) {
        let names = match self.is_stacked {
            true => LINE * wrapped(&row.label, self.width).len() as f64,
            false => 0.0,
        };
        (names, names + self.row)
    }

    fn panel(&self, panel: &DotPanel) -> f64 {
        let rows: f64 = panel.rows.iter().map(|row| self.heights(row).1).sum();
        self.heading(panel) + rows
    }
}

/// Returns `plot` as an SVG element of this size, with its height.
#[must_use]
pub fn dots(plot: &DotPlot, size: Size) -> (String, f64) {
    let layout = Layout::new(plot, size);
    let rows: f64 = plot.panels.iter().map(|panel| layout.panel(panel)).sum();
    let height = rows + AXIS;
    let mut svg = String::new();
    // Writing to a string can't fail.
    let _ = write_plot(plot, size, &layout, height, &mut svg);
    (svg, height)
}

fn write_plot(
    plot: &DotPlot,
    size: Size,
    layout: &Layout,
    height: f64,
    svg: &mut String,
) -> fmt::Result {
    writeln!(
        svg,
        "<svg class=\"plot {}\" viewBox=\"0 0 {} {height:.0}\" role=\"img\" aria-label=\"{}\">",
        size.class(),
        layout.width,
        escape(&plot.title)
    )?;
    axis(&plot.x, layout, height - AXIS, svg)?;
    let mut top = 0.0;
    for panel in &plot.panels {
        write_panel(plot, panel, layout, top, svg)?;
        top += layout.panel(panel);
    }
    svg.push_str("</svg>");
    Ok(())
}

/// The axis under all panels, and its lines through them.
fn axis(axis: &Axis, layout: &Layout, bottom: f64, svg: &mut String) -> fmt::Result {
    let mut taken: Vec<(f64, f64)> = Vec::new();
    for tick in &axis.ticks {
        let x = layout.x(axis, tick.at);
        let Some(label) = tick.label.as_deref() else {
            continue;
        };
        let half = text_width(label) / 2.0;
        if taken
            .iter()
            .any(|&(from, to)| x + half > from && x - half < to)
        {
            continue;
        }
        taken.push((x - half, x + half));
        writeln!(
            svg,
            "<path class=\"grid\" d=\"M{x:.1} {LINE:.1}L{x:.1} {bottom:.1}\"/>"
        )?;
        text(svg, "tick", "middle", (x, bottom + 16.0), label)?;
    }
    let middle = (layout.left + layout.width) / 2.0;
    text(svg, "axis", "middle", (middle, bottom + 36.0), &axis.title)
}

fn write_panel(
    plot: &DotPlot,
    panel: &DotPanel,
    layout: &Layout,
    top: f64,
    svg: &mut String,
) -> fmt::Result {
    let mut y = top;
    for line in wrapped(&panel.title, layout.width) {
        y += LINE;
        text(svg, "heading", "start", (0.0, y - 4.0), &line)?;
    }
    y = top + layout.heading(panel);
    if let Some(at) = panel.reference {
        let (x, bottom) = (layout.x(&plot.x, at), top + layout.panel(panel));
        writeln!(
            svg,
            "<path class=\"reference\" d=\"M{x:.1} {y:.1}L{x:.1} {bottom:.1}\"/>"
        )?;
    }
    for row in &panel.rows {
        write_row(plot, row, layout, y, svg)?;
        y += layout.heights(row).1;
    }
    Ok(())
}

fn write_row(
    plot: &DotPlot,
    row: &DotRow,
    layout: &Layout,
    top: f64,
    svg: &mut String,
) -> fmt::Result {
    let (names, height) = layout.heights(row);
    // The values stand over the line, the repetitions under it.
    let y = top + names + (height - names) * 0.6;
    if layout.is_stacked {
        for (line, index) in wrapped(&row.label, layout.width).iter().zip(1_u8..) {
            text(
                svg,
                "name",
                "start",
                (0.0, top + LINE * f64::from(index) - 3.0),
                line,
            )?;
        }
    } else {
        text(
            svg,
            "name",
            "end",
            (layout.left - 12.0, y + 4.0),
            &row.label,
        )?;
    }
    let x = |value: f64| layout.x(&plot.x, value);
    writeln!(svg, "<g class=\"c{}\">", row.colour)?;
    for repetition in &row.repetitions {
        let x = x(repetition.at);
        let (from, to) = (y + REPETITION.0, y + REPETITION.1);
        writeln!(
            svg,
            "<path class=\"repetition\" d=\"M{x:.1} {from:.1}L{x:.1} {to:.1}\"><title>{}</title></path>",
            escape(&repetition.says)
        )?;
    }
    if let (Some(first), Some(last)) = (row.dots.first(), row.dots.last()) {
        let (from, to) = (x(first.at), x(last.at));
        writeln!(
            svg,
            "<path class=\"span\" d=\"M{from:.1} {y:.1}L{to:.1} {y:.1}\"/>"
        )?;
    }
    for dot in &row.dots {
        let class = if dot.is_hollow { "mark hollow" } else { "mark" };
        writeln!(
            svg,
            "<path class=\"{class}\" d=\"{}\"><title>{}</title></path>",
            outline(dot.mark, (x(dot.at), y)),
            escape(&dot.says)
        )?;
    }
    svg.push_str("</g>\n");
    for (label, side, x) in values(row, layout, &plot.x) {
        let anchor = if side == Side::Left { "end" } else { "start" };
        text(svg, "value", anchor, (x, y - VALUE_ABOVE), label)?;
    }
    Ok(())
}

/// The values of a row with their places: those that end at their marks never reach those that begin at
/// theirs, and all are within the drawing.
fn values<'a>(row: &'a DotRow, layout: &Layout, axis: &Axis) -> Vec<(&'a str, Side, f64)> {
    let labelled = row.dots.iter().filter_map(|dot| {
        let (label, side) = dot.label.as_ref()?;
        let x = layout.x(axis, dot.at);
        Some((label.as_str(), *side, x))
    });
    let mut values: Vec<(&str, Side, f64)> = labelled.collect();
    let of = |side: Side| move |value: &&(&str, Side, f64)| value.1 == side;
    let left = values.iter().find(of(Side::Left)).map(|value| value.2);
    let right = values.iter().find(of(Side::Right)).map(|value| value.2);
    // Where the two marks are near each other, neither text may reach over the middle.
    let (left, right) = match (left, right) {
        (Some(left), Some(right)) if right - left < 12.0 => {
            let middle = f64::midpoint(left, right);
            (middle - 3.0, middle + 3.0)
        }
        (left, right) => (
            left.map_or(0.0, |x| x + 4.0),
            right.map_or(0.0, |x| x - 4.0),
        ),
    };
    for (label, side, x) in &mut values {
        let width = text_width(label);
        *x = match side {
            Side::Left => left.max(layout.left + width.min(layout.width)),
            Side::Right => right.min(layout.width - width),
        };
    }
    values
}

/// Returns `words` in lines that fit into `width`, broken after a space or a mark where there is one.
pub(super) fn wrapped(words: &str, width: f64) -> Vec<String> {
    let most = ((width / CHARACTER) as usize).max(8);
    let mut lines = Vec::new();
    let mut rest: Vec<char> = words.chars().collect();
    while rest.len() > most {
        let is_break = |character: &char| matches!(character, ' ' | '-' | ',' | ':' | '/' | ';');
        let at = rest[..most]
            .iter()
            .rposition(is_break)
            .filter(|&at| at > most / 3);
        let line: String = rest.drain(..at.map_or(most, |at| at + 1)).collect();
        lines.push(line.trim_end().to_owned());
    }
    lines.push(rest.into_iter().collect());
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::chart::dot_plot::Dot;

    fn row(label: &str, values: [f64; 2]) -> DotRow {
        let dot = |(at, side)| Dot {
            at,
            mark: 0,
            is_hollow: false,
            label: Some((format!("{at} ns"), side)),
            says: "<p50>".to_owned(),
        };
        let [low, high] = values;
        DotRow {
            label: label.to_owned(),
            colour: 0,
            dots: vec![dot((low, Side::Left)), dot((high, Side::Right))],
            repetitions: Vec::new(),
        }
    }

    fn plot(labels: &[&str], values: [f64; 2]) -> DotPlot {
        DotPlot {
            title: "a < b".to_owned(),
            x: Axis::log_latency(100.0, 1e6),
            panels: vec![DotPanel {
                title: "tap".to_owned(),
                reference: Some(100.0),
                rows: labels.iter().map(|label| row(label, values)).collect(),
            }],
        }
    }

    #[test]
    fn values_of_one_row_are_apart_and_within_the_drawing() {
        for size in [Size::Wide, Size::Narrow] {
            for values in [[100.0, 101.0], [100.0, 1e6], [5e5, 1e6], [1e6, 1e6]] {
                let plot = plot(&["hermit"], values);
                let layout = Layout::new(&plot, size);
                let placed = super::values(&plot.panels[0].rows[0], &layout, &plot.x);
                let [(_, _, left), (text, _, right)] = placed[..] else {
                    panic!("{placed:?}");
                };
                assert!(left < right, "{values:?}: {placed:?}");
                assert!(right + text_width(text) <= size.width(), "{placed:?}");
            }
        }
    }

    #[test]
    fn many_rows_stay_legible_and_few_are_no_taller_than_they_need() {
        let height = |rows: usize| dots(&plot(&vec!["hermit"; rows], [200.0, 300.0]), Size::Wide).1;
        assert!(height(1) < 120.0 && height(12) <= HEIGHT + 30.0);
        assert!(height(40) >= 40.0 * ROW.0);
    }

    #[test]
    fn names_are_escaped_and_a_long_one_stands_over_its_row() {
        let long = "a<b>-".repeat(20);
        let (svg, _) = dots(&plot(&[&long], [200.0, 300.0]), Size::Narrow);
        assert!(!svg.contains("<b>") && svg.contains("a&lt;b&gt;-"), "{svg}");
        let lines = wrapped(&long, Size::Narrow.width());
        assert!(lines.len() > 1 && lines.concat() == long);
        assert!(
            lines
                .iter()
                .all(|line| text_width(line) <= Size::Narrow.width())
        );
    }
}
