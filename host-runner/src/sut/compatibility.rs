//! Options of a system that don't go together with its link, or with the system itself.

use super::address::Ip;
use super::boot_args::{self, Idle};
use super::{LinkChoice, SutError, SystemSpec};
use crate::link::{Family, LinkKind};
use crate::machine::VhostChoice;

impl SystemSpec {
    /// Checks that the options go together.
    ///
    /// # Errors
    ///
    /// [`SutError::Incompatible`] for the first that doesn't, with a message that names the option and the
    /// remedy.
    pub fn check(&self) -> Result<(), SutError> {
        boot_args::line(&self.guest, Idle::Spin)?;
        let system = self.kind.system();
        let problem = system
            .link_problem(self.link)
            .or_else(|| self.link_problem())
            .or_else(|| self.fault_problem())
            .or_else(|| self.vhost_problem())
            .or_else(|| self.service_problem())
            .or_else(|| self.class_problem())
            .or_else(|| system.problem(self));
        problem.map_or(Ok(()), |problem| Err(SutError::Incompatible(problem)))
    }

    fn link_problem(&self) -> Option<&'static str> {
        match self.link {
            LinkChoice::Link(LinkKind::User) if self.family == Family::V6 => {
                Some("QEMU's user network forwards no IPv6: use `--ipv6` with another link")
            }
            LinkChoice::Link(LinkKind::User) | LinkChoice::Loopback => None,
            LinkChoice::Link(_) if self.guest.ip == Some(Ip::Dhcp) => {
                Some("there is no DHCP server on this link: use `--ip dhcp` with `--link user`")
            }
            LinkChoice::Link(_) if self.guest.host_port != 0 => {
                Some("this link has no host port: use `--host-port` with `--link user`")
            }
            LinkChoice::Link(_) => None,
        }
    }

    fn fault_problem(&self) -> Option<&'static str> {
        let carries_frames = match self.link {
            LinkChoice::Link(kind) => kind.carries_frames(),
            LinkChoice::Loopback => false,
        };
        (self.fault.is_some() && !carries_frames).then_some(
            "no frames of this link pass through fathom: use `--fault` with `--link unix` or `--link vhost-user`",
        )
    }

    fn vhost_problem(&self) -> Option<&'static str> {
        let has_guest = self.kind.system().counting().is_some();
        let is_possible = has_guest && self.link == LinkChoice::Link(LinkKind::Tap);
        (self.guest.vhost == VhostChoice::On && !is_possible).then_some(
            "vhost-net serves a guest on a tap device: use `--vhost on` with `--link tap`",
        )
    }
}
