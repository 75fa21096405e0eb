//! Frames in, answers out: every size, and everything that must not be answered.

use std::vec::Vec;

use std::net::SocketAddr;

use smoltcp::wire::{IpProtocol, Ipv4Address, Ipv4Packet};
use wire::{HEADER_LEN, Header, Kind};

use super::*;
use crate::handler::{Echo, Timestamp};
use crate::services::AtPort;
use crate::shared_counters::SharedCounters;
use crate::testing::{CLIENT_MAC, SERVICE_MAC, TestClock, ip_frame, open_udp, udp_frame};

mod custom_handlers;
mod predicted;

static COUNTERS: SharedCounters = SharedCounters::new();
fn services() -> Services<Timestamp<Echo>, AtPort<7, Echo>> {
    Services {
        port: 9000,
        main: Timestamp::new(0xb007).with_status(&COUNTERS, "1.2.3"),
        fixed: AtPort::new(Echo),
    }
}

fn own() -> Addresses {
    Addresses {
        ipv4: Some((Ipv4Address::new(10, 0, 2, 15), 24)),
        ..Addresses::new(SERVICE_MAC, Some(("2001:db8::15".parse().unwrap(), 64)))
    }
}

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn request(len: usize) -> Vec<u8> {
    let mut payload: Vec<u8> = (0..len).map(|i| i as u8).collect();
    Header::request(7, 1000).encode(&mut payload).unwrap();
    payload
}

/// A clock that reads 100 when it is read first.
fn clock() -> TestClock {
    let clock = TestClock::default();
    clock.set(99);
    clock
}

fn reflect(frame: &mut [u8]) -> Reflection {
    reflect_as(&mut services(), frame, &own())
}

fn reflect_as<M: Handler, F: FixedPorts>(
    services: &mut Services<M, F>,
    frame: &mut [u8],
    own: &Addresses,
) -> Reflection {
    super::reflect(services, &mut Limiter::new(), frame, own, &clock())
}

/// Has header prediction answer.
fn predict_as<M: Handler, F: FixedPorts>(
    services: &mut Services<M, F>,
    frame: &mut [u8],
) -> Option<Reflection> {
    let mut header = PredictedHeader::new(services, &own()).unwrap();
    header.answer(services, &mut Limiter::new(), frame, &clock())
}

const REJECTED: Reflection = Reflection::NoReply(Counter::DroppedSource);

const PAIRS: [(&str, &str); 3] = [
    ("10.0.2.2:40000", "10.0.2.15:9000"),
    ("[fe80::2]:40000", "[fe80::5054:ff:fe12:3456]:9000"),
    ("[2001:db8:1::2]:1", "[2001:db8::15]:9000"),
];

fn max_payload(client: &str) -> usize {
    if client.starts_with('[') { 1452 } else { 1472 }
}

#[test]
fn answers_every_size_in_place() {
    for (client, service) in PAIRS {
        for len in HEADER_LEN..=max_payload(client) {
            let payload = request(len);
            let mut frame = udp_frame(at(client), at(service), &payload);
            let frame_len = frame.len();
            let expected = Reflection::Reply {
                counter: Counter::Replied,
                len: frame_len,
            };
            assert_eq!(reflect(&mut frame), expected, "{client}, {len} bytes");
            let (source, destination, reply) = open_udp(&frame);
            assert_eq!((source, destination), (at(service), at(client)));
            let header = Header::decode(&reply).unwrap();
            let expected = Header {
                kind: Kind::Reply,
                boot_id: 0xb007,
                t2_ns: 100,
                t3_ns: 101,
                ..Header::request(7, 1000)
            };
            assert_eq!(header, expected);
            assert_eq!(reply[HEADER_LEN..], payload[HEADER_LEN..]);
            assert_eq!(frame[..6], CLIENT_MAC.octets());
        }
    }
}

#[test]
fn a_status_request_is_answered_in_place_with_good_checksums() {
    for (client, service) in PAIRS {
        for len in (wire::status::STATUS_LEN - 2..=400).chain([max_payload(client)]) {
            let mut payload = request(len);
            payload[5] = Kind::StatusRequest.as_byte();
            let mut frame = udp_frame(at(client), at(service), &payload);
            let frame_len = frame.len();
            let reflection = reflect(&mut frame);
            if len < wire::status::STATUS_LEN {
                assert_eq!(reflection, Reflection::NoReply(Counter::DroppedShort));
                continue;
            }
            let expected = Reflection::Reply {
                counter: Counter::StatusReplies,
                len: frame_len,
            };
            assert_eq!(reflection, expected);
            let (_, destination, reply) = open_udp(&frame);
            assert_eq!(destination, at(client));
            let answer = wire::status::Answer::decode(&reply).unwrap();
            assert_eq!((answer.uptime_ns, answer.header.boot_id), (100, 0xb007));
            assert_eq!((answer.header.t2_ns, answer.header.t3_ns), (100, 101));
            assert_eq!(answer.version, "1.2.3");
            let padding = wire::status::STATUS_LEN;
            assert_eq!(reply[padding..], payload[padding..]);
        }
    }
}

#[test]
fn cuts_off_padding_and_trailing_bytes() {
    let mut frame = udp_frame(at(PAIRS[0].0), at(PAIRS[0].1), &request(44));
    let len = frame.len();
    frame.extend([0xaa; 30]);
    assert!(matches!(reflect(&mut frame), Reflection::Reply { len: l, .. } if l == len));
    open_udp(&frame[..len]);
}

#[test]
fn drops_what_the_protocol_does_not_answer() {
    let (client, service) = PAIRS[0];
    for len in 0..=1472 {
        let mut payload: Vec<u8> = (0..len).map(|i| i as u8).collect();
        let mut frame = udp_frame(at(client), at(service), &payload);
        let reason = if len < 4 {
            Counter::DroppedShort
        } else {
            Counter::DroppedMagic
        };
        let expected = Reflection::NoReply(reason);
        assert_eq!(reflect(&mut frame), expected, "{len} bytes");
        if len >= HEADER_LEN {
            Header::request(0, 0).encode(&mut payload).unwrap();
            payload[5] = Kind::Reply.as_byte();
            let mut frame = udp_frame(at(client), at(service), &payload);
            let expected = Reflection::NoReply(Counter::DroppedNotARequest);
            assert_eq!(reflect(&mut frame), expected, "{len} bytes");
        }
    }
}

#[test]
fn refuses_sources_that_could_loop_or_amplify() {
    for (client, service) in [
        ("10.0.2.2:0", "10.0.2.15:9000"),
        ("10.0.2.15:5", "10.0.2.15:9000"),
        ("10.0.2.255:5", "10.0.2.15:9000"),
        ("255.255.255.255:5", "10.0.2.15:9000"),
        ("0.0.0.0:5", "10.0.2.15:9000"),
        ("127.0.0.1:5", "10.0.2.15:9000"),
        ("224.0.0.1:5", "10.0.2.15:9000"),
        ("[ff02::1]:5", "[2001:db8::15]:9000"),
        ("[::]:5", "[2001:db8::15]:9000"),
        ("[::1]:5", "[2001:db8::15]:9000"),
        ("[2001:db8::15]:5", "[fe80::5054:ff:fe12:3456]:9000"),
        ("[fe80::2]:0", "[2001:db8::15]:9000"),
    ] {
        let mut frame = udp_frame(at(client), at(service), &request(64));
        let counter = match at(client).port() {
            0 => Counter::DroppedPort,
            _ => Counter::DroppedSource,
        };
        let expected = Reflection::NoReply(counter);
        assert_eq!(reflect(&mut frame), expected, "{client}");
    }
}

#[test]
fn refuses_what_was_sent_to_many() {
    for (client, service) in [
        ("10.0.2.2:5", "10.0.2.255:9000"),
        ("10.0.2.2:5", "255.255.255.255:9000"),
        ("10.0.2.2:5", "224.0.0.1:9000"),
        ("[fe80::2]:5", "[ff02::1]:9000"),
    ] {
        let mut frame = udp_frame(at(client), at(service), &request(64));
        frame[..6].fill(0xff);
        assert_eq!(reflect(&mut frame), REJECTED, "{service}");
    }
    // To one host by its IP address, but to all by Ethernet; and the other way round.
    let mut frame = udp_frame(at(PAIRS[0].0), at(PAIRS[0].1), &request(64));
    frame[..6].fill(0xff);
    assert_eq!(reflect(&mut frame), REJECTED);
    let mut frame = udp_frame(at(PAIRS[0].0), at("10.0.2.255:9000"), &request(64));
    assert_eq!(reflect(&mut frame), REJECTED);
    // From a group of Ethernet addresses.
    let mut frame = udp_frame(at(PAIRS[0].0), at(PAIRS[0].1), &request(64));
    frame[6] |= 1;
    assert_eq!(reflect(&mut frame), REJECTED);
}

#[test]
fn ignores_what_is_for_other_hosts() {
    let mut frame = udp_frame(at(PAIRS[0].0), at("10.0.2.16:9000"), &request(64));
    assert_eq!(reflect(&mut frame), Reflection::Drop);
    let mut frame = udp_frame(at(PAIRS[0].0), at(PAIRS[0].1), &request(64));
    frame[5] ^= 1;
    assert_eq!(reflect(&mut frame), Reflection::Drop);
}

#[test]
fn other_ports_are_silent() {
    let mut frame = udp_frame(at(PAIRS[0].0), at("10.0.2.15:9001"), &request(64));
    assert_eq!(reflect(&mut frame), Reflection::Drop);
    // DHCP is for IPv4 alone.
    let service = SocketAddr::new(at(PAIRS[1].1).ip(), 68);
    let mut frame = udp_frame(at(PAIRS[1].0), service, &request(64));
    assert_eq!(reflect(&mut frame), Reflection::Drop);
}

#[test]
fn leaves_other_traffic_to_the_stack() {
    let mut frame = udp_frame(at(PAIRS[0].0), at("10.0.2.15:68"), &request(64));
    assert_eq!(reflect(&mut frame), Reflection::Pass);
    for (client, service) in PAIRS {
        let (client, service) = (at(client).ip(), at(service).ip());
        let mut frame = ip_frame(client, service, IpProtocol::Icmp, 8, |_| {});
        assert_eq!(reflect(&mut frame), Reflection::Pass);
    }
}

/// Changes the IP header at `offset` and makes its checksum right again.
fn with_ipv4(offset: usize, change: impl FnOnce(&mut u8)) -> Vec<u8> {
    let mut frame = udp_frame(at(PAIRS[0].0), at(PAIRS[0].1), &request(64));
    change(&mut frame[IP + offset]);
    Ipv4Packet::new_unchecked(&mut frame[IP..]).fill_checksum();
    frame
}

#[test]
fn ignores_fragments() {
    for (offset, bit) in [(6, 0x20), (6, 0x01), (7, 0x01)] {
        let mut frame = with_ipv4(offset, |byte| *byte |= bit);
        let expected = Reflection::Discard(Counter::DroppedFragment);
        assert_eq!(reflect(&mut frame), expected);
    }
    for (header, counter) in [
        (IpProtocol::Ipv6Frag, Counter::DroppedFragment),
        (IpProtocol::HopByHop, Counter::DroppedProtocol),
        (IpProtocol::Ipv6Route, Counter::DroppedProtocol),
    ] {
        let (client, service) = (at(PAIRS[1].0).ip(), at(PAIRS[1].1).ip());
        let mut frame = ip_frame(client, service, header, 64, |_| {});
        assert_eq!(reflect(&mut frame), Reflection::Discard(counter));
    }
}

#[test]
fn ignores_damaged_packets() {
    let good = udp_frame(at(PAIRS[0].0), at(PAIRS[0].1), &request(64));
    // Any one bit of the packet.
    for byte in IP..good.len() {
        for bit in 0..8 {
            let mut frame = good.clone();
            frame[byte] ^= 1 << bit;
            let reflection = reflect(&mut frame);
            // A length that does not fit, or more fragments, with a bad checksum.
            let is_counted = matches!(
                reflection,
                Reflection::Discard(Counter::DroppedChecksum | Counter::DroppedLength)
            );
            // The port is looked up before the datagram is summed up.
            let is_port = (IP + 22..IP + 24).contains(&byte);
            let is_dropped = is_counted || is_port && reflection == Reflection::Drop;
            assert!(is_dropped, "byte {byte}, bit {bit}: {reflection:?}");
        }
    }
}

#[test]
fn survives_every_truncation_and_length() {
    for (client, service) in PAIRS {
        let good = udp_frame(at(client), at(service), &request(64));
        for len in 0..good.len() {
            let expected = Reflection::Discard(Counter::DroppedLength);
            assert_eq!(reflect(&mut good.clone()[..len]), expected, "{len}");
        }
        for byte in IP..good.len().min(IP + 60) {
            for value in 0..=255 {
                let mut frame = good.clone();
                frame[byte] = value;
                if let Reflection::Reply { len, .. } = reflect(&mut frame) {
                    assert!(len <= good.len());
                }
            }
        }
    }
}

#[test]
fn a_missing_checksum_is_good_enough_for_ipv4_only() {
    for ((client, service), answered) in PAIRS.into_iter().zip([true, false, false]) {
        let mut frame = udp_frame(at(client), at(service), &request(64));
        let checksum = frame.len() - 64 - 2;
        frame[checksum..checksum + 2].fill(0);
        let reflection = reflect(&mut frame);
        assert_eq!(
            matches!(reflection, Reflection::Reply { .. }),
            answered,
            "{client}"
        );
        if answered {
            open_udp(&frame);
        }
    }
}

#[test]
fn refuses_ip_options() {
    let plain = udp_frame(at(PAIRS[0].0), at(PAIRS[0].1), &request(64));
    let mut frame = plain[..IP + 20].to_vec();
    frame.extend([1, 1, 1, 1]);
    frame.extend(&plain[IP + 20..]);
    let mut ip = Ipv4Packet::new_unchecked(&mut frame[IP..]);
    ip.set_header_len(24);
    ip.set_total_len(24 + 8 + 64);
    ip.fill_checksum();
    assert_eq!(reflect(&mut frame), REJECTED);
}

#[test]
fn answers_nobody_before_there_is_an_address() {
    let own = Addresses::new(SERVICE_MAC, None);
    let mut frame = udp_frame(at(PAIRS[0].0), at(PAIRS[0].1), &request(64));
    assert_eq!(
        reflect_as(&mut services(), &mut frame, &own),
        Reflection::Drop
    );
}
