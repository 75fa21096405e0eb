//! A file that is written as its content comes.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Directory;

/// Destination of a log or a capture; whatever has its name is replaced when it is created.
#[derive(Clone, Debug)]
pub struct Destination {
    path: PathBuf,
    /// The directory that it is in, if it is held open.
    directory: Option<Arc<Directory>>,
}

impl Destination {
    /// The file `name` in `directory`.
    #[must_use]
    pub fn within(directory: Arc<Directory>, name: &str) -> Self {
        Self {
            path: directory.path().join(name),
            directory: Some(directory),
        }
    }

    /// Returns the path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the file.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidFilename`] if the path ends in no name, [`io::ErrorKind::AlreadyExists`] if the user
    /// named something that is neither a regular file nor a link; the system's error if the directory can't be
    /// entered or written to.
    pub fn create(&self) -> io::Result<File> {
        let name = self
            .path
            .file_name()
            .ok_or(io::ErrorKind::InvalidFilename)?;
        if let Some(directory) = &self.directory {
            return directory.stream(name);
        }
        let kind = self
            .path
            .symlink_metadata()
            .map(|metadata| metadata.file_type());
        if kind.is_ok_and(|kind| !kind.is_file() && !kind.is_symlink()) {
            let what = "there is something that is no regular file";
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, what));
        }
        let parent = self.path.parent().unwrap_or(Path::new(""));
        Directory::open(parent)?.stream(name)
    }
}

impl<P: Into<PathBuf>> From<P> for Destination {
    fn from(path: P) -> Self {
        Self {
            path: path.into(),
            directory: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_link_of_that_name_is_replaced_and_a_fifo_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (file, victim) = (dir.path().join("log"), dir.path().join("victim"));
        fs::write(&victim, "precious").unwrap();
        std::os::unix::fs::symlink(&victim, &file).unwrap();
        let mut log = Destination::from(&file).create().unwrap();
        log.write_all(b"new").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"new");
        assert_eq!(fs::read(&victim).unwrap(), b"precious");

        fs::remove_file(&file).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, &file, rustix::fs::Mode::RUSR).unwrap();
        let error = Destination::from(&file).create().unwrap_err();
        assert!(error.to_string().contains("no regular file"), "{error}");
    }
}
