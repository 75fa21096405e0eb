//! The image, booted by the instrument's own library on a link of its.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::path::Path;

use fathom::link::dscp::Dscp;
use fathom::link::{Family, LinkKind, Mtu};
use fathom::machine::{AccelChoice, Config, DEFAULT_MEMORY_MIB};
use fathom::sut::guest::{Guest, GuestLaunch};
use fathom::sut::{
    BootImage, GuestSpec, LinkChoice, LinuxSpec, ServiceKind, SystemKind, SystemSpec, Watch,
};
use wire::DEFAULT_PORT;

use crate::{artifacts, timeouts};

/// Boots the image, which answers at the default port and spins, with its console's log in the directory `dir`.
///
/// # Panics
///
/// If it does not get ready.
#[must_use]
pub fn boot(
    link: LinkKind,
    accel: AccelChoice,
    dir: &Path,
    extra_qemu_args: Vec<OsString>,
) -> Guest {
    boot_on_mtu(link, Mtu::ETHERNET, accel, dir, extra_qemu_args)
}

/// The same on a network with the given MTU.
///
/// # Panics
///
/// If it does not get ready.
#[must_use]
pub fn boot_on_mtu(
    link: LinkKind,
    mtu: Mtu,
    accel: AccelChoice,
    dir: &Path,
    extra_qemu_args: Vec<OsString>,
) -> Guest {
    let spec = SystemSpec {
        kind: SystemKind::Hermit,
        responder: None,
        link: LinkChoice::Link(link),
        family: Family::V4,
        fault: None,
        guest: GuestSpec {
            accel,
            port: DEFAULT_PORT,
            mtu,
            ..GuestSpec::default()
        },
        service: ServiceKind::default(),
        dscp: Dscp::default(),
        linux: LinuxSpec::default(),
    };
    let image = BootImage {
        image: artifacts::image(),
        initrd: None,
        boot_args: "ip=10.0.2.15/24 gw=10.0.2.2 idle=spin".to_owned(),
        memory_mib: DEFAULT_MEMORY_MIB,
        modern_device: false,
    };
    let console_log = dir.join("console.log");
    let mut launch = GuestLaunch::new(&spec, image, (&console_log).into())
        .unwrap_or_else(|error| panic!("{error}"));
    launch.config = Config {
        qemu: artifacts::qemu(),
        ready_timeout: timeouts::BOOT,
        extra_qemu_args,
        ..launch.config
    };
    let mut watch = Watch {
        is_cancelled: &|| false,
        on_boot: &mut |_| (),
    };
    launch
        .boot(&mut watch)
        .unwrap_or_else(|error| panic!("{}: {error}", link.name()))
}
