//! An Ethernet address for a device that has none of its own (virtio 1.2 §5.1.5: the driver then makes
//! a locally administered one).
//!
//! Firecracker's has none unless `guest_mac` is configured. The address should be the same after a reboot,
//! or every peer's ARP cache and every DHCP lease goes stale, and another's on the same link never. What is
//! made of a static IPv4 address is both, for that has to be so anyway. Else there is nothing to make it of:
//! a machine monitor that gives its machines a UUID gives their devices addresses as well. It is random then.
#![forbid(unsafe_code)]

use core::net::Ipv4Addr;

use wire::Mac;

/// Source of a locally administered address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// The static IPv4 address.
    Ipv4(Ipv4Addr),
    /// Random bits.
    Random(u64),
}

/// The second octet of an address made of an IPv4 address.
const OF_IPV4: u8 = b'F';
/// The same of one made of random bits, so that the two kinds never meet.
const OF_CHANCE: u8 = b'f';

/// Makes a locally administered address (IEEE 802-2014 §8.2: bit 1 of the first octet).
#[must_use]
pub fn locally_administered(identity: Identity) -> Mac {
    let octets = match identity {
        Identity::Ipv4(address) => {
            let [a, b, c, d] = address.octets();
            [0x02, OF_IPV4, a, b, c, d]
        }
        Identity::Random(bits) => {
            let [a, b, c, d, ..] = bits.to_be_bytes();
            [0x02, OF_CHANCE, a, b, c, d]
        }
    };
    Mac::new(octets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn a_static_address_gives_the_same_after_each_boot() {
        let mac = locally_administered(Identity::Ipv4(Ipv4Addr::new(10, 0, 2, 15)));
        assert_eq!(mac.to_string(), "02:46:0a:00:02:0f");
    }

    #[test]
    fn all_are_locally_administered_and_no_groups() {
        let addresses = [0, 1, 0x0a00_020f, u32::MAX].map(Ipv4Addr::from_bits);
        let random = [0, 1, u64::MAX].map(Identity::Random);
        for identity in addresses.map(Identity::Ipv4).into_iter().chain(random) {
            let mac = locally_administered(identity);
            assert!(
                mac.is_locally_administered() && mac.is_host(),
                "{identity:?}: {mac}"
            );
        }
    }

    #[test]
    fn the_two_kinds_never_meet() {
        let address = Ipv4Addr::new(10, 0, 2, 15);
        let bits = u64::from(address.to_bits()) << 32;
        assert_ne!(
            locally_administered(Identity::Ipv4(address)),
            locally_administered(Identity::Random(bits))
        );
    }
}
