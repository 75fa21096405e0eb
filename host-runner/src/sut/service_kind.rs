//! The service of a system that requests go to, and the class in which they do.
#![forbid(unsafe_code)]

use wire::stamp::{STAMP_PORT, Secret};

use super::{GuestSpec, LinkChoice, SystemKind, SystemSpec};
use crate::link::LinkKind;

/// UDP port of the echo service (RFC 862).
const ECHO_PORT: u16 = 7;

/// Services that requests can go to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ServiceKind {
    /// Fathom's own protocol.
    #[default]
    Timestamps,
    /// STAMP's Session-Reflector, with the key of authenticated mode if there is one.
    Stamp(Option<Secret>),
    /// Echo (RFC 862).
    Echo,
}

impl ServiceKind {
    /// Returns the UDP port of the service in `guest`; `None` for the port that a ready line has.
    #[must_use]
    pub fn port(&self, guest: &GuestSpec) -> Option<u16> {
        match self {
            Self::Timestamps => None,
            Self::Stamp(_) => Some(
                guest
                    .value_of("stamp")
                    .map_or(STAMP_PORT, |value| value.parse().unwrap_or(STAMP_PORT)),
            ),
            Self::Echo => Some(ECHO_PORT),
        }
    }

    /// Returns the boot argument by which a guest serves this, unless it does anyway.
    fn boot_arg(&self) -> Option<(&'static str, String)> {
        match self {
            Self::Timestamps | Self::Stamp(None) => None,
            Self::Stamp(Some(key)) => Some(("stamp-key", format!("{key:x}"))),
            Self::Echo => Some(("echo", "on".to_owned())),
        }
    }
}

impl GuestSpec {
    /// Has the guest serve `service`, unless a boot argument says how.
    #[must_use]
    pub(super) fn serving(mut self, service: &ServiceKind) -> Self {
        if let Some((name, value)) = service.boot_arg()
            && self.value_of(name).is_none()
        {
            self.boot_args.push(format!("{name}={value}"));
        }
        self
    }
}

impl SystemSpec {
    /// Returns the problem with a service that the system has not got; `None` if it has.
    pub(super) fn service_problem(&self) -> Option<&'static str> {
        let is_on_tap = self.link == LinkChoice::Link(LinkKind::Tap);
        match (self.kind, &self.service) {
            (_, ServiceKind::Timestamps) | (SystemKind::Hermit | SystemKind::Null, _) => None,
            (SystemKind::LinuxGuest, ServiceKind::Stamp(_)) => None,
            (SystemKind::LinuxHost, ServiceKind::Stamp(None)) if is_on_tap => None,
            (SystemKind::LinuxHost, ServiceKind::Stamp(_)) => Some(
                "linux-host reflects STAMP on link tap, and without a key: choose them, or start `fathom-responder \
                 --stamp` and measure it with `fathom probe`",
            ),
            (_, ServiceKind::Stamp(_) | ServiceKind::Echo) => Some(
                "this target has no service of that protocol: leave out `--protocol`, or choose `--target hermit`",
            ),
        }
    }

    /// Returns the problem with a class on a link that carries none; `None` if there is none.
    pub(super) fn class_problem(&self) -> Option<&'static str> {
        let is_user = self.link == LinkChoice::Link(LinkKind::User);
        (self.dscp.number() != 0 && is_user).then_some(
            "QEMU's user network makes packets of its own, without a class: use `--dscp` with another link",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guest(boot_args: &[&str]) -> GuestSpec {
        GuestSpec {
            boot_args: boot_args.iter().map(|&word| word.to_owned()).collect(),
            ..GuestSpec::default()
        }
    }

    #[test]
    fn each_service_has_its_port() {
        assert_eq!(ServiceKind::Timestamps.port(&guest(&[])), None);
        assert_eq!(ServiceKind::Echo.port(&guest(&[])), Some(7));
        let stamp = ServiceKind::Stamp(None);
        assert_eq!(stamp.port(&guest(&[])), Some(862));
        assert_eq!(stamp.port(&guest(&["stamp=on"])), Some(862));
        assert_eq!(stamp.port(&guest(&["stamp=1", "stamp=8620"])), Some(8620));
    }

    #[test]
    fn a_guest_gets_the_services_arguments_unless_it_has_them() {
        let key = ServiceKind::Stamp(Secret::new(&[0xab; 16]));
        let told = guest(&[]).serving(&key).boot_args;
        assert_eq!(told, [format!("stamp-key={}", "ab".repeat(16))]);
        assert_eq!(
            guest(&["stamp-key=x"]).serving(&key),
            guest(&["stamp-key=x"])
        );
        assert_eq!(guest(&[]).serving(&ServiceKind::Echo), guest(&["echo=on"]));
        assert_eq!(guest(&[]).serving(&ServiceKind::Stamp(None)), guest(&[]));
    }
}
