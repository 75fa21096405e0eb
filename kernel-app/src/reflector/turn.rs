//! Turns a frame round: the headers of an answer in place of its question's.

use core::net::IpAddr;

use super::datagram::{
    Datagram, IP, IPV4_HEADER, IPV4_PLAIN, IPV6_HEADER, UDP, UDP_HEADER, changing,
};
use wire::checksum::Sum;

/// Time to live and hop limit of answers (RFC 1700's recommendation).
const HOP_LIMIT: u8 = 64;

/// "Don't fragment" (RFC 791 §3.1).
const DONT_FRAGMENT: u8 = 0x40;

/// Where the headers of an answer end.
const IPV4_HEADERS: usize = IP + IPV4_HEADER + UDP_HEADER;
const IPV6_HEADERS: usize = IP + IPV6_HEADER + UDP_HEADER;

/// Makes the frame that brought `datagram` the one that carries its answer, in everything but the
/// UDP payload, which is the answer's already. The packet has no IP options.
#[inline(always)]
pub fn turn_round(frame: &mut [u8], datagram: &Datagram, own_mac: [u8; 6]) {
    let end = datagram.udp + datagram.udp_len;
    let payload = &frame[datagram.udp + UDP_HEADER..end];
    let sum = datagram
        .common
        .plus(changing(datagram.service, payload))
        .plus(datagram.kept);
    let udp_checksum = sum.udp_checksum();
    match (datagram.source.ip(), datagram.destination) {
        (IpAddr::V4(client), IpAddr::V4(own)) => {
            let Some(headers) = frame.first_chunk_mut::<IPV4_HEADERS>() else {
                return;
            };
            turn_ethernet(headers, own_mac);
            let [l0, l1] = ((IPV4_HEADER + datagram.udp_len) as u16).to_be_bytes();
            let start = [IPV4_PLAIN, 0, l0, l1, 0, 0, DONT_FRAGMENT, 0];
            let sum = datagram
                .addresses
                .plus(Sum::of_array(&start))
                .plus(Sum::of_array(&[HOP_LIMIT, UDP, 0, 0]));
            let [c0, c1] = sum.checksum();
            let ip = &mut headers[IP..IP + IPV4_HEADER];
            ip[..8].copy_from_slice(&start);
            ip[8..12].copy_from_slice(&[HOP_LIMIT, UDP, c0, c1]);
            ip[12..16].copy_from_slice(&own.octets());
            ip[16..].copy_from_slice(&client.octets());
            turn_udp(&mut headers[IP + IPV4_HEADER..], udp_checksum);
        }
        (IpAddr::V6(client), IpAddr::V6(own)) => {
            let Some(headers) = frame.first_chunk_mut::<IPV6_HEADERS>() else {
                return;
            };
            turn_ethernet(headers, own_mac);
            let [l0, l1] = (datagram.udp_len as u16).to_be_bytes();
            let ip = &mut headers[IP..IP + IPV6_HEADER];
            ip[..8].copy_from_slice(&[0x60, 0, 0, 0, l0, l1, UDP, HOP_LIMIT]);
            ip[8..24].copy_from_slice(&own.octets());
            ip[24..].copy_from_slice(&client.octets());
            turn_udp(&mut headers[IP + IPV6_HEADER..], udp_checksum);
        }
        _ => unreachable!("both addresses come from one IP header"),
    }
}

/// Back to where it came from, and from us.
#[inline(always)]
fn turn_ethernet(headers: &mut [u8], own_mac: [u8; 6]) {
    headers.copy_within(6..12, 0);
    headers[6..12].copy_from_slice(&own_mac);
}

/// Ports change places; the length stays.
#[inline(always)]
fn turn_udp(header: &mut [u8], checksum: [u8; 2]) {
    let ports = [header[2], header[3], header[0], header[1]];
    header[..4].copy_from_slice(&ports);
    header[6..8].copy_from_slice(&checksum);
}
