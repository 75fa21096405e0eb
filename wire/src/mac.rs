//! Ethernet addresses as text: six octets in hexadecimal, `52:54:00:12:34:56`.

use core::fmt;
use core::str::FromStr;

/// The Ethernet address of one host: not a group's, and not all zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mac([u8; 6]);

impl Mac {
    /// Checks that the address can be one host's.
    #[must_use]
    pub const fn new(octets: [u8; 6]) -> Option<Self> {
        let is_group = octets[0] & 1 == 1;
        if is_group || matches!(octets, [0, 0, 0, 0, 0, 0]) {
            None
        } else {
            Some(Self(octets))
        }
    }

    /// The six octets, in the order in which they are sent.
    #[must_use]
    pub const fn octets(self) -> [u8; 6] {
        self.0
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// The text is not the Ethernet address of one host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAMac;

impl fmt::Display for NotAMac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected the Ethernet address of one host, such as 52:54:00:12:34:56")
    }
}

impl core::error::Error for NotAMac {}

impl FromStr for Mac {
    type Err = NotAMac;

    /// Reads six octets of two hexadecimal digits, of either case.
    fn from_str(text: &str) -> Result<Self, NotAMac> {
        let mut octets = text.split(':').map(octet);
        let mut mac = [0; 6];
        for place in &mut mac {
            *place = octets.next().flatten().ok_or(NotAMac)?;
        }
        if octets.next().is_some() {
            return Err(NotAMac);
        }
        Self::new(mac).ok_or(NotAMac)
    }
}

/// Two hexadecimal digits; a sign, which the standard library would take, is none.
fn octet(digits: &str) -> Option<u8> {
    let is_octet = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_octet
        .then(|| u8::from_str_radix(digits, 16).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn reads_and_writes_an_address() {
        let mac: Mac = "52:54:00:12:34:aF".parse().unwrap();
        assert_eq!(mac.octets(), [0x52, 0x54, 0, 0x12, 0x34, 0xaf]);
        assert_eq!(mac.to_string(), "52:54:00:12:34:af");
    }

    #[test]
    fn refuses_what_is_not_one_hosts() {
        for text in [
            "",
            "52:54:00:12:34",
            "52:54:00:12:34:56:78",
            "52:54:00:12:34:5",
            "52:54:00:12:34:+5",
            "52-54-00-12-34-56",
            "52:54:00:12:34:zz",
            "01:00:5e:00:00:01",
            "ff:ff:ff:ff:ff:ff",
            "00:00:00:00:00:00",
        ] {
            assert_eq!(text.parse::<Mac>(), Err(NotAMac), "{text}");
        }
    }
}
