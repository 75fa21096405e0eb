//! A drawing as an SVG file of its own: with its title, what its marks mean, and how far it holds, so
//! that it says by itself what it must not be taken for.

use std::fmt::{self, Write as _};

use super::dots::wrapped;
use super::{sample, text_width};
use crate::report::chart::palette::{DARK, LIGHT, in_place};
use crate::report::chart::{Size, Style};
use crate::report::escape::escape;

/// The style of charts, which the page has too.
pub const CHART_STYLE: &str = include_str!("../../templates/chart.css");

/// Style of what is in the file alone.
const OWN_STYLE: &str = "svg { font-family: system-ui, -apple-system, \"Segoe UI\", Roboto, \"DejaVu Sans\", sans-serif; }
.ground { fill: var(--ground); }
.title { font-size: 17px; font-weight: 600; fill: var(--ink); }
.note { font-size: 12px; fill: var(--quiet); }
.key { font-size: 12px; fill: var(--ink); }
";

/// Room around everything, in pixels.
const MARGIN: f64 = 20.0;

/// Width of a character of the title at most, and the heights of a line of it and of the notes.
const TITLE_CHARACTER: f64 = 1.45;
const TITLE_LINE: f64 = 23.0;
const NOTE_LINE: f64 = 17.0;

/// Contents of a file.
#[derive(Clone, Debug)]
pub struct Standalone {
    /// Finding.
    pub title: String,
    /// The drawing, which is [`Size::Wide`], and its height.
    pub drawing: (String, f64),
    /// Names of the looks in the drawing, if it does not have them.
    pub legend: Vec<(Style, String)>,
    /// Notes on reading it, and on the limits of what it shows.
    pub notes: Vec<String>,
}

impl Standalone {
    /// Returns the text of the file.
    #[must_use]
    pub fn render(&self) -> String {
        let mut svg = String::new();
        // Writing to a string can't fail.
        let _ = self.write(&mut svg);
        svg
    }

    fn write(&self, svg: &mut String) -> fmt::Result {
        let width = Size::Wide.width();
        let title = wrapped(&self.title, width / TITLE_CHARACTER);
        let notes: Vec<String> = (self.notes.iter())
            .flat_map(|note| wrapped(note, width))
            .collect();
        let (drawing, drawn) = &self.drawing;
        let legend = if self.legend.is_empty() { 0.0 } else { 24.0 };
        let top = MARGIN + TITLE_LINE * title.len() as f64 + legend + 4.0;
        let height = top + drawn + NOTE_LINE * notes.len() as f64 + MARGIN + 8.0;
        let full = width + 2.0 * MARGIN;
        writeln!(
            svg,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{full:.0}\" height=\"{height:.0}\" \
             viewBox=\"0 0 {full:.0} {height:.0}\" role=\"img\" aria-label=\"{}\">",
            escape(&self.title)
        )?;
        let style = OWN_STYLE.to_owned() + CHART_STYLE;
        let (light, dark) = (in_place(&style, &LIGHT), in_place(&style, &DARK));
        writeln!(
            svg,
            "<style>\n{light}@media (prefers-color-scheme: dark) {{\n{dark}}}\n</style>"
        )?;
        writeln!(
            svg,
            "<rect class=\"ground\" width=\"{full:.0}\" height=\"{height:.0}\"/>"
        )?;
        let mut y = MARGIN - 4.0;
        for line in &title {
            y += TITLE_LINE;
            writeln!(
                svg,
                "<text class=\"title\" x=\"{MARGIN:.0}\" y=\"{y:.0}\">{}</text>",
                escape(line)
            )?;
        }
        self.write_legend(y + 20.0, svg)?;
        let inner = drawing.replacen(
            "<svg ",
            &format!(
                "<svg x=\"{MARGIN:.0}\" y=\"{top:.0}\" width=\"{width}\" height=\"{drawn:.0}\" "
            ),
            1,
        );
        writeln!(svg, "{inner}")?;
        y = top + drawn + 6.0;
        for line in &notes {
            y += NOTE_LINE;
            writeln!(
                svg,
                "<text class=\"note\" x=\"{MARGIN:.0}\" y=\"{y:.0}\">{}</text>",
                escape(line)
            )?;
        }
        writeln!(svg, "</svg>")
    }

    fn write_legend(&self, y: f64, svg: &mut String) -> fmt::Result {
        let mut x = MARGIN;
        for (style, name) in &self.legend {
            let key = sample(*style).replacen(
                "<svg ",
                &format!(
                    "<svg x=\"{x:.0}\" y=\"{:.0}\" width=\"34\" height=\"12\" ",
                    y - 10.0
                ),
                1,
            );
            writeln!(
                svg,
                "{key}<text class=\"key\" x=\"{:.0}\" y=\"{y:.0}\">{}</text>",
                x + 42.0,
                escape(name)
            )?;
            x += 42.0 + text_width(name) + 16.0;
        }
        Ok(())
    }
}
