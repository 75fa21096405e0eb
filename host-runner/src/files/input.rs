//! Files that others may have made, read with a limit.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, openat};

/// Reads the regular file `path`, if it has no more than `limit` bytes.
///
/// # Errors
///
/// If it can't be read, is something else than a regular file, or is longer.
pub fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    read_at(CWD, path, limit)
}

/// Opens the regular file `path` for reading, if it is one: an image, which may be of any length.
///
/// # Errors
///
/// If it can't be read, or is something else.
pub fn open(path: &Path) -> io::Result<File> {
    open_at(CWD, path)
}

/// Reads the regular file `path` under `directory`.
pub(super) fn read_at(directory: impl AsFd, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let too_long = || {
        let what = format!("it is longer than {limit} bytes");
        io::Error::new(io::ErrorKind::FileTooLarge, what)
    };
    let file = open_at(directory, path)?;
    let len = file.metadata()?.len();
    if len > limit {
        return Err(too_long());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(len).unwrap_or_default());
    // It may grow meanwhile.
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(too_long());
    }
    Ok(bytes)
}

/// Opens a regular file. What it is, is seen before it is opened for reading: to open a FIFO is to wait,
/// and to open a device is to do something to it.
fn open_at(directory: impl AsFd, path: &Path) -> io::Result<File> {
    let opened = openat(
        directory,
        path,
        OFlags::PATH | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    let kind = FileType::from_raw_mode(fstat(&opened)?.st_mode);
    let what = match kind {
        FileType::RegularFile => {
            return File::open(format!("/proc/self/fd/{}", opened.as_raw_fd()));
        }
        FileType::Directory => "it is a directory",
        FileType::Fifo => "it is a FIFO",
        FileType::Socket => "it is a socket",
        _ => "it is a device",
    };
    let error = format!("{what}, and no regular file");
    Err(io::Error::new(io::ErrorKind::InvalidInput, error))
}

/// Says that nobody but this user (or root) can have put or can change what `path` leads to: it and the
/// directory that it is in are of such an owner, and others can't write to them.
#[must_use]
pub fn is_trusted(path: &Path) -> bool {
    let is_safe = |path: &Path| {
        path.metadata().is_ok_and(|metadata| {
            let own = rustix::process::geteuid().as_raw();
            (metadata.uid() == own || metadata.uid() == 0) && metadata.mode() & 0o002 == 0
        })
    };
    let Ok(path) = path.canonicalize() else {
        return false;
    };
    is_safe(&path) && path.parent().is_none_or(is_safe)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn only_regular_files_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("fifo");
        rustix::fs::mkfifoat(CWD, &fifo, Mode::RUSR).unwrap();
        for (path, what) in [
            (fifo.as_path(), "FIFO"),
            (Path::new("/dev/zero"), "device"),
            (dir.path(), "directory"),
        ] {
            let error = read(path, 10).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
        let link = dir.path().join("link");
        std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
        assert!(read(&link, 10).is_err());
    }

    #[test]
    fn a_file_that_is_too_long_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, "0123456789").unwrap();
        assert_eq!(read(&path, 10).unwrap(), b"0123456789");
        let error = read(&path, 9).unwrap_err();
        assert_eq!(error.to_string(), "it is longer than 9 bytes");
        // Its length is no measure of what such a file gives.
        assert!(read(Path::new("/proc/self/status"), 10).is_err());
    }

    #[test]
    fn files_that_others_can_write_are_not_trusted() {
        let dir = tempfile::tempdir().unwrap();
        let directory = dir.path().join("built");
        let file = directory.join("file");
        fs::create_dir(&directory).unwrap();
        fs::write(&file, "").unwrap();
        let set = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode));
        set(&file, 0o755).unwrap();
        set(&directory, 0o755).unwrap();
        assert!(is_trusted(&file));
        set(&file, 0o757).unwrap();
        assert!(!is_trusted(&file));
        set(&file, 0o755).unwrap();
        set(&directory, 0o777).unwrap();
        assert!(!is_trusted(&file));
        assert!(!is_trusted(&directory.join("none")));
    }
}
