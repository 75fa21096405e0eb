//! Queries as routers and switches send them, and reports byte for byte.

use std::vec::Vec;

use super::*;
use crate::testing::SERVICE_MAC;

const GROUP: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff12, 0x3456);
const OTHER: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff12, 0x3457);
const ROUTER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// Header and payload of a query for `group` that allows `code`.
fn query(group: Ipv6Addr, code: u16) -> ([u8; 40], Vec<u8>) {
    let mut header = [0; 40];
    (header[0], header[7]) = (0x60, 1);
    header[8..24].copy_from_slice(&ROUTER.octets());
    header[24..].copy_from_slice(&ALL_NODES.octets());
    let mut message = vec![130, 0, 0, 0, 0, 0, 0, 0];
    message[4..6].copy_from_slice(&code.to_be_bytes());
    message.extend(group.octets());
    message.extend([2, 125, 0, 0]);
    let checksum = icmpv6_sum(&header[8..], &message).checksum();
    message[2..4].copy_from_slice(&checksum);
    (header, [&ROUTER_ALERT[..], &message].concat())
}

/// A listener whose report at the start has been sent.
fn listener() -> MulticastListener {
    let mut listener = MulticastListener::new(0);
    assert_eq!(listener.poll(0), Some(Reason::Change));
    assert_eq!(listener.due_ns(), NEVER_NS);
    listener
}

#[test]
fn the_report_at_the_start_may_be_repeated() {
    let mut listener = MulticastListener::new(7);
    listener.repeat();
    assert_eq!(listener.poll(6), None);
    assert_eq!(listener.poll(7), Some(Reason::Change));
    assert_eq!(listener.due_ns(), 7 + REPEAT_NS);
    assert_eq!(listener.poll(7 + REPEAT_NS), Some(Reason::Change));
    assert_eq!(listener.due_ns(), NEVER_NS);
}

#[test]
fn queries_are_answered_within_the_time_that_they_allow() {
    for (code, most_ms) in [
        (0, 0),
        (1000, 1000),
        (10_000, 10_000),
        (0x8001, 32_776),
        (0xffff, 8_387_584),
    ] {
        let mut delays = Vec::new();
        for start_s in 1..100 {
            let mut listener = listener();
            let now_ns = start_s * 1_000_000_000;
            let (header, packet) = query(Ipv6Addr::UNSPECIFIED, code);
            listener.receive(&header, &packet, &[GROUP], now_ns);
            let delay_ns = listener.due_ns() - now_ns;
            assert!(delay_ns <= most_ms * MILLISECOND_NS, "{code}: {delay_ns}");
            assert_eq!(listener.poll(now_ns + delay_ns), Some(Reason::Query));
            assert_eq!(listener.due_ns(), NEVER_NS);
            delays.push(delay_ns);
        }
        delays.sort_unstable();
        let is_spread = delays[20] < delays[80];
        assert_eq!(is_spread, code != 0, "{code}");
    }
}

#[test]
fn of_several_queries_the_first_to_be_answered_answers_all() {
    let mut listener = listener();
    let (header, packet) = query(GROUP, 10_000);
    listener.receive(&header, &packet, &[GROUP], 1);
    let due_ns = listener.due_ns();
    let (header, packet) = query(GROUP, 0);
    listener.receive(&header, &packet, &[GROUP], 2);
    assert!(due_ns >= 2 && listener.due_ns() == 2);
}

#[test]
fn other_messages_are_no_queries() {
    let (header, packet) = query(GROUP, 100);
    let is_heeded = |header: &[u8; 40], packet: &[u8]| {
        let mut listener = listener();
        listener.receive(header, packet, &[GROUP], 1);
        listener.due_ns() != NEVER_NS
    };
    assert!(is_heeded(&header, &packet));
    for (at, value) in [(7, 2), (7, 255), (8, 0x20), (9, 0)] {
        let mut header = header;
        header[at] = value;
        assert!(!is_heeded(&header, &packet), "{at}");
    }
    for at in [0, 1, 2, 8, 10, 20] {
        let mut packet = packet.clone();
        packet[at] ^= 1;
        assert!(!is_heeded(&header, &packet), "{at}");
    }
    for len in 0..packet.len() {
        assert!(!is_heeded(&header, &packet[..len]), "{len} bytes");
    }
    let (header, packet) = query(OTHER, 100);
    assert!(!is_heeded(&header, &packet), "another group");
}

#[test]
fn a_report_byte_for_byte() {
    let mut frame = [0; REPORT_LEN];
    let own = Ipv6Addr::new(0xfe80, 0, 0, 0, 0x5054, 0xff, 0xfe12, 0x3456);
    for groups in [&[GROUP][..], &[GROUP, OTHER]] {
        frame.fill(0);
        let len = write_report(&mut frame, Reason::Change, (SERVICE_MAC, own), groups);
        assert_eq!(len, 70 + 20 * groups.len());
        let expected_start = [
            &[0x33, 0x33, 0, 0, 0, 0x16][..],
            &[0x52, 0x54, 0, 0x12, 0x34, 0x56, 0x86, 0xdd],
            &[0x60, 0, 0, 0, 0, 16 + 20 * groups.len() as u8, 0, 1],
            &own.octets(),
            &ALL_LISTENERS_IP.octets(),
            &[58, 0, 5, 2, 0, 0, 1, 0, 143, 0],
        ]
        .concat();
        assert_eq!(frame[..64], expected_start);
        assert_eq!(frame[66..70], [0, 0, 0, groups.len() as u8]);
        for (record, group) in frame[70..len].chunks(20).zip(groups) {
            assert_eq!(record[..4], [4, 0, 0, 0]);
            assert_eq!(record[4..], group.octets());
        }
        assert!(icmpv6_sum(&frame[22..54], &frame[62..len]).is_good());
    }
}
