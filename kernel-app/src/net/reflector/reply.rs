//! Turns a request's frame into its reply's: swapped addresses and ports, new checksums.

use core::net::{IpAddr, SocketAddr};

use super::datagram::{Datagram, IPV4_HEADER, IPV6_HEADER, UDP_HEADER};
use crate::net::packets::{IP, UDP};
use wire::checksum::Sum;

/// Time to live and hop limit of answers (RFC 1700's recommendation).
const HOP_LIMIT: u8 = 64;

/// "Don't fragment" (RFC 791 §3.1).
const DONT_FRAGMENT: u8 = 0x40;

/// Offset of the end of an answer's headers, in bytes.
pub const IPV4_HEADERS: usize = IP + IPV4_HEADER + UDP_HEADER;
const IPV6_HEADERS: usize = IP + IPV6_HEADER + UDP_HEADER;

/// Makes the frame that brought `datagram` the one that carries its reply, in everything but the UDP
/// payload, which is the reply's already: the part that may have changed has the sum `changed`. The
/// packet has no IP options.
#[inline(always)]
pub fn make_reply(frame: &mut [u8], datagram: &Datagram, changed: Sum, own_mac: [u8; 6]) {
    let sum = datagram.common.plus(changed).plus(datagram.kept);
    let udp_checksum = sum.udp_checksum();
    match (datagram.source.ip(), datagram.destination) {
        (IpAddr::V4(client), IpAddr::V4(own)) => {
            let Some(headers) = frame.first_chunk_mut::<IPV4_HEADERS>() else {
                return;
            };
            let [l0, l1] = ((IPV4_HEADER + datagram.udp_len) as u16).to_be_bytes();
            // What was behind the datagram is no part of the answer.
            headers[IP + 2..IP + 4].copy_from_slice(&[l0, l1]);
            let between = (own.octets(), client.octets(), datagram.addresses);
            write_ipv4_headers(headers, own_mac, between, udp_checksum);
        }
        (IpAddr::V6(client), IpAddr::V6(own)) => {
            let Some(headers) = frame.first_chunk_mut::<IPV6_HEADERS>() else {
                return;
            };
            swap_ethernet(headers, own_mac);
            let [l0, l1] = (datagram.udp_len as u16).to_be_bytes();
            let ip = &mut headers[IP..IP + IPV6_HEADER];
            // The traffic class is the question's, the flow is not.
            let (version, class) = (0x60 | ip[0] & 0x0f, ip[1] & 0xf0);
            ip[..8].copy_from_slice(&[version, class, 0, 0, l0, l1, UDP, HOP_LIMIT]);
            ip[8..24].copy_from_slice(&own.octets());
            ip[24..].copy_from_slice(&client.octets());
            swap_udp(&mut headers[IP + IPV6_HEADER..], udp_checksum);
        }
        _ => unreachable!("both addresses come from one IP header"),
    }
}

/// Does the same for a reply of `payload_len` bytes, no more than the request has, of which any may have
/// changed: for the datagram whose UDP header starts at `udp`. Returns the length of the reply's frame,
/// in bytes.
///
/// Takes everything from the frame, so that its caller need not keep for it what others have no use for.
#[cold]
#[cfg_attr(target_os = "none", optimize(speed))]
#[inline(never)]
pub fn make_changed_reply(
    frame: &mut [u8],
    udp: usize,
    payload_len: usize,
    own_mac: [u8; 6],
) -> usize {
    let udp_len = UDP_HEADER + payload_len;
    let end = udp + udp_len;
    let length = (udp_len as u16).to_be_bytes();
    frame[udp + 4..udp + 6].copy_from_slice(&length);
    let (source, destination, addresses) = match frame[IP] >> 4 {
        4 => ends::<4>(&frame[IP + 12..IP + IPV4_HEADER]),
        _ => ends::<16>(&frame[IP + 8..IP + IPV6_HEADER]),
    };
    // Ports and length of the header, and protocol and length of the pseudo-header.
    let common = addresses
        .plus(Sum::of_network_word(UDP.into()))
        .plus(Sum::of_network_word(udp_len as u16))
        .plus(Sum::of(&frame[udp..udp + 6]));
    let changed = Sum::of(&frame[udp + UDP_HEADER..end]);
    let datagram = Datagram {
        source: SocketAddr::new(source, 0),
        destination,
        udp,
        udp_len,
        addresses,
        common,
        kept: Sum::ZERO,
    };
    make_reply(frame, &datagram, changed, own_mac);
    end
}

/// Splits the two addresses of an IP header, and adds them up.
fn ends<const LEN: usize>(addresses: &[u8]) -> (IpAddr, IpAddr, Sum)
where
    IpAddr: From<[u8; LEN]>,
{
    let (ends, _) = addresses.as_chunks::<LEN>();
    (ends[0].into(), ends[1].into(), Sum::of(addresses))
}

/// The headers of an answer over IPv4, of which version, traffic class and length are there already.
/// `between` are our address, the client's, and the sum of both.
#[inline(always)]
pub fn write_ipv4_headers(
    headers: &mut [u8; IPV4_HEADERS],
    own_mac: [u8; 6],
    (own, client, addresses): ([u8; 4], [u8; 4], Sum),
    udp_checksum: [u8; 2],
) {
    swap_ethernet(headers, own_mac);
    let ip = &mut headers[IP..IP + IPV4_HEADER];
    let start = [ip[0], ip[1], ip[2], ip[3]];
    let fixed = [0, 0, DONT_FRAGMENT, 0, HOP_LIMIT, UDP, 0, 0];
    let sum = addresses
        .plus(Sum::of_array(&start))
        .plus(Sum::of_array(&fixed));
    let [c0, c1] = sum.checksum();
    ip[4..8].copy_from_slice(&[0, 0, DONT_FRAGMENT, 0]);
    ip[8..12].copy_from_slice(&[HOP_LIMIT, UDP, c0, c1]);
    ip[12..16].copy_from_slice(&own);
    ip[16..].copy_from_slice(&client);
    swap_udp(&mut headers[IP + IPV4_HEADER..], udp_checksum);
}

/// Back to where it came from, and from us.
#[inline(always)]
fn swap_ethernet(headers: &mut [u8], own_mac: [u8; 6]) {
    headers.copy_within(6..12, 0);
    headers[6..12].copy_from_slice(&own_mac);
}

/// Ports change places; the length stays.
#[inline(always)]
fn swap_udp(header: &mut [u8], checksum: [u8; 2]) {
    let mut ports = [0; 4];
    ports.copy_from_slice(&header[..4]);
    let ports = u32::from_le_bytes(ports).rotate_left(16);
    header[..4].copy_from_slice(&ports.to_le_bytes());
    header[6..8].copy_from_slice(&checksum);
}
