//! Advertisements as routers send them, on a clock that is set.

use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::testing::SERVICE_MAC;

const HOUR_NS: u64 = 3600 * SECOND_NS;
const PREFIX: [u8; 8] = [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 1];
const OTHER: [u8; 8] = [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 2];

/// On-link and autonomous.
const FLAGS: u8 = 0xc0;

/// A prefix information option of lifetimes in seconds: valid, preferred.
fn prefix(prefix: [u8; 8], len: u8, flags: u8, (valid_s, preferred_s): (u32, u32)) -> Vec<u8> {
    let mut option = vec![3, 4, len, flags];
    option.extend(valid_s.to_be_bytes());
    option.extend(preferred_s.to_be_bytes());
    option.extend([0; 4]);
    option.extend(prefix);
    option.extend([0; 8]);
    option
}

fn advertisement(options: &[Vec<u8>]) -> Vec<u8> {
    let mut message = vec![134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0];
    message.extend(options.concat());
    message
}

fn of(prefix_octets: [u8; 8], lifetimes_s: (u32, u32)) -> Vec<u8> {
    advertisement(&[prefix(prefix_octets, 64, FLAGS, lifetimes_s)])
}

fn address_of(prefix: [u8; 8]) -> Ipv6Addr {
    eui_64(prefix, SERVICE_MAC)
}

/// Has all done that is due until `end_ns`.
fn run(slaac: &mut Slaac, end_ns: u64) -> Vec<(u64, Message)> {
    let mut sent = Vec::new();
    let mut now_ns = 0;
    while slaac.due_ns() <= end_ns {
        now_ns = slaac.due_ns().max(now_ns);
        sent.extend(slaac.poll(now_ns).map(|message| (now_ns, message)));
    }
    sent
}

/// Has an address in [`PREFIX`] since the second second.
fn configured(lifetimes_s: (u32, u32)) -> Slaac {
    let mut slaac = Slaac::new(SERVICE_MAC, 0);
    slaac.poll(0);
    slaac.receive(&of(PREFIX, lifetimes_s), 0);
    slaac.poll(0);
    run(&mut slaac, SECOND_NS);
    assert_eq!(slaac.address(), Some(address_of(PREFIX)));
    slaac
}

#[test]
fn routers_are_solicited_three_times() {
    let mut slaac = Slaac::new(SERVICE_MAC, 5);
    let sent = run(&mut slaac, HOUR_NS);
    let at = |s: u64| (5 + s * SECOND_NS, Message::RouterSolicitation);
    assert_eq!(sent, [at(0), at(4), at(8)]);
    assert_eq!(slaac.due_ns(), NEVER_NS);
    // One that comes later is heeded as well.
    slaac.receive(&of(PREFIX, (7200, 3600)), HOUR_NS);
    assert_eq!(
        slaac.poll(HOUR_NS),
        Some(Message::Probe(address_of(PREFIX)))
    );
}

#[test]
fn an_address_is_used_a_second_after_its_probe() {
    let mut slaac = Slaac::new(SERVICE_MAC, 0);
    assert_eq!(slaac.poll(0), Some(Message::RouterSolicitation));
    slaac.receive(&of(PREFIX, (7200, 3600)), 9);
    assert_eq!(slaac.poll(9), Some(Message::Probe(address_of(PREFIX))));
    assert_eq!((slaac.address(), slaac.due_ns()), (None, 9 + SECOND_NS));
    assert_eq!(slaac.poll(9 + SECOND_NS), None);
    let expected: Ipv6Addr = "2001:db8:0:1:5054:ff:fe12:3456".parse().unwrap();
    assert_eq!(slaac.address(), Some(expected));
    assert_eq!(slaac.due_ns(), 9 + 7200 * SECOND_NS);
    slaac.poll(9 + 7200 * SECOND_NS);
    assert_eq!((slaac.address(), slaac.due_ns()), (None, NEVER_NS));
}

#[test]
fn an_address_that_another_host_has_is_not_used() {
    let mut slaac = Slaac::new(SERVICE_MAC, 0);
    slaac.receive(&of(PREFIX, (7200, 3600)), 0);
    slaac.poll(0);
    assert!(!slaac.is_objection(address_of(OTHER)));
    assert!(slaac.is_objection(address_of(PREFIX)));
    assert!(!slaac.is_objection(address_of(PREFIX)), "said once");
    slaac.receive(&of(PREFIX, (7200, 3600)), SECOND_NS);
    assert_eq!(run(&mut slaac, 2 * SECOND_NS), []);
    assert_eq!(slaac.address(), None);
    // Another prefix may do.
    slaac.receive(&of(OTHER, (7200, 3600)), 3 * SECOND_NS);
    slaac.poll(3 * SECOND_NS);
    slaac.poll(4 * SECOND_NS);
    assert_eq!(slaac.address(), Some(address_of(OTHER)));
    assert!(!slaac.is_objection(address_of(OTHER)), "too late");
}

#[test]
fn lifetimes_end_no_sooner_than_in_two_hours() {
    for (before_s, now_s, expected_s) in [
        (36_000, 72_000, 72_000),
        (36_000, 8000, 8000),
        (36_000, 7201, 7201),
        (36_000, 60, 7200),
        (36_000, 0, 7200),
        (3600, 60, 3600),
        (3600, 0, 3600),
        (3600, 5000, 5000),
        (INFINITE_S, 0, 7200),
        (60, INFINITE_S, INFINITE_S),
    ] {
        let mut slaac = configured((before_s, before_s.min(60)));
        slaac.receive(&of(PREFIX, (now_s, 0)), 0);
        let expected_ns = match expected_s {
            INFINITE_S => NEVER_NS,
            _ => u64::from(expected_s) * SECOND_NS,
        };
        assert_eq!(slaac.due_ns(), expected_ns, "{before_s}, then {now_s}");
        assert_eq!(slaac.address(), Some(address_of(PREFIX)));
    }
}

#[test]
fn another_prefix_is_taken_when_ours_is_deprecated() {
    let mut slaac = configured((7200, 3600));
    slaac.receive(&of(OTHER, (7200, 3600)), 3599 * SECOND_NS);
    assert_eq!(slaac.due_ns(), 7200 * SECOND_NS, "ours is preferred");
    slaac.receive(&of(OTHER, (7200, 3600)), 3600 * SECOND_NS);
    let sent = run(&mut slaac, 3601 * SECOND_NS);
    assert_eq!(sent.len(), 1);
    assert_eq!(slaac.address(), Some(address_of(OTHER)));
}

#[test]
fn prefixes_that_are_not_for_autoconfiguration_are_left() {
    let good = (7200, 3600);
    for option in [
        prefix(PREFIX, 63, FLAGS, good),
        prefix(PREFIX, 65, FLAGS, good),
        prefix(PREFIX, 64, 0x80, good),
        prefix(PREFIX, 64, FLAGS, (3600, 7200)),
        prefix(PREFIX, 64, FLAGS, (0, 0)),
        prefix([0xfe, 0x80, 0, 0, 0, 0, 0, 0], 64, FLAGS, good),
        prefix([0xff, 2, 0, 0, 0, 0, 0, 0], 64, FLAGS, good),
        prefix([0; 8], 64, FLAGS, good),
        vec![
            3, 3, 64, FLAGS, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1,
        ],
    ] {
        let mut slaac = Slaac::new(SERVICE_MAC, 0);
        slaac.receive(&advertisement(core::slice::from_ref(&option)), 0);
        assert_eq!(slaac.due_ns(), NEVER_NS, "{option:x?}");
    }
}

#[test]
fn the_mtu_is_taken_and_the_whole_message_left_if_one_option_is_broken() {
    let mtu = |mtu: u32| [&[5, 1, 0, 0][..], &mtu.to_be_bytes()].concat();
    let good = || prefix(PREFIX, 64, FLAGS, (7200, 3600));
    for (value, expected) in [
        (1279, None),
        (1280, Some(1280)),
        (1500, Some(1500)),
        (9000, Some(9000)),
        (70_000, None),
    ] {
        let mut slaac = Slaac::new(SERVICE_MAC, 0);
        slaac.receive(
            &advertisement(&[vec![1, 1, 2, 3, 4, 5, 6, 7], mtu(value)]),
            0,
        );
        assert_eq!(slaac.mtu(), expected, "{value}");
    }
    for broken in [
        vec![0, 0, 0, 0, 0, 0, 0, 0],
        vec![1, 2, 0, 0, 0, 0, 0, 0],
        vec![5],
    ] {
        let mut slaac = Slaac::new(SERVICE_MAC, 0);
        slaac.receive(&advertisement(&[good(), mtu(1400), broken]), 0);
        assert_eq!((slaac.mtu(), slaac.due_ns()), (None, 0), "still solicits");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_taken_or_left(messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..120), 1..8)) {
        let mut slaac = Slaac::new(SERVICE_MAC, 0);
        for (second, message) in messages.iter().enumerate() {
            let now_ns = second as u64 * SECOND_NS;
            slaac.receive(message, now_ns);
            slaac.poll(now_ns);
        }
    }
}
