//! A directory that is held open, so that it can't be exchanged, and files that are there as a whole or
//! not at all: what stood there before stays until the new content is written, and a full disk leaves
//! no half of it behind.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, Stat, fchmod, fchown, fstat, mkdirat, openat, renameat,
    statat, symlinkat, unlinkat,
};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::input;

/// Flags for holding a directory: to work in, not to be listed.
const HELD: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Flags for creating a file: by us, and not through a link.
const NEW: OFlags = OFlags::WRONLY
    .union(OFlags::CREATE)
    .union(OFlags::EXCL)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// Permissions of a new file, before the umask.
const FILE_MODE: u32 = 0o666;
/// Permissions of a new directory, before the umask.
const DIRECTORY_MODE: u32 = 0o777;

/// A directory that is held open.
#[derive(Debug)]
pub struct Directory {
    held: OwnedFd,
    path: PathBuf,
}

impl Directory {
    /// Opens `path`, which the user named: links on the way are followed.
    ///
    /// # Errors
    ///
    /// If it is no directory that can be entered.
    pub fn open(path: &Path) -> io::Result<Self> {
        // The path of a file without a directory has an empty one.
        let named = if path.as_os_str().is_empty() {
            Path::new(".")
        } else {
            path
        };
        Ok(Self {
            held: openat(CWD, named, HELD, Mode::empty())?,
            path: path.to_owned(),
        })
    }

    /// As [`Directory::open`], and makes it if it isn't there.
    ///
    /// # Errors
    ///
    /// The system's error if a directory on the way can't be made or entered, or something else has its name.
    pub fn create(path: &Path) -> io::Result<Self> {
        #[expect(clippy::disallowed_methods, reason = "the user named it")]
        fs::create_dir_all(path)?;
        Self::open(path)
    }

    /// Makes the directory `name` in this one.
    ///
    /// # Errors
    ///
    /// If it is there already, can't be made, or somebody exchanges it at once.
    pub fn create_new(&self, name: &str) -> io::Result<Self> {
        mkdirat(&self.held, name, Mode::from_raw_mode(DIRECTORY_MODE))?;
        let held = openat(&self.held, name, HELD | OFlags::NOFOLLOW, Mode::empty())?;
        if fstat(&held)?.st_uid != geteuid().as_raw() {
            let what = "another user put another directory in its place";
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, what));
        }
        Ok(Self {
            held,
            path: self.path.join(name),
        })
    }

    /// Returns the path of the directory at the time when it was opened.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Says in what way another user can put things in this directory, if one can.
    ///
    /// # Errors
    ///
    /// If the system does not say whose it is.
    pub fn exposure(&self) -> io::Result<Option<&'static str>> {
        let stat = fstat(&self.held)?;
        let own = geteuid().as_raw();
        Ok(if stat.st_uid != own && stat.st_uid != 0 {
            Some("it belongs to another user")
        } else if stat.st_mode & 0o002 != 0 {
            Some("every user can write to it")
        } else {
            None
        })
    }

    /// Writes `content` as the file `name`, in place of whatever has that name.
    ///
    /// # Errors
    ///
    /// The system's error if no file can be made here, or the disk is full; then nothing has changed.
    pub fn replace(&self, name: impl AsRef<OsStr>, content: &[u8]) -> io::Result<()> {
        let name = name.as_ref();
        let mut new = Temporary::new(self, name)?;
        new.file.write_all(content)?;
        new.persist(name).map(drop)
    }

    /// Begins the file `name`, which gets its name when it is finished.
    ///
    /// # Errors
    ///
    /// The system's error if no file can be made here: no right to write, a read-only or full disk.
    pub fn begin(&self, name: impl AsRef<OsStr>) -> io::Result<Unfinished<'_>> {
        let name = name.as_ref();
        Ok(Unfinished {
            file: Temporary::new(self, name)?,
            name: name.to_owned(),
        })
    }

    /// Makes the file `name`, in place of whatever has that name, to be written as its content comes.
    ///
    /// # Errors
    ///
    /// The system's error if no file can be made here, or a directory has that name.
    pub fn stream(&self, name: impl AsRef<OsStr>) -> io::Result<File> {
        let name = name.as_ref();
        Temporary::new(self, name)?.persist(name)
    }

    /// Makes the link `name` to `target`, in place of another link of that name.
    ///
    /// # Errors
    ///
    /// The system's error if no link can be made here, or a directory has that name; then nothing has changed.
    pub fn link(&self, name: &str, target: &OsStr) -> io::Result<()> {
        let new = hidden(OsStr::new(name));
        symlinkat(target, &self.held, &new)?;
        let moved = renameat(&self.held, &new, &self.held, name);
        if moved.is_err() {
            self.remove(&new);
        }
        Ok(moved?)
    }

    /// Tries that files can be made here.
    ///
    /// # Errors
    ///
    /// The system's error if they can't: no right to write, a read-only or full disk.
    pub fn check_writable(&self) -> io::Result<()> {
        Temporary::new(self, OsStr::new("check")).map(drop)
    }

    /// Reads the regular file `name`, if it has no more than `limit` bytes.
    ///
    /// # Errors
    ///
    /// If it can't be read, is something else than a regular file, or is longer.
    pub fn read(&self, name: impl AsRef<Path>, limit: u64) -> io::Result<Vec<u8>> {
        input::read_at(&self.held, name.as_ref(), limit)
    }

    /// Returns the length in bytes of the file `name`, if it is a regular file and no link.
    #[must_use]
    pub fn len_of(&self, name: &str) -> Option<u64> {
        let stat = self.stat(OsStr::new(name))?;
        is_regular(&stat)
            .then(|| stat.st_size.try_into().ok())
            .flatten()
    }

    /// Gives the file `from` the name `to`, in place of whatever has that.
    ///
    /// # Errors
    ///
    /// The system's error if there is no `from`, or `to` is a directory that is not empty.
    pub fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(renameat(&self.held, from, &self.held, to)?)
    }

    /// Removes the file `name`, if it is there.
    pub fn remove(&self, name: impl AsRef<OsStr>) {
        let _ = unlinkat(&self.held, name.as_ref(), AtFlags::empty());
    }

    fn stat(&self, name: &OsStr) -> Option<Stat> {
        statat(&self.held, name, AtFlags::SYMLINK_NOFOLLOW).ok()
    }
}

/// A file that is written but has not got its name. Dropped, it is gone.
#[derive(Debug)]
pub struct Unfinished<'a> {
    file: Temporary<'a>,
    name: OsString,
}

impl Unfinished<'_> {
    /// Gives the file its name, in place of whatever has that.
    ///
    /// # Errors
    ///
    /// The system's error if it can't have its name, because a directory has it; then nothing has changed.
    pub fn finish(self) -> io::Result<()> {
        self.file.persist(&self.name).map(drop)
    }
}

impl Write for Unfinished<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.file.flush()
    }
}

/// A file that has no proper name yet. Dropped, it is gone.
#[derive(Debug)]
struct Temporary<'a> {
    directory: &'a Directory,
    name: String,
    file: File,
    is_persisted: bool,
}

impl<'a> Temporary<'a> {
    fn new(directory: &'a Directory, name: &OsStr) -> io::Result<Self> {
        loop {
            let name = hidden(name);
            match openat(&directory.held, &name, NEW, Mode::from_raw_mode(FILE_MODE)) {
                Err(Errno::EXIST) => {}
                outcome => {
                    return Ok(Self {
                        directory,
                        name,
                        file: outcome?.into(),
                        is_persisted: false,
                    });
                }
            }
        }
    }

    /// Gives the file its name, in place of whatever has it.
    fn persist(mut self, name: &OsStr) -> io::Result<File> {
        self.inherit(name)?;
        let held = &self.directory.held;
        renameat(held, &self.name, held, name)?;
        self.is_persisted = true;
        self.file.try_clone()
    }

    /// Takes over who may read the file that it replaces. For root that also means whose it is, if that
    /// is who has the directory; what another user put there has no say.
    fn inherit(&self, name: &OsStr) -> io::Result<()> {
        let Some(old) = self.directory.stat(name).filter(is_regular) else {
            return Ok(());
        };
        let own = geteuid();
        if old.st_uid != own.as_raw() {
            if !own.is_root() || fstat(&self.directory.held)?.st_uid != old.st_uid {
                return Ok(());
            }
            let (owner, group) = (
                rustix::fs::Uid::from_raw(old.st_uid),
                rustix::fs::Gid::from_raw(old.st_gid),
            );
            fchown(&self.file, Some(owner), Some(group))?;
        }
        Ok(fchmod(
            &self.file,
            Mode::from_raw_mode(old.st_mode & 0o777),
        )?)
    }
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        if !self.is_persisted {
            // Half a file helps nobody, and may be what fills the disk.
            self.directory.remove(&self.name);
        }
    }
}

fn is_regular(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
}

/// A name that begins like `name` but is hidden, and that nobody can guess.
fn hidden(name: &OsStr) -> String {
    let random = RandomState::new().build_hasher().finish();
    // A name may have 255 bytes.
    let name: String = name.to_string_lossy().chars().take(50).collect();
    format!(".{name}-{random:016x}")
}

#[cfg(test)]
mod tests;
