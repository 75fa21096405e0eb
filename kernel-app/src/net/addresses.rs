//! The addresses that the service answers as.
//!
//! No unsafe code.
#![forbid(unsafe_code)]

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use wire::{Cidr, Mac};

/// Prefix length of link-local addresses (RFC 4291 §2.5.6).
const LINK_LOCAL_PREFIX: u8 = 64;

/// The addresses the service answers as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// Ethernet address.
    pub mac: Mac,
    /// IPv4 address and prefix length, once there is one.
    pub ipv4: Option<(Ipv4Addr, u8)>,
    /// Link-local IPv6 address, made of the Ethernet address.
    pub link_local: Ipv6Addr,
    /// IPv6 address and prefix length from the boot arguments or a router's advertisements.
    pub ipv6: Option<(Ipv6Addr, u8)>,
}

impl Addresses {
    /// Addresses of a host that so far has its Ethernet address and what follows from it.
    #[must_use]
    pub fn new(mac: Mac, ipv6: Option<(Ipv6Addr, u8)>) -> Self {
        Self {
            mac,
            ipv4: None,
            link_local: link_local(mac),
            ipv6,
        }
    }

    /// Returns true if `address` is one of them.
    #[inline(always)]
    #[must_use]
    pub fn has(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => self.ipv4.is_some_and(|(own, _)| own == address),
            IpAddr::V6(address) => {
                self.link_local == address || self.ipv6.is_some_and(|(own, _)| own == address)
            }
        }
    }

    /// Returns true if `address` is a multicast or broadcast address.
    #[inline(always)]
    #[must_use]
    pub fn is_group(&self, address: IpAddr) -> bool {
        address.is_multicast()
            || matches!(address, IpAddr::V4(v4) if v4.is_broadcast() || self.broadcast() == Some(v4))
    }

    /// Returns true if `address` is the subnet's broadcast address.
    #[inline(always)]
    #[must_use]
    pub fn is_broadcast(&self, address: IpAddr) -> bool {
        matches!(address, IpAddr::V4(v4) if self.broadcast() == Some(v4))
    }

    /// The subnet's broadcast address, which /31 and /32 do not have.
    #[inline(always)]
    #[must_use]
    pub fn broadcast(&self) -> Option<Ipv4Addr> {
        Cidr::from(self.ipv4?).broadcast()
    }

    /// The IPv6 address to tell people: the configured one, else the link-local one.
    #[must_use]
    pub fn main_ipv6(&self) -> (Ipv6Addr, u8) {
        self.ipv6.unwrap_or((self.link_local, LINK_LOCAL_PREFIX))
    }
}

/// The link-local address of the host at `mac`.
fn link_local(mac: Mac) -> Ipv6Addr {
    eui_64([0xfe, 0x80, 0, 0, 0, 0, 0, 0], mac)
}

/// The address in the network `prefix` with the modified EUI-64 identifier of `mac` (RFC 4291 appendix A).
#[must_use]
pub fn eui_64(prefix: [u8; 8], mac: Mac) -> Ipv6Addr {
    let [a, b, c, d, e, f] = mac.octets();
    let mut octets = [0; 16];
    octets[..8].copy_from_slice(&prefix);
    octets[8..].copy_from_slice(&[a ^ 0x02, b, c, 0xff, 0xfe, d, e, f]);
    Ipv6Addr::from_octets(octets)
}

#[cfg(test)]
mod tests {
    use smoltcp::wire::Ipv4Cidr;

    use super::*;

    #[test]
    fn link_local_is_modified_eui_64() {
        let expected: Ipv6Addr = "fe80::5054:ff:fe12:3456".parse().unwrap();
        assert_eq!(
            link_local(Mac::new([0x52, 0x54, 0, 0x12, 0x34, 0x56])),
            expected
        );
    }

    #[test]
    fn groups_and_own_addresses() {
        let mut own = Addresses::new(Mac::new([2, 0, 0, 0, 0, 1]), None);
        let has = |own: &Addresses, text: &str| own.has(text.parse().unwrap());
        let is_group = |own: &Addresses, text: &str| own.is_group(text.parse().unwrap());
        assert!(!has(&own, "10.0.2.15") && has(&own, "fe80::ff:fe00:1"));
        assert!(!is_group(&own, "10.0.2.255") && is_group(&own, "255.255.255.255"));
        own.ipv4 = Some((Ipv4Addr::new(10, 0, 2, 15), 24));
        assert!(has(&own, "10.0.2.15") && is_group(&own, "10.0.2.255"));
        assert!(is_group(&own, "224.0.0.1") && is_group(&own, "ff02::1"));
        assert!(!is_group(&own, "10.0.2.15") && !is_group(&own, "fe80::1"));
        for prefix in 0..=32 {
            let address = Ipv4Addr::new(10, 0, 2, 15);
            own.ipv4 = Some((address, prefix));
            assert_eq!(own.broadcast(), Ipv4Cidr::new(address, prefix).broadcast());
        }
    }
}
