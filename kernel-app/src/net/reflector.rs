//! The fast path: answers a datagram in the buffer it was received in.
//!
//! A frame that carries a UDP datagram for one of our services is verified and answered in place:
//! addresses and ports are swapped, checksums computed anew, and the reply goes back to the Ethernet
//! address the request came from. So a reply needs no neighbour resolution, and a forged source
//! address cannot hold up anybody else's reply. Frames for anything else are passed to the stack
//! ([`crate::net::stack`]).
//!
//! Every instruction here is part of every echo. Each byte is read once: the checksum of a reply is
//! made of the sums from verifying its request and of the few bytes that are new. A reply has its
//! request's DSCP and ECN. Fields not derived from the request use the values smoltcp would send: no
//! IP identification, which packets that are never fragmented need not have (RFC 6864 §4.1), and no
//! flow label.
//!
//! - [`PredictedHeader`]: the expected frame, answered with the fewest branches;
//! - [`reflect`]: any frame, field by field: `datagram` parses, `reply` writes the reply's headers.
//!
//! Knows frames, not devices. No unsafe code.

mod datagram;
mod header_prediction;
mod reply;

use wire::Verdict;
use wire::checksum::Sum;

use crate::net::addresses::Addresses;
use crate::services::{Outcome, Services};
use datagram::{
    Datagram, DatagramHandler, IP, IPV4_PLAIN, IPV6_HEADER, IPV6_NEXT_HEADER, UDP, UDP_HEADER,
    locate_ipv4, locate_ipv6,
};
pub use header_prediction::PredictedHeader;
use reply::make_reply;

/// What follows an Ethernet header (IANA).
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;

/// Set in the Ethernet address of a group (IEEE 802 §8.2).
const GROUP: u8 = 1;

/// Result of offering a frame to the reflector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reflection {
    /// Not for the services: passed to the stack.
    Pass,
    /// Dropped without a count: a fragment, damaged, or for another host or port.
    Drop,
    /// A datagram for one of our ports from or to an address that must not be answered.
    Reject,
    /// A datagram for one of our ports that its service does not answer.
    NoReply(Outcome),
    /// The first `len` bytes of the frame now are the reply.
    Reply {
        /// What it was counted as.
        outcome: Outcome,
        /// Length of the reply's frame, in bytes.
        len: usize,
    },
}

/// Answers `frame` in place if that is for `services` at the addresses `own` to do.
///
/// `now_ns` is read on entry for the receive time, and again for the transmit time when the reply
/// is otherwise ready but for its checksum, which covers that time.
#[cfg_attr(target_os = "none", unsafe(link_section = ".text.hot.reflect"))]
#[inline(never)]
pub fn reflect(
    services: &Services,
    frame: &mut [u8],
    own: &Addresses,
    now_ns: impl Fn() -> u64,
) -> Reflection {
    let received_ns = now_ns();
    let Some(ethernet) = frame.first_chunk::<IP>() else {
        return Reflection::Drop;
    };
    let [receiver @ .., s0, _, _, _, _, _, t0, t1] = ethernet;
    let is_to_us = *receiver == own.mac;
    if !is_to_us && receiver[0] & GROUP == 0 {
        return Reflection::Drop;
    }
    let answer = Answer {
        services,
        own,
        is_between_hosts: is_to_us && s0 & GROUP == 0,
        received_ns,
        now_ns,
    };
    // Each family on a way of its own to the end, so that nothing has to remember which it is.
    match u16::from_be_bytes([*t0, *t1]) {
        IPV4 => locate_ipv4(services, frame, answer),
        IPV6 => locate_ipv6(services, frame, answer),
        _ => Reflection::Pass,
    }
}

/// Whether `frame` came from one host to `own_mac` alone, has no IP options or extension headers, and
/// a checksum if it must have one: what must be so for an answer, and what a socket does not tell.
#[must_use]
pub fn is_plain(frame: &[u8], own_mac: [u8; 6]) -> bool {
    let Some((ethernet, packet)) = frame.split_first_chunk::<IP>() else {
        return false;
    };
    let [receiver @ .., s0, _, _, _, _, _, t0, t1] = ethernet;
    let is_between_hosts = *receiver == own_mac && s0 & GROUP == 0;
    is_between_hosts
        && match u16::from_be_bytes([*t0, *t1]) {
            IPV4 => packet.first() == Some(&IPV4_PLAIN),
            // smoltcp lets a missing checksum pass, which RFC 8200 §8.1 does not.
            IPV6 => {
                packet.get(IPV6_NEXT_HEADER) == Some(&UDP)
                    && packet.get(IPV6_HEADER + 6..IPV6_HEADER + 8) != Some(&[0, 0])
            }
            _ => false,
        }
}

/// Answers a datagram, if that may be and there is an answer.
struct Answer<'a, F> {
    services: &'a Services,
    own: &'a Addresses,
    /// Whether the frame came from one host, and to us alone.
    is_between_hosts: bool,
    received_ns: u64,
    now_ns: F,
}

impl<F: Fn() -> u64> DatagramHandler for Answer<'_, F> {
    #[inline(always)]
    fn handle(self, frame: &mut [u8], datagram: &Datagram) -> Reflection {
        let &Datagram {
            service,
            source,
            destination,
            ..
        } = datagram;
        if !self.own.has(destination) {
            return if self.own.is_group(destination) {
                Reflection::Reject
            } else {
                Reflection::Drop
            };
        }
        if !self.is_between_hosts
            || !self
                .services
                .may_answer(service, self.own, source, destination)
        {
            return Reflection::Reject;
        }
        let len = datagram.udp + datagram.udp_len;
        let Some(payload) = frame.get_mut(datagram.udp + UDP_HEADER..len) else {
            return Reflection::Drop;
        };
        let outcome = self
            .services
            .answer(service, payload, self.received_ns, self.now_ns);
        match outcome {
            Outcome::Handled(Verdict::Status) => make_status_reply(frame, datagram, self.own.mac),
            _ if outcome.is_answer() => make_reply(frame, datagram, self.own.mac),
            _ => return Reflection::NoReply(outcome),
        }
        Reflection::Reply { outcome, len }
    }
}

/// Turns round a frame the answer in which has changed more than a reply does.
#[cold]
#[inline(never)]
fn make_status_reply(frame: &mut [u8], datagram: &Datagram, own_mac: [u8; 6]) {
    let unchanged = datagram.udp + UDP_HEADER + datagram.service.changes();
    let kept = Sum::of(&frame[unchanged..datagram.udp + datagram.udp_len]);
    make_reply(frame, &Datagram { kept, ..*datagram }, own_mac);
}

#[cfg(test)]
mod tests;
