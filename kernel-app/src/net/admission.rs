//! The frames that the stack may see: it keeps the rules that the reflector keeps.
//!
//! A host must answer its neighbours' questions and may answer pings; nothing else is answered that is no service's. There are no
//! ICMP errors and no TCP resets, which would be longer than a short packet that provokes them, go where a forged
//! source says, and tell a stranger what there is. No message to a group is answered but questions about our
//! addresses, and none from an address that no host has ([`wire::peer`]).
//!
//! Reads frames, changes nothing. No unsafe code.
#![forbid(unsafe_code)]

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use wire::Counter;
use wire::peer::is_host;

use super::addresses::Addresses;
use super::dhcp::DHCP_SERVER_PORT;
use super::packets::{
    ARP, ARP_REQUEST, GROUP, HOP_BY_HOP, ICMP, ICMPV6, IP, IPV4, IPV6, NEIGHBOUR_ADVERTISEMENT,
    NEIGHBOUR_SOLICITATION, REDIRECT, ROUTER_SOLICITATION, UDP,
};
use crate::args::DHCP_CLIENT_PORT;

/// Types of echo requests (RFC 792, RFC 4443 §4).
const ECHO_REQUEST: u8 = 8;
const V6_ECHO_REQUEST: u8 = 128;

/// Use of a frame for the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// An ARP request for our address.
    Arp,
    /// A neighbour solicitation for one of our addresses.
    Solicitation,
    /// An echo request to one of our addresses.
    Ping,
    /// Another message of neighbour discovery, or a datagram for a socket.
    Admit,
    /// None, and it was not sent to us alone: nothing is counted.
    Ignore,
    /// None.
    Refuse(Counter),
}

/// Judges `frame`. `is_service` says whether a socket is at a port.
pub fn judge(frame: &[u8], own: &Addresses, is_service: impl Fn(u16) -> bool) -> Admission {
    let Some((ethernet, packet)) = frame.split_first_chunk::<IP>() else {
        return Admission::Refuse(Counter::DroppedLength);
    };
    let is_to_us = ethernet[..6] == own.mac.octets();
    if !is_to_us && ethernet[0] & GROUP == 0 {
        return Admission::Ignore;
    }
    let judged = match [ethernet[12], ethernet[13]] {
        ARP => arp(packet, own),
        IPV4 => ipv4(packet, own, is_service),
        IPV6 => ipv6(packet, own, is_service),
        _ => Some(Admission::Ignore),
    };
    match judged.unwrap_or(Admission::Refuse(Counter::DroppedLength)) {
        Admission::Refuse(_) if !is_to_us => Admission::Ignore,
        judged => judged,
    }
}

/// Judges an ARP packet; `None` if it is too short.
fn arp(packet: &[u8], own: &Addresses) -> Option<Admission> {
    let target = Ipv4Addr::from_octets(*packet.get(24..)?.first_chunk()?);
    let is_question = packet[7] == ARP_REQUEST && own.has(target.into());
    Some(match is_question {
        true => Admission::Arp,
        false => Admission::Ignore,
    })
}

fn ipv4(packet: &[u8], own: &Addresses, is_service: impl Fn(u16) -> bool) -> Option<Admission> {
    let header: &[u8; 20] = packet.first_chunk()?;
    let payload = packet.get(usize::from(header[0] & 0x0f) * 4..)?;
    let source = IpAddr::from(*header[12..].first_chunk::<4>()?);
    let destination = IpAddr::from(*header[16..].first_chunk::<4>()?);
    Some(match header[9] {
        UDP => {
            let [from, port] = ports(payload)?;
            // A DHCP server's answer may be for an address that is not ours yet, or for all.
            let is_dhcp = (from, port) == (DHCP_SERVER_PORT, DHCP_CLIENT_PORT);
            datagram(is_dhcp || own.has(destination) && is_service(port))
        }
        ICMP if *payload.first()? == ECHO_REQUEST && own.has(destination) => {
            between_hosts(source, own, Admission::Ping)
        }
        _ => Admission::Refuse(Counter::DroppedProtocol),
    })
}

fn ipv6(packet: &[u8], own: &Addresses, is_service: impl Fn(u16) -> bool) -> Option<Admission> {
    let (header, payload) = packet.split_first_chunk::<40>()?;
    let source = Ipv6Addr::from_octets(*header[8..].first_chunk()?);
    let destination = IpAddr::from(*header[24..].first_chunk::<16>()?);
    if header[6] == UDP {
        let [_, port] = ports(payload)?;
        return Some(datagram(own.has(destination) && is_service(port)));
    }
    // A query of group memberships, which has a router alert.
    if header[6] == HOP_BY_HOP && destination.is_multicast() {
        return Some(Admission::Admit);
    }
    if header[6] != ICMPV6 {
        return Some(Admission::Refuse(Counter::DroppedProtocol));
    }
    Some(match *payload.first()? {
        V6_ECHO_REQUEST if own.has(destination) => {
            between_hosts(source.into(), own, Admission::Ping)
        }
        NEIGHBOUR_SOLICITATION => {
            let target = IpAddr::from(*payload.get(8..)?.first_chunk::<16>()?);
            match own.has(target) {
                // Somebody who has no address yet asks whether this one is free (RFC 4862 §5.4): ours, or perhaps
                // one that we ask for as well.
                true if source.is_unspecified() => Admission::Solicitation,
                false if source.is_unspecified() => Admission::Admit,
                false => Admission::Ignore,
                true => between_hosts(source.into(), own, Admission::Solicitation),
            }
        }
        // Of another host with our address, perhaps, and never answered.
        NEIGHBOUR_ADVERTISEMENT if is_host(source.into()) => Admission::Admit,
        ROUTER_SOLICITATION..=REDIRECT => between_hosts(source.into(), own, Admission::Admit),
        _ => Admission::Refuse(Counter::DroppedProtocol),
    })
}

/// Source and destination port of a datagram.
fn ports(datagram: &[u8]) -> Option<[u16; 2]> {
    let [s0, s1, d0, d1] = *datagram.first_chunk()?;
    Some([[s0, s1], [d0, d1]].map(u16::from_be_bytes))
}

/// A datagram without a socket is met with silence, as a firewall keeps it.
const fn datagram(is_for_socket: bool) -> Admission {
    match is_for_socket {
        true => Admission::Admit,
        false => Admission::Ignore,
    }
}

/// `judged`, if `source` can be another host.
fn between_hosts(source: IpAddr, own: &Addresses, judged: Admission) -> Admission {
    if is_host(source) && !own.has(source) && !own.is_group(source) {
        judged
    } else {
        Admission::Refuse(Counter::DroppedStackSource)
    }
}
