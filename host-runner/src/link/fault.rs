//! A link that loses, repeats, overtakes, delays and damages what another one carries, by a seeded
//! generator: the same seed and the same calls give the same faults.
//!
//! Requests are only lost. Everything else happens to what comes back, where it has the same
//! effect on the measuring loop.
#![forbid(unsafe_code)]

use std::collections::VecDeque;

use super::{Link, LinkError, Received, Sent};
use crate::clock;
use crate::random::SplitMix64;

/// How often each fault happens, from 0 (never) to 1 (always). By default none does.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Faults {
    /// Requests that never leave.
    pub lose_request: f64,
    /// Replies that never come.
    pub lose_reply: f64,
    /// Replies that come a second time, right after the first.
    pub duplicate: f64,
    /// Replies that the next one overtakes.
    pub reorder: f64,
    /// Replies that are held back for [`Faults::delay_ns`].
    pub delay: f64,
    /// How long those are held back, in nanoseconds.
    pub delay_ns: u64,
    /// Replies in which one bit is wrong.
    pub corrupt: f64,
}

/// What the generator has done so far, to compare with what was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Injected {
    /// Requests that never left.
    pub lost_requests: u64,
    /// Replies that never came.
    pub lost_replies: u64,
    /// Replies that came twice.
    pub duplicated: u64,
    /// Replies that were held back for another to overtake.
    pub reordered: u64,
    /// Replies that were delayed.
    pub delayed: u64,
    /// Replies that were damaged.
    pub corrupted: u64,
}

/// An unreliable link.
#[derive(Debug)]
pub struct Faulty<L> {
    inner: L,
    faults: Faults,
    random: SplitMix64,
    injected: Injected,
    /// To be handed out before anything else.
    repeats: VecDeque<Vec<u8>>,
    /// To be handed out after the next reply, or when none comes.
    overtaken: VecDeque<Vec<u8>>,
    /// To be handed out when their time has come, in that order: all are held equally long.
    delayed: VecDeque<(u64, Vec<u8>)>,
}

impl<L: Link> Faulty<L> {
    /// Makes `inner` unreliable.
    pub fn new(inner: L, faults: Faults, seed: u64) -> Self {
        Self {
            inner,
            faults,
            random: SplitMix64(seed),
            injected: Injected::default(),
            repeats: VecDeque::new(),
            overtaken: VecDeque::new(),
            delayed: VecDeque::new(),
        }
    }

    /// What was done so far.
    #[must_use]
    pub const fn injected(&self) -> &Injected {
        &self.injected
    }

    /// Does to a reply what chance has it: whether it is to be handed out now.
    fn strike(&mut self, reply: &mut [u8], at_ns: u64) -> bool {
        if self.random.happens(self.faults.lose_reply) {
            self.injected.lost_replies += 1;
            return false;
        }
        if self.random.happens(self.faults.corrupt) && !reply.is_empty() {
            self.injected.corrupted += 1;
            let bit = self.random.below(reply.len() * 8);
            reply[bit / 8] ^= 1 << (bit % 8);
        }
        if self.random.happens(self.faults.duplicate) {
            self.injected.duplicated += 1;
            self.repeats.push_back(reply.to_vec());
        }
        if self.random.happens(self.faults.reorder) {
            self.injected.reordered += 1;
            self.overtaken.push_back(reply.to_vec());
            return false;
        }
        if self.random.happens(self.faults.delay) {
            self.injected.delayed += 1;
            let due_ns = at_ns + self.faults.delay_ns;
            self.delayed.push_back((due_ns, reply.to_vec()));
            return false;
        }
        // It overtakes what was held back for it.
        self.repeats.append(&mut self.overtaken);
        true
    }

    /// The next reply that was kept and is due.
    fn kept(&mut self) -> Option<Vec<u8>> {
        if let Some(reply) = self.repeats.pop_front() {
            return Some(reply);
        }
        let due = self.delayed.front()?.0 <= clock::now_ns();
        due.then(|| self.delayed.pop_front())?
            .map(|(_, reply)| reply)
    }
}

impl<L: Link> Link for Faulty<L> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn capacity(&self) -> Option<u64> {
        self.inner.capacity()
    }

    fn is_polled(&self) -> bool {
        self.inner.is_polled()
    }

    fn send(&mut self, datagram: &[u8]) -> Result<Sent, LinkError> {
        if self.random.happens(self.faults.lose_request) {
            self.injected.lost_requests += 1;
            return Ok(Sent::Out);
        }
        self.inner.send(datagram)
    }

    fn receive(
        &mut self,
        buffer: &mut [u8],
        deadline_ns: u64,
    ) -> Result<Option<Received>, LinkError> {
        loop {
            if let Some(reply) = self.kept() {
                let len = reply.len().min(buffer.len());
                buffer[..len].copy_from_slice(&reply[..len]);
                let at_ns = clock::now_ns();
                return Ok(Some(Received { len, at_ns }));
            }
            let next_ns = match self.delayed.front() {
                // What waits to be overtaken is not kept waiting where nothing else comes.
                _ if !self.overtaken.is_empty() => 0,
                Some(&(due_ns, _)) => due_ns.min(deadline_ns),
                None => deadline_ns,
            };
            match self.inner.receive(buffer, next_ns)? {
                Some(received) => {
                    if self.strike(&mut buffer[..received.len], received.at_ns) {
                        return Ok(Some(received));
                    }
                }
                None if !self.overtaken.is_empty() => self.repeats.append(&mut self.overtaken),
                None if next_ns < deadline_ns => {}
                None => return Ok(None),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use wire::Header;

    use super::super::in_process::InProcessLink;
    use super::*;

    /// Sends `requests` requests, all at once, and gives the sequence numbers and datagrams that
    /// come back.
    fn run(faults: Faults, seed: u64, requests: u64) -> (Vec<Vec<u8>>, Injected) {
        let mut link = Faulty::new(InProcessLink::new(7), faults, seed);
        for seq in 0..requests {
            let mut datagram = [0; 64];
            Header::request(seq, 5).encode(&mut datagram).unwrap();
            link.send(&datagram).unwrap();
        }
        let mut replies = Vec::new();
        let mut buffer = [0; 1500];
        while let Some(received) = link.receive(&mut buffer, 0).unwrap() {
            replies.push(buffer[..received.len].to_vec());
        }
        (replies, *link.injected())
    }

    fn sequence(replies: &[Vec<u8>]) -> Vec<u64> {
        let seq = |reply: &Vec<u8>| Header::decode(reply).unwrap().seq;
        replies.iter().map(seq).collect()
    }

    #[test]
    fn without_faults_it_is_the_link_itself() {
        let (replies, injected) = run(Faults::default(), 1, 50);
        assert_eq!(sequence(&replies), (0..50).collect::<Vec<_>>());
        assert_eq!(injected, Injected::default());
    }

    #[test]
    fn losses_are_as_many_as_it_says() {
        let faults = Faults {
            lose_request: 0.1,
            lose_reply: 0.2,
            ..Faults::default()
        };
        let (replies, injected) = run(faults, 1, 10_000);
        let lost = injected.lost_requests + injected.lost_replies;
        assert_eq!(replies.len() as u64, 10_000 - lost);
        assert!((900..1100).contains(&injected.lost_requests));
        assert!((1600..2000).contains(&injected.lost_replies));
    }

    #[test]
    fn duplicates_follow_their_original() {
        let faults = Faults {
            duplicate: 1.0,
            ..Faults::default()
        };
        let (replies, _) = run(faults, 1, 3);
        assert_eq!(sequence(&replies), [0, 0, 1, 1, 2, 2]);
    }

    #[test]
    fn nothing_is_lost_by_reordering() {
        let faults = Faults {
            reorder: 0.3,
            ..Faults::default()
        };
        let (replies, injected) = run(faults, 1, 100);
        let mut order = sequence(&replies);
        let overtaken = order.windows(2).filter(|pair| pair[0] > pair[1]).count();
        assert!(overtaken > 0 && injected.reordered > 0);
        order.sort_unstable();
        assert_eq!(order, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn a_damaged_reply_differs_in_one_bit() {
        let faults = Faults {
            corrupt: 1.0,
            ..Faults::default()
        };
        let (mut sound, mut damaged) = (
            InProcessLink::new(7),
            Faulty::new(InProcessLink::new(7), faults, 3),
        );
        let (mut expected, mut seen) = ([0; 64], [0; 64]);
        Header::request(1, 5).encode(&mut expected).unwrap();
        sound.send(&expected).unwrap();
        damaged.send(&expected).unwrap();
        sound.receive(&mut expected, 0).unwrap().unwrap();
        damaged.receive(&mut seen, 0).unwrap().unwrap();
        // The service's two clock readings differ anyhow.
        let times = wire::header::field::T2.start..wire::header::field::T3.end;
        let bits = |range: std::ops::Range<usize>| -> u32 {
            range.map(|i| (expected[i] ^ seen[i]).count_ones()).sum()
        };
        assert!(bits(0..times.start) + bits(times.end..64) <= 1);
        assert_eq!(damaged.injected().corrupted, 1);
    }

    #[test]
    fn a_delayed_reply_comes_when_it_is_due_and_not_before() {
        let faults = Faults {
            delay: 1.0,
            delay_ns: 3_000_000,
            ..Faults::default()
        };
        let mut link = Faulty::new(InProcessLink::new(7), faults, 1);
        let mut datagram = [0; 64];
        Header::request(1, 5).encode(&mut datagram).unwrap();
        let sent_ns = clock::now_ns();
        link.send(&datagram).unwrap();
        let received = link.receive(&mut datagram, u64::MAX).unwrap().unwrap();
        assert!(received.at_ns >= sent_ns + 3_000_000);
    }

    #[test]
    fn the_seed_decides() {
        let faults = Faults {
            lose_reply: 0.5,
            ..Faults::default()
        };
        let order = |seed| sequence(&run(faults, seed, 100).0);
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
    }
}
