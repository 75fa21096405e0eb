//! `latency.svg`: the first chart of a page as a file of its own.

use super::renderer::Renderer;
use super::result_set::ResultSet;
use crate::record::RecordError;

/// Name of the file.
pub const NAME: &str = "latency.svg";

/// Renders the chart; nothing if there is nothing to draw, or more than one drawing shows.
#[derive(Debug)]
pub struct ChartFile;

impl Renderer for ChartFile {
    fn render(&self, results: &ResultSet<'_>) -> Result<Option<String>, RecordError> {
        let chart = results.page().and_then(|(_, chart)| chart);
        Ok(chart.map(|chart| chart.render()))
    }
}
