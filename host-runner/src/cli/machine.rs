//! Booting with a progress bar.

use std::path::{Path, PathBuf};

use super::CliError;
use super::args::GuestArgs;
use super::boot_args::{self, Idle};
use super::interrupt::Interrupt;
use super::progress::Bar;
use crate::machine::{Config, MIN_MEMORY_MIB, Machine, MachineError, Netdev};
use crate::target::Bootable;

/// The image's name among what is built.
const IMAGE: &str = "fathom.elf";

/// Where things are built, under the working directory.
const BUILT: &str = "target";

/// The image to boot: the one asked for, else the built one.
#[must_use]
pub fn image(asked_for: Option<&Path>) -> PathBuf {
    asked_for.map_or_else(|| built(IMAGE).join(IMAGE), Path::to_owned)
}

/// The directory of built things that holds `name`: the one under the working directory, else the
/// one that this program itself was built in.
#[must_use]
pub fn built(name: &str) -> PathBuf {
    let here = || Some(PathBuf::from(BUILT)).filter(|directory| directory.join(name).exists());
    let ours = || {
        let program = std::env::current_exe().ok()?;
        let directory = program.parent()?.parent()?;
        directory.join(name).exists().then(|| directory.to_owned())
    };
    here().or_else(ours).unwrap_or_else(|| PathBuf::from(BUILT))
}

/// The unikernel as the options have it.
///
/// # Errors
///
/// [`CliError::Usage`] if its boot arguments can't be handed over.
pub fn hermit(guest: &GuestArgs, idle: Idle) -> Result<Bootable, CliError> {
    Ok(Bootable {
        image: image(guest.image.as_deref()),
        initrd: None,
        boot_args: boot_args::line(guest, idle)?,
        memory_mib: guest.memory.unwrap_or(MIN_MEMORY_MIB),
        modern_device: false,
    })
}

/// Boots what there is to boot as the options say.
///
/// # Errors
///
/// [`CliError::Interrupted`] on Ctrl-C, else what was in the way.
pub fn boot(
    guest: &GuestArgs,
    bootable: Bootable,
    netdev: Netdev,
    console_log: PathBuf,
    interrupt: &Interrupt,
) -> Result<Machine, CliError> {
    boot_as(config(guest, bootable, netdev, console_log), interrupt)
}

/// The machine that the options describe.
#[must_use]
pub fn config(
    guest: &GuestArgs,
    bootable: Bootable,
    netdev: Netdev,
    console_log: PathBuf,
) -> Config {
    Config {
        initrd: bootable.initrd,
        accel: guest.accel,
        machine: guest.machine,
        cpu: guest.cpu.clone(),
        memory_mib: bootable.memory_mib,
        modern_device: bootable.modern_device,
        boot_args: bootable.boot_args,
        ..Config::new(bootable.image, console_log, netdev)
    }
}

/// Boots a machine.
///
/// # Errors
///
/// As [`boot`].
pub fn boot_as(config: Config, interrupt: &Interrupt) -> Result<Machine, CliError> {
    let bar = std::cell::RefCell::new(Bar::new("starting QEMU"));
    let cancelled = || {
        bar.borrow_mut().wait();
        interrupt.is_set()
    };
    let mut on_event = |event| bar.borrow().boot_event(&event);
    match Machine::boot(config, &cancelled, &mut on_event) {
        Ok(machine) => Ok(machine),
        Err(MachineError::Cancelled) => Err(CliError::Interrupted),
        Err(error) => Err(error.into()),
    }
}
