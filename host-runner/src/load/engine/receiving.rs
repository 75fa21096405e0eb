//! The engine's receiving side: datagrams taken in and accounted for.

use super::{BUFFER_LEN, Engine};
use crate::link::{Link, LinkError, Received};
use crate::load::reply_header::ReplyHeader;
use crate::load::sequence_tracker::{Arrival, Known, Request};
use crate::load::supervise::BUSY_INTERVAL_NS;
use crate::load::{GuestTimes, Loss, Observer, Sample};

impl<L, O, C> Engine<'_, L, O, C>
where
    L: Link + ?Sized,
    O: Observer,
    C: FnMut() -> u64,
{
    /// Takes in one datagram, waiting for it until `deadline_ns`, but never longer than
    /// [`BUSY_INTERVAL_NS`]. Returns a lower bound of the present time, in nanoseconds.
    pub(in crate::load) fn receive(
        &mut self,
        deadline_ns: u64,
        now_ns: u64,
    ) -> Result<u64, LinkError> {
        let deadline_ns = deadline_ns.min(now_ns.saturating_add(BUSY_INTERVAL_NS));
        match self.receive_by(deadline_ns)? {
            Some(at_ns) => Ok(at_ns),
            None => {
                // A link returns `None` no earlier than the deadline, so the deadline is a lower bound of
                // now and saves reading the clock right before a send, unless it was already past.
                let now_ns = if deadline_ns > now_ns {
                    deadline_ns
                } else {
                    self.now_ns()
                };
                self.expire(now_ns);
                Ok(now_ns)
            }
        }
    }

    /// Takes in every datagram that is there, `most` at the most. Returns what time it is, as far
    /// as they tell.
    pub(in crate::load) fn receive_waiting(
        &mut self,
        most: u64,
        now_ns: u64,
    ) -> Result<u64, LinkError> {
        let mut now_ns = now_ns;
        for _ in 0..most {
            match self.receive_by(0)? {
                Some(at_ns) => now_ns = at_ns,
                None => break,
            }
        }
        Ok(now_ns)
    }

    /// Takes in one datagram, if one comes by `deadline_ns`: when it came.
    pub(super) fn receive_by(&mut self, deadline_ns: u64) -> Result<Option<u64>, LinkError> {
        let received = self.link.receive(&mut self.buffer[..], deadline_ns)?;
        let Some(Received { len, at_ns }) = received else {
            return Ok(None);
        };
        // First what is lost by now: a reply that comes with the timeout comes too late.
        self.expire(at_ns);
        self.take(len, at_ns);
        Ok(Some(at_ns))
    }

    /// Takes in one datagram, waiting for it awake as [`Link::receive_yielding`] does, until `deadline_ns`.
    /// Returns the time of it, or the present time if none came.
    pub(in crate::load) fn receive_yielding(&mut self, deadline_ns: u64) -> Result<u64, LinkError> {
        let received = self
            .link
            .receive_yielding(&mut self.buffer[..], deadline_ns)?;
        let at_ns = received.map_or_else(|| (self.now_ns)(), |received| received.at_ns);
        self.expire(at_ns);
        if let Some(received) = received {
            self.take(received.len, at_ns);
        }
        Ok(at_ns)
    }

    fn expire(&mut self, now_ns: u64) {
        while let Some(request) = self.tracker.take_lost(now_ns) {
            if !self.is_measured(request.seq) {
                continue;
            }
            self.tally.lost += 1;
            let at_ns = request.sent_ns.saturating_add(self.plan.timeout_ns);
            self.last_settled_ns = self.last_settled_ns.max(at_ns);
            self.observer.lost(Loss {
                at_ns,
                latency_ns: at_ns.saturating_sub(request.due_ns),
                round_trip_ns: self.plan.timeout_ns,
                is_closed_loop_sample: request.is_closed_loop_sample,
            });
        }
    }

    /// Accounts for the datagram in the buffer, `len` bytes that came at `at_ns`.
    fn take(&mut self, len: usize, at_ns: u64) {
        let len = len.min(BUFFER_LEN);
        let next_seq = self.tracker.next_seq();
        let Some(header) = self.requests.read(&self.buffer[..len], next_seq) else {
            self.tally.corrupted += self.unless_warming_up();
            return;
        };
        if header.is_reply
            && self.boot_id.is_some_and(|boot| boot != header.boot_id)
            && !self.follows(&header, len)
        {
            self.tally.foreign += self.unless_warming_up();
            return;
        }
        match self.tracker.status(header.seq) {
            Known::NeverSent => self.tally.corrupted += self.unless_warming_up(),
            Known::Forgotten => self.tally.stale += u64::from(self.is_measured(header.seq)),
            Known::SentAt(sent_ns) => {
                let datagram = &self.buffer[..len];
                if !self.requests.is_echoed_by(&header, sent_ns, datagram) {
                    self.tally.corrupted += u64::from(self.is_measured(header.seq));
                    return;
                }
                if self.plan.protocol.has_boot_id() {
                    self.boot_id = Some(header.boot_id);
                }
                let arrival = self.tracker.arrived(header.seq);
                let in_time = matches!(arrival, Arrival::InTime { .. });
                self.completed += u64::from(in_time) * self.unless_warming_up();
                if self.is_measured(header.seq) {
                    self.count(arrival, &header, at_ns);
                } else if let Arrival::InTime { request, .. } = arrival {
                    self.observer
                        .warmed_up(self.sample(request, &header, at_ns));
                }
            }
        }
    }

    /// Goes on with the boot of the datagram in the buffer, `len` bytes with `header`, if the observer follows restarts
    /// and it answers a request. Returns whether it did.
    #[cold]
    fn follows(&mut self, header: &ReplyHeader, len: usize) -> bool {
        if !self.observer.follows_restarts() {
            return false;
        }
        let Known::SentAt(sent_ns) = self.tracker.status(header.seq) else {
            return false;
        };
        let datagram = &self.buffer[..len];
        let is_answer = self.requests.is_echoed_by(header, sent_ns, datagram);
        if is_answer {
            self.boot_id = Some(header.boot_id);
            self.tally.restarts += self.unless_warming_up();
        }
        is_answer
    }

    fn count(&mut self, arrival: Arrival, header: &ReplyHeader, at_ns: u64) {
        match arrival {
            Arrival::Late => self.tally.late += 1,
            Arrival::Duplicate => self.tally.duplicated += 1,
            Arrival::InTime { request, reordered } => {
                self.tally.received += 1;
                self.tally.reordered += u64::from(reordered);
                self.last_settled_ns = self.last_settled_ns.max(at_ns);
                self.tally.last_reply_ns = self.tally.last_reply_ns.max(at_ns);
                self.observer.replied(self.sample(request, header, at_ns));
            }
        }
    }

    /// Returns the sample of `request`, whose reply came at `at_ns`.
    fn sample(&self, request: Request, header: &ReplyHeader, at_ns: u64) -> Sample {
        let times = GuestTimes {
            t2_ns: header.t2_ns,
            t3_ns: header.t3_ns,
            error_estimate: header.error_estimate,
        };
        Sample {
            at_ns,
            latency_ns: at_ns.saturating_sub(request.due_ns),
            round_trip_ns: at_ns.saturating_sub(request.sent_ns),
            is_closed_loop_sample: request.is_closed_loop_sample,
            guest_times: self.plan.protocol.has_service_times().then_some(times),
        }
    }
}
