//! Announcements of our addresses: at the start, when they change, and when the link or the device is another.

use smoltcp::phy::Device;
use smoltcp::time::Instant;

use super::{Stack, send};
use crate::net::multicast_listener::MulticastListener;
use crate::net::packets::{self, ALL_NODES};

impl Stack<'_> {
    /// Announces our addresses anew, with the next [`run`](Stack::run).
    pub const fn announce_again(&mut self) {
        self.is_news = true;
    }

    /// Takes up a link that was down, perhaps on another network: announces our addresses and groups anew, asks routers,
    /// and has a lease confirmed, with the next [`run`](Stack::run).
    pub fn reconnect(&mut self, now_ns: u64) {
        self.announce_again();
        self.listener = MulticastListener::new(now_ns);
        if let Some(slaac) = &mut self.slaac {
            slaac.solicit(now_ns);
            self.listener.repeat();
        }
        if let Some(dhcp) = &mut self.dhcp {
            dhcp.reconnect(now_ns);
            if dhcp.lease().is_some() {
                self.detector.probe(now_ns);
            }
        }
    }

    /// Tells everybody on the link where our addresses are, for whoever had them before may have had
    /// them elsewhere (RFC 5227 §2.3, RFC 4861 §7.2.6). Once: a second time would take a timer.
    pub(super) fn announce(&self, device: &mut impl Device, now: Instant) {
        let own = &self.addresses;
        if let Some((address, _)) = own.ipv4 {
            self.send_arp_request(device, now, address, address);
        }
        let addresses = [Some(own.link_local), own.ipv6.map(|(address, _)| address)];
        for address in addresses.into_iter().flatten() {
            let advertisement = packets::advertisement((own.mac, address), ALL_NODES);
            send(device, now, &advertisement);
        }
    }
}
