//! A file that a command was told to write, opened before it has anything to write.

use std::path::{Path, PathBuf};

use crate::files::NamedFile;
use crate::record::RecordError;

/// A file that was tried, with its path for messages.
#[derive(Debug)]
pub struct OutputFile {
    file: NamedFile,
    path: PathBuf,
}

impl OutputFile {
    /// Tries that the file at `path` can be written.
    ///
    /// # Errors
    ///
    /// [`RecordError::Unwritable`] if it can't be.
    pub fn prepare(path: &Path) -> Result<Self, RecordError> {
        Ok(Self {
            file: NamedFile::prepare(path).map_err(RecordError::unwritable(path))?,
            path: path.to_owned(),
        })
    }

    /// Writes `text` into the file; it takes the place of what was there.
    ///
    /// # Errors
    ///
    /// [`RecordError`] if it can't be written.
    pub fn write(&self, text: &str) -> Result<(), RecordError> {
        let written = self.file.write(text.as_bytes());
        written.map_err(RecordError::unwritable(&self.path))
    }
}
