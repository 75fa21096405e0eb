//! The ways to a service that `--link` and `--links` take.
#![forbid(unsafe_code)]

use clap::ValueEnum;
use clap::builder::PossibleValue;

use super::SystemKind;
use crate::link::LinkKind;
use crate::link::udp::LOOPBACK;

/// A way to a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkChoice {
    /// A link to a guest, or to what answers in its place.
    Link(LinkKind),
    /// The host's loopback network, to a process on the host.
    Loopback,
}

impl LinkChoice {
    /// The name that `--link` and `--links` take and results carry.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Link(kind) => kind.name(),
            Self::Loopback => LOOPBACK,
        }
    }

    /// The way to `target` unless another is asked for: the best that needs no privilege.
    #[must_use]
    pub fn best(target: SystemKind) -> Self {
        match target {
            SystemKind::Hermit
            | SystemKind::HermitSockets
            | SystemKind::LinuxGuest
            | SystemKind::Null => Self::Link(LinkKind::default()),
            SystemKind::LinuxHost => Self::Loopback,
        }
    }

    /// Why this way does not lead to `target`, if it does not.
    #[must_use]
    pub const fn incompatibility(self, target: SystemKind) -> Option<&'static str> {
        match (target, self) {
            (
                SystemKind::Hermit | SystemKind::HermitSockets | SystemKind::LinuxGuest,
                Self::Loopback,
            ) => Some(
                "only a process on the host is reached over loopback: choose another with `--link`",
            ),
            (
                SystemKind::LinuxHost,
                Self::Link(LinkKind::User | LinkKind::Unix | LinkKind::VhostUser),
            ) => Some(
                "linux-host has no virtual network card: it is reached over link `loopback` or `tap`, \
                 choose one with `--link`",
            ),
            (SystemKind::Null, Self::Link(LinkKind::User)) => Some(
                "there is no QEMU network without a guest: choose another link for null than `user` \
                 with `--link`",
            ),
            _ => None,
        }
    }
}

impl ValueEnum for LinkChoice {
    fn value_variants<'a>() -> &'a [Self] {
        &[
            Self::Link(LinkKind::User),
            Self::Link(LinkKind::Unix),
            Self::Link(LinkKind::Tap),
            Self::Link(LinkKind::VhostUser),
            Self::Loopback,
        ]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        match self {
            Self::Link(kind) => kind.to_possible_value(),
            Self::Loopback => {
                let help = "The host's own loopback network, to what is no guest";
                Some(PossibleValue::new(LOOPBACK).help(help))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_link_is_a_way_and_keeps_its_name() {
        for way in LinkChoice::value_variants() {
            assert_eq!(LinkChoice::from_str(way.name(), false), Ok(*way));
        }
        let links = LinkKind::value_variants();
        assert_eq!(LinkChoice::value_variants().len(), links.len() + 1);
    }

    #[test]
    fn the_best_way_leads_there() {
        for target in SystemKind::value_variants() {
            assert_eq!(
                LinkChoice::best(*target).incompatibility(*target),
                None,
                "{target:?}"
            );
        }
        let tap = LinkChoice::Link(LinkKind::Tap);
        assert!(
            SystemKind::value_variants()
                .iter()
                .all(|target| tap.incompatibility(*target).is_none())
        );
    }
}
