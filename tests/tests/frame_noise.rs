//! The image on a link of raw Ethernet frames: noise, and frames longer than Ethernet's, which it must survive.
#![forbid(unsafe_code)]

use tests::guest::Machine;
use tests::noise::Random;
use tests::packet::{self, Body, IP, UDP_HEADER};
use tests::qemu_lock::lock_qemu;
use tests::station::request;
use wire::{Header, MAX_PAYLOAD};

#[test]
fn noise_of_every_kind_is_survived() {
    let lock = lock_qemu();
    let mut guest = Machine::new("ip=10.0.2.15/24 ip6=2001:db8::15/64").start(&lock);
    guest.ready();
    let v4 = guest.station.to_service();
    let v6 = guest.station.to_service_v6();
    let models = [
        v4.udp(&request(1, 64)),
        v6.udp(&request(1, 64)),
        v4.ping(1, 1, b"a ping to spoil"),
        v6.ping(1, 1, b"a ping to spoil"),
        packet::arp(
            packet::BROADCAST,
            &packet::arp_request(v4.from_mac, [10, 0, 2, 2].into(), [10, 0, 2, 15].into()),
        ),
        packet::neighbour_solicitation(
            v6.from_mac,
            "2001:db8::2".parse().unwrap(),
            "2001:db8::15".parse().unwrap(),
        ),
        tests::dhcp::stray_offer(v4.from_mac, v4.to_mac),
    ];
    let mut random = Random(0x5eed_f00d);
    for round in 0..1500 {
        let mut frame = models[random.below(models.len())].clone();
        match round % 3 {
            // All of it noise, at any length that Ethernet has.
            0 => {
                frame = (0..1 + random.below(1514))
                    .map(|_| random.below(256) as u8)
                    .collect();
                let types = [[8, 0], [0x86, 0xdd], [8, 6], [0x81, 0], [0, 46]];
                if frame.len() >= IP {
                    frame[..6].copy_from_slice(&v4.to_mac);
                    frame[12..IP].copy_from_slice(&types[random.below(types.len())]);
                }
            }
            // A few bytes changed behind the Ethernet header.
            1 => {
                for _ in 0..=random.below(4) {
                    let at = IP + random.below(frame.len() - IP);
                    frame[at] = random.below(256) as u8;
                }
            }
            // The same under good IPv4 checksums, and cut or drawn out.
            _ => {
                let at = IP + random.below(frame.len() - IP);
                frame[at] = random.below(256) as u8;
                if frame[12..IP] == [8, 0] && frame[IP] & 0xf >= 5 {
                    frame.resize(frame.len().max(IP + 60), 0);
                    packet::mend_ipv4_checksum(&mut frame);
                }
                frame.resize(IP + random.below(1500), 0);
            }
        }
        guest.station.send(&frame);
        for answer in guest.station.settle() {
            let packet = packet::parse(&answer);
            let packet =
                packet.unwrap_or_else(|error| panic!("{frame:02x?}: {error}: {answer:02x?}"));
            if let Body::Udp { payload, .. } = packet.body {
                assert!(
                    answer.len() <= frame.len() + UDP_HEADER,
                    "{frame:02x?}: {answer:02x?}"
                );
                assert!(
                    Header::decode(&payload).is_ok(),
                    "{frame:02x?}: {answer:02x?}"
                );
            }
        }
    }
    assert_eq!(guest.counters().device_faults, 0);
}

/// The longest payload in a frame that a receive buffer has room for, in bytes: networks of a slightly larger MTU have those.
const LONGEST_ANSWERED: usize = 1588 - 42;

#[test]
fn frames_longer_than_ethernets_are_survived() {
    let lock = lock_qemu();
    let mut guest = Machine::new("ip=10.0.2.15/24").start(&lock);
    guest.ready();
    let flow = guest.station.to_service();
    for len in [MAX_PAYLOAD + 1, LONGEST_ANSWERED] {
        let frame = flow.udp(&request(1, len));
        guest.station.send(&frame);
        let lengths: Vec<usize> = guest.station.settle().iter().map(Vec::len).collect();
        assert_eq!(lengths, [frame.len()], "a payload of {len} bytes");
    }
    for len in [LONGEST_ANSWERED + 1, 2000, 4000, 9000] {
        let what = format!("a payload of {len} bytes");
        guest
            .station
            .expect_silence(&what, &flow.udp(&request(1, len)));
    }
}
