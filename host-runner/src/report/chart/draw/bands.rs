//! The bands of a drawing, across all of it, and their labels.

use std::fmt::{self, Write as _};

use super::{Frame, GAP, LINE, text, text_width};
use crate::report::chart::{Band, Plot};

/// The bands themselves.
pub(super) fn fill(plot: &Plot, frame: Frame, svg: &mut String) -> fmt::Result {
    let left = frame.left;
    for band in &plot.bands {
        let (low, high) = (frame.y(plot, band.low), frame.y(plot, band.high));
        let height = (low - high).max(1.0);
        writeln!(
            svg,
            "<rect class=\"band\" x=\"{left:.1}\" y=\"{high:.1}\" width=\"{:.1}\" height=\"{height:.1}\"/>",
            frame.width
        )?;
        for y in [low, high] {
            writeln!(
                svg,
                "<path class=\"floor\" d=\"M{left:.1} {y:.1}L{:.1} {y:.1}\"/>",
                frame.right()
            )?;
        }
    }
    Ok(())
}

/// The labels of the bands, over them where they meet the least of the curves, moved apart where
/// they would overlap. A label that is wider than the plot has two lines.
pub(super) fn labels(plot: &Plot, frame: Frame, svg: &mut String) -> fmt::Result {
    let mut bands: Vec<&Band> = plot.bands.iter().collect();
    bands.sort_by(|a, b| a.high.total_cmp(&b.high));
    let mut labels: Vec<(f64, Vec<&str>)> = Vec::new();
    let mut free = frame.bottom();
    for band in &bands {
        let is_wide = text_width(&band.label) > frame.width - GAP;
        let lines: Vec<&str> = match band.label.split_once(": ") {
            Some((name, range)) if is_wide => vec![name, range],
            _ => vec![&band.label],
        };
        // Where its last line stands.
        let y = (frame.y(plot, band.high) - 4.0).min(free - 4.0);
        free = y - LINE * lines.len() as f64;
        labels.push((y, lines));
    }
    // Those that moved out at the top push the others down again.
    let mut free = frame.top;
    for (y, lines) in labels.iter_mut().rev() {
        *y = y.max(free + LINE * lines.len() as f64);
        free = *y;
    }
    let drawn = drawn(plot, frame);
    for (y, lines) in &labels {
        let width = lines
            .iter()
            .map(|line| text_width(line))
            .fold(0.0, f64::max);
        let height = LINE * lines.len() as f64;
        let met = |(_, left): &(&str, f64)| {
            let is_met = |at: &&(f64, f64)| {
                (*left..left + width).contains(&at.0) && (y - height..y + 4.0).contains(&at.1)
            };
            drawn.iter().filter(is_met).count()
        };
        let room = (frame.width - width - 8.0).max(0.0);
        let part = |quarters: u8| frame.left + 4.0 + room * f64::from(quarters) / 4.0;
        let places = [
            ("end", part(4)),
            ("start", part(0)),
            ("middle", part(2)),
            ("middle", part(3)),
            ("middle", part(1)),
        ];
        let (anchor, left) = places.into_iter().min_by_key(met).unwrap_or(places[0]);
        let x = match anchor {
            "end" => left + width,
            "start" => left,
            _ => left + width / 2.0,
        };
        for (line, above) in lines.iter().rev().zip(0_u8..) {
            let y = y - LINE * f64::from(above);
            text(svg, "bandlabel", anchor, (x, y), line)?;
        }
    }
    Ok(())
}

/// Places on the curves, a few pixels from each other, and the marks.
fn drawn(plot: &Plot, frame: Frame) -> Vec<(f64, f64)> {
    const STEP: f64 = 4.0;
    let place = |at: &(f64, f64)| (frame.x(plot, at.0), frame.y(plot, at.1));
    let mut drawn = Vec::new();
    for curve in &plot.curves {
        drawn.extend(curve.marks.iter().map(|mark| place(&mark.at)));
        for pair in curve.lines.iter().flat_map(|line| line.points.windows(2)) {
            let (from, to) = (place(&pair[0]), place(&pair[1]));
            let (dx, dy) = (to.0 - from.0, to.1 - from.1);
            let steps = (dx.hypot(dy) / STEP).ceil().max(1.0);
            let along = (0..steps as u32).map(|step| f64::from(step) / steps);
            drawn.extend(along.map(|part| (from.0 + dx * part, from.1 + dy * part)));
        }
    }
    drawn
}
