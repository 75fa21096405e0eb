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
mod made_up;
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

/// Reads the results in `directories` and puts them in one document of each form.
///
/// # Errors
///
/// [`ReportError::Unreadable`] if results are missing or damaged.
pub fn render(directories: &[impl AsRef<Path>]) -> Result<Documents, ReportError> {
    let sources = directories
        .iter()
        .map(|directory| read::read(directory.as_ref()))
        .collect::<Result<Vec<Source>, _>>()?;
    render_sources(&sources)
}

/// As [`render`], of directories that are held open.
///
/// # Errors
///
/// As [`render`].
pub fn render_held(directories: &[&Directory]) -> Result<Documents, ReportError> {
    let sources = directories
        .iter()
        .map(|directory| read::read_held(directory))
        .collect::<Result<Vec<Source>, _>>()?;
    render_sources(&sources)
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

fn render_sources(sources: &[Source]) -> Result<Documents, ReportError> {
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
