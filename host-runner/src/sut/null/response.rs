//! Replies to frames, as a guest's reflector makes them.
#![forbid(unsafe_code)]

use wire::Verdict;

use crate::clock;
use crate::link::codec::Codec;
use crate::link::frame::{Flow, MAX_FRAME, Parsed};

/// The boot that the replies come from.
pub const BOOT_ID: u32 = 0;

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
    payload: Box<[u8; MAX_FRAME]>,
}

impl FrameResponder {
    /// Returns a responder to the frames of `flow`, seen from the end that answers.
    #[must_use]
    pub fn new(flow: Flow) -> Self {
        Self {
            codec: Codec::new(flow),
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
        let verdict = wire::handle(datagram, BOOT_ID, received_ns, clock::now_ns);
        match (verdict, self.codec.build(frame, datagram)) {
            (Verdict::Reply | Verdict::Unsupported, Some(len)) => Response::Reply(len),
            _ => Response::Dropped,
        }
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
        let response = FrameResponder::new(here().reversed()).respond(&mut frame, len, 7);
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
