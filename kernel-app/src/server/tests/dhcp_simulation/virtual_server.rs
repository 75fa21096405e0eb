//! DHCP servers of a virtual network: messages as bytes, read and written by nothing of the client's.

use core::net::{Ipv4Addr, SocketAddr};
use std::boxed::Box;
use std::vec::Vec;

use wire::Mac;

use super::super::{OWN, SECOND_NS};
use crate::testing::{SERVICE_MAC, udp_frame};

pub const DISCOVER: u8 = 1;
pub const OFFER: u8 = 2;
pub const REQUEST: u8 = 3;
pub const DECLINE: u8 = 4;
pub const ACK: u8 = 5;
pub const NAK: u8 = 6;

/// A message of the client's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    pub kind: u8,
    pub transaction: u32,
    pub elapsed_s: u16,
    /// The address that the client says is its own.
    pub own: Ipv4Addr,
    /// The address it wants or declines.
    pub requested: Option<Ipv4Addr>,
    /// The server it speaks to, by option.
    pub server: Option<Ipv4Addr>,
    /// Source and destination of the packet.
    pub from: Ipv4Addr,
    pub to: Ipv4Addr,
    pub to_mac: Mac,
}

impl Question {
    /// Reads a frame with a datagram to port 67.
    pub fn read(frame: &[u8]) -> Self {
        let (from, to, message) = crate::testing::open_udp(frame);
        assert_eq!((from.port(), to.port()), (68, 67));
        assert!(frame.len() <= 14 + 576, "for every network");
        assert_eq!(message[..4], [1, 1, 6, 0]);
        assert_eq!(message[28..34], SERVICE_MAC.octets());
        assert_eq!(message[236..240], [99, 130, 83, 99]);
        let address = |at: usize| Ipv4Addr::from_octets(*message[at..].first_chunk().unwrap());
        let option = |wanted: u8| {
            let mut at = 240;
            while message[at] != 255 {
                if message[at] == wanted {
                    return Some(at + 2);
                }
                at += 2 + usize::from(message[at + 1]);
            }
            None
        };
        let (SocketAddr::V4(from), SocketAddr::V4(to)) = (from, to) else {
            panic!("not IPv4");
        };
        Self {
            kind: message[option(53).unwrap()],
            transaction: u32::from_be_bytes(*message[4..].first_chunk().unwrap()),
            elapsed_s: u16::from_be_bytes([message[8], message[9]]),
            own: address(12),
            requested: option(50).map(address),
            server: option(54).map(address),
            from: *from.ip(),
            to: *to.ip(),
            to_mac: Mac::new(*frame.first_chunk().unwrap()),
        }
    }

    /// Returns true if it is a request to a server about its offer.
    pub fn is_selecting(&self) -> bool {
        self.kind == REQUEST && self.requested.is_some() && self.server.is_some()
    }

    /// Returns true if it asks any server whether a lease is still good (RFC 2131 §4.3.2, INIT-REBOOT).
    pub fn is_confirming(&self) -> bool {
        self.kind == REQUEST && self.requested.is_some() && self.server.is_none()
    }

    /// Returns true if it asks its server to renew the lease.
    pub fn is_renewing(&self) -> bool {
        self.kind == REQUEST && self.requested.is_none() && !self.to.is_broadcast()
    }
}

/// A message of a server's.
#[derive(Clone, Debug)]
pub struct Answer {
    pub kind: u8,
    pub transaction: u32,
    pub address: Ipv4Addr,
    /// Server identifier.
    pub server: Option<Ipv4Addr>,
    pub lease_s: Option<u32>,
    pub renew_s: Option<u32>,
    pub rebind_s: Option<u32>,
    /// The relay that passed it on.
    pub relay: Option<Ipv4Addr>,
    /// Further options.
    pub more: Vec<(u8, Vec<u8>)>,
    /// Fields in which options go on: 1 for `file`, 2 for `sname`, 3 for both (RFC 2132 §9.3).
    pub overload: u8,
    /// Source of the frame.
    pub from_mac: Mac,
    /// To all hosts, and not to the client's Ethernet address.
    pub is_broadcast: bool,
    /// Time that the server takes.
    pub delay_ns: u64,
}

impl Answer {
    /// The message's bytes.
    pub fn message(&self) -> Vec<u8> {
        let mut message = vec![0; 240];
        message[..3].copy_from_slice(&[2, 1, 6]);
        message[4..8].copy_from_slice(&self.transaction.to_be_bytes());
        message[16..20].copy_from_slice(&self.address.octets());
        if let Some(relay) = self.relay {
            message[3] = 1;
            message[24..28].copy_from_slice(&relay.octets());
        }
        message[28..34].copy_from_slice(&SERVICE_MAC.octets());
        message[236..240].copy_from_slice(&[99, 130, 83, 99]);
        message.extend([53, 1, self.kind]);
        let mut options: Vec<(u8, Vec<u8>)> = Vec::new();
        if let Some(server) = self.server {
            options.push((54, server.octets().to_vec()));
        }
        for (code, time_s) in [(51, self.lease_s), (58, self.renew_s), (59, self.rebind_s)] {
            options.extend(time_s.map(|time_s| (code, time_s.to_be_bytes().to_vec())));
        }
        options.extend(self.more.iter().cloned());
        let bytes = |options: &[(u8, Vec<u8>)]| -> Vec<u8> {
            let option = |(code, value): &(u8, Vec<u8>)| {
                [&[*code, value.len() as u8], value.as_slice()].concat()
            };
            options.iter().flat_map(option).chain([255]).collect()
        };
        // Each field takes the second half of those that are left.
        let fields = [(1, 108), (2, 44)].into_iter();
        for (_, at) in fields.filter(|(bit, _)| self.overload & bit != 0) {
            let rest = options.split_off(options.len() / 2);
            let field = bytes(&rest);
            message[at..at + field.len()].copy_from_slice(&field);
        }
        if self.overload != 0 {
            message.extend([52, 1, self.overload]);
        }
        message.extend(bytes(&options));
        message
    }

    /// The frame that carries `message`.
    pub fn frame(&self, message: &[u8]) -> Vec<u8> {
        let from = self.relay.or(self.server).unwrap_or([10, 0, 2, 3].into());
        let to = if self.is_broadcast {
            Ipv4Addr::BROADCAST
        } else {
            self.address
        };
        let (from, to) = (
            SocketAddr::new(from.into(), 67),
            SocketAddr::new(to.into(), 68),
        );
        let mut frame = udp_frame(from, to, message);
        frame[6..12].copy_from_slice(&self.from_mac.octets());
        if self.is_broadcast {
            frame[..6].fill(0xff);
        }
        frame
    }
}

/// A server's conduct: its answers to a question at a time in nanoseconds.
pub type Conduct = Box<dyn FnMut(&Question, u64) -> Vec<Answer>>;

/// A server that does all as ISC's does, to be changed.
#[derive(Clone, Debug)]
pub struct Server {
    pub id: Ipv4Addr,
    pub mac: Mac,
    pub address: Ipv4Addr,
    pub lease_s: Option<u32>,
    pub times_s: Option<(u32, u32)>,
    pub delay_ns: u64,
}

impl Server {
    pub fn new(id: u8, lease_s: u32) -> Self {
        Self {
            id: Ipv4Addr::new(10, 0, 2, id),
            mac: Mac::new([0x52, 0x55, 10, 0, 2, id]),
            address: OWN,
            lease_s: Some(lease_s),
            times_s: Some((lease_s / 2, (u64::from(lease_s) * 7 / 8) as u32)),
            delay_ns: SECOND_NS / 1000,
        }
    }

    /// Returns the answer of type `kind` to `question`.
    pub fn answer(&self, kind: u8, question: &Question) -> Answer {
        let is_refusal = kind == NAK;
        let when = |value: Option<u32>| value.filter(|_| !is_refusal);
        Answer {
            kind,
            transaction: question.transaction,
            address: if is_refusal {
                Ipv4Addr::UNSPECIFIED
            } else {
                self.address
            },
            server: Some(self.id),
            lease_s: when(self.lease_s),
            renew_s: when(self.times_s.map(|times_s| times_s.0)),
            rebind_s: when(self.times_s.map(|times_s| times_s.1)),
            relay: None,
            more: if is_refusal {
                Vec::new()
            } else {
                vec![(1, vec![255, 255, 255, 0]), (3, vec![10, 0, 2, 2])]
            },
            overload: 0,
            from_mac: self.mac,
            is_broadcast: is_refusal,
            delay_ns: self.delay_ns,
        }
    }

    /// Returns the answer that the protocol has to `question`, if it is for this server.
    pub fn reply(&self, question: &Question) -> Option<Answer> {
        if !question.to.is_broadcast() && question.to != self.id {
            return None;
        }
        match question.kind {
            DISCOVER => Some(self.answer(OFFER, question)),
            REQUEST => {
                if question.server.is_some_and(|server| server != self.id) {
                    return None;
                }
                let wanted = question.requested.unwrap_or(question.own);
                let kind = if wanted == self.address { ACK } else { NAK };
                Some(self.answer(kind, question))
            }
            _ => None,
        }
    }

    /// Returns the conduct of this server with each answer changed, or withheld, by `habit`.
    pub fn with(
        self,
        mut habit: impl FnMut(&Question, u64, Answer) -> Option<Answer> + 'static,
    ) -> Conduct {
        Box::new(move |question, now_ns| {
            let answer = self.reply(question);
            answer
                .and_then(|answer| habit(question, now_ns, answer))
                .into_iter()
                .collect()
        })
    }
}
