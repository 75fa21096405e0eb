//! `report.html`: one file that needs nothing else: no script, no font, no image but the SVG in it, and a
//! content policy that forbids all others.

use super::chart::draw;
use super::renderer::Renderer;
use super::result_set::ResultSet;
use super::template;
use crate::record::RecordError;

/// Name of the file, and of its template: that it ends in `.html` has everything in it escaped.
pub const NAME: &str = "report.html";

/// Templates of the page, by the names that they know each other by.
const TEMPLATES: [(&str, &str); 8] = [
    ("style.css", include_str!("templates/style.css")),
    ("chart.css", draw::CHART_STYLE),
    ("parts.html", include_str!("templates/parts.html.j2")),
    ("front.html", include_str!("templates/front.html.j2")),
    (
        "comparison.html",
        include_str!("templates/comparison.html.j2"),
    ),
    (
        "measurements.html",
        include_str!("templates/measurements.html.j2"),
    ),
    ("runs.html", include_str!("templates/runs.html.j2")),
    (NAME, include_str!("templates/report.html.j2")),
];

/// Renders a page of HTML.
#[derive(Debug)]
pub struct Html;

impl Renderer for Html {
    fn render(&self, results: &ResultSet<'_>) -> Result<Option<String>, RecordError> {
        template::fill_in(NAME, &TEMPLATES, results)
    }
}
