//! A DHCP server for one client (RFC 2131), as bytes: the image's own client is smoltcp's.
#![forbid(unsafe_code)]

use std::net::{Ipv4Addr, SocketAddr};

use crate::packet::{self, Body, Flow, Mac};
use crate::patience;
use crate::station::{self, Station};

const MAGIC_COOKIE: [u8; 4] = [99, 130, 83, 99];

/// Message types (RFC 2132 §9.6).
const DISCOVER: u8 = 1;
const OFFER: u8 = 2;
const REQUEST: u8 = 3;
const ACK: u8 = 5;

/// What the server has to give.
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
}

/// Serves the guest beside `station` until it has taken `lease`. Returns the message types it sent.
///
/// # Panics
///
/// If it does not ask, or sends anything else, or asks for another address than the one offered.
pub fn serve(station: &mut Station, guest_mac: Mac, lease: &Lease) -> Vec<u8> {
    let mut asked = Vec::new();
    loop {
        let frame = station.receive(patience::BOOT).expect("a DHCP client asks");
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
            &answer_flow(station::MAC, guest_mac, lease).udp(&answer(kind, &question, lease)),
        );
        if kind == ACK {
            assert_eq!(question.requested, Some(lease.address));
            return asked;
        }
    }
}

/// The frame of an offer that nobody asked for.
#[must_use]
pub fn stray_offer(from_mac: Mac, to_mac: Mac) -> Vec<u8> {
    let lease = Lease {
        address: Ipv4Addr::new(10, 66, 6, 6),
        mask: Ipv4Addr::new(255, 255, 255, 0),
        router: Ipv4Addr::new(10, 66, 6, 1),
        server: Ipv4Addr::new(10, 66, 6, 1),
    };
    let question = Question {
        kind: DISCOVER,
        transaction: [1, 2, 3, 4],
        mac: to_mac,
        requested: None,
    };
    answer_flow(from_mac, to_mac, &lease).udp(&answer(OFFER, &question, &lease))
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

fn answer(kind: u8, question: &Question, lease: &Lease) -> Vec<u8> {
    let mut message = vec![0; 236];
    // A reply, over Ethernet.
    message[..3].copy_from_slice(&[2, 1, 6]);
    message[4..8].copy_from_slice(&question.transaction);
    message[16..20].copy_from_slice(&lease.address.octets());
    message[20..24].copy_from_slice(&lease.server.octets());
    message[28..34].copy_from_slice(&question.mac);
    message.extend(MAGIC_COOKIE);
    message.extend([53, 1, kind]);
    for (code, value) in [(54, lease.server), (1, lease.mask), (3, lease.router)] {
        message.extend([code, 4]);
        message.extend(value.octets());
    }
    // An hour.
    message.extend([51, 4, 0, 0, 0x0e, 0x10]);
    message.push(255);
    message
}
