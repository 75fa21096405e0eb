//! Sequence accounting in bounded memory: a ring of the last requests, keyed by sequence number.
//!
//! Pure logic: no clock, no socket. Requests are numbered from zero without gaps, and their send
//! times never go back, so the oldest request in flight is always the first to time out.

mod slot;

use slot::{Slot, State};

/// Most requests that are remembered, in 32 MiB of memory: two seconds of a million a second.
pub const MAX_CAPACITY: u64 = 1 << 21;

/// Fewest requests that are remembered: enough to tell a late reply from a duplicate long after it mattered.
const MIN_CAPACITY: u64 = 1 << 14;

/// A request that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Sequence number.
    pub seq: u64,
    /// Time at which it was due, in nanoseconds.
    pub due_ns: u64,
    /// Time at which it was sent, in nanoseconds.
    pub sent_ns: u64,
    /// True if a client that waits for each reply would have sent it (see [`SequenceTracker`]).
    pub is_closed_loop_sample: bool,
}

/// Meaning of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// The first answer to a request in flight.
    InTime {
        /// The request it answers.
        request: Request,
        /// True if a request with a higher number was answered before.
        reordered: bool,
    },
    /// The first answer to a request already lost.
    Late,
    /// Another answer to a request that was answered.
    Duplicate,
}

/// Status of a sequence number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Request is remembered, and was sent at this time.
    SentAt(u64),
    /// Sent, but is no longer remembered.
    Forgotten,
    /// Never sent.
    NeverSent,
}

/// Accounting of requests by their sequence number.
///
/// Also tracks a virtual closed-loop client: it sends a request, waits for the reply or the timeout, waits until
/// the backlog that the open loop has sent meanwhile is answered (its last request, or a later one), and sends
/// again. Only its requests are closed-loop samples.
#[derive(Debug)]
pub struct SequenceTracker {
    slots: Box<[Slot]>,
    timeout_ns: u64,
    /// The number of the next request.
    next: u64,
    /// No request under this number is in flight.
    oldest: u64,
    in_flight: u64,
    highest_answered: Option<u64>,
    /// The request in flight of the virtual closed-loop client.
    shadow_in_flight: Option<u64>,
    /// First number behind the backlog that the virtual client waits for before it sends again.
    backlog_end: u64,
}

impl SequenceTracker {
    /// Returns a tracker with room for `in_flight` requests in flight and as many remembered after, within
    /// [`MAX_CAPACITY`]. A request is lost `timeout_ns` after it was sent.
    #[must_use]
    pub fn new(in_flight: u64, timeout_ns: u64) -> Self {
        let capacity = in_flight
            .saturating_mul(2)
            .clamp(MIN_CAPACITY, MAX_CAPACITY)
            .next_power_of_two();
        let empty = Slot::new(0, 0, State::Answered);
        Self {
            slots: vec![empty; usize::try_from(capacity).unwrap_or(usize::MAX)].into_boxed_slice(),
            timeout_ns,
            next: 0,
            oldest: 0,
            in_flight: 0,
            highest_answered: None,
            shadow_in_flight: None,
            backlog_end: 0,
        }
    }

    fn index(&self, seq: u64) -> usize {
        // The capacity is a power of two that fits a usize, so cutting the number down is exact.
        seq as usize & (self.slots.len() - 1)
    }

    /// Returns the number that the next request gets.
    #[must_use]
    #[inline]
    pub fn next_seq(&self) -> u64 {
        self.next
    }

    /// Returns the number of requests in flight.
    #[must_use]
    #[inline]
    pub fn in_flight(&self) -> u64 {
        self.in_flight
    }

    /// Returns the number of requests that may still be before the service, as far as the newest answer tells: those
    /// that were sent after the request that it answers, and are not lost. What went missing on the way does
    /// not count for longer than that.
    #[must_use]
    #[inline]
    pub fn outstanding(&self) -> u64 {
        let answered_to = self.highest_answered.map_or(0, |highest| highest + 1);
        self.next - answered_to.max(self.oldest)
    }

    /// Returns whether another request can be sent now: the one whose slot it takes is not in flight.
    #[must_use]
    #[inline]
    pub fn has_room(&self) -> bool {
        self.next - self.oldest < self.slots.len() as u64
    }

    /// Notes that the next request was sent, at its due time or after; the caller has asked for
    /// [`SequenceTracker::has_room`].
    #[inline]
    pub fn sent(&mut self, due_ns: u64, sent_ns: u64) {
        debug_assert!(self.has_room(), "a request in flight would be forgotten");
        let index = self.index(self.next);
        self.slots[index] = Slot::new(due_ns, sent_ns, State::InFlight);
        let answered_to = self.highest_answered.map_or(0, |highest| highest + 1);
        if self.shadow_in_flight.is_none() && answered_to >= self.backlog_end {
            self.shadow_in_flight = Some(self.next);
        }
        self.next += 1;
        self.in_flight += 1;
    }

    /// Returns the status of `seq`.
    #[must_use]
    #[inline]
    pub fn status(&self, seq: u64) -> Known {
        if seq >= self.next {
            Known::NeverSent
        } else if self.next - seq > self.slots.len() as u64 {
            Known::Forgotten
        } else {
            Known::SentAt(self.slots[self.index(seq)].sent_ns)
        }
    }

    /// Accounts for a reply to `seq`, of which [`SequenceTracker::status`] said when it was sent. The caller
    /// has taken out what was lost by the time it came ([`SequenceTracker::take_lost`]).
    #[inline]
    pub fn arrived(&mut self, seq: u64) -> Arrival {
        let index = self.index(seq);
        let slot = &mut self.slots[index];
        match slot.state() {
            State::InFlight => {
                slot.set_state(State::Answered);
                let is_closed_loop_sample = self.shadow_in_flight == Some(seq);
                if is_closed_loop_sample {
                    self.shadow_in_flight = None;
                    self.backlog_end = self.next;
                }
                let request = slot.request(seq, is_closed_loop_sample);
                let reordered = self.highest_answered.is_some_and(|highest| seq < highest);
                self.highest_answered = self.highest_answered.max(Some(seq));
                self.in_flight -= 1;
                Arrival::InTime { request, reordered }
            }
            State::Lost => {
                slot.set_state(State::LostThenAnswered);
                Arrival::Late
            }
            State::Answered | State::LostThenAnswered => Arrival::Duplicate,
        }
    }

    /// Returns the time at which the next request in flight will be lost, unless its reply comes before.
    #[must_use]
    #[inline]
    pub fn next_loss_ns(&mut self) -> Option<u64> {
        while self.oldest < self.next {
            let slot = &self.slots[self.index(self.oldest)];
            if slot.state() == State::InFlight {
                return Some(slot.sent_ns.saturating_add(self.timeout_ns));
            }
            self.oldest += 1;
        }
        None
    }

    /// Removes one request that is lost at `now_ns`, and returns it; `None` if there is none.
    #[inline]
    pub fn take_lost(&mut self, now_ns: u64) -> Option<Request> {
        self.next_loss_ns().filter(|&at_ns| at_ns <= now_ns)?;
        let seq = self.oldest;
        let index = self.index(seq);
        let slot = &mut self.slots[index];
        slot.set_state(State::Lost);
        self.oldest += 1;
        self.in_flight -= 1;
        let is_closed_loop_sample = self.shadow_in_flight == Some(seq);
        if is_closed_loop_sample {
            // No answer tells of a queue, and none may come for long.
            self.shadow_in_flight = None;
            self.backlog_end = 0;
        }
        Some(slot.request(seq, is_closed_loop_sample))
    }
}

#[cfg(test)]
mod tests;
