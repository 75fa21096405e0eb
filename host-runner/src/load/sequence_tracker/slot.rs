//! Memory of one request, packed: its send time, and its lateness with its state.

use super::Request;

/// State of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    InFlight,
    Answered,
    Lost,
    LostThenAnswered,
}

/// A request as the tracker remembers it: two words, so that a cache line holds four of them. At a
/// million a second the ring is far larger than any cache.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    pub sent_ns: u64,
    /// Time from its due time to its sending, in nanoseconds, and below that the state.
    lateness_and_state: u64,
}

impl Slot {
    const STATE_BITS: u32 = 2;
    const STATES: [State; 1 << Self::STATE_BITS] = [
        State::InFlight,
        State::Answered,
        State::Lost,
        State::LostThenAnswered,
    ];

    #[inline]
    pub const fn new(due_ns: u64, sent_ns: u64, state: State) -> Self {
        // 2^62 ns are 146 years.
        let lateness_ns = sent_ns.saturating_sub(due_ns);
        Self {
            sent_ns,
            lateness_and_state: (lateness_ns << Self::STATE_BITS) | state as u64,
        }
    }

    #[inline]
    pub const fn state(self) -> State {
        Self::STATES[self.lateness_and_state as usize % Self::STATES.len()]
    }

    #[inline]
    pub fn set_state(&mut self, state: State) {
        let states = Self::STATES.len() as u64 - 1;
        self.lateness_and_state = (self.lateness_and_state & !states) | state as u64;
    }

    #[inline]
    pub const fn request(self, seq: u64, is_closed_loop_sample: bool) -> Request {
        let lateness_ns = self.lateness_and_state >> Self::STATE_BITS;
        Request {
            seq,
            due_ns: self.sent_ns - lateness_ns,
            sent_ns: self.sent_ns,
            is_closed_loop_sample,
        }
    }
}
