//! `report.html` and `report.md`: results for people, from what is in their directories.
//!
//! The HTML is one file that needs nothing else: no script, no font, no image but the SVG in it, and
//! a content policy that forbids all others.
//!
//! - [`page`]: all that is on it, in order;
//! - [`comparison`]: what comes of a comparison, before any single run;
//! - [`entry`]: other measurements, each with a name that tells it from the others;
//! - [`plots`], [`tables`]: what is shown of both; [`charts`]: plots at every size, with legends;
//! - [`method`]: how it was measured, in words;
//! - [`format`](mod@format): text; [`markdown`]: text that is no markup.

use std::path::Path;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment as Templates, Value};

use super::ReportError;
use super::read::{self, Source};
use crate::files::Directory;
use crate::stats::Requested;

pub mod charts;
pub mod comparison;
pub mod entry;
pub mod format;
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

/// The documents of some results.
#[derive(Clone, Debug)]
pub struct Documents {
    /// [`HTML`].
    pub html: String,
    /// [`MARKDOWN`].
    pub markdown: String,
}

impl Documents {
    /// Writes both into `directory`.
    ///
    /// # Errors
    ///
    /// [`ReportError::Unwritable`].
    pub fn write_to(&self, directory: &Directory) -> Result<(), ReportError> {
        for (name, text) in [(HTML, &self.html), (MARKDOWN, &self.markdown)] {
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
const TEMPLATES: [(&str, &str); 7] = [
    ("style.css", include_str!("templates/style.css")),
    ("parts.html", include_str!("templates/parts.html.j2")),
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
    let page = Value::from(Serde(page::page(sources)));
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
    })
}
