//! Booting with a progress bar.

use std::path::{Path, PathBuf};

use super::CliError;
use super::boot_args::{self, Idle};
use super::interrupt::Interrupt;
use super::progress::Bar;
use crate::experiment::progress::{Stage, StageMonitor as _};
use crate::files::{Destination, is_trusted};
use crate::machine::{Config, MIN_MEMORY_MIB, Machine, MachineError, Netdev};
use crate::sut::{BootImage, GuestSpec};

/// The image's name among what is built.
const IMAGE: &str = "fathom.elf";

/// Where things are built, under the working directory.
const BUILT: &str = "target";

/// The image to boot: the one asked for, else the built one.
///
/// # Errors
///
/// As [`built`].
pub fn image(asked_for: Option<&Path>) -> Result<PathBuf, CliError> {
    match asked_for {
        Some(path) => Ok(path.to_owned()),
        None => Ok(built(IMAGE)?.join(IMAGE)),
    }
}

/// Where an installation has what the program boots, beside the directory of the program.
const INSTALLED: &str = "share/fathom";

/// Returns the directory of built things that holds `name`: the one that this program itself was built or
/// installed in, else the one under the working directory, which may be anybody's: what is there is taken
/// only if nobody else can have put it there.
///
/// # Errors
///
/// [`CliError::Untrusted`] if another user can have put it there.
pub fn built(name: &str) -> Result<PathBuf, CliError> {
    let program = std::env::current_exe().ok();
    let parent = program.as_deref().and_then(|it| it.parent()?.parent());
    built_in(parent, Path::new(BUILT), name)
}

/// Returns the first directory with `name` in it: `parent`, that of the directory which the program is in
/// (`target` of `target/release/fathom`), what is installed below it (`PREFIX/share/fathom` of
/// `PREFIX/bin/fathom`), and `here`.
fn built_in(parent: Option<&Path>, here: &Path, name: &str) -> Result<PathBuf, CliError> {
    let installed = parent.map(|it| it.join(INSTALLED));
    let mut ours = parent.into_iter().chain(installed.as_deref());
    if let Some(directory) = ours.find(|directory| directory.join(name).exists()) {
        return Ok(directory.to_owned());
    }
    let path = here.join(name);
    if path.exists() && !is_trusted(&path) {
        return Err(CliError::Untrusted { path });
    }
    // What is not there will be missed by its name.
    Ok(here.to_owned())
}

/// The unikernel as the options have it.
///
/// # Errors
///
/// [`CliError::Usage`] if its boot arguments can't be handed over, else as [`built`].
pub fn hermit(guest: &GuestSpec, idle: Idle) -> Result<BootImage, CliError> {
    Ok(BootImage {
        image: image(guest.image.as_deref())?,
        initrd: None,
        boot_args: boot_args::line(guest, idle)?,
        memory_mib: guest.memory_mib.unwrap_or(MIN_MEMORY_MIB),
        modern_device: false,
    })
}

/// Boots what there is to boot as the options say.
///
/// # Errors
///
/// [`CliError::Interrupted`] on Ctrl-C, else what was in the way.
pub fn boot(
    guest: &GuestSpec,
    bootable: BootImage,
    netdev: Netdev,
    console_log: Destination,
    interrupt: &Interrupt,
) -> Result<Machine, CliError> {
    boot_as(config(guest, bootable, netdev, console_log), interrupt)
}

/// The machine that the options describe.
#[must_use]
pub fn config(
    guest: &GuestSpec,
    bootable: BootImage,
    netdev: Netdev,
    console_log: Destination,
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
    let bar = std::cell::RefCell::new(Bar::new(Stage::Boot));
    let cancelled = || {
        bar.borrow_mut().wait();
        interrupt.is_set()
    };
    let mut on_event = |event| bar.borrow_mut().boot_event(&event);
    match Machine::boot(config, &cancelled, &mut on_event) {
        Ok(machine) => Ok(machine),
        Err(MachineError::Cancelled) => Err(CliError::Interrupted),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_lies_in_the_working_directory_comes_last_and_must_be_ours_alone() {
        let place = tempfile::tempdir().unwrap();
        let (ours, here) = (place.path().join("ours"), place.path().join("here"));
        let installed = ours.join("share/fathom");
        for directory in [&installed, &here] {
            fs::create_dir_all(directory).unwrap();
            fs::write(directory.join("installed"), "").unwrap();
        }
        for directory in [&ours, &installed, &here] {
            fs::write(directory.join("both"), "").unwrap();
        }
        fs::write(here.join("only"), "").unwrap();
        let found = |name| built_in(Some(&ours), &here, name);
        assert_eq!(found("both").unwrap(), ours);
        assert_eq!(found("installed").unwrap(), installed);
        assert_eq!(found("only").unwrap(), here);
        assert_eq!(found("neither").unwrap(), here);
        fs::set_permissions(&here, Permissions::from_mode(0o777)).unwrap();
        assert_eq!(found("both").unwrap(), ours);
        let error = found("only").unwrap_err().to_string();
        assert!(error.contains("here/only"), "{error}");
    }
}
