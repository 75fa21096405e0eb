//! The drawing itself: a plot as SVG text.

use std::fmt::{self, Write as _};

use super::{Band, Curve, Plot, Size, Style};
use crate::report::document::format::escape;

/// Lengths of dashes and gaps, by [`Style::dash`].
pub const DASHES: [&str; 5] = ["", "7 3", "2 3", "9 3 2 3", "4 2"];

/// How many marks there are, by [`Style::mark`].
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

/// How far under the plot the labels of its ticks stand: clear of those at its left.
const TICK_BELOW: f64 = 21.0;

/// How far marks reach from where they are.
const MARK: f64 = 4.0;

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

/// How wide `text` is at most.
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
    x_axis(plot, frame, svg)?;
    y_axis(plot, frame, svg)?;
    // Under the curves, so that no label ever hides what was measured.
    band_labels(plot, frame, svg)?;
    for curve in &plot.curves {
        draw_curve(plot, curve, frame, svg)?;
    }
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

fn grid(svg: &mut String, from: (f64, f64), to: (f64, f64), is_labelled: bool) -> fmt::Result {
    let class = if is_labelled { "grid" } else { "grid minor" };
    writeln!(
        svg,
        "<path class=\"{class}\" d=\"M{:.1} {:.1}L{:.1} {:.1}\"/>",
        from.0, from.1, to.0, to.1
    )
}

fn x_axis(plot: &Plot, frame: Frame, svg: &mut String) -> fmt::Result {
    let mut taken: Vec<(f64, f64)> = Vec::new();
    for tick in &plot.x.ticks {
        let x = frame.x(plot, tick.at);
        let label = tick.label.as_deref().filter(|label| {
            let half = text_width(label) / 2.0 + GAP / 2.0;
            let is_free = taken
                .iter()
                .all(|&(from, to)| x + half <= from || x - half >= to);
            if is_free {
                taken.push((x - half, x + half));
            }
            is_free
        });
        grid(svg, (x, frame.top), (x, frame.bottom()), label.is_some())?;
        if let Some(label) = label {
            text(
                svg,
                "tick",
                "middle",
                (x, frame.bottom() + TICK_BELOW),
                label,
            )?;
        }
    }
    let middle = frame.left + frame.width / 2.0;
    text(
        svg,
        "axis",
        "middle",
        (middle, frame.bottom() + 40.0),
        &plot.x.title,
    )
}

fn y_axis(plot: &Plot, frame: Frame, svg: &mut String) -> fmt::Result {
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
        grid(svg, (frame.left, y), (frame.right(), y), label.is_some())?;
        if let Some(label) = label {
            text(svg, "tick", "end", (frame.left - GAP + 2.0, y + 4.0), label)?;
        }
    }
    text(svg, "axis", "start", (2.0, 13.0), &plot.y.title)
}

fn draw_curve(plot: &Plot, curve: &Curve, frame: Frame, svg: &mut String) -> fmt::Result {
    let Style { colour, dash, mark } = curve.style;
    writeln!(svg, "<g class=\"c{colour}\">")?;
    for line in &curve.lines {
        let class = if line.is_faint { "line faint" } else { "line" };
        let dashes = if line.is_faint {
            "1 4"
        } else {
            DASHES[dash % DASHES.len()]
        };
        write!(
            svg,
            "<path class=\"{class}\" stroke-dasharray=\"{dashes}\" d=\""
        )?;
        for (index, &(x, y)) in line.points.iter().enumerate() {
            let step = if index == 0 { 'M' } else { 'L' };
            write!(svg, "{step}{:.1} {:.1}", frame.x(plot, x), frame.y(plot, y))?;
        }
        svg.push_str("\"/>\n");
    }
    for found in &curve.marks {
        let class = if found.is_hollow {
            "mark hollow"
        } else {
            "mark"
        };
        let at = (frame.x(plot, found.at.0), frame.y(plot, found.at.1));
        writeln!(
            svg,
            "<path class=\"{class}\" d=\"{}\"><title>{}</title></path>",
            outline(mark, at),
            escape(&found.says)
        )?;
    }
    svg.push_str("</g>\n");
    Ok(())
}

/// The outline of a mark: circle, square, triangle, diamond, bar, triangle on its tip.
fn outline(mark: usize, (x, y): (f64, f64)) -> String {
    let r = MARK;
    let polygon = |corners: &[(f64, f64)]| {
        let corner = |(dx, dy): &(f64, f64)| format!("{:.1} {:.1}", x + dx, y + dy);
        let corners: Vec<String> = corners.iter().map(corner).collect();
        format!("M{}Z", corners.join("L"))
    };
    match mark % MARKS {
        0 => format!(
            "M{:.1} {y:.1}a{r} {r} 0 1 0 {} 0a{r} {r} 0 1 0 -{} 0Z",
            x - r,
            2.0 * r,
            2.0 * r
        ),
        1 => polygon(&[(-r, -r), (r, -r), (r, r), (-r, r)]),
        2 => polygon(&[(0.0, -r * 1.3), (r * 1.2, r), (-r * 1.2, r)]),
        3 => polygon(&[
            (0.0, -r * 1.4),
            (r * 1.4, 0.0),
            (0.0, r * 1.4),
            (-r * 1.4, 0.0),
        ]),
        4 => polygon(&[
            (-r * 0.5, -r * 1.4),
            (r * 0.5, -r * 1.4),
            (r * 0.5, r * 1.4),
            (-r * 0.5, r * 1.4),
        ]),
        _ => polygon(&[(0.0, r * 1.3), (r * 1.2, -r), (-r * 1.2, -r)]),
    }
}

/// The labels of the bands, over them where they meet the least of the curves, moved apart where
/// they would overlap. A label that is wider than the plot has two lines.
fn band_labels(plot: &Plot, frame: Frame, svg: &mut String) -> fmt::Result {
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
        let places = [
            ("end", frame.right() - 4.0 - width),
            ("start", frame.left + 4.0),
            ("middle", frame.left + (frame.width - width) / 2.0),
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

/// A sample of a curve for a legend.
#[must_use]
pub fn sample(style: Style) -> String {
    format!(
        "<svg class=\"sample c{}\" viewBox=\"0 0 34 12\" aria-hidden=\"true\"><path class=\"line\" \
         stroke-dasharray=\"{}\" d=\"M1 6L33 6\"/><path class=\"mark\" d=\"{}\"/></svg>",
        style.colour,
        DASHES[style.dash % DASHES.len()],
        outline(style.mark, (17.0, 6.0))
    )
}

#[cfg(test)]
mod tests {
    use super::super::{Axis, Line, Mark};
    use super::*;

    fn example() -> Plot {
        let label = |label: &str, low, high| Band {
            low,
            high,
            label: label.to_owned(),
        };
        Plot {
            title: "a < b & \"c\"".to_owned(),
            x: Axis::percentile(1e6),
            y: Axis::latency(100.0, 1e7),
            curves: vec![Curve {
                style: Style::numbered(1),
                lines: vec![Line {
                    points: vec![(1.0, 120.0), (1e6, 1e7)],
                    is_faint: false,
                }],
                marks: vec![Mark {
                    at: (2.0, 200.0),
                    is_hollow: true,
                    says: "<p50>".to_owned(),
                }],
            }],
            bands: vec![label("one", 120.0, 130.0), label("two", 125.0, 131.0)],
        }
    }

    /// The places of the texts of a class: x, y.
    fn places(svg: &str, class: &str) -> Vec<(f64, f64)> {
        let start = format!("<text class=\"{class}\"");
        let number = |text: &str, name: &str| {
            let (_, rest) = text.split_once(&format!(" {name}=\"")).unwrap();
            rest.split_once('"').unwrap().0.parse::<f64>().unwrap()
        };
        svg.lines()
            .filter(|line| line.starts_with(&start))
            .map(|line| (number(line, "x"), number(line, "y")))
            .collect()
    }

    #[test]
    fn text_is_escaped_and_the_box_is_the_sizes() {
        let svg = plot(&example(), Size::Wide);
        assert!(svg.starts_with("<svg class=\"plot wide\" viewBox=\"0 0 940 430\""));
        assert!(svg.contains("aria-label=\"a &lt; b &amp; &quot;c&quot;\""));
        assert!(svg.contains("<title>&lt;p50&gt;</title>"));
        assert!(svg.contains("class=\"mark hollow\""));
    }

    #[test]
    fn no_two_labels_are_in_each_others_way() {
        for size in [Size::Wide, Size::Half, Size::Narrow] {
            let svg = plot(&example(), size);
            let bands = places(&svg, "bandlabel");
            assert!((bands[0].1 - bands[1].1).abs() >= FONT, "{bands:?}");
            let bottom = size.height() - BOTTOM + TICK_BELOW;
            let mut ticks: Vec<f64> = places(&svg, "tick")
                .into_iter()
                .filter(|(_, y)| (y - bottom).abs() < 1.0)
                .map(|(x, _)| x)
                .collect();
            ticks.sort_by(f64::total_cmp);
            assert!(ticks.len() >= 4, "{ticks:?}");
            assert!(ticks.windows(2).all(|pair| pair[1] - pair[0] > 10.0));
        }
    }

    #[test]
    fn labels_make_way_for_curves() {
        let mut busy = example();
        busy.bands.truncate(1);
        let at = |plot: &Plot| places(&super::plot(plot, Size::Wide), "bandlabel")[0].0;
        // The curve begins at the lower left.
        assert!(at(&busy) > 900.0);
        // Now it also ends at the lower right.
        busy.curves[0].lines[0].points = vec![(1.0, 1e7), (1e6, 130.0)];
        busy.curves[0].marks.clear();
        assert!(at(&busy) < 100.0);
    }

    #[test]
    fn crowded_labels_stay_within_the_plot() {
        let mut crowded = example();
        for band in &mut crowded.bands {
            band.low = 9.9e6;
            band.high = 1e7;
        }
        let places = places(&plot(&crowded, Size::Narrow), "bandlabel");
        assert!(places.iter().all(|&(_, y)| y > TOP + 4.0), "{places:?}");
    }
}
