//! Replies to frames, as a guest's reflector makes them.
#![forbid(unsafe_code)]

use std::net::SocketAddr;

use wire::stamp::{Arrival, ClockState, Key, Mode, Reflector, Session, Sessions, Verdict};

use crate::clock;
use crate::link::Mtu;
use crate::link::codec::Codec;
use crate::link::dscp::Dscp;
use crate::link::frame::{Flow, MAX_FRAME, Parsed};
use crate::sut::ServiceKind;

/// The boot that the replies come from.
pub const BOOT_ID: u32 = 0;

/// Number of sessions that a stateful reflector remembers: one client's, in the four places that it can have.
const SESSIONS: usize = 4;

/// Offsets of the type of service and of the time to live in an Ethernet frame with an IPv4 packet, in bytes
/// (RFC 791 §3.1).
const CLASS: usize = 14 + 1;
const TIME_TO_LIVE: usize = 14 + 8;

/// Service in the guest's place, and the class in which it is asked and answers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Offer {
    /// The service.
    pub service: ServiceKind,
    /// The class.
    pub dscp: Dscp,
    /// The longest packet of the link.
    pub mtu: Mtu,
}

/// Answers datagrams in place.
#[derive(Debug)]
pub enum Answerer {
    /// In Fathom's own protocol.
    Timestamps,
    /// As it is.
    Echo,
    /// As STAMP's Session-Reflector.
    Stamp(Box<Reflector<'static>>),
}

impl Answerer {
    /// Returns what answers as `service`. A stateful reflector's sessions take memory for ever.
    #[must_use]
    pub fn new(service: &ServiceKind) -> Self {
        let key = match service {
            ServiceKind::Timestamps => return Self::Timestamps,
            ServiceKind::Echo => return Self::Echo,
            ServiceKind::Stamp(key) => key,
        };
        let is_stateful = Mode::by_default(key.as_ref()) == Mode::Stateful;
        let sessions = is_stateful
            .then(|| Sessions::new(vec![Session::FREE; SESSIONS].leak(), BOOT_ID.into()));
        let reflector = Reflector::new(key.as_ref().map(Key::new), sessions);
        Self::Stamp(Box::new(reflector))
    }

    /// Makes `datagram` its answer; returns false if there is none.
    #[inline]
    pub fn answer(
        &mut self,
        datagram: &mut [u8],
        arrival: impl FnOnce() -> Arrival,
        received_ns: u64,
    ) -> bool {
        match self {
            Self::Timestamps => matches!(
                wire::handle(datagram, BOOT_ID, received_ns, clock::now_ns),
                wire::Verdict::Reply | wire::Verdict::Unsupported
            ),
            Self::Echo => true,
            Self::Stamp(reflector) => {
                let clock = ClockState::SINCE_BOOT;
                let verdict = reflector.reflect(datagram, &arrival(), clock, clock::now_ns);
                matches!(verdict, Verdict::Reply { .. })
            }
        }
    }
}

/// Returns what `frame`, which came at `received_ns` to `own`, says of its arrival.
fn arrival(frame: &[u8], source: SocketAddr, own: SocketAddr, received_ns: u64) -> Arrival {
    Arrival {
        source,
        own,
        received_ns,
        hop_limit: frame.get(TIME_TO_LIVE).copied().filter(|_| own.is_ipv4()),
        traffic_class: frame.get(CLASS).copied().filter(|_| own.is_ipv4()),
    }
}

/// The response to a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Response {
    /// The frame was a request. In its place is the reply, of this length in bytes.
    Reply(usize),
    /// The frame was a datagram of the flow that is not answered.
    Dropped,
    /// The frame is of another flow or protocol, and unchanged.
    Other,
}

/// Responder to the frames of one flow.
#[derive(Debug)]
pub struct FrameResponder {
    codec: Codec,
    answerer: Answerer,
    payload: Box<[u8; MAX_FRAME]>,
}

impl FrameResponder {
    /// Returns a responder to the frames of `flow`, seen from the end that answers, by `offer`.
    #[must_use]
    pub fn new(flow: Flow, offer: &Offer) -> Self {
        Self {
            codec: Codec::new(flow).in_class(offer.dscp.traffic_class()),
            answerer: Answerer::new(&offer.service),
            payload: Box::new([0; MAX_FRAME]),
        }
    }

    /// Responds to the first `len` bytes of `frame`, which came at `received_ns` of [`crate::clock`].
    pub fn respond(
        &mut self,
        frame: &mut [u8; MAX_FRAME],
        len: usize,
        received_ns: u64,
    ) -> Response {
        let request = match self.codec.parse(&frame[..len]) {
            Parsed::Datagram(request) => request,
            Parsed::Damaged => return Response::Dropped,
            Parsed::Other => return Response::Other,
        };
        let datagram = &mut self.payload[..request.len()];
        datagram.copy_from_slice(request);
        let Flow { own, peer, .. } = *self.codec.flow();
        let arrival = || arrival(&frame[..len], peer, own, received_ns);
        if !self.answerer.answer(datagram, arrival, received_ns) {
            return Response::Dropped;
        }
        let len = self.codec.build(frame, datagram);
        len.map_or(Response::Dropped, Response::Reply)
    }
}

#[cfg(test)]
mod tests {
    use wire::{Header, Kind, Mac};

    use super::*;
    use crate::link::ethernet::{OWN_MAC, OWN_PORT};

    fn here() -> Flow {
        Flow {
            own_mac: OWN_MAC,
            peer_mac: Mac::new([0x52, 0x54, 0, 0x12, 0x34, 0x56]),
            own: ([10, 0, 2, 2], OWN_PORT).into(),
            peer: ([10, 0, 2, 15], 9000).into(),
        }
    }

    fn responded(flow: Flow, payload: &[u8]) -> (Response, [u8; MAX_FRAME]) {
        let mut frame = [0; MAX_FRAME];
        let len = flow.build(&mut frame, payload).unwrap();
        let response =
            FrameResponder::new(here().reversed(), &Offer::default()).respond(&mut frame, len, 7);
        (response, frame)
    }

    #[test]
    fn a_request_comes_back_as_its_reply() {
        let mut request = [0xaa; 64];
        Header::request(3, 5).encode(&mut request).unwrap();
        let (response, frame) = responded(here(), &request);
        let Response::Reply(len) = response else {
            panic!("{response:?}")
        };
        let Parsed::Datagram(reply) = here().parse(&frame[..len]) else {
            panic!("{:02x?}", &frame[..len])
        };
        let header = Header::decode(reply).unwrap();
        assert_eq!((header.seq, header.kind, header.t2_ns), (3, Kind::Reply, 7));
        assert_eq!((reply.len(), header.boot_id), (64, BOOT_ID));
    }

    /// RFC 8762 §4.3.1, with a Class of Service TLV (RFC 8972 §4.4).
    #[test]
    fn a_test_packet_is_reflected_with_what_its_frame_says() {
        let offer = Offer {
            service: ServiceKind::Stamp(None),
            dscp: "EF".parse().unwrap(),
            ..Offer::default()
        };
        let flow = Flow {
            peer: ([10, 0, 2, 15], 862).into(),
            ..here()
        };
        let mut request = vec![0; 44];
        request[..4].copy_from_slice(&[0, 0, 0, 9]);
        request.extend([0x80, 4, 0, 4, 46 << 2, 0, 0, 0]);
        let mut frame = [0; MAX_FRAME];
        let class = offer.dscp.traffic_class();
        let codec = Codec::new(flow).in_class(class);
        let len = codec.build(&mut frame, &request).unwrap();
        let response = FrameResponder::new(flow.reversed(), &offer).respond(&mut frame, len, 7);
        assert_eq!(response, Response::Reply(len));
        assert_eq!(frame[CLASS], class);
        let Parsed::Datagram(reply) = flow.parse(&frame[..len]) else {
            panic!("{:02x?}", &frame[..len])
        };
        assert_eq!(reply[24..28], [0, 0, 0, 9], "the sender's number");
        assert_eq!(reply[40], 64, "the frame's time to live");
        // The class that was asked for, the one received, and no other way back.
        assert_eq!(
            reply[44..],
            [0, 4, 0, 4, 46 << 2 | 46 >> 4, (46 << 4) as u8, 0, 0]
        );
        // A reply is none of its requests.
        let again = FrameResponder::new(flow.reversed(), &offer).respond(&mut frame, len, 7);
        assert_ne!(again, Response::Reply(len));
    }

    #[test]
    fn non_requests_are_dropped_and_frames_for_others_ignored() {
        assert_eq!(responded(here(), b"noise").0, Response::Dropped);
        let other = Flow {
            peer: ([10, 0, 2, 15], 9001).into(),
            ..here()
        };
        assert_eq!(responded(other, b"noise").0, Response::Other);
    }
}
