//! From options to what is to be started: whether they go together, and where the parts are.

use std::path::Path;

use super::boot_args::{self, Idle};
use super::{CliError, linux, machine, sockets};
use crate::link::{Family, LinkKind};
use crate::load::Plan;
use crate::machine::VhostChoice;
use crate::record::Image;
use crate::sut::LinkChoice;
use crate::sut::address::Ip;
use crate::sut::{BootImage, SystemKind, SystemSpec};

/// Checks that the options go together, with the target and at all.
///
/// # Errors
///
/// [`CliError::Usage`] for the first that doesn't.
pub fn check(system: &SystemSpec, plan: &Plan) -> Result<(), CliError> {
    let guest = &system.guest;
    boot_args::line(guest, Idle::Spin)?;
    plan.check_packet(system.family, None)?;
    let link = system.link;
    let problem = link.incompatibility(system.kind).or(match link {
        LinkChoice::Link(LinkKind::User) if system.family == Family::V6 => {
            Some("QEMU's user network forwards no IPv6: use `--ipv6` with another link")
        }
        LinkChoice::Link(LinkKind::User) | LinkChoice::Loopback => None,
        LinkChoice::Link(_) if guest.ip == Some(Ip::Dhcp) => {
            Some("there is no DHCP server on this link: use `--ip dhcp` with `--link user`")
        }
        LinkChoice::Link(_) if guest.host_port != 0 => {
            Some("this link has no host port: use `--host-port` with `--link user`")
        }
        LinkChoice::Link(_) => None,
    });
    let is_native = matches!(system.kind, SystemKind::LinuxHost | SystemKind::Null);
    let problem = problem.or(match link {
        _ if guest.vhost != VhostChoice::On => None,
        LinkChoice::Link(LinkKind::Tap) if !is_native => None,
        _ => Some("vhost-net serves a guest on a tap device: use `--vhost on` with `--link tap`"),
    });
    problem.map_or(Ok(()), |problem| Err(CliError::Usage(problem)))?;
    sockets::check(system)?;
    linux::check(system)
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
    /// Finds the parts of `system`; what has to be made of them goes to `scratch`.
    ///
    /// # Errors
    ///
    /// [`CliError`] if one is missing.
    pub fn find(system: &SystemSpec, scratch: &Path) -> Result<Self, CliError> {
        let bootable = match system.kind {
            SystemKind::Hermit => machine::hermit(&system.guest, Idle::Spin)?,
            SystemKind::HermitSockets => sockets::guest(&system.guest)?,
            SystemKind::LinuxGuest => linux::guest(system, scratch)?,
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

    #[test]
    fn vhost_net_is_for_guests_on_a_tap_device() {
        let checked = |options: &str| {
            let line = format!("fathom run --vhost on {options}");
            match Cli::try_parse_from(line.split_whitespace())
                .unwrap()
                .command
            {
                Command::Run(args) => args.spec(),
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
                    Command::Run(args) => args.spec(),
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
