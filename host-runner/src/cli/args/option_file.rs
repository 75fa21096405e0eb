//! Files that an option names.

use std::fmt::Display;
use std::path::Path;
use std::str::FromStr;

use wire::stamp::Secret;

use crate::cli::CliError;
use crate::files;

/// Most bytes of a key's file.
pub const KEY_BYTES: u64 = 1024;

/// Returns the key that a file's `content` is: hexadecimal digits, with blanks around them.
///
/// # Errors
///
/// That of [`Secret`] if it is none.
pub fn key(content: Vec<u8>) -> Result<Secret, <Secret as FromStr>::Err> {
    String::from_utf8_lossy(&content).trim().parse()
}

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
