//! IP addresses with the length of their network prefix: `10.0.2.15/24`, `fd00::15/64` (RFC 4632 §3.1, RFC 4291
//! §2.3).

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::str::FromStr;

/// Address of one host with the length of its network prefix, in bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cidr<A> {
    /// The address.
    pub address: A,
    /// Number of its leading bits that are the network's.
    pub prefix: u8,
}

impl<A> Cidr<A> {
    /// Returns `address` with a prefix of `prefix` bits, which is not checked.
    #[must_use]
    pub const fn new(address: A, prefix: u8) -> Self {
        Self { address, prefix }
    }
}

impl<A> From<(A, u8)> for Cidr<A> {
    fn from((address, prefix): (A, u8)) -> Self {
        Self { address, prefix }
    }
}

impl Cidr<Ipv4Addr> {
    /// Returns the directed broadcast address of the network (RFC 919 §7); `None` for a prefix of 31 bits
    /// (RFC 3021) or more, whose addresses are all hosts'.
    #[inline(always)]
    #[must_use]
    pub fn broadcast(self) -> Option<Ipv4Addr> {
        let hosts = u32::MAX.checked_shr(self.prefix.into())?;
        (hosts > 1).then(|| Ipv4Addr::from_bits(self.address.to_bits() | hosts))
    }

    /// Returns true if the address can be a host's in its network: neither the network's own nor its broadcast
    /// address, which /31 (RFC 3021) and /32 do not have.
    #[must_use]
    pub fn is_host(self) -> bool {
        let Some(broadcast) = self.broadcast() else {
            return true;
        };
        let hosts = u32::MAX.checked_shr(self.prefix.into()).unwrap_or(0);
        self.address != broadcast && self.address.to_bits() & hosts != 0
    }
}

impl Cidr<IpAddr> {
    /// Returns the directed broadcast address of the network, which only IPv4 has.
    #[must_use]
    pub fn broadcast(self) -> Option<IpAddr> {
        match self.address {
            IpAddr::V4(address) => Cidr::new(address, self.prefix).broadcast().map(IpAddr::V4),
            IpAddr::V6(_) => None,
        }
    }
}

impl<A: fmt::Display> fmt::Display for Cidr<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// The text is no address with the length of a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotACidr;

impl fmt::Display for NotACidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected ADDRESS/N, such as 10.0.2.15/24")
    }
}

impl core::error::Error for NotACidr {}

impl FromStr for Cidr<Ipv4Addr> {
    type Err = NotACidr;

    /// Reads `A.B.C.D/N`, with N from 0 to 32 in decimal digits.
    fn from_str(text: &str) -> Result<Self, NotACidr> {
        read(text, Ipv4Addr::BITS)
    }
}

impl FromStr for Cidr<Ipv6Addr> {
    type Err = NotACidr;

    /// Reads `ADDRESS/N`, with N from 0 to 128 in decimal digits.
    fn from_str(text: &str) -> Result<Self, NotACidr> {
        read(text, Ipv6Addr::BITS)
    }
}

fn read<A: FromStr>(text: &str, bits: u32) -> Result<Cidr<A>, NotACidr> {
    let (address, digits) = text.split_once('/').ok_or(NotACidr)?;
    // The standard library would take a sign.
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    let prefix: u8 = digits.parse().map_err(|_| NotACidr)?;
    if !is_number || u32::from(prefix) > bits {
        return Err(NotACidr);
    }
    let address = address.parse().map_err(|_| NotACidr)?;
    Ok(Cidr { address, prefix })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn reads_and_writes_both_families() {
        let cidr: Cidr<Ipv4Addr> = "10.0.2.15/24".parse().unwrap();
        assert_eq!(cidr, Cidr::new(Ipv4Addr::new(10, 0, 2, 15), 24));
        assert_eq!(cidr.to_string(), "10.0.2.15/24");
        let cidr: Cidr<Ipv6Addr> = "fd00::15/128".parse().unwrap();
        assert_eq!(cidr.prefix, 128);
        assert_eq!(cidr.to_string(), "fd00::15/128");
    }

    #[test]
    fn refuses_other_text() {
        for text in [
            "",
            "/",
            "10.0.2.15",
            "10.0.2.15/",
            "10.0.2.15/33",
            "10.0.2.15/+24",
            "10.0.2.15/-1",
            "10.0.2.15/256",
            "10.0.2.256/24",
            "10.0.2.15/24/24",
            " 10.0.2.15/24",
            "fd00::15/64",
        ] {
            assert_eq!(text.parse::<Cidr<Ipv4Addr>>(), Err(NotACidr), "{text}");
        }
        for text in ["fd00::15", "fd00::15/129", "fd00::15/+1", "10.0.2.15/24"] {
            assert_eq!(text.parse::<Cidr<Ipv6Addr>>(), Err(NotACidr), "{text}");
        }
    }

    #[test]
    fn a_network_of_more_than_two_addresses_has_a_broadcast_address() {
        let broadcast = |text: &str| text.parse::<Cidr<Ipv4Addr>>().unwrap().broadcast();
        assert_eq!(broadcast("10.0.2.15/0"), Some(Ipv4Addr::BROADCAST));
        assert_eq!(
            broadcast("10.0.2.15/24"),
            Some(Ipv4Addr::new(10, 0, 2, 255))
        );
        assert_eq!(broadcast("192.0.2.5/30"), Some(Ipv4Addr::new(192, 0, 2, 7)));
        assert_eq!(
            (broadcast("192.0.2.5/31"), broadcast("192.0.2.5/32")),
            (None, None)
        );
        let either = |address: &str, prefix| Cidr::<IpAddr>::new(address.parse().unwrap(), prefix);
        let expected: IpAddr = "10.0.2.255".parse().unwrap();
        assert_eq!(either("10.0.2.15", 24).broadcast(), Some(expected));
        assert_eq!(either("10.0.2.15", 255).broadcast(), None);
        assert_eq!(either("fd00::15", 64).broadcast(), None);
    }
}
