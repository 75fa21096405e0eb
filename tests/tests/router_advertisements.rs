//! An IPv6 address of router advertisements: the image solicits one, probes for its address, and answers there.
#![forbid(unsafe_code)]

use std::net::{Ipv6Addr, SocketAddr};

use tests::guest::Machine;
use tests::packet::{self, Body};
use tests::qemu_lock::lock_qemu;
use tests::station::{LINK_LOCAL, MAC, request};
use wire::{Header, Kind};

const PREFIX: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, 0);

/// A host beyond the router.
const FAR: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 9);

/// Types of ICMPv6 messages (RFC 4443, RFC 4861).
const ECHO_REPLY: u8 = 129;
const ROUTER_SOLICITATION: u8 = 133;
const NEIGHBOUR_SOLICITATION: u8 = 135;
const NEIGHBOUR_ADVERTISEMENT: u8 = 136;

#[test]
fn an_advertised_prefix_gives_an_address_that_answers() {
    let lock = lock_qemu();
    let mut guest = Machine::new("ip=10.0.2.15/24 ip6=auto echo=on").start(&lock);
    let ready = guest.ready();
    let link_local = ready.ip6.expect("there is always one").address;
    let [.., a, b, c, d, e, f, g, h] = link_local.octets();
    let [network @ .., _, _, _, _, _, _, _, _] = PREFIX.octets();
    let mut octets = [0; 16];
    octets[..8].copy_from_slice(&network);
    octets[8..].copy_from_slice(&[a, b, c, d, e, f, g, h]);
    let own = Ipv6Addr::from(octets);
    let station = &mut guest.station;

    // Each solicitation is answered, so that none may get lost, until the address is announced.
    station.send(&packet::router_advertisement(MAC, LINK_LOCAL, PREFIX));
    let mut is_probed = false;
    loop {
        let frame = station.overhear();
        let Ok(packet) = packet::parse(&frame) else {
            continue;
        };
        let Body::Icmp {
            from, kind, rest, ..
        } = packet.body
        else {
            continue;
        };
        let is_about_it = rest.get(4..20) == Some(&octets);
        match kind {
            ROUTER_SOLICITATION => {
                assert_eq!(from, link_local);
                station.send(&packet::router_advertisement(MAC, LINK_LOCAL, PREFIX));
            }
            NEIGHBOUR_SOLICITATION if from.is_unspecified() && is_about_it => is_probed = true,
            NEIGHBOUR_ADVERTISEMENT if is_about_it => break,
            _ => {}
        }
    }
    assert!(is_probed, "before it is used");

    let mut flow = station.flow(FAR.into(), own.into());
    let answer = station.ask(&flow.ping(7, 1, b"through the router"));
    assert!(
        matches!(answer.body, Body::Icmp { kind: ECHO_REPLY, to, .. } if to == flow.from.ip()),
        "{answer:?}"
    );
    let answer = station.ask(&flow.udp(&request(1, 64)));
    let Body::Udp { from, payload, .. } = answer.body else {
        panic!("{answer:?}");
    };
    assert_eq!(from, flow.to);
    assert_eq!(
        Header::decode(&payload).map(|header| header.kind),
        Ok(Kind::Reply)
    );
    flow.to = SocketAddr::new(own.into(), wire::ECHO_PORT);
    let answer = station.ask(&flow.udp(b"echo"));
    assert_eq!(answer, flow.reversed().udp_packet(b"echo"));
}
