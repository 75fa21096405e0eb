//! The link against a service in a thread that speaks Ethernet itself.

use std::os::fd::OwnedFd;
use std::thread::{self, JoinHandle};

use proptest::prelude::*;
use wire::{Header, Kind, Verdict};

use super::super::unix::FrameSocket;
use super::*;

mod flood;
mod undelivered;

const GUEST_MAC: Mac = Mac::new([0x52, 0x54, 0, 0x12, 0x34, 0x56]);

fn ready() -> wire::Ready {
    wire::Ready {
        ip: Some("10.0.2.15/24".parse().unwrap()),
        ip6: Some("fe80::5054:ff:fe12:3456/64".parse().unwrap()),
        port: 9000,
        mac: Some(GUEST_MAC),
        boot_us: 1,
        boot_id: 7,
        counters: None,
        nic: None,
        configuration: wire::Configuration::default(),
    }
}

/// A guest that answers `requests` datagrams and then ends.
fn guest(socket: OwnedFd, family: Family, requests: usize) -> JoinHandle<()> {
    let ready = ready();
    let own_end = Endpoint {
        mac: GUEST_MAC,
        ip: ready.ip,
        ip6: ready.ip6,
    };
    let neighbour = neighbour_of(&ready);
    let (own, peer): (IpAddr, IpAddr) = match family {
        Family::V4 => (
            own_end.ip.unwrap().address.into(),
            neighbour.ip.unwrap().address.into(),
        ),
        Family::V6 => (
            own_end.ip6.unwrap().address.into(),
            neighbour.ip6.unwrap().address.into(),
        ),
    };
    let flow = Flow {
        own_mac: GUEST_MAC,
        peer_mac: OWN_MAC,
        own: SocketAddr::new(own, 9000),
        peer: SocketAddr::new(peer, OWN_PORT),
    };
    thread::spawn(move || {
        let mut frames = FrameSocket::new(socket);
        let mut stack = Stack::new(own_end);
        let mut incoming = [0; MAX_FRAME];
        let mut outgoing = Box::new([0; MAX_FRAME]);
        let mut answered = 0;
        while answered < requests {
            let received = frames.receive(&mut incoming, u64::MAX).unwrap().unwrap();
            match flow.parse(&incoming[..received.len]) {
                Parsed::Datagram(request) => {
                    let mut datagram = request.to_vec();
                    assert_eq!(wire::handle(&mut datagram, 7, 1, || 2), Verdict::Reply);
                    let len = flow.build(&mut outgoing, &datagram).unwrap();
                    // First one that is damaged: it must not arrive.
                    outgoing[len - 1] ^= 1;
                    frames.send(&outgoing[..len]).unwrap();
                    outgoing[len - 1] ^= 1;
                    frames.send(&outgoing[..len]).unwrap();
                    answered += 1;
                }
                Parsed::Damaged => panic!("the link damages what it sends"),
                Parsed::Other => {
                    stack.input(&incoming[..received.len]);
                    stack.poll(|frame| frames.send(frame).map(drop)).unwrap();
                }
            }
        }
    })
}

fn echoes(family: Family, payload_len: usize) {
    let (frames, theirs) = FrameSocket::pair(crate::link::Mtu::ETHERNET).unwrap();
    let guest = guest(theirs, family, 3);
    let mut link = EthernetLink::open(frames, &ready(), family).unwrap();
    assert_eq!(link.flow().peer_mac, GUEST_MAC);
    let mut buffer = [0; wire::MAX_JUMBO_PAYLOAD];
    for seq in 0..3 {
        let mut datagram = vec![0xaa; payload_len];
        Header::request(seq, 5).encode(&mut datagram).unwrap();
        link.send(&datagram).unwrap();
        let received = link.receive(&mut buffer, u64::MAX).unwrap().unwrap();
        assert_eq!(received.len, payload_len);
        let reply = Header::decode(&buffer[..received.len]).unwrap();
        assert_eq!(
            (reply.seq, reply.kind, reply.boot_id),
            (seq, Kind::Reply, 7)
        );
    }
    guest.join().unwrap();
    // Nobody is there any more: sending is loss, not an error.
    link.send(&[0; 44]).unwrap();
    assert_eq!(link.receive(&mut buffer, 0).unwrap(), None);
}

#[test]
fn finds_the_service_and_echoes_over_ipv4() {
    echoes(Family::V4, wire::HEADER_LEN);
    echoes(Family::V4, wire::MAX_PAYLOAD);
    echoes(Family::V4, wire::MAX_JUMBO_PAYLOAD);
}

#[test]
fn finds_the_service_and_echoes_over_ipv6() {
    echoes(Family::V6, wire::HEADER_LEN);
    echoes(Family::V6, wire::MAX_PAYLOAD - 20);
    echoes(Family::V6, wire::MAX_JUMBO_PAYLOAD - 20);
}

#[test]
fn a_payload_that_does_not_fit_is_an_error() {
    let (frames, theirs) = FrameSocket::pair(crate::link::Mtu::ETHERNET).unwrap();
    let guest = guest(theirs, Family::V6, 1);
    let mut link = EthernetLink::open(frames, &ready(), Family::V6).unwrap();
    let mut datagram = vec![0; wire::MAX_JUMBO_PAYLOAD - 19];
    Header::request(1, 5).encode(&mut datagram).unwrap();
    let error = link.send(&datagram).unwrap_err();
    assert!(matches!(error, LinkError::TooLong { len: 9169, .. }));
    datagram.pop();
    link.send(&datagram).unwrap();
    guest.join().unwrap();
}

#[test]
fn a_service_without_ipv4_is_said_at_once() {
    let (frames, _theirs) = FrameSocket::pair(crate::link::Mtu::ETHERNET).unwrap();
    let ready = wire::Ready {
        ip: None,
        ..ready()
    };
    let error = EthernetLink::open(frames, &ready, Family::V4).unwrap_err();
    assert!(matches!(error, LinkError::NoAddress { family: "IPv4" }));
}

#[test]
fn the_instrument_is_the_services_neighbour_in_any_network() {
    let beside = |ip: [u8; 4], prefix| ipv4_beside(Cidr::new(ip.into(), prefix)).octets();
    assert_eq!(beside([10, 0, 2, 15], 24), [10, 0, 2, 2]);
    assert_eq!(beside([10, 0, 2, 2], 24), [10, 0, 2, 1]);
    assert_eq!(beside([192, 168, 7, 9], 16), [192, 168, 0, 1]);
    assert_eq!(beside([192, 168, 7, 1], 24), [192, 168, 7, 2]);
    assert_eq!(beside([192, 168, 7, 8], 31), [192, 168, 7, 9]);
    assert_eq!(beside([192, 168, 7, 9], 31), [192, 168, 7, 8]);
    assert_eq!(beside([1, 2, 3, 4], 0), [10, 0, 2, 2]);
    let beside =
        |ip6: &str, prefix| ipv6_beside(Cidr::new(ip6.parse().unwrap(), prefix)).to_string();
    assert_eq!(
        beside("fe80::5054:ff:fe12:3456", 64),
        "fe80::5055:aff:fe00:202"
    );
    assert_eq!(beside("fd00:1::15", 48), "fd00:1::5055:aff:fe00:202");
    assert_eq!(beside("fd00::15", 126), "fd00::14");
}

#[test]
fn the_service_is_in_the_instruments_network_even_if_it_has_one_of_its_own() {
    let ready = |prefix: u8, prefix6: u8| {
        let line = format!(
            "FATHOM READY ip=10.0.7.15/{prefix} ip6=fd00::15/{prefix6} port=9000 mac=52:54:00:12:34:56 boot_us=1 \
             boot_id=00000001 counters=none"
        );
        line.parse::<wire::Ready>().expect("a ready line")
    };
    for (prefix, prefix6) in std::iter::zip(1..=32, 97..=128) {
        let ready = ready(prefix, prefix6);
        let own_end = neighbour_of(&ready);
        let (own, service) = own_end.ip.zip(ready.ip).unwrap();
        let differ = own.address.to_bits() ^ service.address.to_bits();
        assert!(differ != 0 && differ.leading_zeros() >= own.prefix.into());
        let (own, service) = own_end.ip6.zip(ready.ip6).unwrap();
        let differ = own.address.to_bits() ^ service.address.to_bits();
        assert!(differ != 0 && differ.leading_zeros() >= own.prefix.into());
    }
}

/// Numbers among which those at the borders come often.
fn address() -> impl Strategy<Value = u32> {
    prop_oneof![
        any::<u32>(),
        (0..=8_u32, 0..=32_u32).prop_map(|(low, shift)| {
            u32::MAX.checked_shl(shift).unwrap_or(0).wrapping_sub(low)
        }),
        (0..256_u32, 0..4_u32).prop_map(|(high, low)| (high << 24).wrapping_sub(low)),
    ]
}

proptest! {
    #[test]
    fn whatever_address_a_guest_says_it_has_there_is_a_stack_or_an_error(
        ip in address(), prefix: u8, bits: u128, high in 0..3_u8, prefix6: u8, family: bool,
    ) {
        let ip = Ipv4Addr::from_bits(ip);
        let ip6 = match high {
            0 => Ipv6Addr::from_bits(bits),
            1 => Ipv6Addr::from_bits(bits % 4),
            _ => Ipv6Addr::from_bits(u128::MAX << (bits % 128)),
        };
        let line = format!(
            "FATHOM READY ip={ip}/{prefix} ip6={ip6}/{prefix6} port=9000 mac=52:54:00:12:34:56 \
             boot_us=1 boot_id=00000001 counters=none"
        );
        if let Ok(ready) = line.parse::<wire::Ready>() {
            let own_end = neighbour_of(&ready);
            let family = if family { Family::V4 } else { Family::V6 };
            let (own, peer) = ends(&own_end, &ready, family).unwrap();
            prop_assert_ne!(own, peer);
            let mut stack = Stack::new(own_end);
            let mut resolution = stack.resolve((peer, ready.port).into());
            resolution.poll(|_| Ok::<_, ()>(())).unwrap();
        }
    }
}
