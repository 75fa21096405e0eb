//! The target on Hermit's own sockets: from options to what is booted.

use super::CliError;
use super::boot_args;
use super::machine::built;
use crate::link::Family;
use crate::sut::address::Ip;
use crate::sut::hermit_sockets::{self, DEFAULT_MEMORY_MIB, IMAGE};
use crate::sut::{BootImage, GuestSpec, SystemKind, SystemSpec};

/// Options that don't go together with the target.
///
/// # Errors
///
/// [`CliError::Usage`] for the first that doesn't.
pub fn check(system: &SystemSpec) -> Result<(), CliError> {
    if system.kind != SystemKind::HermitSockets {
        return Ok(());
    }
    let guest = &system.guest;
    let problem = if system.family == Family::V6 {
        "hermit-sockets has no IPv6 address: leave out `--ipv6`"
    } else if guest.ip6.is_some() {
        "hermit-sockets has no IPv6 address: leave out `--ip6`"
    } else if guest.ip == Some(Ip::Dhcp) {
        "hermit-sockets is built without DHCP: use `--ip A.B.C.D/N`"
    } else {
        return Ok(());
    };
    Err(CliError::Usage(problem))
}

/// The image as the options have it: the one asked for, else the built one.
///
/// # Errors
///
/// [`CliError::Sut`] if it is missing, [`CliError::Usage`] if its boot arguments can't be handed
/// over.
pub fn guest(guest: &GuestSpec) -> Result<BootImage, CliError> {
    let image = match &guest.image {
        Some(image) => image.clone(),
        None => built(IMAGE)?.join(IMAGE),
    };
    Ok(hermit_sockets::bootable(
        image,
        boot_args::sockets_line(guest)?,
        guest.memory_mib.unwrap_or(DEFAULT_MEMORY_MIB),
    )?)
}
