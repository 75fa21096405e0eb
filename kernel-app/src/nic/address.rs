//! An Ethernet address for a device that has none of its own (virtio 1.2 §5.1.5: the driver then makes
//! a locally administered one).
//!
//! The address should be the same after a reboot, or every peer's ARP cache and every DHCP lease goes
//! stale, and another's on the same link never. A static IPv4 address is both, for it has to be
//! anyway; a machine's UUID is, but for copies of a machine. What is left is the moment, which at
//! least is another's hardly ever.

use core::net::Ipv4Addr;

use wire::Mac;

/// What an address is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// The static IPv4 address.
    Ipv4(Ipv4Addr),
    /// The machine's UUID.
    Machine(u128),
    /// The time stamp counter's value at some moment.
    Moment(u64),
}

/// The second octet of an address made of an IPv4 address.
const OF_IPV4: u8 = b'F';
/// The same of one made of anything else. They are apart, so that the two kinds never meet.
const OF_OTHER: u8 = b'f';

/// Makes a locally administered address (IEEE 802-2014 §8.2: bit 1 of the first octet).
#[must_use]
pub fn locally_administered(identity: Identity) -> Mac {
    let octets = match identity {
        Identity::Ipv4(address) => {
            let [a, b, c, d] = address.octets();
            [0x02, OF_IPV4, a, b, c, d]
        }
        Identity::Machine(uuid) => of_bits(mixed(uuid as u64) ^ (uuid >> 64) as u64),
        Identity::Moment(ticks) => of_bits(ticks),
    };
    Mac::new(octets).expect("its first octet is neither a group's nor 0")
}

fn of_bits(bits: u64) -> [u8; 6] {
    let [a, b, c, d, ..] = mixed(bits).to_be_bytes();
    [0x02, OF_OTHER, a, b, c, d]
}

/// Mixes bits, so that each of the result depends on all (the finaliser of MurmurHash3).
fn mixed(mut bits: u64) -> u64 {
    for factor in [0xff51_afd7_ed55_8ccd, 0xc4ce_b9fe_1a85_ec53] {
        bits = (bits ^ (bits >> 33)).wrapping_mul(factor);
    }
    bits ^ (bits >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::string::ToString;

    #[test]
    fn a_static_address_gives_the_same_after_each_boot() {
        let mac = locally_administered(Identity::Ipv4(Ipv4Addr::new(10, 0, 2, 15)));
        assert_eq!(mac.to_string(), "02:46:0a:00:02:0f");
    }

    #[test]
    fn different_machines_and_moments_give_different_addresses() {
        let uuids = (0..1000).map(|i| Identity::Machine(i << 64 | 7));
        let more_uuids = (1000..2000).map(Identity::Machine);
        let moments = (0..1000).map(Identity::Moment);
        let hosts = (1..255).map(|host| Identity::Ipv4(Ipv4Addr::new(10, 0, 0, host)));
        let all = uuids.chain(more_uuids).chain(moments).chain(hosts);
        let macs: BTreeSet<_> = all
            .map(|identity| locally_administered(identity).octets())
            .collect();
        assert_eq!(macs.len(), 1000 + 1000 + 1000 + 254);
        // Locally administered, and no group's.
        assert!(macs.iter().all(|mac| mac[0] & 3 == 2));
    }
}
