//! A link on virtual time, for tests: every request is answered as a script says.

use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::rc::Rc;

use wire::{Header, Verdict};

use super::{Dropped, Loss, Observer, Sample};
use crate::link::{Link, LinkError, Received, Sent};

/// Time that reading the virtual clock, or asking the link without waiting, takes, in nanoseconds.
const CALL_NS: u64 = 10;

/// The boot that the fake service claims.
pub(crate) const BOOT_ID: u32 = 7;

/// Time that the fake service takes, in nanoseconds.
pub(crate) const SERVICE_NS: u64 = 300;

/// A clock that only moves when it is read or waited on.
#[derive(Clone, Default)]
pub(crate) struct VirtualClock(Rc<Cell<u64>>);

impl VirtualClock {
    pub(crate) fn now_ns(&self) -> u64 {
        self.0.set(self.0.get() + CALL_NS);
        self.0.get()
    }

    pub(crate) fn advance_to(&self, at_ns: u64) {
        self.0.set(self.0.get().max(at_ns));
    }
}

/// A datagram on its way to the client: after how long it is there, and what it is.
pub(crate) type Answer = (u64, Vec<u8>);

/// A link whose far end is the script: from a request to the answers that it gets.
pub(crate) struct FakeLink<S> {
    pub(crate) clock: VirtualClock,
    script: S,
    coming: BinaryHeap<Reverse<(u64, u64, Vec<u8>)>>,
    answers: u64,
    /// Number of datagrams that it holds: more are lost.
    pub(crate) room: usize,
    /// Time that a sleep lasts beyond its deadline, in nanoseconds.
    pub(crate) wake_up_ns: u64,
    /// Time spent asleep without a datagram, waking up not included, in nanoseconds.
    pub(crate) slept_ns: u64,
}

impl<S: FnMut(&Header, &[u8]) -> Vec<Answer>> FakeLink<S> {
    pub(crate) fn new(clock: &VirtualClock, script: S) -> Self {
        Self {
            clock: clock.clone(),
            script,
            coming: BinaryHeap::new(),
            answers: 0,
            room: usize::MAX,
            wake_up_ns: 0,
            slept_ns: 0,
        }
    }
}

/// Returns the answer of the real service.
pub(crate) fn reply(request: &[u8]) -> Vec<u8> {
    let mut datagram = request.to_vec();
    let verdict = wire::handle(&mut datagram, BOOT_ID, 5000, || 5000 + SERVICE_NS);
    assert_eq!(verdict, Verdict::Reply);
    datagram
}

impl<S: FnMut(&Header, &[u8]) -> Vec<Answer>> Link for FakeLink<S> {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn send(&mut self, datagram: &[u8]) -> Result<Sent, LinkError> {
        let header = Header::decode(datagram).expect("the loop sends requests");
        for (after_ns, answer) in (self.script)(&header, datagram) {
            if self.coming.len() == self.room {
                continue;
            }
            self.answers += 1;
            let at_ns = header.t1_ns + after_ns;
            self.coming.push(Reverse((at_ns, self.answers, answer)));
        }
        Ok(Sent::Out)
    }

    fn receive(
        &mut self,
        buffer: &mut [u8],
        deadline_ns: u64,
    ) -> Result<Option<Received>, LinkError> {
        let asked_ns = self.clock.now_ns();
        let deadline_ns = deadline_ns.max(asked_ns);
        let is_there = |next: &Reverse<(u64, u64, Vec<u8>)>| next.0.0 <= deadline_ns;
        if !self.coming.peek().is_some_and(is_there) {
            if deadline_ns > asked_ns {
                self.slept_ns += deadline_ns - asked_ns;
                self.clock.advance_to(deadline_ns + self.wake_up_ns);
            }
            return Ok(None);
        }
        let Some(Reverse((at_ns, _, answer))) = self.coming.pop() else {
            return Ok(None);
        };
        self.clock.advance_to(at_ns);
        let len = answer.len().min(buffer.len());
        buffer[..len].copy_from_slice(&answer[..len]);
        let at_ns = at_ns.max(asked_ns);
        Ok(Some(Received { len, at_ns }))
    }

    fn receive_yielding(
        &mut self,
        buffer: &mut [u8],
        deadline_ns: u64,
    ) -> Result<Option<Received>, LinkError> {
        loop {
            let received = self.receive(buffer, 0)?;
            if received.is_some() || self.clock.now_ns() >= deadline_ns {
                return Ok(received);
            }
        }
    }
}

/// An observer that keeps everything.
#[derive(Default)]
pub(crate) struct Log {
    pub(crate) started_ns: Option<u64>,
    pub(crate) lateness_ns: Vec<u64>,
    pub(crate) warm_up: Vec<Sample>,
    pub(crate) samples: Vec<Sample>,
    pub(crate) losses: Vec<Loss>,
    pub(crate) dropped: Vec<Dropped>,
}

impl Observer for Log {
    fn warmed_up(&mut self, sample: Sample) {
        self.warm_up.push(sample);
    }

    fn started(&mut self, at_ns: u64) {
        assert_eq!(self.started_ns.replace(at_ns), None, "started twice");
    }

    fn sent(&mut self, lateness_ns: u64) {
        self.lateness_ns.push(lateness_ns);
    }

    fn replied(&mut self, sample: Sample) {
        self.samples.push(sample);
    }

    fn lost(&mut self, loss: Loss) {
        self.losses.push(loss);
    }

    fn dropped(&mut self, dropped: Dropped) {
        self.dropped.push(dropped);
    }
}
