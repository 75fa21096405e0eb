//! What answers in a guest's place does with a frame.
#![forbid(unsafe_code)]

use wire::Verdict;

use super::codec::Codec;
use super::frame::{Flow, MAX_FRAME, Parsed};
use crate::clock;

/// Which boot its answers are from.
pub const BOOT_ID: u32 = 0;

/// What came of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turned {
    /// It was a request. In its place is the reply, so many bytes long.
    Reply(usize),
    /// It was a datagram of the flow's that is not answered.
    Dropped,
    /// It is something else, and as it was.
    Other,
}

/// Turns requests round.
#[derive(Debug)]
pub struct Turner {
    codec: Codec,
    payload: Box<[u8; MAX_FRAME]>,
}

impl Turner {
    /// For the frames of `flow`, seen from the end that answers.
    #[must_use]
    pub fn new(flow: Flow) -> Self {
        Self {
            codec: Codec::new(flow),
            payload: Box::new([0; MAX_FRAME]),
        }
    }

    /// Turns the first `len` bytes of `frame` round, which came at `received_ns` of [`crate::clock`].
    pub fn turn(&mut self, frame: &mut [u8; MAX_FRAME], len: usize, received_ns: u64) -> Turned {
        let request = match self.codec.parse(&frame[..len]) {
            Parsed::Datagram(request) => request,
            Parsed::Damaged => return Turned::Dropped,
            Parsed::Other => return Turned::Other,
        };
        let datagram = &mut self.payload[..request.len()];
        datagram.copy_from_slice(request);
        let verdict = wire::handle(datagram, BOOT_ID, received_ns, clock::now_ns);
        match (verdict, self.codec.build(frame, datagram)) {
            (Verdict::Reply | Verdict::Unsupported, Some(len)) => Turned::Reply(len),
            _ => Turned::Dropped,
        }
    }
}

#[cfg(test)]
mod tests {
    use wire::{Header, Kind};

    use super::super::ethernet::{OWN_MAC, OWN_PORT};
    use super::*;

    fn here() -> Flow {
        Flow {
            own_mac: OWN_MAC,
            peer_mac: [0x52, 0x54, 0, 0x12, 0x34, 0x56],
            own: ([10, 0, 2, 2], OWN_PORT).into(),
            peer: ([10, 0, 2, 15], 9000).into(),
        }
    }

    fn turned(flow: Flow, payload: &[u8]) -> (Turned, [u8; MAX_FRAME]) {
        let mut frame = [0; MAX_FRAME];
        let len = flow.build(&mut frame, payload).unwrap();
        let turned = Turner::new(here().reversed()).turn(&mut frame, len, 7);
        (turned, frame)
    }

    #[test]
    fn a_request_comes_back_as_its_reply() {
        let mut request = [0xaa; 64];
        Header::request(3, 5).encode(&mut request).unwrap();
        let (turned, frame) = turned(here(), &request);
        let Turned::Reply(len) = turned else {
            panic!("{turned:?}")
        };
        let Parsed::Datagram(reply) = here().parse(&frame[..len]) else {
            panic!("{:02x?}", &frame[..len])
        };
        let header = Header::decode(reply).unwrap();
        assert_eq!((header.seq, header.kind, header.t2_ns), (3, Kind::Reply, 7));
        assert_eq!((reply.len(), header.boot_id), (64, BOOT_ID));
    }

    #[test]
    fn what_is_no_request_is_dropped_and_what_is_for_others_left_alone() {
        assert_eq!(turned(here(), b"noise").0, Turned::Dropped);
        let other = Flow {
            peer: ([10, 0, 2, 15], 9001).into(),
            ..here()
        };
        assert_eq!(turned(other, b"noise").0, Turned::Other);
    }
}
