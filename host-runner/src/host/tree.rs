//! The kernel's files about this host: `/proc` and `/sys`, or a copy of parts of them for a test.

use std::fs;
use std::path::{Path, PathBuf};

/// A directory that holds `proc` and `sys`.
#[derive(Clone, Debug)]
pub struct Tree(PathBuf);

impl Default for Tree {
    /// Returns this host's own.
    fn default() -> Self {
        Self(PathBuf::from("/"))
    }
}

impl Tree {
    /// Returns the tree under `root`.
    #[must_use]
    pub fn under(root: impl Into<PathBuf>) -> Self {
        Self(root.into())
    }

    /// Returns the path of `path`, which is relative to the root.
    #[must_use]
    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.0.join(path)
    }

    /// Reads a file without the end of its last line; `None` if it can't be read.
    #[must_use]
    pub fn read(&self, path: impl AsRef<Path>) -> Option<String> {
        let bytes = fs::read(self.path(path)).ok()?;
        let text = String::from_utf8_lossy(&bytes);
        Some(text.trim_end().to_owned())
    }

    /// Returns the names in a directory, sorted; none if it can't be read.
    #[must_use]
    pub fn names(&self, path: impl AsRef<Path>) -> Vec<String> {
        let entries = fs::read_dir(self.path(path)).into_iter().flatten();
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut names: Vec<String> = names.collect();
        names.sort_unstable();
        names
    }
}

/// A tree for tests.
#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// Returns a tree of `files`, each a path and its content, and what removes it when dropped.
    pub(crate) fn tree(files: &[(&str, &str)]) -> (tempfile::TempDir, Tree) {
        let directory = tempfile::tempdir().unwrap();
        let tree = Tree::under(directory.path());
        for (path, content) in files {
            let path = tree.path(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        (directory, tree)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_without_the_end_of_the_line_and_lists_in_order() {
        let (_directory, tree) = testing::tree(&[("sys/b", "1\n"), ("sys/a", "2")]);
        assert_eq!(tree.read("sys/b").as_deref(), Some("1"));
        assert_eq!(tree.read("sys/c"), None);
        assert_eq!(tree.names("sys"), ["a", "b"]);
        assert!(tree.names("proc").is_empty());
    }
}
