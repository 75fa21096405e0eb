//! Variants: the systems of a comparison, each in one configuration.

use std::fmt;
use std::str::FromStr;

use crate::sut::{ImageLabel, Responder, SystemKind, SystemName};

/// A system in one configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variant {
    /// The system.
    pub kind: SystemKind,
    /// Way in which the service on Linux waits for datagrams, or smoltcp if that answers in the unikernel.
    pub responder: Option<Responder>,
    /// Label of the image that it boots, if that is its own.
    pub image: Option<ImageLabel>,
    /// Number of the variant among equal ones, from 1 on: a system can be compared with itself.
    pub copy: usize,
}

impl Variant {
    /// Returns the name that records have under `target`: without the responder, with the label of an image of its
    /// own, and with the number from the second copy on.
    #[must_use]
    pub fn target_name(&self) -> String {
        let name = match self.image {
            Some(label) => format!("{}@{label}", self.kind.name()),
            None => self.kind.name().to_owned(),
        };
        match self.copy {
            1 => name,
            copy => format!("{name}-{copy}"),
        }
    }
}

impl FromStr for Variant {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(|name: SystemName| name.into())
    }
}

impl From<SystemName> for Variant {
    fn from(name: SystemName) -> Self {
        Self {
            kind: name.kind,
            responder: name.responder_or(None),
            image: None,
            copy: 1,
        }
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.target_name())?;
        match self.responder {
            Some(responder) => write!(f, ":{}", responder.name()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_parsed_and_written_alike() {
        for name in [
            "hermit",
            "hermit:smoltcp",
            "hermit-sockets",
            "null",
            "linux-guest:blocking",
            "linux-guest:io_uring",
            "linux-host:busy",
        ] {
            assert_eq!(name.parse::<Variant>().unwrap().to_string(), name);
        }
        let guest: Variant = "linux-guest".parse().unwrap();
        assert_eq!(guest.to_string(), "linux-guest:blocking");
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        for (name, complaint) in [
            ("plan9", "there is hermit"),
            ("", "there is hermit"),
            ("hermit:busy", "hermit has no mode"),
            ("hermit-sockets:busy", "hermit-sockets has no mode"),
            ("linux-guest:epoll", "the modes are"),
        ] {
            let error = name.parse::<Variant>().unwrap_err();
            assert!(error.contains(complaint), "{name}: {error}");
        }
    }
}
