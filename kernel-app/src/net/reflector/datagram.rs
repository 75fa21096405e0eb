//! Parses a frame in one pass, from Ethernet to a UDP datagram for one of our services, and verifies
//! every length and checksum on the way.
//!
//! Layouts: RFC 791 §3.1, RFC 8200 §3, RFC 768.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use smoltcp::wire::{IpProtocol, Ipv4Packet};

use super::Reflection;
use super::sums::changing;
use crate::args::DHCP_CLIENT_PORT;
use crate::handler::{Handler, IpFields};
use crate::net::packets::{HOP_BY_HOP, IP, UDP};
use crate::services::{FixedPorts, Services, Visitor};
use wire::Counter;
use wire::checksum::Sum;

/// Lengths of headers, in bytes.
pub const IPV4_HEADER: usize = 20;
pub const IPV6_HEADER: usize = 40;
pub const UDP_HEADER: usize = 8;

/// Version 4 and a header of five words, so without options (RFC 791 §3.1).
pub const IPV4_PLAIN: u8 = 0x45;

/// Offset of the next-header field in an IPv6 header, in bytes (RFC 8200 §3).
pub const IPV6_NEXT_HEADER: usize = 6;

/// Further protocol numbers (IANA).
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const DESTINATION_OPTIONS: u8 = 60;

/// First octet of a group's IPv6 address (RFC 4291 §2.7).
const MULTICAST: u8 = 0xff;

/// More fragments, and the fragment's offset (RFC 791 §3.1).
const FRAGMENTED: u16 = 0x3fff;

/// A UDP datagram with good checksums for one of our ports.
pub struct Datagram {
    pub source: SocketAddr,
    pub destination: IpAddr,
    /// Offset of the UDP header in the frame, in bytes.
    pub udp: usize,
    /// Length of UDP header and payload, in bytes.
    pub udp_len: usize,
    /// The addresses' sum.
    pub addresses: Sum,
    /// The sum of what an answer has in common with its question, in whatever order: the
    /// pseudo-header, ports and length.
    pub common: Sum,
    /// The sum of the part of the payload that an answer carries back as it came.
    pub kept: Sum,
}

/// Continuation for a datagram that was found. A trait, because a closure can be neither generic nor
/// `#[inline(always)]`.
pub trait DatagramVisitor {
    /// Continues with a datagram that `handler` is to answer.
    fn visit<H: Handler>(
        self,
        handler: &mut H,
        frame: &mut [u8],
        datagram: &Datagram,
    ) -> Reflection;
}

/// Rejects every datagram.
struct Reject;

impl DatagramVisitor for Reject {
    fn visit<H: Handler>(self, _: &mut H, _: &mut [u8], _: &Datagram) -> Reflection {
        Reflection::NoReply(Counter::DroppedSource)
    }
}

/// Returns the fields of an IP header that a service may want to know, if `frame` has one.
#[inline(always)]
pub fn ip_fields(frame: &[u8]) -> Option<IpFields> {
    let ip = frame.get(IP..)?;
    match *ip.first_chunk::<9>()? {
        [0x40..0x50, traffic_class, _, _, _, _, _, _, hop_limit] => Some(IpFields {
            hop_limit,
            traffic_class,
        }),
        [first @ 0x60..0x70, second, _, _, _, _, _, hop_limit, _] => Some(IpFields {
            hop_limit,
            traffic_class: first << 4 | second >> 4,
        }),
        _ => None,
    }
}

#[inline(always)]
fn word(bytes: &[u8; 2]) -> u16 {
    u16::from_be_bytes(*bytes)
}

/// Finds the datagram in a frame with an IPv4 packet, and hands it to `visitor`.
#[inline(always)]
pub fn locate_ipv4<M: Handler, F: FixedPorts>(
    services: &mut Services<M, F>,
    frame: &mut [u8],
    visitor: impl DatagramVisitor,
) -> Reflection {
    let Some((header, after)) = frame[IP..].split_first_chunk::<IPV4_HEADER>() else {
        return Reflection::Discard(Counter::DroppedLength);
    };
    let [
        version_and_len,
        _,
        l0,
        l1,
        _,
        _,
        f0,
        f1,
        _,
        protocol,
        _,
        _,
        addresses @ ..,
    ] = header;
    if *version_and_len != IPV4_PLAIN {
        return with_options(services, frame);
    }
    let segment = usize::from(word(&[*l0, *l1]))
        .checked_sub(IPV4_HEADER)
        .and_then(|len| after.get(..len));
    let Some(segment) = segment else {
        return Reflection::Discard(Counter::DroppedLength);
    };
    if word(&[*f0, *f1]) & FRAGMENTED != 0 || !Sum::of_array(header).is_good() {
        return Reflection::Discard(fault_of_ipv4(header));
    }
    if *protocol != UDP {
        return Reflection::Pass;
    }
    let [a, b, c, d, e, f, g, h] = *addresses;
    let packet = Packet {
        source: Ipv4Addr::new(a, b, c, d).into(),
        destination: Ipv4Addr::new(e, f, g, h).into(),
        addresses: Sum::of_array(addresses),
        udp: IP + IPV4_HEADER,
        segment_len: segment.len(),
    };
    locate_udp(services, frame, &packet, visitor)
}

/// Returns the counter of a packet that is a fragment or has a bad header checksum.
#[cold]
fn fault_of_ipv4(header: &[u8; IPV4_HEADER]) -> Counter {
    if Sum::of_array(header).is_good() {
        Counter::DroppedFragment
    } else {
        Counter::DroppedChecksum
    }
}

/// Classifies a packet that is not IPv4 with a header of five words. A packet with options may
/// have a source route, so that where it says it came from is not where an answer would go: it is
/// never answered, whatever the options are.
#[cold]
#[cfg_attr(target_os = "none", optimize(size))]
fn with_options<M: Handler, F: FixedPorts>(
    services: &mut Services<M, F>,
    frame: &mut [u8],
) -> Reflection {
    let Ok(ip) = Ipv4Packet::new_checked(&frame[IP..]) else {
        return Reflection::Discard(Counter::DroppedLength);
    };
    if ip.version() != 4 || usize::from(ip.header_len()) <= IPV4_HEADER {
        return Reflection::Discard(Counter::DroppedLength);
    }
    if !ip.verify_checksum() {
        return Reflection::Discard(Counter::DroppedChecksum);
    }
    if ip.more_frags() || ip.frag_offset() != 0 {
        return Reflection::Discard(Counter::DroppedFragment);
    }
    if ip.next_header() != IpProtocol::Udp {
        return Reflection::Pass;
    }
    let (source, destination) = (ip.src_addr(), ip.dst_addr());
    let packet = Packet {
        source: source.into(),
        destination: destination.into(),
        addresses: Sum::of([source.octets(), destination.octets()].as_flattened()),
        udp: IP + usize::from(ip.header_len()),
        segment_len: ip.payload().len(),
    };
    locate_udp(services, frame, &packet, Reject)
}

/// Finds the datagram in a frame with an IPv6 packet, and hands it to `visitor`. Out of the way of
/// IPv4 (see `link.ld`).
#[inline(never)]
pub fn locate_ipv6<M: Handler, F: FixedPorts>(
    services: &mut Services<M, F>,
    frame: &mut [u8],
    visitor: impl DatagramVisitor,
) -> Reflection {
    let Some((header, after)) = frame[IP..].split_first_chunk::<IPV6_HEADER>() else {
        return Reflection::Discard(Counter::DroppedLength);
    };
    let [version, _, _, _, l0, l1, next_header, _, addresses @ ..] = header;
    let segment_len = usize::from(word(&[*l0, *l1]));
    if version >> 4 != 6 || segment_len > after.len() {
        return Reflection::Discard(Counter::DroppedLength);
    }
    match *next_header {
        UDP => {}
        // A listener query to a group has such a header.
        HOP_BY_HOP if addresses[16] == MULTICAST => return Reflection::Pass,
        FRAGMENT => return Reflection::Discard(Counter::DroppedFragment),
        // What may hide a fragment.
        HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS => {
            return Reflection::Discard(Counter::DroppedProtocol);
        }
        _ => return Reflection::Pass,
    }
    let (halves, _) = addresses.as_chunks::<16>();
    let packet = Packet {
        source: Ipv6Addr::from(halves[0]).into(),
        destination: Ipv6Addr::from(halves[1]).into(),
        addresses: Sum::of_array(addresses),
        udp: IP + IPV6_HEADER,
        segment_len,
    };
    locate_udp(services, frame, &packet, visitor)
}

/// Fields of an IP header.
struct Packet {
    source: IpAddr,
    destination: IpAddr,
    addresses: Sum,
    /// Offset in the frame of the payload after the header and its options, and its length.
    udp: usize,
    segment_len: usize,
}

#[inline(always)]
fn locate_udp<M: Handler, F: FixedPorts>(
    services: &mut Services<M, F>,
    frame: &mut [u8],
    ip: &Packet,
    visitor: impl DatagramVisitor,
) -> Reflection {
    let header = frame
        .get(ip.udp..)
        .and_then(|segment| segment.first_chunk::<UDP_HEADER>());
    let Some(header) = header.filter(|_| ip.segment_len >= UDP_HEADER) else {
        return Reflection::Discard(Counter::DroppedLength);
    };
    let [s0, s1, d0, d1, l0, l1, _, _] = header;
    let source_port = word(&[*s0, *s1]);
    let port = word(&[*d0, *d1]);
    let udp_len = word(&[*l0, *l1]);
    if !(UDP_HEADER..=ip.segment_len).contains(&usize::from(udp_len)) {
        return Reflection::Discard(Counter::DroppedLength);
    }
    let udp = Udp {
        header: u64::from_le_bytes(*header),
        source_port,
        udp_len,
    };
    // Each service on a way of its own to the end, so that nothing has to remember which it is.
    let verify = Verify {
        frame,
        ip,
        udp: &udp,
        visitor,
    };
    services.visit(port, verify)
}

/// Fields of a UDP header.
struct Udp {
    /// The whole of it, as a little-endian word; the checksum is on top.
    header: u64,
    source_port: u16,
    /// Within the packet, and long enough for the header.
    udp_len: u16,
}

const CHECKSUM_SHIFT: u32 = 48;

/// Verifies a datagram for the service that is found at its port.
struct Verify<'a, V> {
    frame: &'a mut [u8],
    ip: &'a Packet,
    udp: &'a Udp,
    visitor: V,
}

impl<V: DatagramVisitor> Visitor for Verify<'_, V> {
    type Output = Reflection;

    #[inline(always)]
    fn main(self, handler: &mut impl Handler) -> Reflection {
        verify(handler, self.frame, self.ip, self.udp, self.visitor)
    }

    #[inline(always)]
    fn fixed(self, handler: &mut impl Handler) -> Reflection {
        verify_fixed(handler, self.frame, self.ip, self.udp, self.visitor)
    }

    #[inline(always)]
    fn none(self, port: u16) -> Reflection {
        // The stack has no other UDP but DHCP's. Its answer to other ports would be an ICMP error,
        // longer than a short request, and nobody's need: silence, as a firewall keeps it.
        if port == DHCP_CLIENT_PORT && self.ip.source.is_ipv4() {
            Reflection::Pass
        } else {
            Reflection::Drop
        }
    }
}

/// The same for services at fixed ports, out of the way of the main one (see `link.ld`).
#[inline(never)]
fn verify_fixed<H: Handler>(
    handler: &mut H,
    frame: &mut [u8],
    ip: &Packet,
    udp: &Udp,
    visitor: impl DatagramVisitor,
) -> Reflection {
    verify(handler, frame, ip, udp, visitor)
}

#[inline(always)]
fn verify<H: Handler>(
    handler: &mut H,
    frame: &mut [u8],
    ip: &Packet,
    udp: &Udp,
    visitor: impl DatagramVisitor,
) -> Reflection {
    let udp_len = usize::from(udp.udp_len);
    let Some(payload) = frame.get(ip.udp + UDP_HEADER..ip.udp + udp_len) else {
        return Reflection::Discard(Counter::DroppedLength);
    };
    let checksum = udp.header >> CHECKSUM_SHIFT;
    let common = ip
        .addresses
        .plus(Sum::of_network_word(UDP.into()))
        .plus(Sum::of_network_word(udp.udp_len))
        .plus(Sum::of_word(udp.header & !(0xffff << CHECKSUM_SHIFT)));
    // No `map_or`, which the compiler may make a function of.
    let kept = match payload.get(H::CHANGES..) {
        Some(kept) => Sum::of(kept),
        None => Sum::ZERO,
    };
    if checksum == 0 {
        // RFC 768 lets IPv4 senders leave it out; RFC 8200 §8.1 does not let IPv6 ones. The answer
        // has one either way: it costs what the question's would have cost to verify, and the
        // answer may be worth verifying to the client.
        if ip.source.is_ipv6() {
            return Reflection::Discard(Counter::DroppedChecksum);
        }
    } else {
        let whole = common
            .plus(Sum::of_word(checksum))
            .plus(changing::<H>(payload))
            .plus(kept);
        if !whole.is_good() {
            return Reflection::Discard(Counter::DroppedChecksum);
        }
    }
    let datagram = Datagram {
        source: SocketAddr::new(ip.source, udp.source_port),
        destination: ip.destination,
        udp: ip.udp,
        udp_len,
        addresses: ip.addresses,
        common,
        kept,
    };
    visitor.visit(handler, frame, &datagram)
}
