//! The fates of requests, and the tracker against one with all the memory in the world.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

#[test]
fn each_fate_of_a_request() {
    let mut tracker = SequenceTracker::new(1, 100);
    for at in [0, 10, 20] {
        tracker.sent(at / 2, at);
    }
    assert_eq!(tracker.status(2), Known::SentAt(20));
    assert_eq!(tracker.status(3), Known::NeverSent);
    let request = |seq, at| Request {
        seq,
        due_ns: at / 2,
        sent_ns: at,
        is_closed_loop_sample: seq == 0,
    };
    assert_eq!(
        tracker.arrived(1),
        Arrival::InTime {
            request: request(1, 10),
            reordered: false
        }
    );
    assert_eq!(
        tracker.arrived(0),
        Arrival::InTime {
            request: request(0, 0),
            reordered: true
        }
    );
    assert_eq!(tracker.arrived(0), Arrival::Duplicate);
    assert_eq!(tracker.next_loss_ns(), Some(120));
    assert_eq!(tracker.take_lost(119), None);
    assert_eq!(tracker.take_lost(120), Some(request(2, 20)));
    assert_eq!(tracker.take_lost(120), None);
    assert_eq!(tracker.arrived(2), Arrival::Late);
    assert_eq!(tracker.arrived(2), Arrival::Duplicate);
    assert_eq!(tracker.in_flight(), 0);
}

#[test]
fn a_full_window_has_no_room_and_old_numbers_are_forgotten() {
    let mut tracker = SequenceTracker::new(1, 100);
    for _ in 0..MIN_CAPACITY {
        assert!(tracker.has_room());
        tracker.sent(0, 0);
    }
    assert!(!tracker.has_room());
    assert!(tracker.take_lost(100).is_some());
    assert!(tracker.has_room());
    tracker.sent(100, 100);
    assert_eq!(tracker.status(0), Known::Forgotten);
    assert_eq!(tracker.status(1), Known::SentAt(0));
}

/// The accounting with all the memory in the world.
#[derive(Default)]
struct Model {
    sent_ns: Vec<u64>,
    fate: HashMap<u64, State>,
    highest: Option<u64>,
    shadow_in_flight: Option<u64>,
    /// Requests ahead of the next one that a waiting client would send.
    behind: Vec<u64>,
}

impl Model {
    fn sent(&mut self, at_ns: u64) {
        if self.shadow_in_flight.is_none() && self.behind.is_empty() {
            self.shadow_in_flight = Some(self.sent_ns.len() as u64);
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
                let is_closed_loop_sample = self.shadow_in_flight == Some(seq);
                if is_closed_loop_sample {
                    self.shadow_in_flight = None;
                    self.behind = (0..self.sent_ns.len() as u64).collect();
                }
                // Whatever was sent before one that is answered is out of the way.
                self.behind.retain(|&before| Some(before) > self.highest);
                let request = Request {
                    seq,
                    due_ns: sent_ns,
                    sent_ns,
                    is_closed_loop_sample,
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
        if self.shadow_in_flight.is_some_and(|seq| lost.contains(&seq)) {
            self.shadow_in_flight = None;
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
        let mut tracker = SequenceTracker::new(1, timeout_ns);
        let mut model = Model::default();
        let mut now_ns = 0;
        for (wait_ns, sends, pick) in steps {
            now_ns += wait_ns;
            let shadow_in_flight = model.shadow_in_flight;
            let lost: Vec<Request> =
                std::iter::from_fn(|| tracker.take_lost(now_ns)).collect();
            for lost in &lost {
                prop_assert_eq!(lost.is_closed_loop_sample, shadow_in_flight == Some(lost.seq));
            }
            let lost: Vec<u64> = lost.iter().map(|lost| lost.seq).collect();
            prop_assert_eq!(lost, model.lose(now_ns, timeout_ns));
            if sends || model.sent_ns.is_empty() {
                tracker.sent(now_ns, now_ns);
                model.sent(now_ns);
            } else {
                let seq = pick % model.sent_ns.len() as u64;
                prop_assert_eq!(tracker.status(seq), Known::SentAt(model.sent_ns[seq as usize]));
                prop_assert_eq!(tracker.arrived(seq), model.arrived(seq));
            }
            let settled = model.fate.len() as u64;
            prop_assert_eq!(tracker.in_flight(), model.sent_ns.len() as u64 - settled);
        }
    }
}
