//! A DHCP server for one client (RFC 2131), as bytes: the image's own client is smoltcp's.
#![forbid(unsafe_code)]

use std::net::{Ipv4Addr, SocketAddr};

use crate::packet::{self, Body, Flow, Mac};
use crate::station::{self, Station};
use crate::timeouts;

const MAGIC_COOKIE: [u8; 4] = [99, 130, 83, 99];

/// Message types (RFC 2132 §9.6).
const DISCOVER: u8 = 1;
const OFFER: u8 = 2;
const REQUEST: u8 = 3;
const ACK: u8 = 5;

/// Lease that the server gives.
#[derive(Clone, Copy, Debug)]
pub struct Lease {
    /// The client's address.
    pub address: Ipv4Addr,
    /// The subnet's mask.
    pub mask: Ipv4Addr,
    /// The router's address.
    pub router: Ipv4Addr,
    /// The server's own address.
    pub server: Ipv4Addr,
    /// Time for which it lasts, in seconds.
    pub lease_s: u32,
    /// Further options: their codes and values.
    pub more: &'static [(u8, &'static [u8])],
}

/// Serves the guest beside `station` until it has taken `lease`. Returns the message types it sent.
///
/// # Panics
///
/// If it does not ask, or sends anything else, or asks for another address than the one offered.
pub fn serve(station: &mut Station, guest_mac: Mac, lease: &Lease) -> Vec<u8> {
    let mut asked = Vec::new();
    loop {
        let frame = station.receive(timeouts::BOOT).expect("a DHCP client asks");
        let packet = packet::parse(&frame).unwrap_or_else(|error| panic!("{error}: {frame:02x?}"));
        let Body::Udp { from, to, payload } = &packet.body else {
            panic!("no DHCP: {packet:?}");
        };
        assert_eq!((from.port(), to.port()), (68, 67), "{packet:?}");
        let question =
            Question::parse(payload).unwrap_or_else(|| panic!("no DHCP: {payload:02x?}"));
        assert_eq!(question.mac, guest_mac);
        asked.push(question.kind);
        let kind = match question.kind {
            DISCOVER => OFFER,
            REQUEST => ACK,
            other => panic!("DHCP message type {other}"),
        };
        station.send(
            &answer_flow(station::MAC, guest_mac, lease).udp(&answer_to(kind, &question, lease)),
        );
        if kind == ACK {
            assert_eq!(question.requested, Some(lease.address));
            return asked;
        }
    }
}

/// Waits for the guest to renew `lease`, and acknowledges that with no option but the lease's length.
///
/// # Panics
///
/// If it does not ask for that, from the address that it has.
pub fn renew(station: &mut Station, guest_mac: Mac, lease: &Lease) {
    // It may have asked for the lease more than once.
    let (frame, packet) = loop {
        let frame = station.receive(timeouts::BOOT).expect("a renewal");
        let packet = packet::parse(&frame).unwrap_or_else(|error| panic!("{error}: {frame:02x?}"));
        match &packet.body {
            Body::Udp { from, .. } if from.ip().is_unspecified() => {}
            _ => break (frame, packet),
        }
    };
    let Body::Udp { from, to, payload } = &packet.body else {
        panic!("no DHCP: {frame:02x?}");
    };
    assert_eq!(
        (from.ip(), to.ip()),
        (lease.address.into(), lease.server.into())
    );
    let question = Question::parse(payload).unwrap_or_else(|| panic!("no DHCP: {payload:02x?}"));
    assert_eq!(question.kind, REQUEST);
    let answer = answer(ACK, &question, lease, &[]);
    station.send(&answer_flow(station::MAC, guest_mac, lease).udp(&answer));
}

/// The frame of an offer that nobody asked for.
#[must_use]
pub fn stray_offer(from_mac: Mac, to_mac: Mac) -> Vec<u8> {
    let lease = Lease {
        address: Ipv4Addr::new(10, 66, 6, 6),
        mask: Ipv4Addr::new(255, 255, 255, 0),
        router: Ipv4Addr::new(10, 66, 6, 1),
        server: Ipv4Addr::new(10, 66, 6, 1),
        lease_s: 3600,
        more: &[],
    };
    let question = Question {
        kind: DISCOVER,
        transaction: [1, 2, 3, 4],
        mac: to_mac,
        requested: None,
    };
    answer_flow(from_mac, to_mac, &lease).udp(&answer_to(OFFER, &question, &lease))
}

fn answer_flow(from_mac: Mac, to_mac: Mac, lease: &Lease) -> Flow {
    Flow {
        from_mac,
        to_mac,
        from: SocketAddr::new(lease.server.into(), 67),
        to: SocketAddr::new(Ipv4Addr::BROADCAST.into(), 68),
    }
}

struct Question {
    kind: u8,
    transaction: [u8; 4],
    mac: Mac,
    requested: Option<Ipv4Addr>,
}

impl Question {
    fn parse(message: &[u8]) -> Option<Self> {
        let is_request = message.first() == Some(&1) && message.get(236..240)? == MAGIC_COOKIE;
        let mut options = message.get(240..).filter(|_| is_request)?;
        let mut question = Self {
            kind: 0,
            transaction: message.get(4..8)?.try_into().ok()?,
            mac: message.get(28..34)?.try_into().ok()?,
            requested: None,
        };
        loop {
            match *options.first()? {
                255 => return (question.kind != 0).then_some(question),
                0 => options = &options[1..],
                code => {
                    let len = usize::from(*options.get(1)?);
                    let value = options.get(2..2 + len)?;
                    match code {
                        50 => question.requested = Some(<[u8; 4]>::try_from(value).ok()?.into()),
                        53 => question.kind = *value.first()?,
                        _ => {}
                    }
                    options = &options[2 + len..];
                }
            }
        }
    }
}

/// An answer with all that the server has to give.
fn answer_to(kind: u8, question: &Question, lease: &Lease) -> Vec<u8> {
    let (server, mask, router) = (
        lease.server.octets(),
        lease.mask.octets(),
        lease.router.octets(),
    );
    let mut options: Vec<(u8, &[u8])> = vec![(54, &server), (1, &mask), (3, &router)];
    options.extend(lease.more);
    answer(kind, question, lease, &options)
}

fn answer(kind: u8, question: &Question, lease: &Lease, options: &[(u8, &[u8])]) -> Vec<u8> {
    let mut message = vec![0; 236];
    // A reply, over Ethernet.
    message[..3].copy_from_slice(&[2, 1, 6]);
    message[4..8].copy_from_slice(&question.transaction);
    message[16..20].copy_from_slice(&lease.address.octets());
    message[20..24].copy_from_slice(&lease.server.octets());
    message[28..34].copy_from_slice(&question.mac);
    message.extend(MAGIC_COOKIE);
    message.extend([53, 1, kind]);
    for (code, value) in options {
        message.extend([*code, value.len() as u8]);
        message.extend(*value);
    }
    message.extend([51, 4]);
    message.extend(lease.lease_s.to_be_bytes());
    message.push(255);
    message
}
