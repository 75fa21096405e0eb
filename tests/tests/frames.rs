//! The image on a link of raw Ethernet frames: every protocol that it speaks, spoken well.
#![forbid(unsafe_code)]

use std::net::IpAddr;

use tests::guest::{self, MAC, Machine};
use tests::packet::{self, Body, Packet};
use tests::qemu_lock::lock_qemu;
use tests::station::{self, IP6, LINK_LOCAL, request};
use wire::{HEADER_LEN, Header, Kind, MAX_PAYLOAD};

const STATIC: &str = "ip=10.0.2.15/24 gw=10.0.2.2";
const STATIC_V6: &str = "ip=10.0.2.15/24 ip6=2001:db8::15/64";

/// Length of Ethernet, IPv6 and UDP headers together less than those with IPv4: how much shorter
/// the longest payload is over IPv6.
const V6_OVERHEAD: usize = 20;

/// The payload of a UDP packet.
fn payload(packet: &Packet) -> &[u8] {
    match &packet.body {
        Body::Udp { payload, .. } => payload,
        other => panic!("no UDP: {other:?}"),
    }
}

#[test]
fn the_ready_line_tells_what_was_asked_for() {
    let lock = lock_qemu();
    let mut guest =
        Machine::new("ip=10.0.2.15/24 gw=10.0.2.2 ip6=2001:db8::15/64 port=7777").start(&lock);
    let ready = guest.ready();
    assert_eq!(ready.ip, Some("10.0.2.15/24".parse().unwrap()));
    assert_eq!(ready.ip6, Some("2001:db8::15/64".parse().unwrap()));
    assert_eq!(ready.port, 7777);
    assert_eq!(ready.mac, Some(wire::Mac::new(MAC)));
    assert!(ready.boot_us > 0 && ready.counters > Some(0));

    let to = guest.station.to_service();
    let answer = guest.station.ask(&to.udp(&request(1, 64)));
    let header = Header::decode(payload(&answer)).unwrap();
    assert_eq!(header.boot_id, ready.boot_id);
}

#[test]
fn a_closed_port_is_silent_or_unreachable() {
    let lock = lock_qemu();
    let mut guest = Machine::new("ip=10.0.2.15/24 port=7777").start(&lock);
    guest.ready();
    let mut flow = guest.station.to_service();
    for port in [1, 67, 7776, 7778, wire::DEFAULT_PORT, 65535] {
        flow.to.set_port(port);
        guest.station.send(&flow.udp(&request(2, 64)));
        for frame in guest.station.settle() {
            let packet = packet::parse(&frame).unwrap();
            // RFC 1122 section 4.1.3.1: "port unreachable", if anything.
            assert!(
                matches!(
                    packet.body,
                    Body::Icmp {
                        kind: 3,
                        code: 3,
                        ..
                    }
                ),
                "port {port}: {packet:?}"
            );
        }
    }
}

#[test]
fn arp_is_answered_for_its_own_address_only() {
    let lock = lock_qemu();
    let mut guest = Machine::new(STATIC).start(&lock);
    let ip = guest.ready().ip.unwrap().address;
    let question = packet::arp_request(station::MAC, station::IP4, ip);
    let answer = guest
        .station
        .ask(&packet::arp(packet::BROADCAST, &question));
    let expected = Packet {
        from: MAC,
        to: station::MAC,
        body: Body::Arp(packet::arp_reply(MAC, &question)),
    };
    assert_eq!(answer, expected);

    let other = packet::arp_request(station::MAC, station::IP4, "10.0.2.16".parse().unwrap());
    let frame = packet::arp(packet::BROADCAST, &other);
    guest.station.expect_silence("ARP for another host", &frame);
}

#[test]
fn neighbours_are_told_its_own_addresses_only() {
    let lock = lock_qemu();
    let mut guest = Machine::new(STATIC_V6).start(&lock);
    let global = guest.ready().ip6.unwrap().address;
    for (own, target) in [(LINK_LOCAL, guest::LINK_LOCAL), (IP6, global)] {
        let question = packet::neighbour_solicitation(station::MAC, own, target);
        let answer = guest.station.ask(&question);
        assert_eq!((answer.from, answer.to), (MAC, station::MAC));
        let Body::Icmp {
            from,
            to,
            hop_limit,
            kind,
            code,
            rest,
        } = answer.body
        else {
            panic!("{answer:?}");
        };
        assert_eq!((from, to), (IpAddr::from(target), IpAddr::from(own)));
        assert_eq!(
            (hop_limit, kind, code),
            (255, 136, 0),
            "RFC 4861 section 7.1.2"
        );
        assert_eq!(rest[0] & 0x40, 0x40, "it was solicited");
        assert_eq!(rest[4..20], target.octets());
        assert_eq!(rest[20..22], [2, 1], "the target's link-layer address");
        assert_eq!(rest[22..28], MAC);
    }
    let other = "2001:db8::16".parse().unwrap();
    let frame = packet::neighbour_solicitation(station::MAC, IP6, other);
    guest
        .station
        .expect_silence("neighbour discovery of another host", &frame);
}

#[test]
fn ping_is_answered_over_both_families() {
    let lock = lock_qemu();
    let mut guest = Machine::new(STATIC_V6).start(&lock);
    let ready = guest.ready();
    let flows = [
        guest
            .station
            .flow(station::IP4.into(), ready.ip.unwrap().address.into()),
        guest
            .station
            .flow(LINK_LOCAL.into(), guest::LINK_LOCAL.into()),
        guest
            .station
            .flow(IP6.into(), ready.ip6.unwrap().address.into()),
    ];
    for (flow, expected_kind) in flows.into_iter().zip([0, 129, 129]) {
        let longest = if flow.to.is_ipv4() {
            MAX_PAYLOAD
        } else {
            MAX_PAYLOAD - V6_OVERHEAD
        };
        for (seq, len) in [0, 1, 31, 32, 56, 999, longest].into_iter().enumerate() {
            let data: Vec<u8> = (0..len).map(|i| (i * 3) as u8).collect();
            let answer = guest.station.ask(&flow.ping(77, seq as u16, &data));
            let mut expected_rest = vec![0, 77, 0, seq as u8];
            expected_rest.extend(&data);
            let Body::Icmp {
                from,
                to,
                kind,
                code,
                rest,
                ..
            } = answer.body
            else {
                panic!("{answer:?}");
            };
            assert_eq!((from, to), (flow.to.ip(), flow.from.ip()));
            assert_eq!((kind, code), (expected_kind, 0));
            assert!(
                rest == expected_rest,
                "{len} bytes came back as {rest:02x?}"
            );
        }
    }
}

#[test]
fn every_payload_comes_back_over_ipv4() {
    let lock = lock_qemu();
    let mut guest = Machine::new(STATIC).start(&lock);
    let ready = guest.ready();
    let flow = guest.station.to_service();
    let mut last_t3_ns = 0;
    for len in HEADER_LEN..=MAX_PAYLOAD {
        let asked = request(len as u64, len);
        let answer = guest.station.ask(&flow.udp(&asked));
        let header = Header::decode(payload(&answer)).unwrap();
        let expected = Header {
            kind: Kind::Reply,
            boot_id: ready.boot_id,
            t2_ns: header.t2_ns,
            t3_ns: header.t3_ns,
            ..Header::decode(&asked).unwrap()
        };
        let mut expected_payload = asked;
        expected.encode(&mut expected_payload).unwrap();
        assert_eq!(
            answer,
            flow.reversed().udp_packet(&expected_payload),
            "length {len}"
        );
        // One clock, which goes forward from request to request.
        assert!(
            last_t3_ns <= header.t2_ns && header.t2_ns <= header.t3_ns && header.t3_ns > 0,
            "length {len}: {header:?} after {last_t3_ns}"
        );
        last_t3_ns = header.t3_ns;
    }
    let answered = (MAX_PAYLOAD - HEADER_LEN + 1) as u64;
    let expected = wire::Counters {
        frames_received: answered,
        frames_sent: answered,
        datagrams_received: answered,
        replied: answered,
        ..wire::Counters::ZERO
    };
    guest.expect_counters(&expected);
}

#[test]
fn payloads_come_back_over_ipv6_from_both_addresses() {
    let lock = lock_qemu();
    let mut guest = Machine::new(STATIC_V6).start(&lock);
    let ready = guest.ready();
    let flows = [
        guest
            .station
            .flow(IP6.into(), ready.ip6.unwrap().address.into()),
        guest
            .station
            .flow(LINK_LOCAL.into(), guest::LINK_LOCAL.into()),
    ];
    let longest = MAX_PAYLOAD - V6_OVERHEAD;
    for (i, flow) in flows.iter().enumerate() {
        // An odd step meets odd and even lengths, which checksums treat differently.
        for len in (HEADER_LEN..longest).step_by(7).chain([longest]) {
            let asked = request((len * 2 + i) as u64, len);
            let answer = guest.station.ask(&flow.udp(&asked));
            let header = Header::decode(payload(&answer)).unwrap();
            let mut expected = asked.clone();
            Header {
                kind: Kind::Reply,
                boot_id: ready.boot_id,
                t2_ns: header.t2_ns,
                t3_ns: header.t3_ns,
                ..Header::decode(&asked).unwrap()
            }
            .encode(&mut expected)
            .unwrap();
            assert_eq!(
                answer,
                flow.reversed().udp_packet(&expected),
                "length {len}"
            );
        }
    }
}

#[test]
fn the_link_local_address_needs_no_argument() {
    let lock = lock_qemu();
    let mut guest = Machine::new(STATIC).start(&lock);
    assert_eq!(guest.ready().ip6, Some((guest::LINK_LOCAL, 64).into()));
    let flow = guest.station.to_service_v6();
    let answer = guest.station.ask(&flow.udp(&request(5, 100)));
    assert_eq!(payload(&answer).len(), 100);
}

#[test]
fn a_short_frame_may_be_padded_and_a_checksum_left_out() {
    let lock = lock_qemu();
    let mut guest = Machine::new(STATIC).start(&lock);
    guest.ready();
    let flow = guest.station.to_service();
    let asked = request(9, HEADER_LEN);

    let mut padded = flow.udp(&asked);
    padded.resize(padded.len() + 18, 0xee);
    let answer = guest.station.ask(&padded);
    assert_eq!(
        payload(&answer).len(),
        HEADER_LEN,
        "a trailer is no payload"
    );

    let mut unsummed = flow.udp(&asked);
    unsummed[packet::UDP4 + 6..packet::UDP4 + 8].fill(0);
    let answer = guest.station.ask(&unsummed);
    assert_eq!(
        payload(&answer).len(),
        HEADER_LEN,
        "RFC 768: no checksum was made"
    );
}

#[test]
fn a_host_behind_the_gateway_is_answered_through_it() {
    let lock = lock_qemu();
    let mut guest = Machine::new(STATIC).start(&lock);
    let ready = guest.ready();
    let far = "198.51.100.7".parse().unwrap();
    let flow = guest.station.flow(far, ready.ip.unwrap().address.into());
    let answer = guest.station.ask(&flow.udp(&request(1, 64)));
    assert_eq!((answer.from, answer.to), (MAC, station::MAC));
    assert_eq!(payload(&answer).len(), 64);

    let answer = guest.station.ask(&flow.ping(1, 1, b"far"));
    assert_eq!(answer.to, station::MAC);
    assert!(
        matches!(answer.body, Body::Icmp { to, .. } if to == far),
        "{answer:?}"
    );
}

#[test]
fn a_napping_guest_answers_too() {
    let lock = lock_qemu();
    let mut guest = Machine::new("ip=10.0.2.15/24 idle=nap").start(&lock);
    guest.ready();
    let flow = guest.station.to_service();
    for seq in 0..20 {
        // Long enough that it naps; that it wakes is what is looked at, not how soon.
        std::thread::sleep(std::time::Duration::from_millis(25));
        let answer = guest.station.ask(&flow.udp(&request(seq, 64)));
        assert_eq!(Header::decode(payload(&answer)).unwrap().seq, seq);
    }
}
