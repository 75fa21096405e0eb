//! Frames to answer and frames to leave: datagrams of clients', and what may have been done to them.

use proptest::prelude::*;
use proptest::sample::select;
use smoltcp::wire::{Ipv4Packet, UdpPacket};

use super::*;

/// Makes the checksums of a frame right, as far as it has headers to be right.
fn mend(frame: &mut [u8]) {
    let is_ipv4 = frame[12..14] == [0x08, 0x00];
    if !is_ipv4 {
        return;
    }
    if let Ok(mut ip) = Ipv4Packet::new_checked(&mut frame[14..])
        && ip.header_len() >= 20
    {
        ip.fill_checksum();
        let (source, destination) = (ip.src_addr(), ip.dst_addr());
        if let Ok(mut udp) = UdpPacket::new_checked(ip.payload_mut())
            && udp.checksum() != 0
        {
            udp.fill_checksum(&source.into(), &destination.into());
        }
    }
}

/// Something that is done to a good frame.
#[derive(Clone, Debug)]
enum Change {
    /// A byte of the IPv4 header before the addresses, or of the IPv6 header, checksums mended.
    IpByte(usize, u8),
    /// The UDP length, checksums mended.
    UdpLen(u16),
    /// No UDP checksum.
    NoChecksum,
    /// IPv4 options, or an IPv6 extension header of this number in front of UDP.
    Options(u8),
    /// Ethernet: to whom.
    Receiver([u8; 6]),
    /// Ethernet: from a group.
    GroupSender,
    /// Any byte, and no checksum mended.
    Flip(usize, u8),
    /// The end is missing.
    Cut(usize),
    /// Bytes behind the end.
    Trailer(usize, u8),
}

impl Change {
    fn apply(&self, frame: &mut Vec<u8>) {
        let is_ipv4 = frame[12..14] == [0x08, 0x00];
        let udp = if is_ipv4 { 34 } else { 54 };
        match *self {
            Self::IpByte(at, value) => {
                let at = 14 + at % if is_ipv4 { 10 } else { 8 };
                if let Some(byte) = frame.get_mut(at) {
                    *byte = value;
                    mend(frame);
                }
            }
            Self::UdpLen(len) if frame.len() >= udp + 8 => {
                frame[udp + 4..udp + 6].copy_from_slice(&len.to_be_bytes());
                mend(frame);
            }
            Self::NoChecksum if frame.len() >= udp + 8 => frame[udp + 6..udp + 8].fill(0),
            Self::Options(_) if is_ipv4 && frame.len() >= udp => {
                frame[14] = 0x46;
                frame.splice(udp..udp, [1, 1, 1, 0]);
                let len = (frame.len() - 14) as u16;
                frame[16..18].copy_from_slice(&len.to_be_bytes());
                mend(frame);
            }
            Self::Options(header) if !is_ipv4 && frame.len() >= udp => {
                let next = std::mem::replace(&mut frame[20], header);
                frame.splice(udp..udp, [next, 0, 1, 4, 0, 0, 0, 0]);
                let len = (frame.len() - udp) as u16;
                frame[18..20].copy_from_slice(&len.to_be_bytes());
            }
            Self::Receiver(mac) => frame[..6].copy_from_slice(&mac),
            Self::GroupSender => frame[6] |= 1,
            Self::Flip(at, mask) => {
                let at = at % frame.len();
                frame[at] ^= mask;
            }
            // The stack's device hands out whole Ethernet headers.
            Self::Cut(at) => frame.truncate(14 + at % (frame.len() - 13)),
            Self::Trailer(len, fill) => frame.resize((frame.len() + len).min(1514), fill),
            _ => {}
        }
    }
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (any::<usize>(), any::<u8>()).prop_map(|(at, value)| Change::IpByte(at, value)),
        prop_oneof![0..100_u16, any::<u16>()].prop_map(Change::UdpLen),
        Just(Change::NoChecksum),
        prop_oneof![Just(0), Just(43), Just(44), Just(60), any::<u8>()].prop_map(Change::Options),
        prop_oneof![
            Just([0xff; 6]),
            Just([0x33, 0x33, 0, 0, 0, 1]),
            Just([0x52, 0x54, 0, 0x12, 0x34, 0x57]),
        ]
        .prop_map(Change::Receiver),
        Just(Change::GroupSender),
        (any::<usize>(), 1..=255_u8).prop_map(|(at, mask)| Change::Flip(at, mask)),
        any::<usize>().prop_map(Change::Cut),
        (1..60_usize, any::<u8>()).prop_map(|(len, fill)| Change::Trailer(len, fill)),
    ]
}

/// Clients: on the link, and behind a router.
const CLIENTS_V4: &[&str] = &["10.0.2.2", "10.0.2.3", "192.0.2.1"];
const CLIENTS_V6: &[&str] = &["fe80::2", "fe80::3", "2001:db8::2", "2001:db9::2"];

/// Sources that nobody has, and ours.
const NOBODYS_V4: &[&str] = &[
    "10.0.2.15",
    "10.0.2.255",
    "255.255.255.255",
    "0.0.0.0",
    "127.0.0.1",
    "224.0.0.1",
];
const NOBODYS_V6: &[&str] = &[
    "::",
    "::1",
    "ff02::1",
    "2001:db8::15",
    "fe80::5054:ff:fe12:3456",
];

const OWN_V4: &[&str] = &["10.0.2.15"];
const OWN_V6: &[&str] = &["fe80::5054:ff:fe12:3456", "2001:db8::15"];

/// Destinations that are others', and groups.
const OTHERS_V4: &[&str] = &[
    "10.0.2.16",
    "10.0.2.255",
    "255.255.255.255",
    "224.0.0.1",
    "127.0.0.1",
];
const OTHERS_V6: &[&str] = &["2001:db8::16", "ff02::1", "ff02::1:ff12:3456", "::1"];

fn address(
    usual: &'static [&'static str],
    rare: &'static [&'static str],
) -> impl Strategy<Value = IpAddr> {
    prop_oneof![8 => select(usual), 1 => select(rare)].prop_map(|text| text.parse().unwrap())
}

/// From whom, and to whom.
fn addresses() -> impl Strategy<Value = (IpAddr, IpAddr)> {
    let v4 = (address(CLIENTS_V4, NOBODYS_V4), address(OWN_V4, OTHERS_V4));
    let v6 = (address(CLIENTS_V6, NOBODYS_V6), address(OWN_V6, OTHERS_V6));
    prop_oneof![v4, v6]
}

fn port() -> impl Strategy<Value = u16> {
    prop_oneof![
        3 => Just(PORT),
        3 => Just(ECHO_PORT),
        3 => 1024..=u16::MAX,
        1 => prop_oneof![Just(0), Just(1), Just(67), Just(68), Just(1023), Just(1024)],
    ]
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    let len = prop_oneof![40..80_usize, 0..=1452_usize];
    let head = prop_oneof![
        4 => Just(*b"FTHM\x01\x00"),
        1 => (any::<u8>(), any::<u8>()).prop_map(|(version, kind)| {
            let [a, b, c, d] = *b"FTHM";
            [a, b, c, d, version, kind]
        }),
        1 => any::<[u8; 6]>(),
    ];
    (len, head, any::<u8>(), any::<u8>()).prop_map(|(len, head, first, step)| {
        let mut payload: Vec<u8> = (0..len)
            .map(|i| (i as u8).wrapping_mul(step).wrapping_add(first))
            .collect();
        let head_len = len.min(head.len());
        payload[..head_len].copy_from_slice(&head[..head_len]);
        payload
    })
}

/// A frame with a datagram, and perhaps something done to it.
fn datagram() -> impl Strategy<Value = Vec<u8>> {
    let changes = prop::collection::vec(change(), 0..=2);
    (addresses(), port(), port(), payload(), changes).prop_map(
        |((source, destination), source_port, destination_port, payload, changes)| {
            let source = SocketAddr::new(source, source_port);
            let destination = SocketAddr::new(destination, destination_port);
            let mut frame = udp_frame(source, destination, &payload);
            for change in &changes {
                change.apply(&mut frame);
            }
            frame
        },
    )
}

/// Any bytes behind an Ethernet header.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let ethertype = prop_oneof![Just([0x08, 0x00]), Just([0x86, 0xdd]), any::<[u8; 2]>()];
    let bytes = prop::collection::vec(any::<u8>(), 0..100);
    (ethertype, bytes).prop_map(|(ethertype, bytes)| {
        [
            &SERVICE_MAC.octets(),
            &CLIENT_MAC.octets(),
            &ethertype[..],
            &bytes,
        ]
        .concat()
    })
}

/// A frame.
pub fn frame() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![9 => datagram(), 1 => noise()]
}
