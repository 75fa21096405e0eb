//! A file that the user named, to be written where the name leads.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, openat};

use super::Directory;

/// Maximum number of links that follow each other, as for the kernel.
const MAX_LINKS: usize = 40;

/// A file that the user named. A link of his own is followed, and goes on leading there; a FIFO or a
/// device is written to; a regular file is there as a whole or not at all.
#[derive(Debug)]
pub struct NamedFile(Kind);

#[derive(Debug)]
enum Kind {
    /// Nothing can take its place.
    Special(File),
    Regular {
        directory: Directory,
        name: OsString,
    },
}

impl NamedFile {
    /// Finds out what `path` is, and tries that it can be written; what is in it stays for now.
    ///
    /// # Errors
    ///
    /// If it can't be written, or a link on the way is another user's.
    pub fn prepare(path: &Path) -> io::Result<Self> {
        let mut path = path.to_owned();
        for _ in 0..MAX_LINKS {
            let Ok(metadata) = fs::symlink_metadata(&path) else {
                return Self::regular(&path);
            };
            if metadata.is_file() {
                return Self::regular(&path);
            }
            // What is open already, such as /dev/stdout, has no name to be replaced by.
            if !metadata.is_symlink() || path.starts_with("/proc") {
                return Self::special(&path);
            }
            let own = rustix::process::geteuid().as_raw();
            if metadata.uid() != own && metadata.uid() != 0 {
                let what = format!("{} is a link that another user made", path.display());
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, what));
            }
            path = target(&path)?;
        }
        Err(rustix::io::Errno::LOOP.into())
    }

    fn special(path: &Path) -> io::Result<Self> {
        let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CLOEXEC;
        let file: OwnedFd = openat(CWD, path, flags, Mode::empty())?;
        Ok(Self(Kind::Special(file.into())))
    }

    fn regular(path: &Path) -> io::Result<Self> {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
        let directory = Directory::open(path.parent().unwrap_or(Path::new("")))?;
        directory.check_writable()?;
        Ok(Self(Kind::Regular {
            directory,
            name: name.to_owned(),
        }))
    }

    /// Writes `content`.
    ///
    /// # Errors
    ///
    /// The system's error if the disk is full, the file can't be replaced, or nobody reads the pipe.
    pub fn write(&self, content: &[u8]) -> io::Result<()> {
        match &self.0 {
            Kind::Special(file) => (&*file).write_all(content),
            Kind::Regular { directory, name } => directory.replace(name, content),
        }
    }
}

/// Returns the path that the link `path` leads to.
fn target(path: &Path) -> io::Result<PathBuf> {
    let target = fs::read_link(path)?;
    Ok(path.parent().unwrap_or(Path::new("")).join(target))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn write(path: &Path, content: &str) -> io::Result<()> {
        NamedFile::prepare(path)?.write(content.as_bytes())
    }

    #[test]
    fn links_go_on_leading_where_they_led() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("a.json"), dir.path().join("link"));
        symlink("a.json", &link).unwrap();
        for (path, content) in [(&link, "first"), (&file, "second"), (&link, "third")] {
            write(path, content).unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), content);
        }
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_link_of_another_user_is_not_followed() {
        if !rustix::process::geteuid().is_root() {
            return suite::skip(suite::Capability::Root, "only root can give links away");
        }
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("a.json"), dir.path().join("link"));
        symlink("a.json", &link).unwrap();
        std::os::unix::fs::lchown(&link, Some(65_534), None).unwrap();
        let error = write(&link, "new").unwrap_err();
        assert!(error.to_string().contains("another user"), "{error}");
        assert!(!file.exists());
    }

    #[test]
    fn devices_and_what_is_open_are_written_to() {
        write(Path::new("/dev/null"), "new").unwrap();
        let error = write(Path::new("/dev/full"), "new").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("fifo");
        rustix::fs::mkfifoat(CWD, &fifo, Mode::RUSR | Mode::WUSR).unwrap();
        let path = fifo.clone();
        let reader = std::thread::spawn(move || fs::read_to_string(path));
        write(&fifo, "through").unwrap();
        assert_eq!(reader.join().unwrap().unwrap(), "through");
        let file = File::create(dir.path().join("open")).unwrap();
        let open = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file));
        write(Path::new(&open), "appended").unwrap();
        assert_eq!(file.metadata().unwrap().len(), 8);
    }

    #[test]
    fn an_unwritable_file_is_reported_before_there_is_anything_to_write() {
        let dir = tempfile::tempdir().unwrap();
        assert!(NamedFile::prepare(&dir.path().join("none/file")).is_err());
        assert!(NamedFile::prepare(dir.path()).is_err());
        let file = dir.path().join("file");
        NamedFile::prepare(&file).unwrap();
        assert!(!file.exists(), "nothing is there before there is something");
        symlink("self", dir.path().join("self")).unwrap();
        assert!(NamedFile::prepare(&dir.path().join("self")).is_err());
    }
}
