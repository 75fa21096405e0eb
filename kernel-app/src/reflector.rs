//! The fast path: answers a datagram in the buffer it came in.
//!
//! A frame that carries a UDP datagram for one of our services is checked, answered and turned
//! round where it stands: addresses and ports change places, checksums are made anew, and the
//! answer goes back to the Ethernet address the question came from. So an answer needs no neighbour
//! to be resolved, and a forged source address cannot hold up anybody else's answer. Frames for
//! anything else are left to the stack ([`crate::net::stack`]).
//!
//! Every instruction here is in every echo. A byte is read once: the checksum of an answer is made
//! of the sums that verifying its question yielded and of the few bytes that are new. An answer has
//! its question's DSCP and ECN. The rest is as the stack would send it: no IP identification, which
//! packets that are never fragmented need not have (RFC 6864 §4.1), no flow.
//!
//! - [`Usual`]: the frame that is expected, answered with the fewest branches;
//! - [`reflect`]: any frame, field by field: `datagram` takes it apart, `turn` turns it round.
//!
//! Knows frames, not devices. No unsafe code.

mod datagram;
mod turn;
mod usual;

use wire::Verdict;
use wire::checksum::Sum;

use crate::net::addresses::Addresses;
use crate::services::{Outcome, Services};
use datagram::{
    Datagram, IP, IPV4_PLAIN, IPV6_HEADER, IPV6_NEXT_HEADER, Then, UDP, UDP_HEADER, locate_ipv4,
    locate_ipv6,
};
use turn::turn_round;
pub use usual::Usual;

/// What follows an Ethernet header (IANA).
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;

/// Set in the Ethernet address of a group (IEEE 802 §8.2).
const GROUP: u8 = 1;

/// What a frame turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reflection {
    /// Not for the services: the stack's business.
    NotOurs,
    /// Nobody's business: a fragment, damaged, or for another host or port.
    Ignored,
    /// A datagram for one of our ports from or to an address that must not be answered.
    Refused,
    /// A datagram for one of our ports that its service does not answer.
    Dropped(Outcome),
    /// The first `len` bytes of the frame now are the answer.
    Answered {
        /// Which answer.
        outcome: Outcome,
        /// Length of the answering frame, in bytes.
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
        return Reflection::Ignored;
    };
    let [receiver @ .., s0, _, _, _, _, _, t0, t1] = ethernet;
    let is_to_us = *receiver == own.mac;
    if !is_to_us && receiver[0] & GROUP == 0 {
        return Reflection::Ignored;
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
        _ => Reflection::NotOurs,
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

impl<F: Fn() -> u64> Then for Answer<'_, F> {
    #[inline(always)]
    fn go_on(self, frame: &mut [u8], datagram: &Datagram) -> Reflection {
        let &Datagram {
            service,
            source,
            destination,
            ..
        } = datagram;
        if !self.own.has(destination) {
            return if self.own.is_group(destination) {
                Reflection::Refused
            } else {
                Reflection::Ignored
            };
        }
        if !self.is_between_hosts
            || !self
                .services
                .may_answer(service, self.own, source, destination)
        {
            return Reflection::Refused;
        }
        let len = datagram.udp + datagram.udp_len;
        let Some(payload) = frame.get_mut(datagram.udp + UDP_HEADER..len) else {
            return Reflection::Ignored;
        };
        let outcome = self
            .services
            .answer(service, payload, self.received_ns, self.now_ns);
        match outcome {
            Outcome::Handled(Verdict::Status) => turn_status(frame, datagram, self.own.mac),
            _ if outcome.is_answer() => turn_round(frame, datagram, self.own.mac),
            _ => return Reflection::Dropped(outcome),
        }
        Reflection::Answered { outcome, len }
    }
}

/// Turns round a frame the answer in which has changed more than a reply does.
#[cold]
#[inline(never)]
fn turn_status(frame: &mut [u8], datagram: &Datagram, own_mac: [u8; 6]) {
    let unchanged = datagram.udp + UDP_HEADER + datagram.service.changes();
    let kept = Sum::of(&frame[unchanged..datagram.udp + datagram.udp_len]);
    turn_round(frame, &Datagram { kept, ..*datagram }, own_mac);
}

#[cfg(test)]
mod tests;
