//! The links that `--link` and `--links` take.
#![forbid(unsafe_code)]

use std::sync::LazyLock;

use clap::ValueEnum;
use clap::builder::PossibleValue;

use crate::link::LinkKind;
use crate::link::udp::LOOPBACK;

/// A link to a system under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkChoice {
    /// A link to a guest, or to what answers in its place.
    Link(LinkKind),
    /// The host's loopback network, to a process on the host.
    Loopback,
}

impl LinkChoice {
    /// Returns the name that `--link` and `--links` take and results carry.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Link(kind) => kind.name(),
            Self::Loopback => LOOPBACK,
        }
    }

    /// Returns whether this side polls memory that it shares with the service.
    #[must_use]
    pub const fn is_polled(self) -> bool {
        match self {
            Self::Link(kind) => kind.is_polled(),
            Self::Loopback => false,
        }
    }
}

impl ValueEnum for LinkChoice {
    fn value_variants<'a>() -> &'a [Self] {
        static ALL: LazyLock<Vec<LinkChoice>> = LazyLock::new(|| {
            let links = LinkKind::value_variants().iter().copied();
            let links = links.map(LinkChoice::Link);
            links.chain([LinkChoice::Loopback]).collect()
        });
        &ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        match self {
            Self::Link(kind) => kind.to_possible_value(),
            Self::Loopback => {
                let help = "The host's own loopback network, to a process or thread on this host";
                Some(PossibleValue::new(LOOPBACK).help(help))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::SystemKind;
    use super::*;

    #[test]
    fn every_link_is_a_choice_and_keeps_its_name() {
        for link in LinkChoice::value_variants() {
            assert_eq!(LinkChoice::from_str(link.name(), false), Ok(*link));
        }
        let links = LinkKind::value_variants();
        assert_eq!(LinkChoice::value_variants().len(), links.len() + 1);
    }

    #[test]
    fn the_default_link_leads_there() {
        for kind in SystemKind::value_variants() {
            let system = kind.system();
            assert_eq!(system.kind(), *kind);
            assert_eq!(system.link_problem(system.default_link()), None, "{kind:?}");
            assert_eq!(system.link_problem(LinkChoice::Link(LinkKind::Tap)), None);
        }
    }
}
