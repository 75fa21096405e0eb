//! A file that others write to as well: content is added at its end.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, openat};

/// Adds to the regular file `path`, which is made if it is not there, what `make` makes of its length in bytes.
///
/// # Errors
///
/// If it can't be written, or is no regular file.
pub fn append(path: &Path, make: impl FnOnce(u64) -> Vec<u8>) -> io::Result<()> {
    // A FIFO that nobody reads is refused, not waited for.
    let flags =
        OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file: OwnedFd = openat(CWD, path, flags, Mode::from_raw_mode(0o666))?;
    let stat = fstat(&file)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is no regular file",
        ));
    }
    let len = u64::try_from(stat.st_size).unwrap_or_default();
    File::from(file).write_all(&make(len))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn content_is_added_at_the_end_of_a_regular_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("summary");
        for before in [0, 2, 4] {
            append(&path, |len| {
                assert_eq!(len, before);
                b"ab".to_vec()
            })
            .unwrap();
        }
        assert_eq!(fs::read(&path).unwrap(), b"ababab");
        assert!(append(directory.path(), |_| Vec::new()).is_err());
        assert!(append(Path::new("/dev/null"), |_| Vec::new()).is_err());
        let fifo = directory.path().join("fifo");
        rustix::fs::mkfifoat(CWD, &fifo, Mode::RUSR | Mode::WUSR).unwrap();
        assert!(append(&fifo, |_| Vec::new()).is_err());
    }
}
