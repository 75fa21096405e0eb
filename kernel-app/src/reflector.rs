//! The fast path: answers a datagram in the buffer it came in.
//!
//! A frame that carries a UDP datagram for our port is checked, handed to [`wire::handle`] and
//! turned round where it stands: addresses and ports change places, checksums are made anew, and
//! the answer goes back to the Ethernet address the question came from. So an answer needs no
//! neighbour to be resolved, and a forged source address cannot hold up anybody else's answer.
//! Frames for anything else are left to the stack ([`crate::stack`]).
//!
//! Knows frames, not devices. No unsafe code; smoltcp's `wire` types take frames apart.

use core::net::{IpAddr, SocketAddr};

use smoltcp::wire::{
    EthernetAddress, EthernetFrame, EthernetProtocol, IpAddress, IpProtocol, Ipv4Packet,
    Ipv6Packet, UdpPacket,
};
use wire::Verdict;
use wire::peer::is_answerable;

use crate::args::DHCP_CLIENT_PORT;
use crate::stack::Addresses;

/// Where an Ethernet frame's payload starts.
const IP: usize = EthernetFrame::<&[u8]>::header_len();
const IPV4_HEADER: usize = 20;
const IPV6_HEADER: usize = 40;
const UDP_HEADER: usize = 8;

/// Time to live and hop limit of answers (RFC 1700's recommendation).
const HOP_LIMIT: u8 = 64;

/// What a frame turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reflection {
    /// Not for the service: the stack's business.
    NotOurs,
    /// Nobody's business: a fragment, damaged, or for another host or port.
    Ignored,
    /// A datagram for our port from or to an address that must not be answered.
    Refused,
    /// A datagram for our port that [`wire::handle`] does not answer.
    Dropped(Verdict),
    /// The first `len` bytes of the frame now are the answer.
    Answered {
        /// Which answer.
        verdict: Verdict,
        /// Length of the answering frame, in bytes.
        len: usize,
    },
}

/// Whom the service answers as, and for which boot.
#[derive(Clone, Copy, Debug)]
pub struct Reflector {
    /// UDP port of the service.
    pub port: u16,
    /// The `boot_id` that replies carry.
    pub boot_id: u32,
}

/// A UDP datagram with good checksums for our port.
struct Datagram {
    source: SocketAddr,
    destination: IpAddr,
    /// Whether the packet has IP options: a source route, perhaps, so that where it says it came
    /// from is not where an answer would go.
    has_options: bool,
    /// Where the UDP header starts in the frame.
    udp: usize,
    /// Length of UDP header and payload, in bytes.
    udp_len: usize,
}

impl Reflector {
    /// Looks at `frame` and answers it in place if that is for us to do.
    ///
    /// `now_ns` is read on entry for the receive time, and again for the transmit time when the
    /// reply is otherwise ready but for its checksums, which cover that time.
    pub fn reflect(
        &self,
        frame: &mut [u8],
        own: &Addresses,
        now_ns: impl Fn() -> u64,
    ) -> Reflection {
        let received_ns = now_ns();
        let datagram = match self.locate(frame, own) {
            Ok(datagram) => datagram,
            Err(reflection) => return reflection,
        };
        let ethernet = EthernetFrame::new_unchecked(&*frame);
        let between_hosts = ethernet.dst_addr().is_unicast() && ethernet.src_addr().is_unicast();
        let is_ours = own.has(datagram.destination);
        if !is_ours && !own.is_group(datagram.destination) {
            return Reflection::Ignored;
        }
        let broadcast = own.broadcast().map(IpAddr::V4);
        if !between_hosts
            || !is_ours
            || datagram.has_options
            || own.has(datagram.source.ip())
            || !is_answerable(datagram.source, datagram.destination, broadcast)
        {
            return Reflection::Refused;
        }
        let end = datagram.udp + datagram.udp_len;
        let payload = &mut frame[datagram.udp + UDP_HEADER..end];
        match wire::handle(payload, self.boot_id, received_ns, now_ns) {
            verdict @ Verdict::Drop(_) => Reflection::Dropped(verdict),
            verdict @ (Verdict::Reply | Verdict::Unsupported) => {
                turn_round(&mut frame[..end], &datagram, own.mac);
                Reflection::Answered { verdict, len: end }
            }
        }
    }

    /// Finds the datagram for our port in `frame`, or says what the frame is instead.
    fn locate(&self, frame: &[u8], own: &Addresses) -> Result<Datagram, Reflection> {
        let ethernet = EthernetFrame::new_checked(frame).map_err(|_| Reflection::Ignored)?;
        let receiver = ethernet.dst_addr();
        if receiver.is_unicast() && receiver != EthernetAddress(own.mac) {
            return Err(Reflection::Ignored);
        }
        match ethernet.ethertype() {
            EthernetProtocol::Ipv4 => self.locate_ipv4(ethernet.payload()),
            EthernetProtocol::Ipv6 => self.locate_ipv6(ethernet.payload()),
            _ => Err(Reflection::NotOurs),
        }
    }

    fn locate_ipv4(&self, packet: &[u8]) -> Result<Datagram, Reflection> {
        let ip = Ipv4Packet::new_checked(packet).map_err(|_| Reflection::Ignored)?;
        let header_len = usize::from(ip.header_len());
        let is_whole = !ip.more_frags() && ip.frag_offset() == 0;
        if ip.version() != 4 || header_len < IPV4_HEADER || !is_whole || !ip.verify_checksum() {
            return Err(Reflection::Ignored);
        }
        if ip.next_header() != IpProtocol::Udp {
            return Err(Reflection::NotOurs);
        }
        let (source, destination) = (ip.src_addr().into(), ip.dst_addr().into());
        let datagram = self.locate_udp(ip.payload(), source, destination, IP + header_len)?;
        Ok(Datagram {
            has_options: header_len != IPV4_HEADER,
            ..datagram
        })
    }

    fn locate_ipv6(&self, packet: &[u8]) -> Result<Datagram, Reflection> {
        let ip = Ipv6Packet::new_checked(packet).map_err(|_| Reflection::Ignored)?;
        if ip.version() != 6 {
            return Err(Reflection::Ignored);
        }
        match ip.next_header() {
            IpProtocol::Udp => {}
            // A fragment, or what may hide one; the stack would answer these with an error longer
            // than what it answers.
            IpProtocol::HopByHop
            | IpProtocol::Ipv6Route
            | IpProtocol::Ipv6Frag
            | IpProtocol::Ipv6Opts => return Err(Reflection::Ignored),
            _ => return Err(Reflection::NotOurs),
        }
        let (source, destination) = (ip.src_addr().into(), ip.dst_addr().into());
        self.locate_udp(ip.payload(), source, destination, IP + IPV6_HEADER)
    }

    fn locate_udp(
        &self,
        segment: &[u8],
        source: IpAddr,
        destination: IpAddr,
        at: usize,
    ) -> Result<Datagram, Reflection> {
        let udp = UdpPacket::new_checked(segment).map_err(|_| Reflection::Ignored)?;
        if udp.dst_port() != self.port {
            // The stack has no UDP but DHCP's. Its answer to other ports would be an ICMP error,
            // longer than a short question, and nobody's need: silence, as a firewall keeps it.
            let is_dhcp = udp.dst_port() == DHCP_CLIENT_PORT && source.is_ipv4();
            return Err(if is_dhcp {
                Reflection::NotOurs
            } else {
                Reflection::Ignored
            });
        }
        // RFC 768 lets IPv4 senders leave the checksum out; RFC 8200 §8.1 does not let IPv6 ones.
        let is_missing = udp.checksum() == 0 && source.is_ipv6();
        if is_missing || !udp.verify_checksum(&source.into(), &destination.into()) {
            return Err(Reflection::Ignored);
        }
        Ok(Datagram {
            source: SocketAddr::new(source, udp.src_port()),
            destination,
            has_options: false,
            udp: at,
            udp_len: udp.len().into(),
        })
    }
}

/// Makes the frame that brought `datagram` the one that carries its answer, in everything but the
/// UDP payload. The frame ends with the datagram; it has no IP options.
fn turn_round(frame: &mut [u8], datagram: &Datagram, own_mac: [u8; 6]) {
    let (client, service) = (datagram.source, datagram.destination);
    let mut ethernet = EthernetFrame::new_unchecked(&mut *frame);
    ethernet.set_dst_addr(ethernet.src_addr());
    ethernet.set_src_addr(EthernetAddress(own_mac));

    let mut udp = UdpPacket::new_unchecked(&mut frame[datagram.udp..]);
    udp.set_src_port(udp.dst_port());
    udp.set_dst_port(client.port());
    udp.fill_checksum(&IpAddress::from(service), &IpAddress::from(client.ip()));

    match (client.ip(), service) {
        (IpAddr::V4(client), IpAddr::V4(service)) => {
            let mut ip = Ipv4Packet::new_unchecked(&mut frame[IP..]);
            ip.set_total_len((IPV4_HEADER + datagram.udp_len) as u16);
            ip.set_dscp(0);
            ip.set_ecn(0);
            ip.set_dont_frag(true);
            ip.set_hop_limit(HOP_LIMIT);
            ip.set_src_addr(service);
            ip.set_dst_addr(client);
            ip.fill_checksum();
        }
        (IpAddr::V6(client), IpAddr::V6(service)) => {
            let mut ip = Ipv6Packet::new_unchecked(&mut frame[IP..]);
            ip.set_payload_len(datagram.udp_len as u16);
            ip.set_traffic_class(0);
            ip.set_hop_limit(HOP_LIMIT);
            ip.set_src_addr(service);
            ip.set_dst_addr(client);
        }
        _ => unreachable!("both addresses come from one IP header"),
    }
}

#[cfg(test)]
mod tests;
