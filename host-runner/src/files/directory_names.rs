//! Helpers of tests that look at directories.

use std::fs;
use std::path::Path;

/// Returns the names of the files in the directory `path`, in order.
pub fn names(path: &Path) -> Vec<String> {
    let names = fs::read_dir(path).unwrap();
    let mut names: Vec<String> = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort_unstable();
    names
}
