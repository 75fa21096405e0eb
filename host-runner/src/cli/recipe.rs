//! From options to what is to be started: whether they go together, and where the parts are.

use std::path::Path;

use super::args::RunArgs;
use super::boot_args::{self, Idle};
use super::values::Ip;
use super::{CliError, linux, machine, sockets};
use crate::link::{Family, LinkKind};
use crate::machine::VhostChoice;
use crate::record::Image;
use crate::sut::LinkChoice;
use crate::sut::{BootImage, SystemKind};

/// Options that don't go together, with the target or at all.
///
/// # Errors
///
/// [`CliError::Usage`] for the first that doesn't.
pub fn check(args: &RunArgs) -> Result<(), CliError> {
    boot_args::line(&args.hermit(), Idle::Spin)?;
    args.load.plan()?.check_packet(family(args), None)?;
    let way = way(args);
    let problem = way.incompatibility(args.target()).or(match way {
        LinkChoice::Link(LinkKind::User) if args.ipv6 => {
            Some("QEMU's user network forwards no IPv6: use `--ipv6` with another link")
        }
        LinkChoice::Link(LinkKind::User) | LinkChoice::Loopback => None,
        LinkChoice::Link(_) if args.guest.ip == Some(Ip::Dhcp) => {
            Some("there is no DHCP server on this link: use `--ip dhcp` with `--link user`")
        }
        LinkChoice::Link(_) if args.guest.host_port != 0 => {
            Some("this link has no host port: use `--host-port` with `--link user`")
        }
        LinkChoice::Link(_) => None,
    });
    let is_native = matches!(args.target(), SystemKind::LinuxHost | SystemKind::Null);
    let problem = problem.or(match way {
        _ if args.guest.vhost != VhostChoice::On => None,
        LinkChoice::Link(LinkKind::Tap) if !is_native => None,
        _ => Some("vhost-net serves a guest on a tap device: use `--vhost on` with `--link tap`"),
    });
    problem.map_or(Ok(()), |problem| Err(CliError::Usage(problem)))?;
    sockets::check(args)?;
    linux::check(args)
}

/// The way to the service: the one asked for, else the best that needs no privilege.
pub(super) fn way(args: &RunArgs) -> LinkChoice {
    args.link.unwrap_or(LinkChoice::best(args.target()))
}

/// The address family to measure over.
pub(super) fn family(args: &RunArgs) -> Family {
    if args.ipv6 { Family::V6 } else { Family::V4 }
}

/// What is to be started, all parts found.
#[derive(Debug)]
pub enum Recipe {
    /// A machine with a guest.
    Guest {
        /// What it boots.
        bootable: BootImage,
        /// The same for the record.
        image: Image,
    },
    /// A process on this host.
    Host,
    /// A thread of this process.
    Thread,
}

impl Recipe {
    /// Finds the parts of what `args` ask for; what has to be made of them goes to `scratch`.
    ///
    /// # Errors
    ///
    /// [`CliError`] if one is missing.
    pub fn find(args: &RunArgs, scratch: &Path) -> Result<Self, CliError> {
        let bootable = match args.target() {
            SystemKind::Hermit => machine::hermit(&args.hermit(), Idle::Spin)?,
            SystemKind::HermitSockets => sockets::guest(&args.guest)?,
            SystemKind::LinuxGuest => linux::guest(args, scratch)?,
            SystemKind::LinuxHost => return Ok(Self::Host),
            SystemKind::Null => return Ok(Self::Thread),
        };
        let image = Image::read(&bootable.image).map_err(|source| CliError::Image {
            path: bootable.image.clone(),
            source,
        })?;
        Ok(Self::Guest { bootable, image })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::super::{Cli, Command};
    use super::*;

    #[test]
    fn vhost_net_is_for_guests_on_a_tap_device() {
        let checked = |options: &str| {
            let line = format!("fathom run --vhost on {options}");
            match Cli::try_parse_from(line.split_whitespace())
                .unwrap()
                .command
            {
                Command::Run(args) => check(&args),
                other => panic!("{other:?}"),
            }
        };
        assert!(checked("--link tap").is_ok());
        assert!(checked("--link tap --target linux-guest").is_ok());
        for options in [
            "",
            "--link unix",
            "--link tap --target null",
            "--target linux-host --link tap",
        ] {
            assert_eq!(checked(options).unwrap_err().exit_code(), 2, "{options}");
        }
    }

    #[test]
    fn a_payload_is_no_longer_than_a_packet_of_the_family() {
        for link in ["unix", "tap", "vhost-user"] {
            let checked = |payload| {
                let line = format!("fathom run --link {link} --ipv6 --payload {payload}");
                match Cli::try_parse_from(line.split_whitespace())
                    .unwrap()
                    .command
                {
                    Command::Run(args) => check(&args),
                    other => panic!("{other:?}"),
                }
            };
            assert!(checked(1452).is_ok(), "{link}");
            let error = checked(1453).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains("choose 44 to 1452"), "{error}");
        }
    }
}
