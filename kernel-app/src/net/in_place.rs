//! Answers that are made of their questions: to ARP requests and to pings, in the buffer they came in.
//!
//! They go back to the Ethernet address they came from, as the reflector's do, so that the first ping
//! of a station is answered, and a host behind any gateway. smoltcp would look for the station
//! first, lose the ping meanwhile, and has no ear for a gateway outside of its prefix.
//!
//! Nothing unusual (a fragment, IP options, a wrong checksum) is answered. No unsafe code.
#![forbid(unsafe_code)]

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use wire::Mac;
use wire::checksum::Sum;
use wire::peer::{is_host, is_host_ipv4};

use super::addresses::Addresses;
use super::packets::{
    ARP, ARP_ETHERNET_IPV4, ARP_LEN, ARP_REPLY, ARP_REQUEST, ICMP, ICMPV6, IP, IPV4, IPV6, arp,
};

/// Time to live and hop limit of answers.
const HOP_LIMIT: u8 = 64;

/// Types of ICMP messages as 16-bit words with their code, which is 0 (RFC 792, RFC 4443 §4).
const ECHO_REQUEST: u16 = 0x0800;
const ECHO_REPLY: u16 = 0;
const V6_ECHO_REQUEST: u16 = 0x8000;
const V6_ECHO_REPLY: u16 = 0x8100;

/// Makes `frame` the answer to itself, if it is one of those questions and for `own`. Returns the
/// answer's length.
pub fn answer(frame: &mut [u8], own: &Addresses) -> Option<usize> {
    let receiver = Mac::new(*frame.first_chunk()?);
    let sender = Mac::new(*frame.get(6..)?.first_chunk()?);
    if sender.is_multicast() || sender == own.mac {
        return None;
    }
    let is_to_us = receiver == own.mac;
    match *frame.get(12..14)?.first_chunk::<2>()? {
        ARP if is_to_us || receiver.is_multicast() => answer_arp(frame, own),
        IPV4 if is_to_us => answer_ping(frame, own),
        IPV6 if is_to_us => answer_ping6(frame, own),
        _ => None,
    }
}

/// A request for our address, a probe included, the sender of which has none yet (RFC 5227 §2.1).
fn answer_arp(frame: &mut [u8], own: &Addresses) -> Option<usize> {
    let packet = frame.get(IP..ARP_LEN)?;
    let (address, _) = own.ipv4?;
    let is_request = packet[..7] == ARP_ETHERNET_IPV4 && packet[7] == ARP_REQUEST;
    let mac = Mac::new(*packet[8..].first_chunk()?);
    let sender = Ipv4Addr::from_octets(*packet[14..].first_chunk()?);
    let is_host = is_host_ipv4(sender) && !own.is_group(sender.into());
    let is_host = is_host || sender.is_unspecified();
    if !is_request || packet[24..28] != address.octets() || !is_host || mac.is_multicast() {
        return None;
    }
    let reply = arp(mac, ARP_REPLY, (own.mac, address), (mac, sender));
    frame[..ARP_LEN].copy_from_slice(&reply);
    Some(ARP_LEN)
}

/// Returns true if a packet from `source` to `destination` may be answered.
fn is_ours(own: &Addresses, source: IpAddr, destination: IpAddr) -> bool {
    own.has(destination) && !own.has(source) && is_host(source) && !own.is_group(source)
}

fn answer_ping(frame: &mut [u8], own: &Addresses) -> Option<usize> {
    let header: &[u8; 20] = frame.get(IP..)?.first_chunk()?;
    let is_whole = u16::from_be_bytes([header[6], header[7]]) & 0x3fff == 0;
    if header[0] != 0x45 || header[9] != ICMP || !is_whole || !Sum::of(header).is_good() {
        return None;
    }
    let source = Ipv4Addr::from_octets(*header[12..].first_chunk()?);
    let destination = Ipv4Addr::from_octets(*header[16..].first_chunk()?);
    let end = IP + usize::from(u16::from_be_bytes([header[2], header[3]]));
    let message = frame.get(IP + 20..end)?;
    if !is_ours(own, source.into(), destination.into()) || !Sum::of(message).is_good() {
        return None;
    }
    turn_message(frame.get_mut(IP + 20..end)?, ECHO_REQUEST, ECHO_REPLY)?;
    turn_ethernet(frame, own.mac);
    // The first word, with the traffic class and the length, stays.
    let ip = &mut frame[IP..IP + 20];
    ip[4..12].copy_from_slice(&[0, 0, 0x40, 0, HOP_LIMIT, ICMP, 0, 0]);
    ip[12..16].copy_from_slice(&destination.octets());
    ip[16..20].copy_from_slice(&source.octets());
    let checksum = Sum::of(ip).checksum();
    ip[10..12].copy_from_slice(&checksum);
    Some(end)
}

fn answer_ping6(frame: &mut [u8], own: &Addresses) -> Option<usize> {
    let header: &[u8; 40] = frame.get(IP..)?.first_chunk()?;
    if header[0] >> 4 != 6 || header[6] != ICMPV6 {
        return None;
    }
    let source = Ipv6Addr::from_octets(*header[8..].first_chunk()?);
    let destination = Ipv6Addr::from_octets(*header[24..].first_chunk()?);
    let len = u16::from_be_bytes([header[4], header[5]]);
    let end = IP + 40 + usize::from(len);
    let sum = Sum::of(frame.get(IP + 8..end)?)
        .plus(Sum::of_network_word(len))
        .plus(Sum::of_network_word(ICMPV6.into()));
    if !is_ours(own, source.into(), destination.into()) || !sum.is_good() {
        return None;
    }
    turn_message(frame.get_mut(IP + 40..end)?, V6_ECHO_REQUEST, V6_ECHO_REPLY)?;
    turn_ethernet(frame, own.mac);
    let ip = &mut frame[IP..IP + 40];
    ip[0] = 0x60 | (ip[0] & 0x0f);
    ip[1] &= 0xf0; // the traffic class stays, the flow label does not
    ip[2..4].fill(0);
    ip[7] = HOP_LIMIT;
    ip[8..24].copy_from_slice(&destination.octets());
    ip[24..40].copy_from_slice(&source.octets());
    Some(end)
}

/// Makes an echo request a reply. Only its first word changes, and its checksum by as much (RFC 1624).
fn turn_message(message: &mut [u8], request: u16, reply: u16) -> Option<()> {
    let header: &mut [u8; 8] = message.first_chunk_mut()?;
    if header[..2] != request.to_be_bytes() {
        return None;
    }
    header[..2].copy_from_slice(&reply.to_be_bytes());
    let checksum = u16::from_be_bytes([header[2], header[3]]);
    let sum = Sum::of_network_word(!checksum)
        .plus(Sum::of_network_word(!request))
        .plus(Sum::of_network_word(reply));
    // Never 0, which the sum that changes by parts can't tell from 0xffff: of a message that is all zero, only the
    // latter is right, and of any other both are (RFC 1624 §3).
    header[2..4].copy_from_slice(&sum.udp_checksum());
    Some(())
}

fn turn_ethernet(frame: &mut [u8], own_mac: Mac) {
    frame.copy_within(6..12, 0);
    frame[6..12].copy_from_slice(&own_mac.octets());
}

#[cfg(test)]
mod tests;
