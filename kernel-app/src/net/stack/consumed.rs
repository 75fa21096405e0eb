//! Frames that the stack takes for itself: probes for our IPv6 addresses, and messages of DHCP servers.
#![forbid(unsafe_code)]

use core::net::Ipv6Addr;

use smoltcp::wire::{Ipv4Packet, UdpPacket};

use crate::args::DHCP_CLIENT_PORT;
use crate::net::dhcp::DHCP_SERVER_PORT;
use crate::net::packets::{self, IP};

/// Returns the IPv6 address that a duplicate address detection asks about (RFC 4862 §5.4.3). The reply goes to all
/// nodes, and is the same as an announcement.
pub fn probed6(frame: &[u8]) -> Option<Ipv6Addr> {
    let ip = frame.get(IP..)?;
    let is_probe = frame[12..14] == packets::IPV6
        && *ip.get(6..8)? == [packets::ICMPV6, packets::DISCOVERY_HOP_LIMIT]
        && *ip.get(8..24)? == [0; 16]
        && *ip.get(40)? == packets::NEIGHBOUR_SOLICITATION;
    let target = ip.get(48..)?.first_chunk()?;
    is_probe.then(|| Ipv6Addr::from_octets(*target))
}

/// The message of a frame with a datagram from a DHCP server to a client, every length and checksum
/// of which is right.
pub fn dhcp_message(frame: &[u8]) -> Option<&[u8]> {
    if frame.get(12..14)? != packets::IPV4 {
        return None;
    }
    let ip = Ipv4Packet::new_checked(&frame[IP..]).ok()?;
    let is_whole = !ip.more_frags() && ip.frag_offset() == 0;
    if u8::from(ip.next_header()) != 17 || !is_whole || !ip.verify_checksum() {
        return None;
    }
    let udp = UdpPacket::new_checked(ip.payload()).ok()?;
    let ports = (udp.src_port(), udp.dst_port());
    let (source, destination) = (ip.src_addr().into(), ip.dst_addr().into());
    let is_dhcp =
        ports == (DHCP_SERVER_PORT, DHCP_CLIENT_PORT) && udp.verify_checksum(&source, &destination);
    is_dhcp.then(|| udp.payload())
}
