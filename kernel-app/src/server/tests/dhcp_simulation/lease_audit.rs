//! Rules of RFC 2131 for a client, and the state that they allow it, worked out from the messages that pass.

use core::net::Ipv4Addr;
use std::vec::Vec;

use super::super::SECOND_NS;
use super::virtual_server::{ACK, Answer, DECLINE, DISCOVER, NAK, OFFER, Question, REQUEST};

/// Longest delay of a message after the time it is due, in nanoseconds: a few readings of the clock.
const SLACK_NS: u64 = 1000;

/// Longest wait for an answer (RFC 2131 §4.1), and shortest.
const LONGEST_RETRY_NS: u64 = 65 * SECOND_NS;
const SHORTEST_RETRY_NS: u64 = SECOND_NS;

/// Longest wait for the confirmation of a lease, in nanoseconds.
const CONFIRMATION_NS: u64 = 17 * SECOND_NS;

/// A lease that the client has.
#[derive(Clone, Copy, Debug)]
struct Held {
    address: Ipv4Addr,
    server: Ipv4Addr,
    lease_s: u32,
    renew_ns: u64,
    rebind_ns: u64,
    end_ns: u64,
}

impl Held {
    /// Returns the least time between renewals.
    fn least_ns(&self) -> u64 {
        let quarter_ns = (self.end_ns - self.rebind_ns) / 4;
        quarter_ns.clamp(SECOND_NS, 60 * SECOND_NS)
    }
}

/// Time without an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    pub from_ns: u64,
    pub to_ns: u64,
    /// Messages of either side that were lost meanwhile.
    pub losses: u64,
}

/// The client's state as the messages have it.
#[derive(Debug, Default)]
pub struct LeaseAudit {
    held: Option<Held>,
    /// The last question and its time.
    asked: Option<(Question, u64)>,
    /// Time of the first question of that number and kind.
    phase_ns: u64,
    /// The phase's question was answered.
    is_answered: bool,
    without_since_ns: Option<u64>,
    pub losses: u64,
    pub outages: Vec<Outage>,
    /// The link was down since the lease was last acknowledged.
    is_reconnected: bool,
    /// Time of the last request to confirm the lease.
    confirming_ns: Option<u64>,
    pub confirmations: u64,
    pub renewals: u64,
    pub rebindings: u64,
    pub discovers: u64,
    pub declines: u64,
}

fn is_at(now_ns: u64, due_ns: u64) -> bool {
    (due_ns..=due_ns + SLACK_NS).contains(&now_ns)
}

impl LeaseAudit {
    /// The client has sent `question`.
    pub fn sent(&mut self, question: Question, now_ns: u64) {
        self.expire(now_ns);
        let before = self.asked.replace((question, now_ns));
        let is_answered = self.is_answered;
        // Either asks for the same lease.
        let goes_on = !is_answered
            && before.is_some_and(|(before, _)| {
                before.is_confirming() && before.transaction == question.transaction
            });
        let before = before.filter(|(before, _)| {
            (before.kind, before.to.is_broadcast()) == (question.kind, question.to.is_broadcast())
                && !is_answered
        });
        let is_new = before.is_none_or(|(before, _)| before.transaction != question.transaction);
        if is_new && !goes_on {
            self.phase_ns = now_ns;
            self.is_answered = false;
        }
        match (question.kind, self.held) {
            (DISCOVER | REQUEST, None) => {
                assert!(question.own.is_unspecified() && question.from.is_unspecified());
                assert!(question.to.is_broadcast() && question.to_mac.is_multicast());
                assert_eq!(question.requested.is_some(), question.kind == REQUEST);
                self.discovers += u64::from(question.kind == DISCOVER);
                if let Some((_, before_ns)) = before {
                    let gap_ns = now_ns - before_ns;
                    assert!(gap_ns >= SHORTEST_RETRY_NS, "a storm");
                    assert!(gap_ns <= LONGEST_RETRY_NS + SLACK_NS, "{gap_ns}");
                }
            }
            (REQUEST, Some(held)) if question.is_confirming() => {
                assert!(self.is_reconnected, "nobody had a reason to ask");
                assert!(question.own.is_unspecified() && question.from.is_unspecified());
                assert!(question.to.is_broadcast() && question.to_mac.is_multicast());
                assert_eq!(question.requested, Some(held.address));
                self.confirmations += 1;
                self.confirming_ns = Some(now_ns);
            }
            (REQUEST, Some(held)) => self.renews(question, held, before, now_ns),
            (DECLINE, _) => {
                assert!(question.own.is_unspecified() && question.requested.is_some());
                self.declines += 1;
            }
            (kind, held) => panic!("type {kind} with {held:?}"),
        }
    }

    /// RFC 2131 §4.4.5
    fn renews(
        &mut self,
        question: Question,
        held: Held,
        before: Option<(Question, u64)>,
        now_ns: u64,
    ) {
        assert_eq!((question.own, question.from), (held.address, held.address));
        assert_eq!((question.requested, question.server), (None, None));
        let is_rebinding = now_ns >= held.rebind_ns;
        assert_eq!(question.to_mac.is_multicast(), is_rebinding);
        let (expected_ns, by_ns) = if is_rebinding {
            assert!(question.to.is_broadcast());
            self.rebindings += 1;
            (held.rebind_ns, held.end_ns)
        } else {
            assert_eq!(question.to, held.server);
            self.renewals += 1;
            (held.renew_ns, held.rebind_ns)
        };
        let expected_ns = match before {
            None => expected_ns,
            Some((_, before_ns)) => {
                let half_ns = (by_ns - before_ns) / 2;
                (before_ns + half_ns.max(held.least_ns())).min(by_ns)
            }
        };
        // An answer to that is waited for first.
        let is_held_up = self.confirming_ns.is_some_and(|confirming_ns| {
            now_ns >= expected_ns && now_ns - confirming_ns <= CONFIRMATION_NS
        });
        assert!(
            is_at(now_ns, expected_ns) || is_held_up,
            "at {now_ns} instead of {expected_ns}: {question:?} after {before:?}, {held:?}"
        );
    }

    /// The client has been given `answer`, well-formed and for it.
    pub fn received(&mut self, answer: &Answer, now_ns: u64) {
        self.expire(now_ns);
        let Some((question, _)) = self.asked else {
            return;
        };
        if answer.transaction != question.transaction
            || question.kind != REQUEST
            || self.is_answered
        {
            return;
        }
        match answer.kind {
            ACK => {
                self.is_answered = true;
                self.is_reconnected = false;
                self.hold(answer, &question, now_ns);
            }
            NAK if !question.is_selecting() || answer.server == question.server => {
                self.is_answered = true;
                self.lose(now_ns);
            }
            NAK | OFFER => {}
            other => panic!("type {other}"),
        }
    }

    fn hold(&mut self, answer: &Answer, question: &Question, now_ns: u64) {
        let before = self.held;
        let lease_s = answer.lease_s.unwrap_or(120).max(2);
        let (renew_s, rebind_s) = match (answer.renew_s, answer.rebind_s) {
            (Some(renew_s), Some(rebind_s))
                if 0 < renew_s && renew_s < rebind_s && rebind_s < lease_s =>
            {
                (f64::from(renew_s), f64::from(rebind_s))
            }
            _ => (f64::from(lease_s) * 0.5, f64::from(lease_s) * 0.875),
        };
        let at = |time_s: f64| match lease_s {
            u32::MAX => u64::MAX,
            _ => self.phase_ns + (time_s * 1000.0) as u64 * 1_000_000,
        };
        let server = before.map(|held| held.server).or(question.server);
        self.held = Some(Held {
            address: answer.address,
            server: answer.server.or(server).unwrap(),
            lease_s,
            renew_ns: at(renew_s),
            rebind_ns: at(rebind_s),
            end_ns: at(f64::from(lease_s)),
        });
        self.end(now_ns);
        self.losses = 0;
    }

    fn lose(&mut self, now_ns: u64) {
        if self.held.take().is_some() {
            self.without_since_ns = Some(now_ns);
            self.losses = 0;
        }
    }

    /// The time is over: counts an outage that has not ended.
    pub fn end(&mut self, now_ns: u64) {
        self.expire(now_ns);
        if let Some(from_ns) = self.without_since_ns.take() {
            self.outages.push(Outage {
                from_ns,
                to_ns: now_ns,
                losses: self.losses,
            });
        }
    }

    /// The link is up after it was down.
    pub fn reconnected(&mut self) {
        self.is_reconnected = true;
    }

    /// Another host has shown that it has the address, to a client that probes for it.
    pub fn is_taken(&mut self, now_ns: u64) {
        self.lose(now_ns);
    }

    fn expire(&mut self, now_ns: u64) {
        if self.held.is_some_and(|held| now_ns >= held.end_ns) {
            self.lose(now_ns);
        }
    }

    /// Returns the address that the client must have now, if any.
    pub fn address(&mut self, now_ns: u64) -> Option<Ipv4Addr> {
        self.expire(now_ns);
        self.held.map(|held| held.address)
    }

    /// Returns the length of the lease, in seconds.
    pub fn lease_s(&self) -> Option<u32> {
        self.held.map(|held| held.lease_s)
    }
}
