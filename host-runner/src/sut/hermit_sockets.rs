//! The same service on Hermit's own sockets: another image, for a machine that differs in one thing.
//!
//! It has the boot code, kernel, clock and request handler of the unikernel that is measured as
//! `hermit`; driver, network stack, sockets and waiting are Hermit's own. Hermit's driver skips a
//! virtio device that could also be driven in the old way (a transitional one, virtio 1.2 §7.4), which is
//! what QEMU makes unless told otherwise.

use std::path::{Path, PathBuf};

use super::address::Ip;
use super::boot_args::{self, TSC_KHZ};
use super::{
    BootImage, Counting, CountingClock, GuestSpec, LaunchPlan, LinkChoice, LinuxSpec, RequestQueue,
    SutError, System, SystemKind, SystemSpec, built_file, guest, linux_service,
};
use crate::files;
use crate::link::{Family, Mtu};

/// The image's name among built things.
pub const IMAGE: &str = "fathom-sockets.elf";

/// The guest's default memory in MiB: as much as the other image. It boots in 20 and keeps some 8 MiB of
/// that for receive buffers: Hermit's driver makes each as long as the longest frame that the device could
/// have, and QEMU's names no limit.
pub const DEFAULT_MEMORY_MIB: u32 = 32;

/// The unikernel on Hermit's own sockets.
#[derive(Debug)]
pub struct HermitSockets;

impl System for HermitSockets {
    fn kind(&self) -> SystemKind {
        SystemKind::HermitSockets
    }

    fn answered_by(&self, _: Option<&str>) -> Option<&'static str> {
        Some("answered by a program on Hermit's own sockets")
    }

    fn default_link(&self) -> LinkChoice {
        guest::DEFAULT_LINK
    }

    fn link_problem(&self, link: LinkChoice) -> Option<&'static str> {
        guest::link_problem(link)
    }

    fn problem(&self, spec: &SystemSpec) -> Option<&'static str> {
        if spec.family == Family::V6 {
            Some("hermit-sockets has no IPv6 address: leave out `--ipv6`")
        } else if spec.guest.ip6.is_some() {
            Some("hermit-sockets has no IPv6 address: leave out `--ip6`")
        } else if spec.guest.ip == Some(Ip::Dhcp) {
            Some("hermit-sockets is built without DHCP: use `--ip A.B.C.D/N`")
        } else if spec.guest.mtu > Mtu::ETHERNET {
            Some("hermit-sockets answers in packets of 1500 bytes: leave out `--mtu`")
        } else {
            linux_service::problem_without_linux(spec)
        }
    }

    fn without_foreign_options(&self, spec: SystemSpec) -> SystemSpec {
        guest::without_vhost_elsewhere(SystemSpec {
            guest: spec.guest.without_unikernel(),
            linux: LinuxSpec::default(),
            ..spec
        })
    }

    fn prepare(&self, spec: &SystemSpec, _: &Path) -> Result<LaunchPlan, SutError> {
        Ok(LaunchPlan::Guest(built_image(&spec.guest)?))
    }

    fn start_s(&self) -> f64 {
        1.5
    }

    fn counting(&self) -> Option<Counting> {
        Some(Counting {
            traced_s: 2.0,
            counted_s: 4.0,
            queue: RequestQueue::Socket,
            clock: CountingClock::BootArgument(TSC_KHZ),
        })
    }
}

/// Returns the image as `guest` describes it: the one that it names, else the built one.
fn built_image(guest: &GuestSpec) -> Result<BootImage, SutError> {
    let image = match &guest.image {
        Some(image) => image.clone(),
        None => built_file(IMAGE)?,
    };
    boot_image(
        image,
        boot_args::sockets_line(guest)?,
        guest.memory_mib.unwrap_or(DEFAULT_MEMORY_MIB),
    )
}

/// Returns the image at `image` with the boot arguments `boot_args`.
///
/// # Errors
///
/// [`SutError::Missing`] if the image is not there or can't be read.
pub fn boot_image(
    image: PathBuf,
    boot_args: String,
    memory_mib: u32,
) -> Result<BootImage, SutError> {
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
        let boot_image = || boot_image(image.clone(), "port=1".to_owned(), DEFAULT_MEMORY_MIB);
        let error = boot_image().unwrap_err().to_string();
        assert!(
            error.contains(IMAGE) && error.contains("make sockets"),
            "{error}"
        );
        std::fs::write(&image, "image").unwrap();
        let guest = boot_image().unwrap();
        assert!(guest.modern_device && guest.initrd.is_none());
        assert_eq!((guest.image, guest.memory_mib), (image, 32));
    }
}
