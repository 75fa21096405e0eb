//! Directories for what only one run of the program needs.
//!
//! Each is locked (flock(2)) for as long as it is in use. One that is not is what a program that was killed has left, and
//! goes when the next is made.

use std::fs::{self, DirEntry, File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use tempfile::{Builder, TempDir};

/// First part of the directories' names.
const PREFIX: &str = "fathom-scratch-";

/// Number of attempts at a directory that stays: another program takes a new one for an old one if it looks before that
/// is locked.
const ATTEMPTS: u32 = 10;

/// A directory that only this user can enter; it goes when it is dropped.
#[derive(Debug)]
pub struct Scratch {
    // Before the lock: what is unlocked is anybody's to remove.
    directory: TempDir,
    _lock: File,
}

impl Scratch {
    /// Returns its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.directory.path()
    }
}

/// Makes a directory that only this user can enter, whatever the umask, and removes those of this user that nobody uses any
/// more.
///
/// # Errors
///
/// If there is no room for it, or the temporary folder can't be written to.
pub fn scratch() -> io::Result<Scratch> {
    scratch_in(&std::env::temp_dir())
}

/// As [`scratch`], in `parent`.
fn scratch_in(parent: &Path) -> io::Result<Scratch> {
    remove_abandoned(parent);
    for _ in 0..ATTEMPTS {
        let directory = Builder::new()
            .prefix(PREFIX)
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(parent)?;
        if let Ok(lock) = locked(directory.path())
            && directory.path().exists()
        {
            return Ok(Scratch {
                directory,
                _lock: lock,
            });
        }
    }
    Err(io::Error::other("a new directory is removed again at once"))
}

/// Opens the directory `path`, and locks it.
///
/// # Errors
///
/// If it is no directory, or another program has locked it.
fn locked(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let directory = rustix::fs::open(path, flags, Mode::empty())?;
    flock(&directory, FlockOperation::NonBlockingLockExclusive)?;
    Ok(directory.into())
}

/// Removes the directories of this user in `parent` that nobody has locked.
#[expect(
    clippy::disallowed_methods,
    reason = "they have this program's name and are this user's, and nobody uses them"
)]
fn remove_abandoned(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        if is_ours(&entry)
            && let Ok(_lock) = locked(&entry.path())
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Returns true if `entry` has the name of such a directory and belongs to this user.
fn is_ours(entry: &DirEntry) -> bool {
    let has_name = entry
        .file_name()
        .to_str()
        .is_some_and(|name| name.starts_with(PREFIX));
    let own = rustix::process::geteuid().as_raw();
    has_name && entry.metadata().is_ok_and(|metadata| metadata.uid() == own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_else_can_enter() {
        let scratch = scratch().unwrap();
        let mode = scratch.path().metadata().unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o700);
    }

    #[test]
    fn what_a_killed_program_left_goes_and_what_is_in_use_stays() {
        let parent = tempfile::tempdir().unwrap();
        let in_use = scratch_in(parent.path()).unwrap();
        let other = parent.path().join("fathom-of-another-kind");
        let left = parent.path().join(format!("{PREFIX}left"));
        for directory in [&other, &left] {
            fs::create_dir_all(directory.join("below")).unwrap();
        }
        let link = parent.path().join(format!("{PREFIX}link"));
        std::os::unix::fs::symlink(&other, &link).unwrap();
        let new = scratch_in(parent.path()).unwrap();
        assert!(!left.exists());
        assert!(in_use.path().exists() && new.path().exists() && other.join("below").exists());
        let path = new.path().to_owned();
        drop((in_use, new));
        assert!(!path.exists(), "it goes by itself");
    }
}
