//! `report.html` and `report.md`: results for people, from what is in their directories.
//!
//! The HTML is one file that needs nothing else: no script, no font, no image but the SVG in it, and
//! a content policy that forbids all others.
//!

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment as Templates, Value, context};

use crate::record::ReportError;
use crate::record::Source;
use crate::report::chart::draw;
use crate::report::{markdown, page};

#[cfg(test)]
mod tests;

/// What the page is called.
pub const HTML: &str = "report.html";

/// What the text to paste is called.
pub const MARKDOWN: &str = "report.md";

/// Name of the first chart as a file of its own.
pub const CHART: &str = "latency.svg";

/// The documents of some results.
#[derive(Clone, Debug)]
pub struct Documents {
    /// [`HTML`].
    pub html: String,
    /// [`MARKDOWN`].
    pub markdown: String,
    /// [`CHART`]; `None` if there is nothing to draw, or more than one drawing shows.
    pub chart: Option<String>,
}

impl Documents {
    /// Returns the name and the content of each file.
    pub fn files(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let documents = [(HTML, &*self.html), (MARKDOWN, &*self.markdown)];
        let chart = self.chart.iter().map(|chart| (CHART, &**chart));
        documents.into_iter().chain(chart)
    }
}

/// What the two documents are made of, by the names that they know each other by.
const TEMPLATES: [(&str, &str); 9] = [
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
    (HTML, include_str!("templates/report.html.j2")),
    (MARKDOWN, include_str!("templates/report.md.j2")),
];

/// Puts `sources` in one document of each form.
///
/// # Errors
///
/// [`ReportError::Document`] if a document can't be put together.
pub fn render(sources: &[Source]) -> Result<Documents, ReportError> {
    let (page, chart) = page::page(sources);
    let chart = chart.map(|chart| chart.render());
    let page = context! {
        chart_file => chart.as_ref().map(|_| CHART),
        ..Value::from(Serde(page))
    };
    let mut templates = Templates::new();
    // Lines that hold a statement alone leave nothing behind.
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build()?;
    templates.set_syntax(syntax);
    templates.add_filter("text", markdown::text);
    for (name, template) in TEMPLATES {
        templates.add_template(name, template)?;
    }
    Ok(Documents {
        html: templates.get_template(HTML)?.render(page.clone())?,
        markdown: templates.get_template(MARKDOWN)?.render(page)?,
        chart,
    })
}
