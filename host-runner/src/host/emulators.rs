//! The emulators of this host: QEMU's program, and KVM.
#![forbid(unsafe_code)]

use std::fs::OpenOptions;
use std::io;
use std::path::PathBuf;

/// Environment variable that names another QEMU than the one on the search path.
pub const QEMU_VARIABLE: &str = "FATHOM_QEMU";

/// Returns the QEMU to run: what [`QEMU_VARIABLE`] says, else `qemu-system-x86_64` on the search path.
#[must_use]
pub fn qemu_program() -> PathBuf {
    std::env::var_os(QEMU_VARIABLE)
        .filter(|program| !program.is_empty())
        .map_or_else(|| PathBuf::from("qemu-system-x86_64"), PathBuf::from)
}

/// Outcome of opening `/dev/kvm`: the reason, in words, if it can't be opened.
pub type Probe = Result<(), String>;

/// Opens `/dev/kvm` and closes it again.
///
/// # Errors
///
/// Says that the device does not exist, or why it can't be opened for reading and writing.
pub fn probe_kvm() -> Probe {
    #[expect(clippy::disallowed_methods, reason = "a device of the kernel's")]
    let kvm = OpenOptions::new().read(true).write(true).open("/dev/kvm");
    match kvm {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err("there is no /dev/kvm".to_owned())
        }
        Err(error) => Err(format!("/dev/kvm can't be opened ({error})")),
    }
}
