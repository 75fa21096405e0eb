//! Charts as SVG, for one page: no script, no font of its own, colours by class from the page's
//! style, so that one drawing does in light and dark. It knows nothing of what is drawn.
//!
//! - [`axis`]: scales, and where their ticks are;
//! - [`dot_plot`]: dot plots;
//! - [`palette`]: the colours of all;
//! - [`draw`]: the drawing itself.
//!
//! A curve is told from the others by colour, dash and mark together, so that none of them alone
//! need be seen. Text never overlaps: ticks that find no room lose their label, labels of bands move
//! apart.

pub mod axis;
pub mod dot_plot;
pub mod draw;
pub mod palette;

pub use axis::Axis;

/// Number of colours; the page's style has as many.
const COLOURS: usize = 6;

/// Style of a curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Index of the colour.
    pub colour: usize,
    /// Index of the dash pattern.
    pub dash: usize,
    /// Index of the mark.
    pub mark: usize,
}

impl Style {
    /// The look of the curve number `index`: thirty are told apart.
    #[must_use]
    pub const fn numbered(index: usize) -> Self {
        let colour = index % COLOURS;
        Self {
            colour,
            dash: (index + index / COLOURS) % draw::DASHES.len(),
            mark: (index + index / COLOURS) % draw::MARKS,
        }
    }
}

/// A chart.
#[derive(Clone, Debug)]
pub struct Plot {
    /// Description for those who can't see it.
    pub title: String,
    /// Along.
    pub x: Axis,
    /// Up.
    pub y: Axis,
    /// The curves.
    pub curves: Vec<Curve>,
    /// The bands below the curves.
    pub bands: Vec<Band>,
}

/// A curve.
#[derive(Clone, Debug)]
pub struct Curve {
    /// Style.
    pub style: Style,
    /// Lines.
    pub lines: Vec<Line>,
    /// Marks.
    pub marks: Vec<Mark>,
}

/// An unbroken line.
#[derive(Clone, Debug)]
pub struct Line {
    /// Points.
    pub points: Vec<(f64, f64)>,
    /// The claim.
    pub claim: Claim,
}

/// Claim of a line, which decides how it is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Title.
    Full,
    /// Nothing: it is hardly to be trusted, and dotted.
    None,
    /// Nothing by itself: it is one of several measurements that another line sums up, and pale,
    /// behind that.
    Part,
}

/// A point that stands out.
#[derive(Clone, Debug)]
pub struct Mark {
    /// Position.
    pub at: (f64, f64),
    /// True if it is hardly to be trusted.
    pub is_hollow: bool,
    /// Text that appears when it is pointed at.
    pub says: String,
}

/// A range of values across the whole chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Band {
    /// From here.
    pub low: f64,
    /// To here.
    pub high: f64,
    /// Label.
    pub label: String,
}

/// Size of a chart in CSS pixels: text stays as large whatever the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// The whole width of a page.
    Wide,
    /// One of two beside each other.
    Half,
    /// A telephone's.
    Narrow,
}

impl Size {
    /// Width of the drawing.
    #[must_use]
    pub const fn width(self) -> f64 {
        match self {
            Self::Wide => 940.0,
            Self::Half => 460.0,
            Self::Narrow => 350.0,
        }
    }

    /// Height of the drawing of a [`Plot`].
    #[must_use]
    pub const fn height(self) -> f64 {
        match self {
            Self::Wide => 430.0,
            Self::Half => 270.0,
            Self::Narrow => 300.0,
        }
    }

    const fn class(self) -> &'static str {
        match self {
            Self::Wide | Self::Half => "wide",
            Self::Narrow => "narrow",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirty_curves_are_told_apart() {
        let mut seen: Vec<Style> = Vec::new();
        for index in 0..30 {
            let style = Style::numbered(index);
            assert!(!seen.contains(&style), "{index}");
            seen.push(style);
        }
        // And the first few even by each trait alone.
        let first = seen.iter().take(5);
        let dashes: Vec<usize> = first.clone().map(|style| style.dash).collect();
        let marks: Vec<usize> = first.map(|style| style.mark).collect();
        assert_eq!((dashes, marks), (vec![0, 1, 2, 3, 4], vec![0, 1, 2, 3, 4]));
    }
}
