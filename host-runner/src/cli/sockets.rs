//! The target on Hermit's own sockets: from options to what is booted.

use super::CliError;
use super::args::{GuestArgs, RunArgs};
use super::boot_args;
use super::machine::built;
use super::values::Ip;
use crate::sut::hermit_sockets::{self, DEFAULT_MEMORY_MIB, IMAGE};
use crate::sut::{BootImage, SystemKind};

/// Options that don't go together with the target.
///
/// # Errors
///
/// [`CliError::Usage`] for the first that doesn't.
pub fn check(args: &RunArgs) -> Result<(), CliError> {
    if args.target() != SystemKind::HermitSockets {
        return Ok(());
    }
    if args.ipv6 {
        return Err(CliError::Usage(
            "hermit-sockets has no IPv6 address: leave out `--ipv6`",
        ));
    }
    if args.guest.ip6.is_some() {
        return Err(CliError::Usage(
            "hermit-sockets has no IPv6 address: leave out `--ip6`",
        ));
    }
    if args.guest.ip == Some(Ip::Dhcp) {
        return Err(CliError::Usage(
            "hermit-sockets is built without DHCP: use `--ip A.B.C.D/N`",
        ));
    }
    Ok(())
}

/// The image as the options have it: the one asked for, else the built one.
///
/// # Errors
///
/// [`CliError::Sut`] if it is missing, [`CliError::Usage`] if its boot arguments can't be handed
/// over.
pub fn guest(guest: &GuestArgs) -> Result<BootImage, CliError> {
    let image = match &guest.image {
        Some(image) => image.clone(),
        None => built(IMAGE)?.join(IMAGE),
    };
    Ok(hermit_sockets::bootable(
        image,
        boot_args::sockets_line(guest)?,
        guest.memory.unwrap_or(DEFAULT_MEMORY_MIB),
    )?)
}
