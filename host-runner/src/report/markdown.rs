//! `report.md`: text to paste into an issue or a pull request.

use super::renderer::Renderer;
use super::result_set::ResultSet;
use super::template;
use crate::record::RecordError;

/// Name of the file, and of its template.
pub const NAME: &str = "report.md";

/// Renders Markdown.
#[derive(Debug)]
pub struct Markdown;

impl Renderer for Markdown {
    fn render(&self, results: &ResultSet<'_>) -> Result<Option<String>, RecordError> {
        let templates = [(NAME, include_str!("templates/report.md.j2"))];
        template::fill_in(NAME, &templates, results)
    }
}
