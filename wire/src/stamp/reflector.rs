//! The Session-Reflector: answers a sender's test packet in place (RFC 8762 §4.3).
//!
//! A reply is exactly as long as its request. Two rules go beyond the RFCs, so that no packet is answered for
//! ever and no reply is longer than what it answers:
//!
//! - A packet shorter than a reply's fields, 41 octets, is not answered. RFC 8762 §4.6 would have TWAMP-Light's
//!   senders answered from 14 octets on, by three times as many. From 41 to 43 octets the reply is cut to its
//!   request's length.
//! - A reflector's reply is not answered: it has a receive timestamp where a sender's packet has zeros (or,
//!   TWAMP-Light's, padding), and zeros at all places where a reply must have them. Nor is any datagram of
//!   Fathom's own protocol, which begins with its magic.
//!
//! Checks the datagram, not its sender: call [`crate::peer::check`] first.

use core::ops::Range;

use super::arrival::Arrival;
use super::key::{Key, Secret};
use super::packet::{
    AUTHENTICATED, AUTHENTICATED_HMAC, AUTHENTICATED_LEN, AUTHENTICATED_TEXT, Layout, Packet,
    REFLECTED_MBZ, TWAMP_LIGHT_LEN, UNAUTHENTICATED, UNAUTHENTICATED_LEN,
};
use super::sessions::{Session, Sessions};
use super::time::{ClockState, Format};
use super::tlv;
use crate::counters::Counter;
use crate::header::MAGIC;

/// Modes of a reflector (RFC 8762 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A reply has its request's sequence number. Copies of a packet are answered as it is.
    Stateless,
    /// A session's replies have sequence numbers of their own. Authenticated packets are answered once.
    Stateful,
}

impl Mode {
    /// Returns the mode of a reflector with `key`, unless another is asked for: stateful with one, so that it
    /// answers no authenticated packet twice, and stateless without.
    #[must_use]
    pub const fn by_default(key: Option<&Secret>) -> Self {
        match key {
            Some(_) => Self::Stateful,
            None => Self::Stateless,
        }
    }

    /// Returns the mode called `name`: `stateless` or `stateful`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "stateless" => Some(Self::Stateless),
            "stateful" => Some(Self::Stateful),
            _ => None,
        }
    }
}

/// Verdict of a reflector on a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// The buffer now holds the reply: send it back.
    Reply {
        /// True if no more than the first [`UNAUTHENTICATED_LEN`] octets may differ from the request.
        is_base_only: bool,
    },
    /// Send nothing; the buffer is as it was.
    Drop(DropReason),
}

impl Verdict {
    /// Returns the counter of datagrams with this verdict.
    #[must_use]
    pub const fn counter(self) -> Counter {
        match self {
            Self::Reply { .. } => Counter::StampReplies,
            Self::Drop(DropReason::TooShort) => Counter::DroppedShort,
            Self::Drop(DropReason::NotARequest) => Counter::DroppedNotARequest,
            Self::Drop(DropReason::Forged) => Counter::StampForged,
            Self::Drop(DropReason::Replayed) => Counter::StampReplayed,
        }
    }
}

/// Reasons why a test packet is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// Shorter than a reply.
    TooShort,
    /// A reply, or of another protocol of this service's.
    NotARequest,
    /// With a wrong HMAC.
    Forged,
    /// Answered before.
    Replayed,
}

/// Sender's time to live in replies to packets whose own is not known (RFC 5357 §4.2).
const UNKNOWN_TTL: u8 = 255;

/// A Session-Reflector.
#[derive(Debug)]
pub struct Reflector<'t> {
    key: Option<Key>,
    sessions: Option<Sessions<'t>>,
}

impl<'t> Reflector<'t> {
    /// Creates a reflector. With a `key` it answers packets of authenticated mode, and no others; with a table
    /// of `sessions` it is stateful.
    #[must_use]
    pub const fn new(key: Option<Key>, sessions: Option<Sessions<'t>>) -> Self {
        Self { key, sessions }
    }

    /// Answers `datagram` in place. `transmit_ns` reads the clock for the time of sending, after all else but
    /// the HMAC that covers it.
    #[inline]
    pub fn reflect(
        &mut self,
        datagram: &mut [u8],
        arrival: &Arrival,
        clock: ClockState,
        transmit_ns: impl FnOnce() -> u64,
    ) -> Verdict {
        let sessions = self.sessions.as_mut();
        match &self.key {
            Some(key) => {
                reflect_authenticated(key, sessions, datagram, arrival, clock, transmit_ns)
            }
            None => reflect_unauthenticated(sessions, datagram, arrival, clock, transmit_ns),
        }
    }
}

#[inline(never)]
fn reflect_unauthenticated(
    sessions: Option<&mut Sessions<'_>>,
    datagram: &mut [u8],
    arrival: &Arrival,
    clock: ClockState,
    transmit_ns: impl FnOnce() -> u64,
) -> Verdict {
    if datagram.len() < TWAMP_LIGHT_LEN {
        return Verdict::Drop(DropReason::TooShort);
    }
    if datagram.starts_with(&MAGIC) || is_reply(datagram) {
        return Verdict::Drop(DropReason::NotARequest);
    }
    // Of three octets that a short packet lacks nothing is used.
    let mut base = [0; UNAUTHENTICATED_LEN];
    let len = datagram.len().min(UNAUTHENTICATED_LEN);
    let (start, tlvs) = datagram.split_at_mut(len);
    base[..len].copy_from_slice(start);
    let session = sessions.and_then(|sessions| {
        let ssid = ssid(&base, &UNAUTHENTICATED);
        sessions.of(arrival.source, ssid, arrival.received_ns)
    });
    let mut exchange = Exchange {
        layout: &UNAUTHENTICATED,
        key: None,
        session,
        arrival,
        clock,
    };
    let format = exchange.reply(&mut base, tlvs);
    exchange.send(&mut base, format, transmit_ns());
    start.copy_from_slice(&base[..len]);
    Verdict::Reply {
        is_base_only: tlvs.is_empty(),
    }
}

#[inline(never)]
fn reflect_authenticated(
    key: &Key,
    sessions: Option<&mut Sessions<'_>>,
    datagram: &mut [u8],
    arrival: &Arrival,
    clock: ClockState,
    transmit_ns: impl FnOnce() -> u64,
) -> Verdict {
    let Some((base, tlvs)) = datagram.split_first_chunk_mut::<{ AUTHENTICATED.len }>() else {
        return Verdict::Drop(DropReason::TooShort);
    };
    let (text, tag) = base.split_at(AUTHENTICATED_TEXT.end);
    let is_signed = tag
        .first_chunk()
        .is_some_and(|tag| key.is_signed(&[text], tag));
    if !is_signed {
        return Verdict::Drop(DropReason::Forged);
    }
    if base[AUTHENTICATED.receive_timestamp] != [0; 8] {
        return Verdict::Drop(DropReason::NotARequest);
    }
    let mut session = None;
    if let Some(sessions) = sessions {
        let ssid = ssid(base, &AUTHENTICATED);
        session = sessions.of(arrival.source, ssid, arrival.received_ns);
        let packet = Packet::new(base, &AUTHENTICATED);
        let is_new = session.as_deref_mut().zip(packet);
        let is_new = is_new.is_some_and(|(session, packet)| {
            session.accepts(packet.sequence(), packet.timestamp())
        });
        if !is_new {
            return Verdict::Drop(DropReason::Replayed);
        }
    }
    let mut exchange = Exchange {
        layout: &AUTHENTICATED,
        key: Some(key),
        session,
        arrival,
        clock,
    };
    let format = exchange.reply(base, tlvs);
    exchange.send(base, format, transmit_ns());
    let tag = key.sign(&[&base[AUTHENTICATED_TEXT]]);
    base[AUTHENTICATED_HMAC].copy_from_slice(&tag);
    Verdict::Reply {
        is_base_only: false,
    }
}

/// Returns true if a datagram of unauthenticated mode, at least [`TWAMP_LIGHT_LEN`] long, is a reflector's.
fn is_reply(datagram: &[u8]) -> bool {
    let is_zero = |octets: &[u8]| octets.iter().all(|&octet| octet == 0);
    let mut zeros = REFLECTED_MBZ
        .into_iter()
        .filter_map(|range| datagram.get(range));
    !is_zero(&datagram[UNAUTHENTICATED.receive_timestamp]) && zeros.all(is_zero)
}

fn ssid(base: &[u8], layout: &'static Layout) -> u16 {
    Packet::new(base, layout).map_or(0, |packet| packet.ssid())
}

/// A packet that is answered, and the reply to it.
struct Exchange<'e> {
    layout: &'static Layout,
    /// The key, in authenticated mode.
    key: Option<&'e Key>,
    /// The session, of a stateful reflector.
    session: Option<&'e mut Session>,
    arrival: &'e Arrival,
    clock: ClockState,
}

impl Exchange<'_> {
    /// Makes the sender's `base` packet and `tlvs` the reflector's, but for the time of sending and the HMAC. The
    /// timestamps are in the sender's format, which is returned.
    #[inline(always)]
    fn reply(&mut self, base: &mut [u8], tlvs: &mut [u8]) -> Format {
        let Self { layout, clock, .. } = *self;
        let mut request = [0; AUTHENTICATED_LEN];
        let request = &mut request[..base.len()];
        request.copy_from_slice(base);
        let error_estimate = request[layout.error_estimate.clone()].first_chunk::<2>();
        let error_estimate = u16::from_be_bytes(error_estimate.copied().unwrap_or_default());
        let format = super::ErrorEstimate(error_estimate).format();
        let received = clock.timestamp(self.arrival.received_ns, format);
        base.fill(0);
        let mut put = |range: &Range<usize>, octets: &[u8]| {
            base[range.clone()].copy_from_slice(octets);
        };
        let sender_sequence = four(request, &layout.sequence);
        let session = self.session.as_deref_mut();
        let sequence = session.map_or(sender_sequence, |session| {
            session.next_sequence().to_be_bytes()
        });
        put(&layout.sequence, &sequence);
        let own_estimate = clock.error_estimate(format).0.to_be_bytes();
        put(&layout.error_estimate, &own_estimate);
        put(&layout.ssid, &request[layout.ssid.clone()]);
        put(&layout.receive_timestamp, &received.to_be_bytes());
        put(&layout.sender_sequence, &sender_sequence);
        put(&layout.sender_timestamp, &request[layout.timestamp.clone()]);
        put(
            &layout.sender_error_estimate,
            &request[layout.error_estimate.clone()],
        );
        base[layout.sender_ttl] = self.arrival.hop_limit.unwrap_or(UNKNOWN_TTL);
        if !tlvs.is_empty() {
            let context = tlv::Context {
                sequence: sender_sequence,
                reply_sequence: sequence,
                key: self.key,
                arrival: self.arrival,
                clock,
                format,
                session: self.session.as_deref(),
            };
            tlv::answer(tlvs, &context);
        }
        format
    }

    /// Writes the time of sending into the reply's `base` packet, and notes it.
    fn send(self, base: &mut [u8], format: Format, sent_ns: u64) {
        let timestamp = self.clock.timestamp(sent_ns, format);
        base[self.layout.timestamp.clone()].copy_from_slice(&timestamp.to_be_bytes());
        if let Some(session) = self.session {
            session.sent_at(sent_ns);
        }
    }
}

/// Returns four octets of `packet`.
fn four(packet: &[u8], range: &Range<usize>) -> [u8; 4] {
    let mut octets = [0; 4];
    octets.copy_from_slice(&packet[range.clone()]);
    octets
}
