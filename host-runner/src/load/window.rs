//! Sequence accounting in bounded memory: a ring of the last requests, keyed by sequence number.
//!
//! Pure logic: no clock, no socket. Requests are numbered from zero without gaps, and their send
//! times never go back, so the oldest request in flight is always the first to time out.

mod slot;

use slot::{Slot, State};

/// The most requests a window remembers, in 32 MiB of memory: two seconds of a million a second.
pub const MAX_CAPACITY: u64 = 1 << 21;

/// The fewest: enough to tell a late reply from a duplicate long after it mattered.
const MIN_CAPACITY: u64 = 1 << 14;

/// A request that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Its sequence number.
    pub seq: u64,
    /// When it should have been sent.
    pub due_ns: u64,
    /// When it was sent.
    pub sent_ns: u64,
    /// Whether a client that waits for each reply would have sent it (see [`Window`]).
    pub is_waited_for: bool,
}

/// What a reply means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// The first answer to a request in flight.
    InTime {
        /// The request it answers.
        request: Request,
        /// Whether a request with a higher number was answered before.
        reordered: bool,
    },
    /// The first answer to a request already lost.
    Late,
    /// Another answer to a request that was answered.
    Duplicate,
}

/// Where a sequence number stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Its request is remembered, and was sent at this time.
    SentAt(u64),
    /// It was sent, but is no longer remembered.
    Forgotten,
    /// It was never sent.
    NeverSent,
}

/// The accounting.
///
/// It follows what a client would have sent that waits for each reply, as a client with one
/// connection does: one request, and when that is answered the next, or the next after its timeout.
/// Requests that were sent meanwhile such a client would not have sent, nor would its next one have
/// stood in a queue behind them; so that is the first one sent when they are out of the way: the last
/// of them, or a later one, is answered.
#[derive(Debug)]
pub struct Window {
    slots: Box<[Slot]>,
    timeout_ns: u64,
    /// The number of the next request.
    next: u64,
    /// No request under this number is in flight.
    oldest: u64,
    in_flight: u64,
    highest_answered: Option<u64>,
    /// The request in flight that is waited for.
    waited_for: Option<u64>,
    /// The next one is sent when no request under this number is in its way.
    way_is_clear_from: u64,
}

impl Window {
    /// Room for `in_flight` requests in flight and as many remembered after, within
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
            waited_for: None,
            way_is_clear_from: 0,
        }
    }

    fn index(&self, seq: u64) -> usize {
        // The capacity is a power of two that fits a usize, so cutting the number down is exact.
        seq as usize & (self.slots.len() - 1)
    }

    /// The number that the next request gets.
    #[must_use]
    #[inline]
    pub fn next_seq(&self) -> u64 {
        self.next
    }

    /// How many requests are in flight.
    #[must_use]
    #[inline]
    pub fn in_flight(&self) -> u64 {
        self.in_flight
    }

    /// Number of requests that may still be before the service, as far as the newest answer tells: those
    /// that were sent after the request that it answers, and are not lost. What went missing on the way does
    /// not count for longer than that.
    #[must_use]
    #[inline]
    pub fn outstanding(&self) -> u64 {
        let answered_to = self.highest_answered.map_or(0, |highest| highest + 1);
        self.next - answered_to.max(self.oldest)
    }

    /// Whether another request can be sent now: the one whose place it takes is not in flight.
    #[must_use]
    #[inline]
    pub fn has_room(&self) -> bool {
        self.next - self.oldest < self.slots.len() as u64
    }

    /// Notes that the next request was sent, at its due time or after; the caller has asked for
    /// [`Window::has_room`].
    #[inline]
    pub fn sent(&mut self, due_ns: u64, sent_ns: u64) {
        debug_assert!(self.has_room(), "a request in flight would be forgotten");
        let index = self.index(self.next);
        self.slots[index] = Slot::new(due_ns, sent_ns, State::InFlight);
        let answered_to = self.highest_answered.map_or(0, |highest| highest + 1);
        if self.waited_for.is_none() && answered_to >= self.way_is_clear_from {
            self.waited_for = Some(self.next);
        }
        self.next += 1;
        self.in_flight += 1;
    }

    /// What is known of `seq`.
    #[must_use]
    #[inline]
    pub fn look_up(&self, seq: u64) -> Known {
        if seq >= self.next {
            Known::NeverSent
        } else if self.next - seq > self.slots.len() as u64 {
            Known::Forgotten
        } else {
            Known::SentAt(self.slots[self.index(seq)].sent_ns)
        }
    }

    /// Accounts for a reply to `seq`, of which [`Window::look_up`] said when it was sent. The caller
    /// has taken out what was lost by the time it came ([`Window::take_lost`]).
    #[inline]
    pub fn arrived(&mut self, seq: u64) -> Arrival {
        let index = self.index(seq);
        let slot = &mut self.slots[index];
        match slot.state() {
            State::InFlight => {
                slot.set_state(State::Answered);
                let is_waited_for = self.waited_for == Some(seq);
                if is_waited_for {
                    self.waited_for = None;
                    self.way_is_clear_from = self.next;
                }
                let request = slot.request(seq, is_waited_for);
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

    /// When the next request in flight will be lost, unless its reply comes before.
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

    /// Takes out one request that is lost at `now_ns`, if there is one.
    #[inline]
    pub fn take_lost(&mut self, now_ns: u64) -> Option<Request> {
        self.next_loss_ns().filter(|&at_ns| at_ns <= now_ns)?;
        let seq = self.oldest;
        let index = self.index(seq);
        let slot = &mut self.slots[index];
        slot.set_state(State::Lost);
        self.oldest += 1;
        self.in_flight -= 1;
        let is_waited_for = self.waited_for == Some(seq);
        if is_waited_for {
            // No answer tells of a queue, and none may come for long.
            self.waited_for = None;
            self.way_is_clear_from = 0;
        }
        Some(slot.request(seq, is_waited_for))
    }
}

#[cfg(test)]
mod tests;
