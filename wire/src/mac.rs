//! Ethernet addresses (IEEE 802-2014 §8.2), and their text: six octets in hexadecimal, `52:54:00:12:34:56`.

use core::fmt;
use core::str::FromStr;

/// Bit of the first octet that a group's address has set (I/G).
const GROUP: u8 = 1 << 0;

/// Bit of the first octet that an address has set which no manufacturer assigned (U/L).
const LOCAL: u8 = 1 << 1;

/// Ethernet address: six octets, in the order in which they are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Mac([u8; 6]);

impl Mac {
    /// Address of all stations of a network.
    pub const BROADCAST: Self = Self([0xff; 6]);

    /// All zero, which stands for an address that is not known.
    pub const UNSPECIFIED: Self = Self([0; 6]);

    /// Returns the address of `octets`, any six.
    #[inline(always)]
    #[must_use]
    pub const fn new(octets: [u8; 6]) -> Self {
        Self(octets)
    }

    /// Returns the six octets, in the order in which they are sent.
    #[inline(always)]
    #[must_use]
    pub const fn octets(self) -> [u8; 6] {
        self.0
    }

    /// Returns true for the address of a group of stations, of which broadcast is one.
    #[inline(always)]
    #[must_use]
    pub const fn is_multicast(self) -> bool {
        self.0[0] & GROUP != 0
    }

    /// Returns true for an address that no manufacturer assigned.
    #[inline(always)]
    #[must_use]
    pub const fn is_locally_administered(self) -> bool {
        self.0[0] & LOCAL != 0
    }

    /// Returns true for an address that one station can have: not a group's, and not all zero.
    #[must_use]
    pub const fn is_host(self) -> bool {
        !self.is_multicast() && !matches!(self, Self::UNSPECIFIED)
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// Fault of a text that is no Ethernet address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MacError {
    /// A number of parts between colons that is not an address's six.
    Parts(usize),
    /// The part of this number, from 1, is not two hexadecimal digits.
    Part(usize),
}

impl fmt::Display for MacError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parts(parts) => write!(f, "{parts} octets instead of six")?,
            Self::Part(number) => write!(f, "octet {number} is not two hexadecimal digits")?,
        }
        f.write_str(": expected an Ethernet address such as 52:54:00:12:34:56")
    }
}

impl core::error::Error for MacError {}

impl FromStr for Mac {
    type Err = MacError;

    /// Reads six octets of two hexadecimal digits, of either case, between colons.
    fn from_str(text: &str) -> Result<Self, MacError> {
        let parts = text.split(':').count();
        if parts != 6 {
            return Err(MacError::Parts(parts));
        }
        let mut octets = [0; 6];
        for (number, (place, part)) in (1..).zip(octets.iter_mut().zip(text.split(':'))) {
            *place = octet(part).ok_or(MacError::Part(number))?;
        }
        Ok(Self(octets))
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
        assert_eq!("ff:ff:ff:ff:ff:ff".parse(), Ok(Mac::BROADCAST));
    }

    #[test]
    fn says_what_is_wrong_with_a_text() {
        for (text, error) in [
            ("", MacError::Parts(1)),
            ("52:54:00:12:34", MacError::Parts(5)),
            ("52:54:00:12:34:56:", MacError::Parts(7)),
            ("52-54-00-12-34-56", MacError::Parts(1)),
            ("52:54:00:12:34:5", MacError::Part(6)),
            ("52:54:00:12:34:+5", MacError::Part(6)),
            ("52:54:00:zz:34:56", MacError::Part(4)),
            ("5254:00:12:34:56:78", MacError::Part(1)),
            (":54:00:12:34:56", MacError::Part(1)),
        ] {
            assert_eq!(text.parse::<Mac>(), Err(error), "{text}");
        }
        assert_eq!(
            MacError::Part(4).to_string(),
            "octet 4 is not two hexadecimal digits: expected an Ethernet address such as 52:54:00:12:34:56"
        );
    }

    #[test]
    fn the_bits_of_the_first_octet_tell_whose_it_is() {
        for (text, is_multicast, is_local, is_host) in [
            ("52:54:00:12:34:56", false, true, true),
            ("00:1b:21:12:34:56", false, false, true),
            ("01:00:5e:00:00:01", true, false, false),
            ("33:33:00:00:00:01", true, true, false),
            ("ff:ff:ff:ff:ff:ff", true, true, false),
            ("00:00:00:00:00:00", false, false, false),
            ("00:00:00:00:00:01", false, false, true),
        ] {
            let mac: Mac = text.parse().unwrap();
            assert_eq!(mac.is_multicast(), is_multicast, "{text}");
            assert_eq!(mac.is_locally_administered(), is_local, "{text}");
            assert_eq!(mac.is_host(), is_host, "{text}");
        }
    }
}
