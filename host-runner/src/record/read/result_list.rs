//! Directories of results below a directory.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use super::RESULT;

/// The most entries of a directory that are looked at.
const ENTRIES: usize = 100_000;

/// Returns `path` if it is the directory of a result, else the directories in it that are, in the order of their
/// names. Links in it, such as `latest`, are not followed: what they lead to is there by itself.
///
/// # Errors
///
/// The system's if `path` is no directory that can be listed; [`io::ErrorKind::NotFound`] if there is no result.
pub fn result_directories(path: &Path) -> io::Result<Vec<PathBuf>> {
    if path.join(RESULT).exists() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = BTreeSet::new();
    for entry in path.read_dir()?.take(ENTRIES) {
        let entry = entry?;
        if entry.file_type()?.is_dir() && entry.path().join(RESULT).exists() {
            found.insert(entry.path());
        }
    }
    match found.is_empty() {
        true => Err(io::Error::new(
            io::ErrorKind::NotFound,
            "there is no result in it",
        )),
        false => Ok(found.into_iter().collect()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_result_is_itself_and_a_directory_of_results_is_all_of_them() {
        let base = tempfile::tempdir().unwrap();
        assert!(result_directories(base.path()).is_err());
        for name in ["b", "a", "other"] {
            fs::create_dir(base.path().join(name)).unwrap();
        }
        for name in ["b", "a"] {
            fs::write(base.path().join(name).join(RESULT), "{}").unwrap();
        }
        std::os::unix::fs::symlink("a", base.path().join("latest")).unwrap();
        let [a, b] = ["a", "b"].map(|name| base.path().join(name));
        assert_eq!(result_directories(base.path()).unwrap(), [a.clone(), b]);
        assert_eq!(result_directories(&a).unwrap(), [a]);
        assert!(result_directories(&base.path().join("none")).is_err());
    }
}
