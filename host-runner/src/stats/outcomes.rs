//! Counts of a measurement without an end, which add up over intervals, restarts of the measuring loop, and targets.
#![forbid(unsafe_code)]

use crate::load::Tally;

/// Number of requests by outcome, and of what else came in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// Requests sent.
    pub requests: u64,
    /// Requests answered in time.
    pub replies: u64,
    /// Requests without an answer by their timeout.
    pub lost: u64,
    /// Requests that were due and never left this host.
    pub not_sent: u64,
    /// First answers that came after their request's timeout, or so late that nobody knows whether they are the first.
    pub late: u64,
    /// Further answers to a request.
    pub duplicated: u64,
    /// Answers that overtook an earlier request's.
    pub reordered: u64,
    /// Datagrams that are no answer as the protocol has it.
    pub corrupted: u64,
    /// Number of times that the service's boot changed.
    pub restarts: u64,
}

impl From<&Tally> for Outcomes {
    fn from(tally: &Tally) -> Self {
        Self {
            requests: tally.sent,
            replies: tally.received,
            lost: tally.lost,
            not_sent: tally.dropped_locally,
            late: tally.late + tally.stale,
            duplicated: tally.duplicated,
            reordered: tally.reordered,
            corrupted: tally.corrupted,
            restarts: tally.restarts,
        }
    }
}

impl Outcomes {
    /// Adds `other`.
    pub fn add(&mut self, other: &Self) {
        *self = self.each_with(other, |own, more| own + more);
    }

    /// Returns the increase since `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        self.each_with(earlier, |now, before| now - before)
    }

    /// Returns `combine` of each count and that of `other`.
    fn each_with(&self, other: &Self, combine: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            requests: combine(self.requests, other.requests),
            replies: combine(self.replies, other.replies),
            lost: combine(self.lost, other.lost),
            not_sent: combine(self.not_sent, other.not_sent),
            late: combine(self.late, other.late),
            duplicated: combine(self.duplicated, other.duplicated),
            reordered: combine(self.reordered, other.reordered),
            corrupted: combine(self.corrupted, other.corrupted),
            restarts: combine(self.restarts, other.restarts),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_increase_adds_up_to_the_whole() {
        let tally = Tally {
            sent: 10,
            received: 6,
            lost: 3,
            dropped_locally: 1,
            late: 1,
            stale: 1,
            duplicated: 4,
            reordered: 5,
            corrupted: 7,
            restarts: 1,
            ..Tally::default()
        };
        let earlier = Outcomes::from(&tally);
        let later = Outcomes::from(&Tally {
            sent: 12,
            received: 8,
            restarts: 3,
            ..tally
        });
        let increase = later.since(&earlier);
        assert_eq!((increase.requests, increase.replies), (2, 2));
        assert_eq!((increase.restarts, increase.late), (2, 0));
        let mut sum = earlier;
        sum.add(&increase);
        assert_eq!(sum, later);
    }
}
