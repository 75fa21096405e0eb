//! The directory of the files that are made for one boot alone.

use tempfile::TempDir;

use super::ExperimentError;
use crate::files;

/// Creates the directory, which is removed with the returned value.
///
/// # Errors
///
/// [`ExperimentError::Setup`] if the system refuses.
pub fn create() -> Result<TempDir, ExperimentError> {
    files::scratch().map_err(|source| ExperimentError::Setup {
        what: "a scratch directory",
        source,
    })
}
