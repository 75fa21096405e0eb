//! Requests as smoltcp reads them, and answers of servers, good and odd.

use std::vec::Vec;

use proptest::prelude::*;
use smoltcp::wire::{DhcpMessageType, DhcpPacket, DhcpRepr};

use super::*;
use crate::net::dhcp::tests::{ADDRESS, MAC, SERVER, answer};

fn read(options: &[(u8, &[u8])]) -> Offer<'static> {
    let message = Vec::leak(answer(5, 7, options));
    parse(message, MAC, 7).unwrap()
}

fn lease(options: &[(u8, &[u8])]) -> Lease {
    read(options).lease(None).unwrap()
}

#[test]
fn a_request_is_as_smoltcp_reads_it() {
    let mut message = [0; LEN];
    let request = ClientMessage {
        kind: Kind::Request,
        requested: Some((ADDRESS, SERVER)),
        ..ClientMessage::new(MAC, 0x0102_0304)
    };
    request.write(&mut message);
    let packet = DhcpPacket::new_checked(&message[..]).unwrap();
    let read = DhcpRepr::parse(&packet).unwrap();
    assert_eq!(read.message_type, DhcpMessageType::Request);
    assert_eq!(read.transaction_id, 0x0102_0304);
    assert_eq!(read.client_hardware_address.0, MAC.octets());
    assert_eq!(read.client_identifier.unwrap().0, MAC.octets());
    assert_eq!(read.requested_ip, Some(ADDRESS));
    assert_eq!(read.server_identifier, Some(SERVER));
    assert_eq!(read.client_ip, Ipv4Addr::UNSPECIFIED);
    assert_eq!(read.max_size, Some(1472));
    let wanted = packet.options().find(|option| option.kind == 55).unwrap();
    let place = |code: u8| wanted.data.iter().position(|&wanted| wanted == code);
    assert!(place(121) < place(3) && place(121).is_some());
    for code in [1, 3, 12, 26, 224] {
        assert!(place(code).is_some(), "{code}");
    }
}

#[test]
fn every_option_is_taken() {
    let offer = read(&[
        (1, &[255, 255, 240, 0]),
        (3, &[10, 0, 2, 2, 10, 0, 2, 3]),
        (12, b"echo-1"),
        (26, &[0x05, 0xb4]),
        (51, &[0, 0, 0, 20]),
        (54, &SERVER.octets()),
        (58, &[0, 0, 0, 5]),
        (59, &[0, 0, 0, 9]),
        (224, b"port=7000 log=info\0"),
    ]);
    assert_eq!(offer.kind, Kind::Acknowledge);
    assert_eq!((offer.lease_s, offer.server), (Some(20), Some(SERVER)));
    assert_eq!((offer.renew_s, offer.rebind_s), (Some(5), Some(9)));
    let expected = Lease {
        address: ADDRESS,
        prefix: 20,
        gateway: Some(Ipv4Addr::new(10, 0, 2, 2)),
        mtu: Some(1460),
        host: HostName::new(b"echo-1"),
    };
    assert_eq!(offer.lease(None), Some(expected));
    let arguments = offer.arguments.unwrap();
    assert_eq!(arguments.as_str(), Some("port=7000 log=info"));
}

#[test]
fn classless_routes_replace_the_router() {
    let router: (u8, &[u8]) = (3, &[10, 0, 2, 2]);
    let gateway = |routes: &[u8]| lease(&[router, (121, routes)]).gateway;
    // Google's: a route to the gateway itself, and one by it.
    let google = [32, 10, 128, 0, 1, 0, 0, 0, 0, 0, 10, 128, 0, 1];
    assert_eq!(gateway(&google), Some(Ipv4Addr::new(10, 128, 0, 1)));
    // Prefixes of 0, 1 and 9 bits have no, one and two octets.
    let routes = [1, 128, 1, 1, 1, 1, 9, 10, 128, 2, 2, 2, 2, 0, 3, 3, 3, 3];
    assert_eq!(gateway(&routes), Some(Ipv4Addr::new(3, 3, 3, 3)));
    assert_eq!(
        gateway(&[24, 10, 0, 3, 10, 0, 2, 9]),
        None,
        "none by default"
    );
    for broken in [&[0][..], &[0, 1, 2, 3], &[33, 1, 2, 3, 4], &[]] {
        assert_eq!(gateway(broken), None, "{broken:?}");
    }
    assert_eq!(lease(&[router]).gateway, Some(Ipv4Addr::new(10, 0, 2, 2)));
}

#[test]
fn masks_of_every_length_are_taken_and_others_left() {
    for prefix in 0..=32 {
        let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
        let lease = read(&[(1, &mask.to_be_bytes())]).lease(None);
        // With these the address is its network's broadcast address.
        let expected = (!(28..=30).contains(&prefix)).then_some(prefix as u8);
        assert_eq!(lease.map(|lease| lease.prefix), expected);
    }
    for mask in [[255, 0, 255, 0], [0, 0, 0, 1], [255, 255, 255, 253]] {
        assert_eq!(lease(&[(1, &mask)]).prefix, 8, "the address' class");
    }
}

#[test]
fn omitted_options_keep_their_values() {
    let before = Lease {
        address: ADDRESS,
        prefix: 31,
        gateway: Some(SERVER),
        mtu: Some(1400),
        host: HostName::new(b"echo"),
    };
    let read_again = |options| read(options).lease(Some(&before));
    assert_eq!(read_again(&[]), Some(before));
    let other_mtu = Lease {
        mtu: Some(1500),
        ..before
    };
    assert_eq!(read_again(&[(26, &[5, 220])]), Some(other_mtu));
    let another = Lease {
        address: Ipv4Addr::new(172, 16, 0, 1),
        ..before
    };
    let of_another = read(&[]).lease(Some(&another)).unwrap();
    assert_eq!((of_another.prefix, of_another.gateway), (8, None));
}

#[test]
fn options_may_go_on_in_other_fields() {
    let mut message = answer(5, 7, &[(52, &[3])]);
    message[108..115].copy_from_slice(&[224, 2, b'p', b'o', 1, 4, 255]);
    message[115..118].copy_from_slice(&[255, 254, 0]);
    message[44..51].copy_from_slice(&[224, 2, b'r', b't', 255, 0, 0]);
    let offer = parse(&message, MAC, 7).unwrap();
    assert_eq!(offer.arguments.unwrap().as_str(), Some("port"));
}

#[test]
fn long_arguments_come_in_parts_and_too_long_ones_are_none() {
    let part = [b'a'; 255];
    let text = read(&[(224, &part), (224, &part)]).arguments.unwrap();
    assert_eq!(text.as_str().map(str::len), Some(510));
    let text = read(&[(224, &part), (224, &part), (224, b"abc")]).arguments;
    assert_eq!(text.unwrap().as_str(), None);
    let text = read(&[(224, b"\xff")]).arguments;
    assert_eq!(text.unwrap().as_str(), None);
}

#[test]
fn an_answer_to_another_is_none() {
    let good = answer(2, 7, &[]);
    assert!(parse(&good, MAC, 7).is_some());
    assert!(parse(&good, MAC, 8).is_none());
    assert!(parse(&good, Mac::new([2, 0, 0, 0, 0, 1]), 7).is_none());
    for (at, value) in [(0, 1), (1, 2), (2, 8), (236, 0)] {
        let mut message = good.clone();
        message[at] = value;
        assert!(parse(&message, MAC, 7).is_none(), "byte {at}");
    }
    for kind in [0, 1, 3, 4, 7, 8, 255] {
        assert!(parse(&answer(kind, 7, &[]), MAC, 7).is_none(), "{kind}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_taken_apart_or_left(mut bytes: Vec<u8>, options: Vec<u8>) {
        let _ = parse(&bytes, MAC, 7);
        bytes = answer(5, 7, &[]);
        bytes.truncate(bytes.len() - 1);
        bytes.extend(options);
        if let Some(offer) = parse(&bytes, MAC, 7) {
            let _ = offer.lease(None);
        }
    }
}
