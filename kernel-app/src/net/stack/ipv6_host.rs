//! IPv6 beside smoltcp: router advertisements, duplicate addresses and multicast listener reports.

use core::net::{IpAddr, Ipv6Addr};

use smoltcp::phy::Device;
use smoltcp::time::Instant;
use wire::Mac;

use super::{Stack, send};
use crate::net::multicast_listener::{self, REPORT_LEN};
use crate::net::packets::{
    self, ALL_ROUTERS, DISCOVERY_HOP_LIMIT, HOP_BY_HOP, ICMPV6, ICMPV6_MESSAGE, IP, IPV6,
    NEIGHBOUR_ADVERTISEMENT, NEIGHBOUR_SOLICITATION, ROUTER_ADVERTISEMENT, ROUTER_SOLICITATION,
    icmpv6_sum, solicited_node,
};
use crate::net::slaac::{Message, PREFIX_LEN, Slaac};

/// The option that carries the sender's Ethernet address, in units of 8 bytes.
const SOURCE_ADDRESS: [u8; 2] = [1, 1];

/// Least time between warnings of a duplicate address, and between advertisements that defend it, in nanoseconds.
const DEFEND_INTERVAL_NS: u64 = 10_000_000_000;

impl Stack<'_> {
    /// Begins to configure an IPv6 address from router advertisements.
    pub fn autoconfigure(&mut self, now_ns: u64) {
        self.slaac = Some(Slaac::new(self.addresses.mac, now_ns));
        self.listener.repeat();
    }

    /// Returns the groups by which neighbours ask for our addresses, of which the last may be the first again.
    fn groups(&self) -> [Ipv6Addr; 2] {
        let own = &self.addresses;
        [own.link_local, own.main_ipv6().0].map(|address| solicited_node(address).1)
    }

    /// Takes a message about addresses and routers. Returns true if there is nothing more to do with it.
    pub(super) fn receive_ipv6(&mut self, frame: &[u8], now_ns: u64) -> bool {
        if frame.get(12..14) != Some(&IPV6) {
            return false;
        }
        let Some((header, packet)) = frame[IP..].split_first_chunk::<40>() else {
            return false;
        };
        // smoltcp takes any address that ends as ours does for a group of ours.
        let destination = header[24..]
            .first_chunk::<16>()
            .map(|octets| IpAddr::from(*octets));
        if destination.is_some_and(|ip| !ip.is_multicast() && !self.addresses.has(ip)) {
            return true;
        }
        let len = usize::from(u16::from_be_bytes([header[4], header[5]]));
        let Some(message) = packet.get(..len) else {
            return false;
        };
        if header[6] == HOP_BY_HOP {
            let groups = self.groups();
            self.listener.receive(header, message, &groups, now_ns);
            return true;
        }
        let is_discovery = header[6] == ICMPV6
            && header[7] == DISCOVERY_HOP_LIMIT
            && matches!(message, [_, 0, _, _, _, _, _, _, ..])
            && icmpv6_sum(&header[8..], message).is_good();
        if !is_discovery {
            return false;
        }
        match message[0] {
            ROUTER_ADVERTISEMENT => {
                // Of a router on the link (RFC 4861 §6.1.2).
                if let (Some(slaac), [0xfe, 0x80..=0xbf]) = (&mut self.slaac, &header[8..10]) {
                    slaac.receive(message, now_ns);
                }
                true
            }
            NEIGHBOUR_ADVERTISEMENT => self.notice_claim(frame, message, now_ns),
            // A probe, as ours is (RFC 4862 §5.4.3).
            NEIGHBOUR_SOLICITATION if header[8..24] == [0; 16] => {
                self.notice_claim(frame, message, now_ns)
            }
            _ => false,
        }
    }

    /// Looks whether the host that sent `frame` claims an address of ours. Returns true if it is to be heeded no further.
    fn notice_claim(&mut self, frame: &[u8], message: &[u8], now_ns: u64) -> bool {
        let (Some(target), Some(mac)) = (
            message[8..].first_chunk(),
            frame.get(6..).and_then(|rest| rest.first_chunk()),
        ) else {
            return true;
        };
        let (target, mac) = (Ipv6Addr::from_octets(*target), Mac::new(*mac));
        if mac == self.addresses.mac {
            return true;
        }
        let objected = self.slaac.as_mut().map(|slaac| slaac.is_objection(target));
        let is_objection = objected == Some(true);
        // Probes for an address in use are answered, as any question for it.
        let is_claim = message[0] == NEIGHBOUR_ADVERTISEMENT && self.addresses.has(target.into());
        if !is_objection && !is_claim {
            return false;
        }
        self.counts.address_conflicts += 1;
        if is_objection || now_ns >= self.defend6_from_ns {
            log::warn!("address conflict: {mac} has {target} as well");
        }
        if is_claim && now_ns >= self.defend6_from_ns {
            self.defend6_from_ns = now_ns + DEFEND_INTERVAL_NS;
            self.is_news = true;
        }
        true
    }

    /// Sends what is due, and takes the address that is configured now.
    pub(super) fn run_ipv6(&mut self, device: &mut impl Device, now: Instant, now_ns: u64) {
        let (mac, link_local) = (self.addresses.mac, self.addresses.link_local);
        if let Some(reason) = self.listener.poll(now_ns) {
            let [first, second] = self.groups();
            let groups = [first, second];
            let groups = if first == second {
                &groups[..1]
            } else {
                &groups
            };
            let mut frame = [0; REPORT_LEN];
            let host = (mac, link_local);
            let len = multicast_listener::write_report(&mut frame, reason, host, groups);
            send(device, now, &frame[..len]);
        }
        let Some(slaac) = &mut self.slaac else {
            return;
        };
        match slaac.poll(now_ns) {
            Some(Message::RouterSolicitation) => {
                let mut frame = [0; ICMPV6_MESSAGE + 16];
                frame[ICMPV6_MESSAGE] = ROUTER_SOLICITATION;
                frame[ICMPV6_MESSAGE + 8..][..2].copy_from_slice(&SOURCE_ADDRESS);
                frame[ICMPV6_MESSAGE + 10..].copy_from_slice(&mac.octets());
                packets::icmpv6(&mut frame, (mac, link_local), ALL_ROUTERS);
                send(device, now, &frame);
            }
            Some(Message::Probe(address)) => {
                let mut frame = [0; ICMPV6_MESSAGE + 24];
                frame[ICMPV6_MESSAGE] = NEIGHBOUR_SOLICITATION;
                frame[ICMPV6_MESSAGE + 8..].copy_from_slice(&address.octets());
                let from = (mac, Ipv6Addr::UNSPECIFIED);
                packets::icmpv6(&mut frame, from, solicited_node(address));
                send(device, now, &frame);
            }
            None => {}
        }
        let address = slaac.address().map(|address| (address, PREFIX_LEN));
        if address != self.addresses.ipv6 {
            self.addresses.ipv6 = address;
            self.is_news |= address.is_some();
            self.set_ipv4(self.addresses.ipv4);
        }
    }
}
