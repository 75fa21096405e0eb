//! Addresses of a guest, as they are written on the command line and in boot arguments.
#![forbid(unsafe_code)]

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use wire::Cidr;

/// Source of a guest's IPv4 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ip {
    /// A DHCP server.
    Dhcp,
    /// The boot arguments: address and length of the network prefix.
    Static(Cidr<Ipv4Addr>),
}

impl FromStr for Ip {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "dhcp" {
            return Ok(Self::Dhcp);
        }
        text.parse()
            .map(Self::Static)
            .map_err(|_| "expected A.B.C.D/N, such as 10.0.2.15/24, or dhcp".to_owned())
    }
}

impl fmt::Display for Ip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dhcp => f.write_str("dhcp"),
            Self::Static(cidr) => cidr.fmt(f),
        }
    }
}

/// An IPv6 address with the length of its network prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ip6(pub Cidr<Ipv6Addr>);

impl FromStr for Ip6 {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse()
            .map(Self)
            .map_err(|_| "expected ADDRESS/N, such as fd00::15/64".to_owned())
    }
}

impl fmt::Display for Ip6 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_addresses() {
        assert_eq!("dhcp".parse(), Ok(Ip::Dhcp));
        let address = Ipv4Addr::new(10, 0, 2, 15);
        assert_eq!(
            "10.0.2.15/24".parse(),
            Ok(Ip::Static(Cidr::new(address, 24)))
        );
        let address = "fd00::15".parse().unwrap();
        assert_eq!("fd00::15/64".parse(), Ok(Ip6(Cidr::new(address, 64))));
        for bad in ["10.0.2.15", "10.0.2.15/33", "10.0.2.256/24", "DHCP", ""] {
            assert!(bad.parse::<Ip>().is_err(), "{bad}");
        }
        for bad in ["fd00::15", "fd00::15/129", "10.0.2.15/24"] {
            assert!(bad.parse::<Ip6>().is_err(), "{bad}");
        }
    }
}
