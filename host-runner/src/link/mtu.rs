//! The MTU of a link: the longest packet that it carries in one frame.
#![forbid(unsafe_code)]

use std::fmt;
use std::str::FromStr;

use wire::MAX_MTU;

/// Least MTU, in bytes: the longest packet that every host takes (RFC 1122 §3.3.2).
const MIN_MTU: u16 = 576;

/// MTU of Ethernet without jumbo frames, in bytes.
const ETHERNET_MTU: u16 = 1500;

/// MTU of a link, in bytes: the longest IP packet, its header included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mtu(u16);

impl Mtu {
    /// Ethernet's without jumbo frames: 1500.
    pub const ETHERNET: Self = Self(ETHERNET_MTU);

    /// Least MTU of a link with IPv6 (RFC 8200 §5).
    pub const MIN_IPV6: Self = Self(1280);

    /// Returns the MTU of so many bytes; `None` unless that is 576 to [`MAX_MTU`].
    #[must_use]
    pub fn new(bytes: u16) -> Option<Self> {
        (MIN_MTU..=MAX_MTU as u16)
            .contains(&bytes)
            .then_some(Self(bytes))
    }

    /// Returns the number of bytes.
    #[must_use]
    pub const fn bytes(self) -> u16 {
        self.0
    }

    /// Returns the number of bytes, unless that is the [usual](Self::ETHERNET) one, which nobody has to be told.
    #[must_use]
    pub fn unusual(self) -> Option<u16> {
        (self != Self::ETHERNET).then_some(self.0)
    }
}

impl Default for Mtu {
    fn default() -> Self {
        Self::ETHERNET
    }
}

impl fmt::Display for Mtu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A text that is no [`Mtu`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("choose {MIN_MTU} to {MAX_MTU} bytes")]
pub struct InvalidMtu;

impl FromStr for Mtu {
    type Err = InvalidMtu;

    fn from_str(text: &str) -> Result<Self, InvalidMtu> {
        let bytes = text.parse().map_err(|_| InvalidMtu)?;
        Self::new(bytes).ok_or(InvalidMtu)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_mtu_is_any_host_s_or_more_and_at_most_a_switch_s() {
        for (text, expected) in [
            ("575", Err(InvalidMtu)),
            ("576", Ok(Mtu(576))),
            ("1500", Ok(Mtu::ETHERNET)),
            ("9000", Ok(Mtu(9000))),
            ("9216", Ok(Mtu(9216))),
            ("9217", Err(InvalidMtu)),
            ("65536", Err(InvalidMtu)),
            ("", Err(InvalidMtu)),
            ("9k", Err(InvalidMtu)),
        ] {
            assert_eq!(text.parse(), expected, "{text}");
        }
        assert_eq!(InvalidMtu.to_string(), "choose 576 to 9216 bytes");
        assert_eq!(Mtu::default().unusual(), None);
        assert_eq!("9000".parse::<Mtu>().unwrap().unusual(), Some(9000));
    }
}
