//! An Ethernet whose other end is in the same thread: requests are answered when they are sent. For tests of what
//! lies between client and service.

use std::collections::VecDeque;
use std::time::Duration;

use super::reflector::{client, flow};
use super::response::{FrameResponder, Offer, Response};
use crate::clock;
use crate::link::ethernet::{EthernetLink, Frames};
use crate::link::fault::{FaultInjector, FaultParameters};
use crate::link::frame::MAX_FRAME;
use crate::link::{LinkError, Received, Sent};

/// The name of the link.
const NAME: &str = "immediate";

/// A clock that can be waited on.
pub trait TestClock: Clone {
    /// Returns the time in nanoseconds.
    fn now_ns(&self) -> u64;

    /// Waits until `at_ns`, or until the next event can come.
    fn wait_until(&self, at_ns: u64);
}

/// The host's clock.
#[derive(Clone, Copy, Debug)]
pub struct HostClock;

impl TestClock for HostClock {
    fn now_ns(&self) -> u64 {
        clock::now_ns()
    }

    fn wait_until(&self, at_ns: u64) {
        let wait_ns = at_ns.saturating_sub(self.now_ns());
        std::thread::sleep(Duration::from_nanos(wait_ns));
    }
}

impl TestClock for crate::load::fake::VirtualClock {
    fn now_ns(&self) -> u64 {
        Self::now_ns(self)
    }

    fn wait_until(&self, at_ns: u64) {
        self.advance_to(at_ns);
    }
}

/// The frames.
pub struct ImmediateFrames<C> {
    clock: C,
    /// Time from a request to its answer, in nanoseconds.
    round_trip_ns: u64,
    responder: FrameResponder,
    frame: Box<[u8; MAX_FRAME]>,
    answers: VecDeque<(u64, Vec<u8>)>,
}

impl<C: TestClock> ImmediateFrames<C> {
    /// Returns frames whose answers come after `round_trip_ns`.
    pub fn new(clock: C, round_trip_ns: u64) -> Self {
        Self {
            clock,
            round_trip_ns,
            responder: FrameResponder::new(flow(&Offer::default()).reversed(), &Offer::default()),
            frame: Box::new([0; MAX_FRAME]),
            answers: VecDeque::new(),
        }
    }
}

/// Returns a link on the host's clock to a service that answers at once, with faults.
pub fn faulty_link(
    parameters: FaultParameters,
) -> EthernetLink<FaultInjector<ImmediateFrames<HostClock>>> {
    let frames = FaultInjector::new(ImmediateFrames::new(HostClock, 0), parameters);
    EthernetLink::between(frames, client(), flow(&Offer::default()))
}

/// Returns a link on `clock` to a service that answers after `round_trip_ns`, with faults.
pub fn faulty_link_on<C: TestClock + 'static>(
    clock: &C,
    round_trip_ns: u64,
    parameters: FaultParameters,
) -> EthernetLink<FaultInjector<ImmediateFrames<C>, impl Fn() -> u64 + use<C>>> {
    let frames = ImmediateFrames::new(clock.clone(), round_trip_ns);
    let own = clock.clone();
    let frames = FaultInjector::on_clock(frames, parameters, move || own.now_ns());
    EthernetLink::between(frames, client(), flow(&Offer::default()))
}

impl<C: TestClock> Frames for ImmediateFrames<C> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn send(&mut self, frame: &[u8]) -> Result<Sent, LinkError> {
        let now_ns = self.clock.now_ns();
        self.frame[..frame.len()].copy_from_slice(frame);
        let response = self.responder.respond(&mut self.frame, frame.len(), now_ns);
        if let Response::Reply(len) = response {
            let answer = self.frame[..len].to_vec();
            self.answers
                .push_back((now_ns + self.round_trip_ns, answer));
        }
        Ok(Sent::Out)
    }

    fn receive(
        &mut self,
        frame: &mut [u8],
        deadline_ns: u64,
    ) -> Result<Option<Received>, LinkError> {
        let now_ns = self.clock.now_ns();
        let next_ns = self.answers.front().map(|(at_ns, _)| *at_ns);
        match next_ns.filter(|at_ns| *at_ns <= deadline_ns.max(now_ns)) {
            None => {
                self.clock.wait_until(deadline_ns);
                Ok(None)
            }
            Some(at_ns) => {
                self.clock.wait_until(at_ns);
                let (_, answer) = self.answers.pop_front().unwrap_or_default();
                let len = answer.len().min(frame.len());
                frame[..len].copy_from_slice(&answer[..len]);
                let at_ns = at_ns.max(now_ns);
                Ok(Some(Received { len, at_ns }))
            }
        }
    }
}
