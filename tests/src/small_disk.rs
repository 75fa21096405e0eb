//! A file system with little room, which nobody but the thread that mounts it and its children see.
#![deny(clippy::undocumented_unsafe_blocks)]

use std::ffi::CString;
use std::io;
use std::panic::resume_unwind;
use std::path::Path;

use rustix::mount::{self, MountFlags, MountPropagationFlags, UnmountFlags};
use rustix::thread::{self, UnshareFlags};
use suite::Capability;
use tempfile::TempDir;

/// The file system; gone when this is dropped.
#[derive(Debug)]
pub struct SmallDisk(TempDir);

impl SmallDisk {
    /// Runs `test` on a thread of its own with a disk that has room for `bytes`; skips the calling
    /// test if none can be mounted.
    ///
    /// # Panics
    ///
    /// If `test` does.
    pub fn with(bytes: u64, test: impl FnOnce(&Self) + Send) {
        // The namespace is the thread's, and ends with it.
        let ended = std::thread::scope(|scope| {
            let thread = scope.spawn(|| Self::mount(bytes).map(|disk| test(&disk)));
            thread.join().unwrap_or_else(|panic| resume_unwind(panic))
        });
        if let Err(error) = ended {
            suite::skip(Capability::Mount, error);
        }
    }

    /// One with room for `bytes`, mounted in a namespace of the calling thread's own.
    ///
    /// # Errors
    ///
    /// Those of the system: it takes a privilege.
    fn mount(bytes: u64) -> io::Result<Self> {
        let directory = tempfile::tempdir()?;
        // SAFETY: what a thread stops sharing here is its mounts and working directory; no file
        // descriptor or memory is touched, and nothing in this program counts on threads sharing
        // either of the two.
        unsafe { thread::unshare_unsafe(UnshareFlags::NEWNS | UnshareFlags::FS) }?;
        // Nothing that is mounted from here on is seen outside.
        let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
        mount::mount_change("/", private)?;
        let size = CString::new(format!("size={bytes}"))?;
        let flags = MountFlags::NODEV | MountFlags::NOSUID;
        mount::mount("none", directory.path(), "tmpfs", flags, size.as_c_str())?;
        Ok(Self(directory))
    }

    /// Path.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Or the directory could not be removed.
        let _ = mount::unmount(self.0.path(), UnmountFlags::DETACH);
    }
}
