//! Questions as smoltcp writes them, and answers as it reads them.

use std::vec::Vec;

use proptest::prelude::*;
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{Icmpv4Packet, Icmpv4Repr, Icmpv6Packet, Icmpv6Repr, IpProtocol, Ipv6Packet};
use wire::Mac;

use super::*;
use crate::testing::{CLIENT_MAC, SERVICE_MAC, ip_frame, open_ip, set_traffic_class};

const OWN: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 15);
const DATA: &[u8] = b"depth";

fn own(prefix: u8) -> Addresses {
    Addresses {
        ipv4: Some((OWN, prefix)),
        ..Addresses::new(SERVICE_MAC, Some(("2001:db8::15".parse().unwrap(), 64)))
    }
}

fn ask_arp(sender: [u8; 4], target: Ipv4Addr, prefix: u8) -> Option<Vec<u8>> {
    let sender = (CLIENT_MAC, Ipv4Addr::from(sender));
    let mut frame = arp(
        Mac::BROADCAST,
        ARP_REQUEST,
        sender,
        (Mac::UNSPECIFIED, target),
    )
    .to_vec();
    frame.resize(60, 0); // as short frames are on a cable
    let len = answer(&mut frame, &own(prefix))?;
    frame.truncate(len);
    Some(frame)
}

#[test]
fn arp_requests_and_probes_are_answered_from_any_prefix() {
    for sender in [[10, 0, 2, 2], [0, 0, 0, 0], [172, 31, 1, 1], [10, 0, 2, 15]] {
        for prefix in [24, 31, 32] {
            let reply = ask_arp(sender, OWN, prefix).unwrap();
            let expected = arp(
                CLIENT_MAC,
                ARP_REPLY,
                (SERVICE_MAC, OWN),
                (CLIENT_MAC, Ipv4Addr::from(sender)),
            );
            assert_eq!(reply, expected, "{sender:?}");
        }
    }
}

#[test]
fn no_answer_for_another_address_or_to_a_group() {
    assert_eq!(
        ask_arp([10, 0, 2, 2], Ipv4Addr::new(10, 0, 2, 16), 24),
        None
    );
    for sender in [[10, 0, 2, 255], [255; 4], [224, 0, 0, 1], [127, 0, 0, 1]] {
        assert_eq!(ask_arp(sender, OWN, 24), None, "{sender:?}");
    }
    let sender = (CLIENT_MAC, Ipv4Addr::new(10, 0, 2, 2));
    let good = arp(Mac::BROADCAST, ARP_REQUEST, sender, (Mac::UNSPECIFIED, OWN));
    // Cut off; a reply; a packet for other addresses; from us; to another host.
    assert_eq!(answer(&mut { good }[..41], &own(24)), None);
    for (at, value) in [(21, 2), (15, 6), (18, 8), (6, 1), (22, 1)] {
        let mut frame = good;
        frame[at] = value;
        assert_eq!(answer(&mut frame, &own(24)), None, "byte {at}");
    }
    let mut frame = good;
    frame[6..12].copy_from_slice(&SERVICE_MAC.octets());
    assert_eq!(answer(&mut frame, &own(24)), None);
    let mut frame = good;
    frame[..6].copy_from_slice(&[0x52, 0x54, 0, 0, 0, 9]);
    assert_eq!(answer(&mut frame, &own(24)), None);
}

fn ping(source: &str, destination: &str, traffic_class: u8, data: &[u8]) -> Vec<u8> {
    let (source, destination): (IpAddr, IpAddr) =
        (source.parse().unwrap(), destination.parse().unwrap());
    let checksums = ChecksumCapabilities::default();
    let mut frame = match (source, destination) {
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let echo = Icmpv6Repr::EchoRequest {
                ident: 3,
                seq_no: 4,
                data,
            };
            let len = echo.buffer_len();
            ip_frame(source, destination, IpProtocol::Icmpv6, len, |bytes| {
                echo.emit(
                    &from,
                    &to,
                    &mut Icmpv6Packet::new_unchecked(bytes),
                    &checksums,
                );
            })
        }
        _ => {
            let echo = Icmpv4Repr::EchoRequest {
                ident: 3,
                seq_no: 4,
                data,
            };
            let len = echo.buffer_len();
            ip_frame(source, destination, IpProtocol::Icmp, len, |bytes| {
                echo.emit(&mut Icmpv4Packet::new_unchecked(bytes), &checksums);
            })
        }
    };
    set_traffic_class(&mut frame, traffic_class);
    frame
}

const PAIRS: [(&str, &str); 5] = [
    ("10.0.2.2", "10.0.2.15"),
    ("192.0.2.1", "10.0.2.15"),
    ("fe80::2", "fe80::5054:ff:fe12:3456"),
    ("2001:db8::2", "2001:db8::15"),
    ("2001:db9::2", "2001:db8::15"),
];

#[test]
fn a_ping_is_answered_with_its_data_and_its_traffic_class() {
    for (client, service) in PAIRS {
        for len in 0..100 {
            let data: Vec<u8> = (0..len).map(|i| i * 37).collect();
            let mut frame = ping(client, service, 0xb9, &data);
            let sent = frame.len();
            frame.extend([0xee; 9]);
            let len = answer(&mut frame, &own(24)).unwrap();
            assert_eq!(len, sent, "what was appended is no part of it");
            frame.truncate(len);
            let (v4, v6) = (IpProtocol::Icmp, IpProtocol::Icmpv6);
            let protocol = if client.contains(':') { v6 } else { v4 };
            let (from, to, message) = open_ip(&frame, protocol);
            assert_eq!([from.to_string(), to.to_string()], [service, client]);
            assert_eq!(frame[..6], CLIENT_MAC.octets());
            if let (IpAddr::V6(from), IpAddr::V6(to)) = (from, to) {
                let ip = Ipv6Packet::new_checked(&frame[14..]).unwrap();
                assert_eq!((ip.traffic_class(), ip.hop_limit()), (0xb9, 64));
                let packet = Icmpv6Packet::new_checked(&message[..]).unwrap();
                let checksums = ChecksumCapabilities::default();
                let reply = Icmpv6Repr::parse(&from, &to, &packet, &checksums);
                let expected = Icmpv6Repr::EchoReply {
                    ident: 3,
                    seq_no: 4,
                    data: &data,
                };
                assert_eq!(reply, Ok(expected));
            } else {
                assert_eq!((frame[15], frame[22]), (0xb9, 64));
                let packet = Icmpv4Packet::new_checked(&message[..]).unwrap();
                let reply = Icmpv4Repr::parse(&packet, &ChecksumCapabilities::default());
                let expected = Icmpv4Repr::EchoReply {
                    ident: 3,
                    seq_no: 4,
                    data: &data,
                };
                assert_eq!(reply, Ok(expected));
            }
        }
    }
}

/// The reply to a ping of zeros is all zero but for its checksum, which is not what adding up its parts gives.
#[test]
fn a_ping_of_zeros_gets_a_good_reply() {
    for len in [0, 4, 7] {
        let message = [&[8, 0, 0xf7, 0xff, 0, 0, 0, 0][..], &vec![0; len]].concat();
        let (source, destination) = (Ipv4Addr::new(10, 0, 2, 2).into(), OWN.into());
        let mut frame = ip_frame(
            source,
            destination,
            IpProtocol::Icmp,
            message.len(),
            |bytes| bytes.copy_from_slice(&message),
        );
        assert_eq!(answer(&mut frame, &own(24)), Some(frame.len()));
        let (_, _, reply) = open_ip(&frame, IpProtocol::Icmp);
        assert_eq!(Sum::of(&reply).checksum(), [0, 0], "{reply:02x?}");
        assert_eq!(reply[..2], [0, 0]);
    }
}

#[test]
fn pings_that_nobody_may_answer_are_left() {
    for (client, service) in [
        ("10.0.2.2", "10.0.2.255"),
        ("10.0.2.2", "10.0.2.16"),
        ("10.0.2.15", "10.0.2.15"),
        ("10.0.2.255", "10.0.2.15"),
        ("224.0.0.1", "10.0.2.15"),
        ("0.0.0.0", "10.0.2.15"),
        ("127.0.0.1", "10.0.2.15"),
        ("::", "2001:db8::15"),
        ("ff02::1", "2001:db8::15"),
        ("2001:db8::15", "fe80::5054:ff:fe12:3456"),
        ("2001:db8::2", "ff02::1"),
    ] {
        let mut frame = ping(client, service, 0, DATA);
        assert_eq!(answer(&mut frame, &own(24)), None, "{client} {service}");
    }
    // To everybody's Ethernet address, and from a group's.
    for (at, mac) in [(0, Mac::BROADCAST.octets()), (6, [1, 0, 0x5e, 0, 0, 1])] {
        let mut frame = ping("10.0.2.2", "10.0.2.15", 0, DATA);
        frame[at..at + 6].copy_from_slice(&mac);
        assert_eq!(answer(&mut frame, &own(24)), None);
    }
}

proptest! {
    /// Nothing that was damaged on the way is answered: two bytes at most may differ in what no checksum
    /// covers, which is Ethernet's header, and IPv6's first word and hop limit.
    #[test]
    fn no_damaged_packet_is_answered(pair in 0..PAIRS.len(), at: usize, mask in 1_u8..) {
        let (client, service) = PAIRS[pair];
        let mut frame = ping(client, service, 0, DATA);
        let first = if client.contains(':') { 14 + 8 } else { 14 };
        let at = first + at % (frame.len() - first);
        frame[at] ^= mask;
        prop_assert_eq!(answer(&mut frame, &own(24)), None);
    }

    #[test]
    fn any_frame_is_answered_in_its_own_length_or_left_as_it_was(
        mut frame: Vec<u8>, ethertype in 0..4_usize,
    ) {
        if frame.len() > 14 {
            frame[..6].copy_from_slice(&SERVICE_MAC.octets());
            frame[12..14].copy_from_slice([&ARP, &IPV4, &IPV6, &[0x88, 0xcc]][ethertype]);
        }
        let before = frame.clone();
        match answer(&mut frame, &own(24)) {
            None => prop_assert_eq!(frame, before),
            Some(len) => prop_assert!(len <= before.len()),
        }
    }
}
