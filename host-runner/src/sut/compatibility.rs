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
            .or_else(|| self.mtu_problem())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::Mtu;
    use crate::link::dscp::Dscp;
    use crate::sut::{GuestSpec, LinuxSpec, Responder, ServiceKind, SystemKind};

    fn spec(kind: SystemKind, link: LinkChoice, mtu: u16) -> SystemSpec {
        SystemSpec {
            kind,
            responder: None,
            link,
            family: Family::V4,
            fault: None,
            service: ServiceKind::default(),
            dscp: Dscp::default(),
            guest: GuestSpec {
                mtu: Mtu::new(mtu).unwrap(),
                ..GuestSpec::default()
            },
            linux: LinuxSpec::default(),
        }
    }

    /// Returns the problem with `spec`, in words.
    fn problem(spec: &SystemSpec) -> Option<String> {
        spec.check().err().map(|problem| problem.to_string())
    }

    #[test]
    fn an_mtu_is_refused_where_the_network_is_not_made_here() {
        let frames = [LinkKind::VhostUser, LinkKind::Unix, LinkKind::Tap].map(LinkChoice::Link);
        for link in frames {
            for mtu in [576, 1500, 9216] {
                let spec = spec(SystemKind::Hermit, link, mtu);
                assert_eq!(problem(&spec), None, "{link:?} {mtu}");
                assert_eq!(spec.path_mtu(), u32::from(mtu));
            }
        }
        let user = |mtu| spec(SystemKind::Hermit, LinkChoice::Link(LinkKind::User), mtu);
        assert_eq!(problem(&user(1500)), None);
        assert!(problem(&user(1501)).unwrap().contains("1500 bytes"));
        let loopback = |mtu| spec(SystemKind::LinuxHost, LinkChoice::Loopback, mtu);
        assert_eq!(problem(&loopback(1500)), None);
        assert_eq!(loopback(1500).path_mtu(), 65_536);
        assert!(problem(&loopback(9000)).unwrap().contains("65536"));
    }

    #[test]
    fn an_mtu_is_refused_where_something_on_the_way_has_no_room() {
        let vhost_user = LinkChoice::Link(LinkKind::VhostUser);
        let mut ipv6 = spec(SystemKind::Hermit, vhost_user, 1279);
        assert_eq!(problem(&ipv6), None);
        ipv6.family = Family::V6;
        assert!(problem(&ipv6).unwrap().contains("1280 bytes"));
        let sockets = spec(SystemKind::HermitSockets, vhost_user, 9000);
        assert!(problem(&sockets).unwrap().contains("1500 bytes"));
        let tap = LinkChoice::Link(LinkKind::Tap);
        let mut af_xdp = spec(SystemKind::LinuxHost, tap, 9000);
        assert_eq!(problem(&af_xdp), None);
        af_xdp.responder = Some(Responder::Linux(wire::Mode::AfXdp));
        assert!(problem(&af_xdp).unwrap().contains("1500 bytes"));
    }
}
