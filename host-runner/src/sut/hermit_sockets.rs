//! The same service on Hermit's own sockets: another image, for a machine that differs in one thing.
//!
//! It has the boot code, kernel, clock and request handler of the unikernel that is measured as
//! `hermit`; driver, network stack, sockets and waiting are Hermit's own. Hermit's driver skips a
//! virtio device that could also be driven in the old way (a transitional one, virtio 1.2 §7.4), which is
//! what QEMU makes unless told otherwise. Knows no links.
#![forbid(unsafe_code)]

use std::path::PathBuf;

use super::{BootImage, SutError};
use crate::files;

/// The image's name among what is built.
pub const IMAGE: &str = "fathom-sockets.elf";

/// The memory it gets unless told otherwise, in MiB: as much as the other image. It boots in 20 and
/// keeps some 8 MiB of that for receive buffers: Hermit's driver makes each as long as the longest
/// frame that the device could have, and QEMU's names no limit.
pub const DEFAULT_MEMORY_MIB: u32 = 32;

/// The image at `image`, told `boot_args`.
///
/// # Errors
///
/// [`SutError::Missing`] if it is not there.
pub fn bootable(image: PathBuf, boot_args: String, memory_mib: u32) -> Result<BootImage, SutError> {
    if let Err(source) = files::open(&image) {
        return Err(SutError::Missing {
            what: "image",
            path: image,
            remedy: "build it with `make sockets`",
            source,
        });
    }
    Ok(BootImage {
        image,
        initrd: None,
        boot_args,
        memory_mib,
        modern_device: true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_that_is_not_there_is_named_with_what_to_do() {
        let directory = tempfile::tempdir().unwrap();
        let image = directory.path().join(IMAGE);
        let bootable = || bootable(image.clone(), "port=1".to_owned(), DEFAULT_MEMORY_MIB);
        let error = bootable().unwrap_err().to_string();
        assert!(
            error.contains(IMAGE) && error.contains("make sockets"),
            "{error}"
        );
        std::fs::write(&image, "image").unwrap();
        let bootable = bootable().unwrap();
        assert!(bootable.modern_device && bootable.initrd.is_none());
        assert_eq!((bootable.image, bootable.memory_mib), (image, 32));
    }
}
