//! The directory of the files that are made for one boot alone.

use super::ExperimentError;
use crate::files::{self, Scratch};

/// Creates the directory, which is removed with the returned value.
///
/// # Errors
///
/// [`ExperimentError::Setup`] if the system refuses.
pub fn create() -> Result<Scratch, ExperimentError> {
    files::scratch().map_err(|source| ExperimentError::Setup {
        what: "a scratch directory",
        source,
    })
}
