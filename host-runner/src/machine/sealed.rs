//! Copies of files that nobody can change (memfd_create(2), `F_SEAL_WRITE`).
//!
//! QEMU boots a copy of the image: what was checked is what is booted, and QEMU's user need not be able to reach the
//! place that it is in.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};

use crate::files;

/// Copies the regular file `path`.
///
/// # Errors
///
/// If it can't be read or is no regular file; those of memfd_create(2).
pub(super) fn copy(path: &Path) -> io::Result<OwnedFd> {
    let mut source = files::open(path)?;
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let mut copy = File::from(memfd_create("boot file", flags)?);
    io::copy(&mut source, &mut copy)?;
    let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE | SealFlags::SEAL;
    fcntl_add_seals(&copy, seals)?;
    Ok(copy.into())
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Seek as _, Write as _};

    use super::*;

    #[test]
    fn a_copy_is_the_same_and_stays_so() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("image");
        std::fs::write(&path, "bytes").unwrap();
        let mut copy = File::from(copy(&path).unwrap());
        copy.rewind().unwrap();
        let mut text = String::new();
        copy.read_to_string(&mut text).unwrap();
        assert_eq!(text, "bytes");
        assert!(copy.write_all(b"more").is_err());
        assert!(copy.set_len(1).is_err());
        assert!(super::copy(directory.path()).is_err());
    }
}
