//! Valid frames, as clients, routers and servers on the guest's network send them.

use std::net::{IpAddr, SocketAddr};

use wire::{Header, Kind, Mac};

use crate::checksums::mend;

/// The guest's Ethernet address, and a client's.
pub const GUEST: Mac = Mac::new([0x52, 0x54, 0, 0x12, 0x34, 0x56]);
/// A client's Ethernet address.
pub const CLIENT: Mac = Mac::new([0x52, 0x55, 10, 0, 2, 2]);

/// Protocols behind an Ethernet header (IANA).
const IPV4: [u8; 2] = [0x08, 0x00];
const IPV6: [u8; 2] = [0x86, 0xdd];
const ARP: [u8; 2] = [0x08, 0x06];

fn ethernet(to: Mac, ethertype: [u8; 2], payload: &[u8]) -> Vec<u8> {
    [&to.octets()[..], &CLIENT.octets(), &ethertype, payload].concat()
}

/// Returns a frame to `to` with an IP packet, its checksums right.
fn ip(to: Mac, source: IpAddr, destination: IpAddr, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let len = payload.len() as u16;
    let (ethertype, packet) = match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let [l0, l1] = (len + 20).to_be_bytes();
            let header = [0x45, 0, l0, l1, 0, 0, 0x40, 0, 64, protocol, 0, 0];
            let addresses = [source.octets(), destination.octets()].concat();
            (IPV4, [&header[..], &addresses, payload].concat())
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let [l0, l1] = len.to_be_bytes();
            let header = [0x60, 0, 0, 0, l0, l1, protocol, 255];
            let addresses = [source.octets(), destination.octets()].concat();
            (IPV6, [&header[..], &addresses, payload].concat())
        }
        _ => unreachable!("a packet has one family"),
    };
    let mut frame = ethernet(to, ethertype, &packet);
    mend(&mut frame);
    frame
}

/// Returns a frame to `to` with a UDP datagram.
#[must_use]
pub fn udp_to(to: Mac, source: &str, destination: &str, payload: &[u8]) -> Vec<u8> {
    let parse = |text: &str| -> SocketAddr { text.parse().expect("an address of ours") };
    let (source, destination) = (parse(source), parse(destination));
    let len = (payload.len() + 8) as u16;
    let header = [source.port(), destination.port(), len, 0].map(u16::to_be_bytes);
    let datagram = [header.as_flattened(), payload].concat();
    ip(to, source.ip(), destination.ip(), 17, &datagram)
}

/// Returns a frame to the guest with a UDP datagram.
#[must_use]
pub fn udp(source: &str, destination: &str, payload: &[u8]) -> Vec<u8> {
    udp_to(GUEST, source, destination, payload)
}

/// Returns a message of the protocol, `len` bytes long.
#[must_use]
pub fn message(kind: Kind, len: usize) -> Vec<u8> {
    let mut bytes = vec![0x5a; len];
    let header = Header {
        kind,
        ..Header::request(7, 1_000)
    };
    header.encode(&mut bytes).expect("room for a header");
    bytes
}

/// Returns frames of every protocol that a host on the network of `10.0.2.15/24` and `2001:db8::15/64` sees.
#[must_use]
pub fn of_every_protocol() -> Vec<Vec<u8>> {
    let v4 =
        |port: u16, payload: &[u8]| udp("10.0.2.2:40000", &format!("10.0.2.15:{port}"), payload);
    let v6 = |port: u16, payload: &[u8]| {
        udp(
            "[2001:db8::2]:40000",
            &format!("[2001:db8::15]:{port}"),
            payload,
        )
    };
    let request = message(Kind::Request, 64);
    let status = message(Kind::StatusRequest, 400);
    let mut stamp = vec![0; 60];
    stamp[3] = 1;
    stamp[44..48].copy_from_slice(&[0, 1, 0, 12]);
    let ipv4 = |text: &str| -> IpAddr { text.parse().expect("an address of ours") };
    let ping = [8, 0, 0, 0, 0, 1, 0, 1, b'p', b'i', b'n', b'g'];
    // Of zeros, but for its type and checksum.
    let zeros = [8, 0, 0, 0, 0, 0, 0, 0];
    let ping6 = [128, 0, 0, 0, 0, 1, 0, 1, b'p', b'i', b'n', b'g'];
    let (host, own) = (ipv4("10.0.2.2"), ipv4("10.0.2.15"));
    vec![
        v4(9000, &request),
        v6(9000, &request),
        v4(9000, &status),
        v4(7, b"echo"),
        v6(7, b"echo"),
        v4(862, &stamp),
        v6(862, &stamp),
        v4(9001, b"nobody listens"),
        ip(GUEST, host, own, 1, &ping),
        ip(GUEST, host, own, 1, &zeros),
        icmpv6(GUEST, "2001:db8::2", "2001:db8::15", &ping6),
        arp(),
        neighbour_solicitation(),
        router_advertisement(),
        multicast_query(),
    ]
}

/// Returns a frame to `to` with an ICMPv6 message.
fn icmpv6(to: Mac, source: &str, destination: &str, message: &[u8]) -> Vec<u8> {
    let [source, destination] =
        [source, destination].map(|text| text.parse().expect("an address of ours"));
    ip(to, source, destination, 58, message)
}

fn arp() -> Vec<u8> {
    let packet = [
        &[0, 1, 8, 0, 6, 4, 0, 1][..],
        &CLIENT.octets(),
        &[10, 0, 2, 2],
        &[0; 6],
        &[10, 0, 2, 15],
    ];
    ethernet(Mac::BROADCAST, ARP, &packet.concat())
}

/// Returns the question where `2001:db8::15` is (RFC 4861 §4.3).
fn neighbour_solicitation() -> Vec<u8> {
    let target: std::net::Ipv6Addr = "2001:db8::15".parse().expect("an address of ours");
    let option = [&[1, 1][..], &CLIENT.octets()].concat();
    let message = [&[135, 0, 0, 0, 0, 0, 0, 0][..], &target.octets(), &option].concat();
    let group = Mac::new([0x33, 0x33, 0xff, 0, 0, 0x15]);
    icmpv6(group, "2001:db8::2", "ff02::1:ff00:15", &message)
}

/// Returns a router's advertisement of the prefix `2001:db8:1::/64` (RFC 4861 §4.2, §4.6).
fn router_advertisement() -> Vec<u8> {
    let header = [134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0];
    let link_layer = [&[1, 1][..], &CLIENT.octets()].concat();
    let mtu = [5, 1, 0, 0, 0, 0, 5, 220];
    let prefix: std::net::Ipv6Addr = "2001:db8:1::".parse().expect("a prefix");
    let lifetimes = [0, 0, 14, 16, 0, 0, 7, 8, 0, 0, 0, 0];
    let prefix = [&[3, 4, 64, 0xc0][..], &lifetimes, &prefix.octets()].concat();
    let message = [&header[..], &link_layer, &mtu, &prefix].concat();
    let group = Mac::new([0x33, 0x33, 0, 0, 0, 1]);
    icmpv6(group, "fe80::2", "ff02::1", &message)
}

/// Returns a general query for multicast listeners (RFC 2710 §3).
fn multicast_query() -> Vec<u8> {
    let message = [&[130, 0, 0, 0, 0x27, 0x10, 0, 0][..], &[0; 16]].concat();
    let group = Mac::new([0x33, 0x33, 0, 0, 0, 1]);
    icmpv6(group, "fe80::2", "ff02::1", &message)
}

/// Returns a DHCP server's message of this `kind` for the guest, with these further options (RFC 2131 §2).
#[must_use]
pub fn dhcp(kind: u8, options: &[u8]) -> Vec<u8> {
    let mut message = vec![0; 236];
    message[..4].copy_from_slice(&[2, 1, 6, 0]);
    message[16..20].copy_from_slice(&[10, 0, 2, 15]);
    message[28..34].copy_from_slice(&GUEST.octets());
    message.extend([99, 130, 83, 99, 53, 1, kind, 54, 4, 10, 0, 2, 2]);
    message.extend([51, 4, 0, 0, 14, 16, 1, 4, 255, 255, 255, 0]);
    message.extend(options);
    message.push(255);
    udp("10.0.2.2:67", "10.0.2.15:68", &message)
}
