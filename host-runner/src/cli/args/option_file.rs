//! Files that an option names.

use std::fmt::Display;
use std::path::Path;

use crate::cli::CliError;
use crate::files;

/// Returns what `make` makes of the file at `path`, which `option` names and which has at most `limit` bytes.
///
/// # Errors
///
/// [`CliError::Content`] if the file can't be read, or if nothing can be made of it.
pub fn from_file<T, E: Display>(
    option: &'static str,
    path: &Path,
    limit: u64,
    make: impl FnOnce(Vec<u8>) -> Result<T, E>,
) -> Result<T, CliError> {
    let problem = |problem: String| CliError::Content {
        option,
        path: path.to_owned(),
        problem,
    };
    let bytes = files::read(path, limit).map_err(|error| problem(error.to_string()))?;
    make(bytes).map_err(|error| problem(error.to_string()))
}
