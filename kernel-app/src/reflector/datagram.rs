//! Takes a frame apart in one pass: from Ethernet to a UDP datagram for one of our services, every
//! length and checksum on the way verified.
//!
//! Layouts: RFC 791 §3.1, RFC 8200 §3, RFC 768.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use smoltcp::wire::{IpProtocol, Ipv4Packet};

use super::Reflection;
use crate::args::DHCP_CLIENT_PORT;
use wire::checksum::Sum;
use crate::services::{Service, Services};

/// Where an Ethernet frame's payload starts.
pub const IP: usize = 14;
pub const IPV4_HEADER: usize = 20;
pub const IPV6_HEADER: usize = 40;
pub const UDP_HEADER: usize = 8;

/// Version 4 and a header of five words, so without options (RFC 791 §3.1).
pub const IPV4_PLAIN: u8 = 0x45;

/// Where an IPv6 header names what follows it (RFC 8200 §3).
pub const IPV6_NEXT_HEADER: usize = 6;

/// Protocol numbers (IANA).
pub const UDP: u8 = 17;
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const DESTINATION_OPTIONS: u8 = 60;

/// More fragments, and the fragment's offset (RFC 791 §3.1).
const FRAGMENTED: u16 = 0x3fff;

/// A UDP datagram with good checksums for one of our ports.
pub struct Datagram {
    pub service: Service,
    pub source: SocketAddr,
    pub destination: IpAddr,
    /// Where the UDP header starts in the frame.
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

/// The sum of the part of a payload that an answer may change.
#[inline(always)]
pub fn changing(service: Service, payload: &[u8]) -> Sum {
    match service {
        Service::Echo => Sum::ZERO,
        Service::Timestamp => match payload.first_chunk::<{ Service::Timestamp.changes() }>() {
            Some(header) => Sum::of_array(header),
            None => Sum::of(payload),
        },
    }
}

#[inline(always)]
fn word(bytes: &[u8; 2]) -> u16 {
    u16::from_be_bytes(*bytes)
}

/// `packet` is what follows the Ethernet header.
#[inline(always)]
pub fn locate_ipv4(services: &Services, packet: &[u8]) -> Result<Datagram, Reflection> {
    let Some((header, after)) = packet.split_first_chunk::<IPV4_HEADER>() else {
        return Err(Reflection::Ignored);
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
        return Err(with_options(services, packet));
    }
    let segment = usize::from(word(&[*l0, *l1]))
        .checked_sub(IPV4_HEADER)
        .and_then(|len| after.get(..len));
    let Some(segment) = segment else {
        return Err(Reflection::Ignored);
    };
    if word(&[*f0, *f1]) & FRAGMENTED != 0 || !Sum::of_array(header).is_good() {
        return Err(Reflection::Ignored);
    }
    if *protocol != UDP {
        return Err(Reflection::NotOurs);
    }
    let [a, b, c, d, e, f, g, h] = *addresses;
    locate_udp(
        services,
        segment,
        Packet {
            source: Ipv4Addr::new(a, b, c, d).into(),
            destination: Ipv4Addr::new(e, f, g, h).into(),
            addresses: Sum::of_array(addresses),
            udp: IP + IPV4_HEADER,
        },
    )
}

/// What to make of a packet that is not IPv4 with a header of five words. A packet with options may
/// have a source route, so that where it says it came from is not where an answer would go: it is
/// never answered, whatever the options are.
#[cold]
fn with_options(services: &Services, packet: &[u8]) -> Reflection {
    let Ok(ip) = Ipv4Packet::new_checked(packet) else {
        return Reflection::Ignored;
    };
    let is_whole = !ip.more_frags() && ip.frag_offset() == 0;
    let is_ipv4 = ip.version() == 4 && usize::from(ip.header_len()) > IPV4_HEADER;
    if !is_ipv4 || !is_whole || !ip.verify_checksum() {
        return Reflection::Ignored;
    }
    if ip.next_header() != IpProtocol::Udp {
        return Reflection::NotOurs;
    }
    let (source, destination) = (ip.src_addr(), ip.dst_addr());
    let addresses = [source.octets(), destination.octets()];
    let packet = Packet {
        source: source.into(),
        destination: destination.into(),
        addresses: Sum::of(addresses.as_flattened()),
        udp: 0,
    };
    match locate_udp(services, ip.payload(), packet) {
        Ok(_) => Reflection::Refused,
        Err(reflection) => reflection,
    }
}

/// `packet` is what follows the Ethernet header.
#[inline(always)]
pub fn locate_ipv6(services: &Services, packet: &[u8]) -> Result<Datagram, Reflection> {
    let Some((header, after)) = packet.split_first_chunk::<IPV6_HEADER>() else {
        return Err(Reflection::Ignored);
    };
    let [version, _, _, _, l0, l1, next_header, _, addresses @ ..] = header;
    let Some(segment) = after.get(..usize::from(word(&[*l0, *l1]))) else {
        return Err(Reflection::Ignored);
    };
    if version >> 4 != 6 {
        return Err(Reflection::Ignored);
    }
    match *next_header {
        UDP => {}
        // A fragment, or what may hide one; the stack would answer these with an error longer than
        // what it answers.
        HOP_BY_HOP | ROUTING | FRAGMENT | DESTINATION_OPTIONS => return Err(Reflection::Ignored),
        _ => return Err(Reflection::NotOurs),
    }
    let (halves, _) = addresses.as_chunks::<16>();
    locate_udp(
        services,
        segment,
        Packet {
            source: Ipv6Addr::from(halves[0]).into(),
            destination: Ipv6Addr::from(halves[1]).into(),
            addresses: Sum::of_array(addresses),
            udp: IP + IPV6_HEADER,
        },
    )
}

/// What an IP header says.
struct Packet {
    source: IpAddr,
    destination: IpAddr,
    addresses: Sum,
    udp: usize,
}

#[inline(always)]
fn locate_udp(services: &Services, segment: &[u8], ip: Packet) -> Result<Datagram, Reflection> {
    let Some((header, after)) = segment.split_first_chunk::<UDP_HEADER>() else {
        return Err(Reflection::Ignored);
    };
    let [s0, s1, d0, d1, l0, l1, checksum @ ..] = header;
    let udp_len = word(&[*l0, *l1]);
    let payload = usize::from(udp_len)
        .checked_sub(UDP_HEADER)
        .and_then(|len| after.get(..len));
    let Some(payload) = payload else {
        return Err(Reflection::Ignored);
    };
    let port = word(&[*d0, *d1]);
    let Some(service) = services.at(port) else {
        // The stack has no other UDP but DHCP's. Its answer to other ports would be an ICMP error,
        // longer than a short question, and nobody's need: silence, as a firewall keeps it.
        let is_dhcp = port == DHCP_CLIENT_PORT && ip.source.is_ipv4();
        return Err(if is_dhcp {
            Reflection::NotOurs
        } else {
            Reflection::Ignored
        });
    };
    let pseudo = ip
        .addresses
        .plus(Sum::of_network_word(UDP.into()))
        .plus(Sum::of_network_word(udp_len));
    let kept = payload.get(service.changes()..).map_or(Sum::ZERO, Sum::of);
    let whole = pseudo
        .plus(Sum::of_array(header))
        .plus(changing(service, payload))
        .plus(kept);
    // RFC 768 lets IPv4 senders leave the checksum out; RFC 8200 §8.1 does not let IPv6 ones.
    let is_missing = *checksum == [0; 2];
    if !(whole.is_good() || is_missing && ip.source.is_ipv4()) || is_missing && ip.source.is_ipv6()
    {
        return Err(Reflection::Ignored);
    }
    Ok(Datagram {
        service,
        source: SocketAddr::new(ip.source, word(&[*s0, *s1])),
        destination: ip.destination,
        udp: ip.udp,
        udp_len: udp_len.into(),
        addresses: ip.addresses,
        common: pseudo.plus(Sum::of_array(&[*s0, *s1, *d0, *d1, *l0, *l1, 0, 0])),
        kept,
    })
}
