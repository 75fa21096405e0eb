//! The differentiated services code point of what is sent (RFC 2474), by number or by the name of its class.

use std::fmt;
use std::str::FromStr;

/// Names of code points (IANA's registry): RFC 2474, RFC 2597, RFC 3246, RFC 5865, RFC 8622.
const NAMES: [(&str, u8); 24] = [
    ("DF", 0),
    ("LE", 1),
    ("CS0", 0),
    ("CS1", 8),
    ("CS2", 16),
    ("CS3", 24),
    ("CS4", 32),
    ("CS5", 40),
    ("CS6", 48),
    ("CS7", 56),
    ("AF11", 10),
    ("AF12", 12),
    ("AF13", 14),
    ("AF21", 18),
    ("AF22", 20),
    ("AF23", 22),
    ("AF31", 26),
    ("AF32", 28),
    ("AF33", 30),
    ("AF41", 34),
    ("AF42", 36),
    ("AF43", 38),
    ("EF", 46),
    ("VA", 44),
];

/// A code point of 6 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dscp(u8);

impl Dscp {
    /// Returns the code point's number, 0 to 63.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// Returns the type of service or traffic class with the code point, and without congestion notification.
    #[must_use]
    pub const fn traffic_class(self) -> u8 {
        self.0 << 2
    }
}

/// The text names no code point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a number from 0 to 63, or one of DF, LE, EF, VA, CS0 to CS7, AF11 to AF43")]
pub struct NoDscp;

impl FromStr for Dscp {
    type Err = NoDscp;

    fn from_str(text: &str) -> Result<Self, NoDscp> {
        if let Some(&(_, number)) = NAMES
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(text))
        {
            return Ok(Self(number));
        }
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|number| is_number && *number < 64);
        number.map(Self).ok_or(NoDscp)
    }
}

impl fmt::Display for Dscp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_has_a_name_or_a_number() {
        for (text, number) in [
            ("EF", 46),
            ("cs1", 8),
            ("AF43", 38),
            ("46", 46),
            ("0", 0),
            ("63", 63),
        ] {
            let dscp: Dscp = text.parse().unwrap();
            assert_eq!(
                (dscp.number(), dscp.traffic_class()),
                (number, number << 2),
                "{text}"
            );
        }
        for text in ["", "64", "-1", "+1", "AF14", "EF2", "0x2e", "CS"] {
            assert_eq!(text.parse::<Dscp>(), Err(NoDscp), "{text}");
        }
    }
}
