//! `report.html` and `report.md`: results for people, from what is in their directories.
//!
//! The HTML is one file that needs nothing else: no script, no font, no image but the SVG in it, and
//! a content policy that forbids all others.
//!
//! - [`page`]: all that is on it, in order; [`front`]: its first screen, and its first chart as a file;
//! - [`comparison`]: what comes of a comparison, before any single run;
//! - [`entry`]: other measurements, each with a name that tells it from the others;
//! - [`plots`], [`tables`]: what is shown of both; [`charts`]: plots at every size, with legends;
//! - [`method`]: how it was measured, in words;
//! - [`format`](mod@format): text; [`markdown`]: text that is no markup.

use std::path::Path;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment as Templates, Value, context};

use super::ReportError;
use super::chart::draw;
use super::read::{self, Source};
use crate::files::Directory;
use crate::stats::Requested;

pub mod charts;
pub mod comparison;
pub mod entry;
pub mod format;
pub mod front;
pub mod markdown;
pub mod method;
pub mod page;
pub mod plots;
pub mod tables;

#[cfg(test)]
pub(super) mod made_up;
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
    /// Writes all of them into `directory`.
    ///
    /// # Errors
    ///
    /// [`ReportError::Unwritable`].
    pub fn write_to(&self, directory: &Directory) -> Result<(), ReportError> {
        let documents = [(HTML, &self.html), (MARKDOWN, &self.markdown)];
        let chart = self.chart.iter().map(|chart| (CHART, chart));
        for (name, text) in documents.into_iter().chain(chart) {
            directory
                .replace(name, text.as_bytes())
                .map_err(ReportError::unwritable(directory.path().join(name)))?;
        }
        Ok(())
    }
}

/// Reads the results in `directories`, and adds the `requested` percentiles to their latencies, with
/// those that any of the records has: what a record lacks, its log knows.
///
/// # Errors
///
/// [`ReportError::Unreadable`] if results are missing or damaged.
pub fn read_all(
    directories: &[impl AsRef<Path>],
    requested: &[Requested],
) -> Result<Vec<Source>, ReportError> {
    let sources = directories.iter().map(|it| read::read(it.as_ref()));
    let mut sources = sources.collect::<Result<Vec<Source>, _>>()?;
    let mut all = requested.to_vec();
    let runs = sources.iter().flat_map(|source| &source.report.runs);
    all.extend(runs.flat_map(|run| run.latency_ns.requested.iter().map(|(it, _)| it.clone())));
    for source in &mut sources {
        let runs = source.report.runs.iter_mut().zip(&source.distributions);
        for (run, distribution) in runs {
            run.latency_ns.add_from(&distribution.histogram, &all);
            for (&tag, it) in &distribution.tagged {
                if let Some(summary) = run.tagged_mut(tag) {
                    summary.add_from(&it.histogram(), &all);
                }
            }
        }
        for (merged, whole) in source.report.merged.iter_mut().zip(&source.wholes) {
            merged.latency_ns.add_from(&whole.histogram, &all);
            for (&tag, it) in &whole.tagged {
                if let Some(summary) = merged.tagged_mut(tag) {
                    summary.add_from(&it.histogram(), &all);
                }
            }
        }
    }
    Ok(sources)
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
