//! The curves of a drawing: their lines and marks.

use std::fmt::{self, Write as _};

use crate::report::chart::draw::{DASHES, Frame, MARKS};
use crate::report::chart::{Claim, Curve, Line, Plot, Style};
use crate::report::escape::escape;

/// Radius of a mark.
const MARK: f64 = 4.0;

/// All curves: what claims nothing by itself is behind everything else.
pub(super) fn all(plot: &Plot, frame: Frame, svg: &mut String) -> fmt::Result {
    for curve in &plot.curves {
        let parts = curve.lines.iter().filter(|line| line.claim == Claim::Part);
        lines(plot, curve.style, parts, frame, svg)?;
    }
    for curve in &plot.curves {
        let wholes = curve.lines.iter().filter(|line| line.claim != Claim::Part);
        lines(plot, curve.style, wholes, frame, svg)?;
        marks(plot, curve, frame, svg)?;
    }
    Ok(())
}

fn lines<'a>(
    plot: &Plot,
    style: Style,
    lines: impl Iterator<Item = &'a Line>,
    frame: Frame,
    svg: &mut String,
) -> fmt::Result {
    for line in lines {
        let (class, dashes) = match line.claim {
            Claim::Full => ("line", DASHES[style.dash % DASHES.len()]),
            Claim::None => ("line", "1 4"),
            Claim::Part => ("line part", ""),
        };
        write!(
            svg,
            "<path class=\"{class} c{}\" stroke-dasharray=\"{dashes}\" d=\"",
            style.colour
        )?;
        for (index, &(x, y)) in line.points.iter().enumerate() {
            let step = if index == 0 { 'M' } else { 'L' };
            write!(svg, "{step}{:.1} {:.1}", frame.x(plot, x), frame.y(plot, y))?;
        }
        svg.push_str("\"/>\n");
    }
    Ok(())
}

fn marks(plot: &Plot, curve: &Curve, frame: Frame, svg: &mut String) -> fmt::Result {
    let Style { colour, mark, .. } = curve.style;
    writeln!(svg, "<g class=\"c{colour}\">")?;
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
pub(super) fn outline(mark: usize, (x, y): (f64, f64)) -> String {
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
