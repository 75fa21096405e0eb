//! Frames taken apart.
#![forbid(unsafe_code)]

use std::net::{IpAddr, SocketAddr};

use etherparse::{ArpEthIpv4Packet, IpNumber, NetSlice, SlicedPacket};

use super::{IP, Mac, UDP_HEADER, UDP6, ones_complement};

/// Shortest frame on a real wire, without its check sequence, in bytes.
pub(super) const MIN_FRAME: usize = 60;

/// A frame, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Sender of the frame.
    pub from: Mac,
    /// Receiver.
    pub to: Mac,
    /// Content.
    pub body: Body,
}

/// Content of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// An ARP packet.
    Arp(ArpEthIpv4Packet),
    /// A UDP datagram.
    Udp {
        /// Sender of the datagram.
        from: SocketAddr,
        /// Receiver.
        to: SocketAddr,
        /// Content.
        payload: Vec<u8>,
    },
    /// An ICMP or ICMPv6 message.
    Icmp {
        /// Sender of the message.
        from: IpAddr,
        /// Receiver.
        to: IpAddr,
        /// Time to live, or hop limit.
        hop_limit: u8,
        /// Type.
        kind: u8,
        /// Code.
        code: u8,
        /// Bytes after the checksum.
        rest: Vec<u8>,
    },
    /// Something else, by its IP protocol number.
    Other(u8),
}

/// Takes a frame apart.
///
/// # Errors
///
/// A message about the part that is not as it should be: a length, a checksum, something that is no IP or ARP.
pub fn parse(frame: &[u8]) -> Result<Packet, String> {
    let sliced = SlicedPacket::from_ethernet(frame).map_err(|error| error.to_string())?;
    let link = etherparse::Ethernet2Header::from_slice(frame)
        .map_err(|error| error.to_string())?
        .0;
    let body = match &sliced.net {
        None => return Err(format!("neither ARP nor IP: {:?}", link.ether_type)),
        Some(NetSlice::Arp(arp)) => {
            let arp = arp.to_packet().try_eth_ipv4();
            Body::Arp(arp.map_err(|error| error.to_string())?)
        }
        Some(NetSlice::Ipv4(ip)) => {
            let header = ip.header();
            if ones_complement(&[header.slice()]) != 0 {
                return Err("bad IPv4 header checksum".to_owned());
            }
            if ip.is_payload_fragmented() {
                return Err("a fragment".to_owned());
            }
            let end = IP + usize::from(header.total_len());
            check_end(frame, end)?;
            let segment = &frame[IP + header.slice().len()..end];
            let (from, to) = (header.source_addr(), header.destination_addr());
            above_ip(
                from.into(),
                to.into(),
                header.ttl(),
                header.protocol(),
                segment,
            )?
        }
        Some(NetSlice::Ipv6(ip)) => {
            let header = ip.header();
            let end = UDP6 + usize::from(header.payload_length());
            check_end(frame, end)?;
            let segment = ip.payload().payload;
            let (from, to) = (header.source_addr(), header.destination_addr());
            let protocol = ip.payload().ip_number;
            above_ip(
                from.into(),
                to.into(),
                header.hop_limit(),
                protocol,
                segment,
            )?
        }
    };
    Ok(Packet {
        from: link.source,
        to: link.destination,
        body,
    })
}

/// A frame ends where its packet does, unless it is padded to the shortest frame.
fn check_end(frame: &[u8], end: usize) -> Result<(), String> {
    if frame.len() == end || (end < MIN_FRAME && frame.len() == MIN_FRAME) {
        Ok(())
    } else {
        let len = frame.len();
        Err(format!(
            "a frame of {len} bytes around a packet that ends at {end}"
        ))
    }
}

fn above_ip(
    from: IpAddr,
    to: IpAddr,
    hop_limit: u8,
    protocol: IpNumber,
    segment: &[u8],
) -> Result<Body, String> {
    let pseudo = pseudo_header(from, to, protocol, segment.len());
    match protocol {
        IpNumber::UDP => {
            let header = segment.first_chunk::<UDP_HEADER>();
            let &[a, b, c, d, e, f, g, h] = header.ok_or("a UDP header cut short")?;
            if usize::from(u16::from_be_bytes([e, f])) != segment.len() {
                return Err("the UDP length is not what IP carries".to_owned());
            }
            let is_missing = [g, h] == [0, 0];
            if (is_missing && from.is_ipv6())
                || (!is_missing && ones_complement(&[&pseudo, segment]) != 0)
            {
                return Err("bad UDP checksum".to_owned());
            }
            Ok(Body::Udp {
                from: SocketAddr::new(from, u16::from_be_bytes([a, b])),
                to: SocketAddr::new(to, u16::from_be_bytes([c, d])),
                payload: segment[UDP_HEADER..].to_vec(),
            })
        }
        IpNumber::ICMP | IpNumber::IPV6_ICMP => {
            let pseudo: &[u8] = if from.is_ipv6() { &pseudo } else { &[] };
            let &[kind, code, ..] = segment.first_chunk::<8>().ok_or("ICMP cut short")?;
            if ones_complement(&[pseudo, segment]) != 0 {
                return Err("bad ICMP checksum".to_owned());
            }
            Ok(Body::Icmp {
                from,
                to,
                hop_limit,
                kind,
                code,
                rest: segment[4..].to_vec(),
            })
        }
        IpNumber(other) => Ok(Body::Other(other)),
    }
}

/// Pseudo-header, which UDP's and ICMPv6's checksums cover beside the segment (RFC 768, RFC 8200 §8.1); that the
/// two lay it out differently makes no difference to the sum.
fn pseudo_header(from: IpAddr, to: IpAddr, protocol: IpNumber, len: usize) -> Vec<u8> {
    let mut pseudo = Vec::new();
    for address in [from, to] {
        match address {
            IpAddr::V4(address) => pseudo.extend(address.octets()),
            IpAddr::V6(address) => pseudo.extend(address.octets()),
        }
    }
    pseudo.extend((len as u32).to_be_bytes());
    pseudo.extend([0, 0, 0, protocol.0]);
    pseudo
}
