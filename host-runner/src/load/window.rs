//! Sequence accounting in bounded memory: a ring of the last requests, keyed by sequence number.
//!
//! Pure logic: no clock, no socket. Requests are numbered from zero without gaps, and their send
//! times never go back, so the oldest request in flight is always the first to time out.

/// The most requests a window remembers, in 32 MiB of memory: two seconds of a million a second.
pub const MAX_CAPACITY: u64 = 1 << 21;

/// The fewest: enough to tell a late reply from a duplicate long after it mattered.
const MIN_CAPACITY: u64 = 1 << 14;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    InFlight,
    Answered,
    Lost,
    LostThenAnswered,
}

/// What is remembered of a request. Two words, so that a cache line holds four of them: at a
/// million a second the ring is far larger than any cache.
#[derive(Clone, Copy, Debug)]
struct Slot {
    sent_ns: u64,
    /// How long after its due time it was sent, in nanoseconds, and below that the state.
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

    const fn new(due_ns: u64, sent_ns: u64, state: State) -> Self {
        // 2^62 ns are 146 years.
        let lateness_ns = sent_ns.saturating_sub(due_ns);
        Self {
            sent_ns,
            lateness_and_state: (lateness_ns << Self::STATE_BITS) | state as u64,
        }
    }

    const fn state(self) -> State {
        Self::STATES[self.lateness_and_state as usize % Self::STATES.len()]
    }

    fn set_state(&mut self, state: State) {
        let states = Self::STATES.len() as u64 - 1;
        self.lateness_and_state = (self.lateness_and_state & !states) | state as u64;
    }

    const fn request(self, seq: u64, is_waited_for: bool) -> Request {
        let lateness_ns = self.lateness_and_state >> Self::STATE_BITS;
        Request {
            seq,
            due_ns: self.sent_ns - lateness_ns,
            sent_ns: self.sent_ns,
            is_waited_for,
        }
    }
}

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
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_fate_of_a_request() {
        let mut window = Window::new(1, 100);
        for at in [0, 10, 20] {
            window.sent(at / 2, at);
        }
        assert_eq!(window.look_up(2), Known::SentAt(20));
        assert_eq!(window.look_up(3), Known::NeverSent);
        let request = |seq, at| Request {
            seq,
            due_ns: at / 2,
            sent_ns: at,
            is_waited_for: seq == 0,
        };
        assert_eq!(
            window.arrived(1),
            Arrival::InTime {
                request: request(1, 10),
                reordered: false
            }
        );
        assert_eq!(
            window.arrived(0),
            Arrival::InTime {
                request: request(0, 0),
                reordered: true
            }
        );
        assert_eq!(window.arrived(0), Arrival::Duplicate);
        assert_eq!(window.next_loss_ns(), Some(120));
        assert_eq!(window.take_lost(119), None);
        assert_eq!(window.take_lost(120), Some(request(2, 20)));
        assert_eq!(window.take_lost(120), None);
        assert_eq!(window.arrived(2), Arrival::Late);
        assert_eq!(window.arrived(2), Arrival::Duplicate);
        assert_eq!(window.in_flight(), 0);
    }

    #[test]
    fn a_full_window_has_no_room_and_old_numbers_are_forgotten() {
        let mut window = Window::new(1, 100);
        for _ in 0..MIN_CAPACITY {
            assert!(window.has_room());
            window.sent(0, 0);
        }
        assert!(!window.has_room());
        assert!(window.take_lost(100).is_some());
        assert!(window.has_room());
        window.sent(100, 100);
        assert_eq!(window.look_up(0), Known::Forgotten);
        assert_eq!(window.look_up(1), Known::SentAt(0));
    }

    /// The accounting with all the memory in the world.
    #[derive(Default)]
    struct Model {
        sent_ns: Vec<u64>,
        fate: HashMap<u64, State>,
        highest: Option<u64>,
        waited_for: Option<u64>,
        /// What is still in the way of the next request that is waited for.
        behind: Vec<u64>,
    }

    impl Model {
        fn sent(&mut self, at_ns: u64) {
            if self.waited_for.is_none() && self.behind.is_empty() {
                self.waited_for = Some(self.sent_ns.len() as u64);
            }
            self.sent_ns.push(at_ns);
        }

        fn arrived(&mut self, seq: u64) -> Arrival {
            match self.fate.get(&seq) {
                None => {
                    self.fate.insert(seq, State::Answered);
                    let reordered = self.highest.is_some_and(|highest| seq < highest);
                    self.highest = self.highest.max(Some(seq));
                    let sent_ns = self.sent_ns[seq as usize];
                    let is_waited_for = self.waited_for == Some(seq);
                    if is_waited_for {
                        self.waited_for = None;
                        self.behind = (0..self.sent_ns.len() as u64).collect();
                    }
                    // Whatever was sent before one that is answered is out of the way.
                    self.behind.retain(|&before| Some(before) > self.highest);
                    let request = Request {
                        seq,
                        due_ns: sent_ns,
                        sent_ns,
                        is_waited_for,
                    };
                    Arrival::InTime { request, reordered }
                }
                Some(State::Lost) => {
                    self.fate.insert(seq, State::LostThenAnswered);
                    Arrival::Late
                }
                Some(_) => Arrival::Duplicate,
            }
        }

        fn lose(&mut self, now_ns: u64, timeout_ns: u64) -> Vec<u64> {
            let lost: Vec<u64> = (0..self.sent_ns.len() as u64)
                .filter(|seq| !self.fate.contains_key(seq))
                .filter(|&seq| self.sent_ns[seq as usize] + timeout_ns <= now_ns)
                .collect();
            self.fate.extend(lost.iter().map(|&seq| (seq, State::Lost)));
            if self.waited_for.is_some_and(|seq| lost.contains(&seq)) {
                self.waited_for = None;
                self.behind.clear();
            }
            lost
        }
    }

    proptest! {
        /// Each step waits some time, and then sends (even) or takes a reply to one of the
        /// requests sent so far (odd).
        #[test]
        fn agrees_with_the_model(
            steps in prop::collection::vec((0..60u64, any::<bool>(), any::<u64>()), 1..400),
            timeout_ns in 1..1000u64,
        ) {
            let mut window = Window::new(1, timeout_ns);
            let mut model = Model::default();
            let mut now_ns = 0;
            for (wait_ns, sends, pick) in steps {
                now_ns += wait_ns;
                let waited_for = model.waited_for;
                let lost: Vec<Request> =
                    std::iter::from_fn(|| window.take_lost(now_ns)).collect();
                for lost in &lost {
                    prop_assert_eq!(lost.is_waited_for, waited_for == Some(lost.seq));
                }
                let lost: Vec<u64> = lost.iter().map(|lost| lost.seq).collect();
                prop_assert_eq!(lost, model.lose(now_ns, timeout_ns));
                if sends || model.sent_ns.is_empty() {
                    window.sent(now_ns, now_ns);
                    model.sent(now_ns);
                } else {
                    let seq = pick % model.sent_ns.len() as u64;
                    prop_assert_eq!(window.look_up(seq), Known::SentAt(model.sent_ns[seq as usize]));
                    prop_assert_eq!(window.arrived(seq), model.arrived(seq));
                }
                let settled = model.fate.len() as u64;
                prop_assert_eq!(window.in_flight(), model.sent_ns.len() as u64 - settled);
            }
        }
    }
}
