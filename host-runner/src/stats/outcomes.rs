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

impl Outcomes {
    /// Returns the counts of `tally`.
    #[must_use]
    pub const fn of(tally: &Tally) -> Self {
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

    /// Adds `other`.
    pub const fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.replies += other.replies;
        self.lost += other.lost;
        self.not_sent += other.not_sent;
        self.late += other.late;
        self.duplicated += other.duplicated;
        self.reordered += other.reordered;
        self.corrupted += other.corrupted;
        self.restarts += other.restarts;
    }

    /// Returns the increase since `earlier`.
    #[must_use]
    pub const fn since(&self, earlier: &Self) -> Self {
        Self {
            requests: self.requests - earlier.requests,
            replies: self.replies - earlier.replies,
            lost: self.lost - earlier.lost,
            not_sent: self.not_sent - earlier.not_sent,
            late: self.late - earlier.late,
            duplicated: self.duplicated - earlier.duplicated,
            reordered: self.reordered - earlier.reordered,
            corrupted: self.corrupted - earlier.corrupted,
            restarts: self.restarts - earlier.restarts,
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
        let earlier = Outcomes::of(&tally);
        let later = Outcomes::of(&Tally {
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
