//! The link to a service that is not there: the request handler, called on the spot.
//!
//! What is measured over it is the instrument itself, so it is the floor of every other figure;
//! and tests of the measuring loop need no network.
#![forbid(unsafe_code)]

use std::collections::VecDeque;

use wire::Verdict;

use super::{Link, LinkError, Received, Sent, wait};
use crate::clock;

/// The link's name.
pub const NAME: &str = "null";

/// The link.
#[derive(Debug, Default)]
pub struct InProcessLink {
    boot_id: u32,
    answers: VecDeque<Vec<u8>>,
    /// Buffers that were answers once: in the long run nothing is allocated.
    spare: Vec<Vec<u8>>,
}

impl InProcessLink {
    /// A service whose replies carry `boot_id`, and whose clock is [`crate::clock`].
    #[must_use]
    pub fn new(boot_id: u32) -> Self {
        Self {
            boot_id,
            ..Self::default()
        }
    }
}

impl Link for InProcessLink {
    fn name(&self) -> &'static str {
        NAME
    }

    fn send(&mut self, datagram: &[u8]) -> Result<Sent, LinkError> {
        let received_ns = clock::now_ns();
        let mut answer = self.spare.pop().unwrap_or_default();
        answer.clear();
        answer.extend_from_slice(datagram);
        match wire::handle(&mut answer, self.boot_id, received_ns, clock::now_ns) {
            Verdict::Reply | Verdict::Unsupported => self.answers.push_back(answer),
            Verdict::Drop(_) | Verdict::Status | Verdict::LogControl => self.spare.push(answer),
        }
        Ok(Sent::Out)
    }

    fn receive(
        &mut self,
        buffer: &mut [u8],
        deadline_ns: u64,
    ) -> Result<Option<Received>, LinkError> {
        let Some(answer) = self.answers.pop_front() else {
            // Nothing can come before the next request.
            return match wait::sleep_until(deadline_ns) {
                Ok(()) => Ok(None),
                Err(source) => Err(LinkError::Io {
                    link: NAME,
                    action: "waiting",
                    source,
                }),
            };
        };
        let len = answer.len().min(buffer.len());
        buffer[..len].copy_from_slice(&answer[..len]);
        self.spare.push(answer);
        let at_ns = clock::now_ns();
        Ok(Some(Received { len, at_ns }))
    }
}

#[cfg(test)]
mod tests {
    use wire::{Header, Kind};

    use super::*;

    #[test]
    fn answers_requests_in_order_and_drops_the_rest() {
        let mut link = InProcessLink::new(7);
        let mut datagram = [0xaa; 64];
        for seq in 0..3 {
            Header::request(seq, 5).encode(&mut datagram).unwrap();
            assert_eq!(link.send(&datagram).unwrap(), Sent::Out);
            assert_eq!(link.send(b"not a request").unwrap(), Sent::Out);
        }
        let mut buffer = [0; 1500];
        for seq in 0..3 {
            let received = link.receive(&mut buffer, 0).unwrap().unwrap();
            assert_eq!(received.len, 64);
            let reply = Header::decode(&buffer[..64]).unwrap();
            assert_eq!(
                (reply.seq, reply.kind, reply.boot_id),
                (seq, Kind::Reply, 7)
            );
            assert!(reply.t2_ns <= reply.t3_ns && reply.t3_ns <= received.at_ns);
            assert_eq!(buffer[wire::HEADER_LEN..64], [0xaa; 20]);
        }
        assert_eq!(link.receive(&mut buffer, 0).unwrap(), None);
    }
}
