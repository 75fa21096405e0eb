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
mod sums;

use core::marker::PhantomData;

use wire::Counter;
use wire::limits::Limiter;

use crate::clock::Clock;
use crate::handler::{Handler, Request, Verdict};
use crate::net::addresses::Addresses;
use crate::net::packets::{GROUP, IP, UDP};
use crate::net::priority_tag;
use crate::services::{Exchange, FixedPorts, Services};
pub use datagram::ip_fields;
use datagram::{
    Datagram, DatagramVisitor, IPV4_PLAIN, IPV6_HEADER, IPV6_NEXT_HEADER, UDP_HEADER, locate_ipv4,
    locate_ipv6,
};
pub use header_prediction::PredictedHeader;
use reply::{make_changed_reply, make_reply};
use sums::changed;

/// Protocols that follow an Ethernet header (IANA).
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;

/// Result of offering a frame to the reflector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reflection {
    /// Not for the services: passed to the stack.
    Pass,
    /// Dropped without a count: for another host or port.
    Drop,
    /// Dropped and counted before it is known to be for one of our ports: a fragment, or damaged.
    Discard(Counter),
    /// A datagram for one of our ports that must not be answered, or that its service does not answer.
    NoReply(Counter),
    /// The first `len` bytes of the frame now are the reply.
    Reply {
        /// The counter that counts it.
        counter: Counter,
        /// Length of the reply's frame, in bytes.
        len: usize,
    },
}

/// Answers `frame` in place if that is for `services` at the addresses `own` to do.
///
/// `clock` is read on entry for the receive time; a handler may read it again.
#[cfg_attr(target_os = "none", unsafe(link_section = ".text.hot.reflect"))]
#[inline(never)]
pub fn reflect<M: Handler, F: FixedPorts>(
    services: &mut Services<M, F>,
    limiter: &mut Limiter,
    frame: &mut [u8],
    own: &Addresses,
    clock: &impl Clock,
) -> Reflection {
    let received_ns = clock.stamp_ns();
    let Some(ethernet) = frame.first_chunk::<IP>() else {
        return Reflection::Discard(Counter::DroppedLength);
    };
    let [receiver @ .., s0, _, _, _, _, _, t0, t1] = ethernet;
    let is_to_us = *receiver == own.mac.octets();
    if !is_to_us && receiver[0] & GROUP == 0 {
        return Reflection::Drop;
    }
    let answer = Answer {
        own,
        main_port: services.port,
        is_between_hosts: is_to_us && s0 & GROUP == 0,
        received_ns,
        limiter,
        clock,
        fixed: PhantomData::<F>,
    };
    // Each family on a way of its own to the end, so that nothing has to remember which it is.
    match u16::from_be_bytes([*t0, *t1]) {
        IPV4 => locate_ipv4(services, frame, answer),
        IPV6 => locate_ipv6(services, frame, answer),
        _ if priority_tag::remove(frame) => reflect(services, limiter, frame, own, clock),
        _ => Reflection::Pass,
    }
}

/// Returns true if `frame` came from one host to `own_mac` alone, has no IP options or extension headers, and
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

/// Answers a datagram in place, if that may be and its handler has a reply.
struct Answer<'a, C, F> {
    own: &'a Addresses,
    main_port: u16,
    /// Returns true if the frame came from one host, and to us alone.
    is_between_hosts: bool,
    received_ns: u64,
    limiter: &'a mut Limiter,
    clock: &'a C,
    fixed: PhantomData<F>,
}

impl<C: Clock, F: FixedPorts> DatagramVisitor for Answer<'_, C, F> {
    #[inline(always)]
    fn visit<H: Handler>(
        self,
        handler: &mut H,
        frame: &mut [u8],
        datagram: &Datagram,
    ) -> Reflection {
        let &Datagram {
            source,
            destination,
            ..
        } = datagram;
        if !self.own.has(destination) {
            return if self.own.is_group(destination) {
                Reflection::NoReply(Counter::DroppedSource)
            } else {
                Reflection::Drop
            };
        }
        let exchange = Exchange {
            own: self.own,
            main_port: self.main_port,
            source,
            destination,
        };
        if !self.is_between_hosts {
            return Reflection::NoReply(Counter::DroppedSource);
        }
        let checked = exchange.check::<H, F>();
        let admitted = checked.and_then(|()| self.limiter.admit(source.ip(), self.received_ns));
        if let Err(counter) = admitted {
            return Reflection::NoReply(counter);
        }
        let request = datagram.request(frame, self.received_ns);
        let len = datagram.udp + datagram.udp_len;
        let Some(payload) = frame.get_mut(datagram.udp + UDP_HEADER..len) else {
            return Reflection::Drop;
        };
        let response = handler.handle(payload, &request, self.clock);
        let counter = response.counter;
        match response.verdict {
            Verdict::Reply(reply_len) if reply_len < payload.len() || response.is_rewritten => {
                let reply_len = reply_len.min(payload.len());
                let len = make_changed_reply(frame, datagram.udp, reply_len, self.own.mac.octets());
                Reflection::Reply { counter, len }
            }
            Verdict::Reply(_) => {
                let changed = changed::<H>(payload, datagram.kept);
                make_reply(frame, datagram, changed, self.own.mac.octets());
                Reflection::Reply { counter, len }
            }
            Verdict::Drop => Reflection::NoReply(counter),
            Verdict::Pass => Reflection::Pass,
        }
    }
}

impl Datagram {
    /// Returns the facts about the datagram in `frame` that a handler may want to know. Those that it
    /// does not read are never computed.
    #[inline(always)]
    fn request(&self, frame: &[u8], received_ns: u64) -> Request {
        let port = frame.get(self.udp + 2..self.udp + 4);
        let port = port.and_then(|port| port.first_chunk::<2>());
        Request {
            port: port.map_or(0, |port| u16::from_be_bytes(*port)),
            destination: self.destination,
            source: self.source,
            received_ns,
            ip: ip_fields(frame),
        }
    }
}

#[cfg(test)]
mod tests;
