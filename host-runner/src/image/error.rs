//! Errors of images, each with its remedy.

use std::io;
use std::path::{Path, PathBuf};

use super::layout::LayoutError;

/// Reason why an image can't be made, read or changed.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// A part of the image can't be read.
    #[error("{} can't be read; build it with `make image`, or name another with `{option}`", path.display())]
    Part {
        /// The file.
        path: PathBuf,
        /// Option that names another.
        option: &'static str,
        /// Error of the system.
        #[source]
        source: io::Error,
    },
    /// A part of the image is something else.
    #[error("{} is no {expected}: {problem}", path.display())]
    NotAPart {
        /// The file.
        path: PathBuf,
        /// Format that was expected.
        expected: &'static str,
        /// Requirement that it does not meet.
        problem: String,
    },
    /// The parts make no disk.
    #[error("no disk image can be made")]
    Layout(#[from] LayoutError),
    /// The arguments can't be used.
    #[error("{0}; nothing was changed")]
    Arguments(String),
    /// A file can't be written.
    #[error("can't write {}; nothing was changed", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Error of the system.
        #[source]
        source: io::Error,
    },
    /// An image can't be read.
    #[error("{} can't be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Error of the system.
        #[source]
        source: io::Error,
    },
    /// The file is no image, or one of somebody else's.
    #[error("{} is no image of Fathom's: {problem}", path.display())]
    NotOurs {
        /// The file.
        path: PathBuf,
        /// Requirement that it does not meet.
        problem: String,
    },
    /// The image has no configuration file.
    #[error(
        "{} has no {}, and takes its arguments where it is started; a disk image has one",
        path.display(),
        super::CONFIG_FILE
    )]
    NoConfig {
        /// The file.
        path: PathBuf,
    },
}

impl ImageError {
    /// Returns a function that wraps what the system says about writing `path`.
    pub fn unwritable(path: &Path) -> impl Fn(io::Error) -> Self {
        move |source| Self::Unwritable {
            path: path.to_owned(),
            source,
        }
    }

    /// Returns a function that wraps what the system says about reading `path`.
    pub fn unreadable(path: &Path) -> impl Fn(io::Error) -> Self {
        move |source| Self::Unreadable {
            path: path.to_owned(),
            source,
        }
    }
}
