//! What `--targets` takes.

use std::fmt;
use std::str::FromStr;

use crate::sut::{Responder, SystemKind, SystemName};

/// A target in one of its settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contender {
    /// What it is.
    pub target: SystemKind,
    /// Its variant: how it waits for datagrams, on Linux; who answers, in the unikernel.
    pub responder: Option<Responder>,
    /// Which it is of those that are the same, from 1 on: a target can be compared with itself.
    pub copy: usize,
}

impl Contender {
    /// Its name without the responder's: results call it so.
    #[must_use]
    pub fn target_name(&self) -> String {
        let name = self.target.name();
        match self.copy {
            1 => name.to_owned(),
            copy => format!("{name}-{copy}"),
        }
    }

    /// Tells contenders apart that were named more than once.
    pub fn number(contenders: &mut [Self]) {
        for index in 1..contenders.len() {
            let (before, this) = contenders.split_at_mut(index);
            let same = |other: &&Self| {
                (other.target, other.responder) == (this[0].target, this[0].responder)
            };
            this[0].copy = 1 + before.iter().filter(same).count();
        }
    }
}

impl FromStr for Contender {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name: SystemName = text.parse()?;
        Ok(Self {
            target: name.kind,
            responder: name.responder_or(None),
            copy: 1,
        })
    }
}

impl fmt::Display for Contender {
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
    fn names_are_read_and_written_alike() {
        for name in [
            "hermit",
            "hermit:smoltcp",
            "hermit-sockets",
            "null",
            "linux-guest:blocking",
            "linux-guest:io_uring",
            "linux-host:busy",
        ] {
            assert_eq!(name.parse::<Contender>().unwrap().to_string(), name);
        }
        let guest: Contender = "linux-guest".parse().unwrap();
        assert_eq!(guest.to_string(), "linux-guest:blocking");
    }

    #[test]
    fn what_there_is_not_is_said_with_what_there_is() {
        for (name, complaint) in [
            ("plan9", "there is hermit"),
            ("", "there is hermit"),
            ("hermit:busy", "hermit has no mode"),
            ("hermit-sockets:busy", "hermit-sockets has no mode"),
            ("linux-guest:epoll", "the modes are"),
        ] {
            let error = name.parse::<Contender>().unwrap_err();
            assert!(error.contains(complaint), "{name}: {error}");
        }
    }

    #[test]
    fn the_same_twice_is_told_apart() {
        let names = ["hermit", "linux-guest:busy", "hermit", "null", "hermit"];
        let mut contenders = names.map(|name| name.parse().unwrap());
        Contender::number(&mut contenders);
        let names = contenders.map(|contender| contender.to_string());
        let expected = ["hermit", "linux-guest:busy", "hermit-2", "null", "hermit-3"];
        assert_eq!(names, expected);
    }
}
