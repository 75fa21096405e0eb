//! A dot plot: a row for each thing that was measured, with its percentiles as marks along one axis, and
//! the names at the rows, so that it needs no legend.

use crate::report::chart::Axis;

/// A dot plot.
#[derive(Clone, Debug)]
pub struct DotPlot {
    /// Subject, for those who can't see it.
    pub title: String,
    /// The axis that all panels share.
    pub x: Axis,
    /// Panels, one under the other.
    pub panels: Vec<DotPanel>,
}

/// Rows under one heading.
#[derive(Clone, Debug)]
pub struct DotPanel {
    /// Heading.
    pub title: String,
    /// A value that a thin line marks across all rows.
    pub reference: Option<f64>,
    /// Rows, from top to bottom.
    pub rows: Vec<DotRow>,
}

/// One row.
#[derive(Clone, Debug)]
pub struct DotRow {
    /// Name at its left.
    pub label: String,
    /// Colour of its marks.
    pub colour: usize,
    /// Marks, from the least value to the largest.
    pub dots: Vec<Dot>,
    /// Values of single repetitions, drawn pale under the marks.
    pub repetitions: Vec<Repetition>,
}

/// A mark.
#[derive(Clone, Debug)]
pub struct Dot {
    /// Value.
    pub at: f64,
    /// Number of its outline.
    pub mark: usize,
    /// True if the value is hardly to be trusted.
    pub is_hollow: bool,
    /// The value as text, and the side of the mark that the text stands at.
    pub label: Option<(String, Side)>,
    /// Words when pointed at.
    pub says: String,
}

/// Side of a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The text ends at the mark.
    Left,
    /// The text begins at the mark.
    Right,
}

/// Value of one repetition.
#[derive(Clone, Debug)]
pub struct Repetition {
    /// Value.
    pub at: f64,
    /// Words when pointed at.
    pub says: String,
}
