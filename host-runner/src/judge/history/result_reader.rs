//! Results of a history, read one after the other: only what history needs of each stays in memory.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{DatedResult, Unread};
use crate::record::file_names::RESULT;
use crate::record::read::{ReadError, read_record, result_directories};

/// Reads the results at `paths`, each a result or a directory of results; each result once. A result that can't be read
/// is named if it is one of several below a path.
///
/// # Errors
///
/// [`ReadError`] if a path has no result, or is a result that can't be read.
pub fn read(paths: &[impl AsRef<Path>]) -> Result<(Vec<DatedResult>, Vec<Unread>), ReadError> {
    let mut seen = BTreeSet::new();
    let (mut results, mut unread) = (Vec::new(), Vec::new());
    for path in paths.iter().map(AsRef::as_ref) {
        for directory in directories(path)? {
            let real = directory.canonicalize();
            if !seen.insert(real.unwrap_or_else(|_| directory.clone())) {
                continue;
            }
            match read_record(&directory) {
                Ok(record) => results.push(DatedResult::of(&directory, &record)),
                Err(error) if directory == path => return Err(error),
                Err(error) => unread.push(Unread {
                    directory: directory.display().to_string(),
                    reason: error.to_string(),
                }),
            }
        }
    }
    Ok((results, unread))
}

fn directories(path: &Path) -> Result<Vec<PathBuf>, ReadError> {
    result_directories(path).map_err(|source| ReadError::Unreadable {
        path: path.join(RESULT),
        source,
    })
}
