//! The image on a link of raw Ethernet frames: what it must not answer, and must survive.
//!
//! Each test ends with the counters: what was refused has been seen, and nothing else happened.
#![forbid(unsafe_code)]

use std::net::{Ipv4Addr, SocketAddr};

use tests::guest::Machine;
use tests::packet::{self, Body, Flow, IP, Mac, UDP4, UDP6};
use tests::qemu_lock::lock_qemu;
use tests::station::{Station, request};
use wire::header::field;
use wire::{Counters, HEADER_LEN, Kind, MAX_PAYLOAD, VERSION};

const STATIC: &str = "ip=10.0.2.15/24 gw=10.0.2.2";
const MULTICAST_MAC: Mac = [0x01, 0x00, 0x5e, 0x00, 0x00, 0x01];

/// A request of `len` bytes that claims another version.
fn other_version(len: usize) -> Vec<u8> {
    let mut datagram = request(1, len.max(HEADER_LEN));
    datagram[field::VERSION] = VERSION + 1;
    datagram.truncate(len);
    datagram
}

/// The expected counters, kept while datagrams are sent.
struct Tally(Counters);

impl Tally {
    fn new() -> Self {
        Self(Counters::ZERO)
    }

    /// One more datagram, counted by `counter`; [`Station::settle`] follows each with a request.
    fn count(&mut self, counter: impl Fn(&mut Counters) -> &mut u64) {
        *counter(&mut self.0) += 1;
        self.0.datagrams_received += 1;
        self.settled();
    }

    /// One request more that was answered, and the one frame at least that brought what preceded it.
    fn settled(&mut self) {
        self.0.datagrams_received += 1;
        self.0.replied += 1;
        self.0.frames_received += 2;
        self.0.frames_sent += 1;
    }
}

/// Sends `datagram` and waits for its one answer, which must not be longer.
fn expect_unsupported(station: &mut Station, flow: &Flow, datagram: &[u8]) {
    station.send(&flow.udp(datagram));
    let answers = station.settle();
    let mut expected = datagram.to_vec();
    expected[field::VERSION] = VERSION;
    expected[field::KIND] = Kind::Unsupported.as_byte();
    let len = datagram.len();
    assert_eq!(answers.len(), 1, "length {len}");
    let answer = packet::parse(&answers[0]);
    assert_eq!(
        answer,
        Ok(flow.reversed().udp_packet(&expected)),
        "length {len}"
    );
}

#[test]
fn bad_datagrams_of_every_length_are_counted_and_never_answered_at_length() {
    let lock = lock_qemu();
    let mut guest = Machine::new(STATIC).start(&lock);
    guest.ready();
    let flow = guest.station.to_service();
    let station = &mut guest.station;
    let mut tally = Tally::new();
    for len in 0..=MAX_PAYLOAD {
        let mut magic = request(2, len.max(HEADER_LEN));
        magic[0] ^= 0x20;
        magic.truncate(len);
        station.expect_silence(&format!("wrong magic, length {len}"), &flow.udp(&magic));
        // Without four bytes there is no magic that could be wrong.
        if len < field::MAGIC.end {
            tally.count(|counters| &mut counters.dropped_short);
        } else {
            tally.count(|counters| &mut counters.dropped_magic);
        }

        let other_version = other_version(len);
        if len > field::KIND {
            expect_unsupported(station, &flow, &other_version);
            tally.count(|counters| &mut counters.unsupported);
            tally.0.frames_sent += 1;
        } else {
            let frame = flow.udp(&other_version);
            station.expect_silence(&format!("other version, length {len}"), &frame);
            tally.count(|counters| &mut counters.dropped_short);
        }

        let mut cut = request(3, HEADER_LEN);
        if len < HEADER_LEN {
            cut.truncate(len);
            station.expect_silence(&format!("a header cut to {len}"), &flow.udp(&cut));
            tally.count(|counters| &mut counters.dropped_short);
        }
    }
    guest.expect_counters(&tally.0);
}

#[test]
fn replies_and_unknown_kinds_are_not_answered() {
    let lock = lock_qemu();
    let mut guest = Machine::new(STATIC).start(&lock);
    guest.ready();
    let flow = guest.station.to_service();
    let mut tally = Tally::new();
    for version in [VERSION, VERSION + 1, 0, 255] {
        for kind in [1, 2, 3, 4, 127, 128, 255] {
            let mut datagram = request(1, 80);
            datagram[field::VERSION] = version;
            datagram[field::KIND] = kind;
            let what = format!("version {version}, kind {kind}");
            guest.station.expect_silence(&what, &flow.udp(&datagram));
            // A status request is one, and shorter than its reply would be.
            let is_status_request = (version, kind) == (VERSION, 3);
            tally.count(|counters| match is_status_request {
                true => &mut counters.dropped_short,
                false => &mut counters.dropped_not_a_request,
            });
        }
    }
    guest.expect_counters(&tally.0);
}

#[test]
fn an_answer_to_a_group_or_to_nobody_is_refused() {
    let lock = lock_qemu();
    let mut guest = Machine::new("ip=10.0.2.15/24 ip6=2001:db8::15/64").start(&lock);
    let ready = guest.ready();
    let v4 = guest.station.to_service();
    let v6 = guest.station.to_service_v6();
    let mut tally = Tally::new();

    let mut flows = Vec::new();
    for source in [
        "10.0.2.2:0",
        "10.0.2.2:53",
        "10.0.2.2:11211",
        "0.0.0.0:5",
        "0.1.2.3:5",
        "240.0.0.1:5",
        "10.0.2.255:5",
        "255.255.255.255:5",
        "224.0.0.1:5",
        "127.0.0.1:5",
        "10.0.2.15:5",
    ] {
        let from = source.parse().unwrap();
        flows.push((format!("from {source}"), Flow { from, ..v4 }));
    }
    for source in [
        "[2001:db8::2]:0",
        "[::]:5",
        "[::1]:5",
        "[::ffff:10.0.2.2]:5",
        "[ff02::1]:5",
        "[2001:db8::15]:5",
        "[fe80::5054:ff:fe12:3456]:5",
    ] {
        let from = source.parse().unwrap();
        flows.push((format!("from {source}"), Flow { from, ..v6 }));
    }
    for receiver in ["10.0.2.255", "255.255.255.255", "224.0.0.1"] {
        let to = SocketAddr::new(receiver.parse().unwrap(), ready.port);
        let to_mac = if receiver == "224.0.0.1" {
            MULTICAST_MAC
        } else {
            packet::BROADCAST
        };
        flows.push((format!("to {receiver}"), Flow { to, to_mac, ..v4 }));
        flows.push((format!("to {receiver}, by unicast"), Flow { to, ..v4 }));
    }
    let to = SocketAddr::new("ff02::1".parse().unwrap(), ready.port);
    let to_mac = [0x33, 0x33, 0, 0, 0, 1];
    flows.push(("to ff02::1".to_owned(), Flow { to, to_mac, ..v6 }));
    for to_mac in [packet::BROADCAST, MULTICAST_MAC] {
        flows.push((
            format!("to its address, by {to_mac:02x?}"),
            Flow { to_mac, ..v4 },
        ));
    }
    let from_mac = MULTICAST_MAC;
    flows.push((
        "from a group of stations".to_owned(),
        Flow { from_mac, ..v4 },
    ));

    for (what, flow) in &flows {
        guest
            .station
            .expect_silence(what, &flow.udp(&request(1, 64)));
        tally.count(|counters| match flow.from.port() {
            0 | 53 | 11211 => &mut counters.dropped_port,
            _ => &mut counters.dropped_source,
        });
    }
    guest.expect_counters(&tally.0);
}

#[test]
fn other_hosts_datagrams_are_none_of_its_business() {
    let lock = lock_qemu();
    let mut guest = Machine::new("ip=10.0.2.15/24 ip6=2001:db8::15/64").start(&lock);
    guest.ready();
    let v4 = guest.station.to_service();
    let v6 = guest.station.to_service_v6();
    let other_mac = [0x52, 0x54, 0, 0, 0, 9];
    let other_ip = SocketAddr::new(Ipv4Addr::new(10, 0, 2, 16).into(), v4.to.port());
    let other_ip6 = SocketAddr::new("2001:db8::16".parse().unwrap(), v4.to.port());
    for (what, flow) in [
        (
            "another station's frame",
            Flow {
                to_mac: other_mac,
                ..v4
            },
        ),
        ("another host's IPv4 datagram", Flow { to: other_ip, ..v4 }),
        (
            "another host's IPv6 datagram",
            Flow {
                to: other_ip6,
                ..v6
            },
        ),
    ] {
        guest
            .station
            .expect_silence(what, &flow.udp(&request(1, 64)));
        guest
            .station
            .expect_silence(what, &flow.ping(1, 1, b"ping"));
    }
}

#[test]
fn damaged_frames_are_not_answered() {
    let lock = lock_qemu();
    let mut guest = Machine::new("ip=10.0.2.15/24 ip6=2001:db8::15/64").start(&lock);
    guest.ready();
    let v4 = guest.station.to_service().udp(&request(1, 64));
    let v6 = guest.station.to_service_v6().udp(&request(1, 64));
    let station = &mut guest.station;

    // Wherever a bit flips that a checksum covers, the datagram is not what was sent. The kind byte
    // and all before it are tested by themselves, and the Ethernet header has no checksum here.
    for at in IP..v4.len() {
        let mut frame = v4.clone();
        frame[at] ^= 0x40;
        station.expect_silence(&format!("IPv4 frame with a flip in byte {at}"), &frame);
    }
    for at in UDP6..v6.len() {
        let mut frame = v6.clone();
        frame[at] ^= 0x40;
        station.expect_silence(&format!("IPv6 frame with a flip in byte {at}"), &frame);
    }
    let mut frame = v6.clone();
    frame[UDP6 + 6..UDP6 + 8].fill(0);
    station.expect_silence("IPv6 without a UDP checksum", &frame);

    // Lengths that do not fit each other or the frame.
    for cut in 1..v4.len() {
        station.expect_silence(&format!("IPv4 frame cut to {cut}"), &v4[..cut]);
    }
    for cut in IP..v6.len() {
        station.expect_silence(&format!("IPv6 frame cut to {cut}"), &v6[..cut]);
    }
    for total_len in [0, 19, 20, 27, 64, 91, 93, 1500, 65535_u16] {
        let mut frame = v4.clone();
        frame[IP + 2..IP + 4].copy_from_slice(&total_len.to_be_bytes());
        packet::mend_ipv4_checksum(&mut frame);
        station.expect_silence(&format!("IPv4 total length {total_len}"), &frame);
    }
    for header_len in [0, 1, 4, 6, 15] {
        let mut frame = v4.clone();
        frame[IP] = 0x40 | header_len;
        packet::mend_ipv4_checksum(&mut frame);
        station.expect_silence(&format!("IPv4 header length {header_len}"), &frame);
    }
    for udp_len in [0, 7, 8, 71, 73, 1480, 65535_u16] {
        let mut frame = v4.clone();
        frame[UDP4 + 4..UDP4 + 6].copy_from_slice(&udp_len.to_be_bytes());
        // Without a checksum the length is all that is wrong.
        frame[UDP4 + 6..UDP4 + 8].fill(0);
        station.send(&frame);
        let answers = station.settle();
        assert!(
            answers.iter().all(|answer| answer.len() <= frame.len()),
            "UDP length {udp_len}: {answers:02x?}"
        );
    }
}

#[test]
fn fragments_and_options_are_not_answered() {
    let lock = lock_qemu();
    let mut guest = Machine::new("ip=10.0.2.15/24 ip6=2001:db8::15/64").start(&lock);
    guest.ready();
    let v4 = guest.station.to_service().udp(&request(1, 64));
    let v6 = guest.station.to_service_v6().udp(&request(1, 64));
    let station = &mut guest.station;

    for flags_and_offset in [0x2000, 0x2001, 0x0001, 0x1fff_u16] {
        let mut frame = v4.clone();
        frame[IP + 6..IP + 8].copy_from_slice(&flags_and_offset.to_be_bytes());
        packet::mend_ipv4_checksum(&mut frame);
        station.expect_silence(&format!("IPv4 fragment {flags_and_offset:#06x}"), &frame);
    }

    // A loose source route (RFC 791): an answer would not go where the datagram says it came from.
    let mut frame = v4.clone();
    frame[IP] = 0x47;
    let total_len = u16::from_be_bytes([frame[IP + 2], frame[IP + 3]]) + 8;
    frame[IP + 2..IP + 4].copy_from_slice(&total_len.to_be_bytes());
    frame.splice(UDP4..UDP4, [0x83, 7, 4, 198, 51, 100, 1, 0]);
    packet::mend_ipv4_checksum(&mut frame);
    station.expect_silence("IPv4 source route", &frame);

    // Fragment, hop-by-hop, destination and routing headers (RFC 8200 section 4).
    for (extension, next_header) in [
        ("fragment", 44),
        ("hop-by-hop", 0),
        ("options", 60),
        ("routing", 43),
    ] {
        let mut frame = v6.clone();
        let payload_len = u16::from_be_bytes([frame[IP + 4], frame[IP + 5]]) + 8;
        frame[IP + 4..IP + 6].copy_from_slice(&payload_len.to_be_bytes());
        frame[IP + 6] = next_header;
        let filler = match next_header {
            44 => [17, 0, 0, 1, 0, 0, 0, 7],
            43 => [17, 0, 0, 1, 0, 0, 0, 0],
            // PadN over the rest.
            _ => [17, 0, 1, 4, 0, 0, 0, 0],
        };
        frame.splice(UDP6..UDP6, filler);
        station.send(&frame);
        for answer in station.settle() {
            let packet = packet::parse(&answer);
            let is_udp = matches!(&packet, Ok(packet) if matches!(packet.body, Body::Udp { .. }));
            assert!(
                packet.is_ok() && !is_udp,
                "IPv6 {extension} header: {packet:?}"
            );
        }
    }
}
