//! Changes of the IPv4 address: leases taken, lost and regained, and other hosts with the same address.

use core::net::Ipv4Addr;

use super::Stack;
use crate::net::address_conflict::{Conflict, ConflictDetector};

impl Stack<'_> {
    /// Takes the address of a lease, or none after one, and says so if one was lost or comes back.
    #[cold]
    pub(super) fn change_ipv4(&mut self, ipv4: Option<(Ipv4Addr, u8)>, now_ns: u64) {
        let address = ipv4.map(|(address, _)| address);
        match (self.addresses.ipv4.map(|(address, _)| address), address) {
            (Some(lost), None) => {
                self.counts.leases_lost += 1;
                log::warn!("DHCP: the lease of {lost} is lost");
            }
            (None, Some(address)) if self.counts.leases_lost > 0 => {
                log::warn!("DHCP: there is a lease again, of {address}");
            }
            (Some(before), Some(address)) if before != address => {
                log::warn!("DHCP: the lease is of {address} now, and was of {before}");
            }
            _ => {}
        }
        if address.is_some() {
            self.detector.probe(now_ns);
        } else {
            self.detector = ConflictDetector::new();
        }
        self.set_ipv4(ipv4);
    }

    /// Looks for another host with our IPv4 address in `frame`. Returns true if there is one, and [`Stack::run`] has
    /// something to do.
    pub(super) fn notice_conflict(&mut self, frame: &[u8], now_ns: u64) -> bool {
        let Some((address, _)) = self.addresses.ipv4 else {
            return false;
        };
        let own_mac = self.addresses.mac;
        let Some(conflict) = self.detector.observe(frame, own_mac, address, now_ns) else {
            return false;
        };
        self.counts.address_conflicts += 1;
        let mac = match conflict {
            Conflict::Repeated => return true,
            Conflict::InUse(mac) => mac,
            Conflict::Probed(mac) => {
                if let Some(dhcp) = &mut self.dhcp {
                    dhcp.decline(now_ns);
                }
                mac
            }
        };
        log::warn!("address conflict: {mac} has {address} as well");
        true
    }
}
