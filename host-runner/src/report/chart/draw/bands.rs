//! The bands of a drawing, across all of it, and their labels.

use std::fmt::{self, Write as _};

use crate::report::chart::draw::{Frame, GAP, LINE, text, text_width};
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

/// The label of a band, in one line or two.
struct Label<'a> {
    lines: Vec<&'a str>,
    width: f64,
    height: f64,
}

impl<'a> Label<'a> {
    /// A label that is wider than the plot has two lines.
    fn new(band: &'a Band, frame: Frame) -> Self {
        let is_wide = text_width(&band.label) > frame.width - GAP;
        let lines: Vec<&str> = match band.label.split_once(": ") {
            Some((name, range)) if is_wide => vec![name, range],
            _ => vec![&band.label],
        };
        let widths = lines.iter().map(|line| text_width(line));
        Self {
            width: widths.fold(0.0, f64::max),
            height: LINE * lines.len() as f64,
            lines,
        }
    }
}

/// Place of a label: its left end and the foot of its last line.
#[derive(Clone, Copy)]
struct Place {
    left: f64,
    foot: f64,
    anchor: &'static str,
}

/// Number of equal steps along the plot between the places tried for a label.
const PLACES: u8 = 8;

/// The labels of the bands: over a band, under it or in it, where they meet the least of the curves and
/// none of each other.
pub(super) fn labels(plot: &Plot, frame: Frame, svg: &mut String) -> fmt::Result {
    let mut bands: Vec<&Band> = plot.bands.iter().collect();
    bands.sort_by(|a, b| a.high.total_cmp(&b.high));
    let drawn = drawn(plot, frame);
    let mut taken: Vec<(Place, Label<'_>)> = Vec::new();
    for band in bands {
        let label = Label::new(band, frame);
        // One above the other, so that it is plain which is of which band.
        let is_free = |place: &Place| {
            taken.iter().all(|(other, theirs)| {
                place.foot - label.height >= other.foot || place.foot <= other.foot - theirs.height
            })
        };
        let met = |place: &Place| {
            let across = place.left..place.left + label.width;
            let down = place.foot - label.height..place.foot + 4.0;
            let is_met = |at: &&(f64, f64)| across.contains(&at.0) && down.contains(&at.1);
            drawn.iter().filter(is_met).count()
        };
        let places =
            feet(plot, band, frame, label.height).flat_map(|foot| along(frame, &label, foot));
        let places: Vec<Place> = places.collect();
        let free = places.iter().filter(|place| is_free(place));
        // Of equal places the first; where none is free, the first of all.
        let Some(&place) = free
            .min_by_key(|place| met(place))
            .or_else(|| places.first())
        else {
            continue;
        };
        taken.push((place, label));
    }
    for (place, label) in &taken {
        let x = match place.anchor {
            "end" => place.left + label.width,
            "start" => place.left,
            _ => place.left + label.width / 2.0,
        };
        for (line, above) in label.lines.iter().rev().zip(0_u8..) {
            let y = place.foot - LINE * f64::from(above);
            text(svg, "bandlabel", place.anchor, (x, y), line)?;
        }
    }
    Ok(())
}

/// Returns the heights at which a label of `band` may stand, the best first: over the band, under it, in
/// it, and then line by line further up and down. All are within the plot.
fn feet(plot: &Plot, band: &Band, frame: Frame, height: f64) -> impl Iterator<Item = f64> {
    let (low, high) = (frame.y(plot, band.low), frame.y(plot, band.high));
    let (over, under) = (high - 4.0, low + height);
    let is_roomy = low - high >= height + 8.0;
    let within = is_roomy.then_some(high + height);
    let lines = (frame.height / LINE) as u32;
    let further = (1..=lines).map(move |line| LINE * f64::from(line));
    [over, under]
        .into_iter()
        .chain(within)
        .chain(further.flat_map(move |by| [over - by, under + by]))
        .filter(move |foot| foot - height >= frame.top && foot + 4.0 <= frame.bottom())
}

/// The places of a label at one height: the ends first, then what lies between.
fn along(frame: Frame, label: &Label<'_>, foot: f64) -> impl Iterator<Item = Place> + use<> {
    let room = (frame.width - label.width - 8.0).max(0.0);
    let part = move |eighths: u8| frame.left + 4.0 + room * f64::from(eighths) / f64::from(PLACES);
    let ends = [("end", PLACES), ("start", 0)];
    let between = (1..PLACES).map(|eighths| ("middle", eighths));
    ends.into_iter()
        .chain(between)
        .map(move |(anchor, eighths)| Place {
            left: part(eighths),
            foot,
            anchor,
        })
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
