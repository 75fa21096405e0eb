//! Booting with a progress bar.

use std::path::{Path, PathBuf};

use super::CliError;
use super::args::GuestArgs;
use super::boot_args::{self, Idle};
use super::interrupt::Interrupt;
use super::progress::Bar;
use crate::machine::{Config, Machine, MachineError, Netdev};

/// Where the image is built, under the working directory.
const DEFAULT_IMAGE: &str = "target/fathom.elf";

/// The image to boot: the one asked for, else the one under the working directory, else the one
/// beside this program's own build directory.
#[must_use]
pub fn image(asked_for: Option<&Path>) -> PathBuf {
    let here = || Some(PathBuf::from(DEFAULT_IMAGE)).filter(|path| path.exists());
    let beside_us = || {
        let program = std::env::current_exe().ok()?;
        let path = program.parent()?.parent()?.join("fathom.elf");
        path.exists().then_some(path)
    };
    asked_for
        .map(Path::to_owned)
        .or_else(here)
        .or_else(beside_us)
        .unwrap_or_else(|| PathBuf::from(DEFAULT_IMAGE))
}

/// Boots `image` as the options say.
///
/// # Errors
///
/// [`CliError::Interrupted`] on Ctrl-C, else what was in the way.
pub fn boot(
    guest: &GuestArgs,
    image: &Path,
    idle: Idle,
    netdev: Netdev,
    console_log: PathBuf,
    interrupt: &Interrupt,
) -> Result<Machine, CliError> {
    let config = Config {
        accel: guest.accel,
        machine: guest.machine,
        cpu: guest.cpu.clone(),
        memory_mib: guest.memory,
        boot_args: boot_args::line(guest, idle)?,
        ..Config::new(image.to_owned(), console_log, netdev)
    };
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
