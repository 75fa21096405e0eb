//! The seam between what is reported and how: one renderer for each form.

use super::result_set::ResultSet;
use crate::record::RecordError;

/// One form of a report, such as a page or a table.
pub trait Renderer: Sync {
    /// Renders `results`; `None` if they hold nothing that this form shows.
    ///
    /// # Errors
    ///
    /// [`RecordError::Document`] if a template can't be filled in.
    fn render(&self, results: &ResultSet<'_>) -> Result<Option<String>, RecordError>;
}

/// A form of report that goes into a file.
#[derive(Clone, Copy)]
pub struct FileFormat {
    /// Name of the file.
    pub name: &'static str,
    /// Renderer of its content.
    pub renderer: &'static dyn Renderer,
    /// Occasion on which the file is written.
    pub written: Written,
}

/// Occasion on which a file of a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Written {
    /// Whenever results are rendered, as by `fathom report`.
    Always,
    /// With a measurement's results, when it ends.
    WithResults,
}
