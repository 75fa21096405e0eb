//! What is counted.

use crate::link::Refusal;

/// Number of times that this host refused to send a request, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SendErrors {
    total: u64,
    counts: [u64; Refusal::COUNT],
}

impl SendErrors {
    /// None at all.
    pub const NONE: Self = Self {
        total: 0,
        counts: [0; Refusal::COUNT],
    };

    /// Counts one.
    pub fn add(&mut self, refusal: Refusal) {
        self.total += 1;
        self.counts[refusal.index()] += 1;
    }

    /// All of them.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// The reasons that there were, each with its count.
    pub fn by_reason(&self) -> impl Iterator<Item = (Refusal, u64)> {
        let reasons = Refusal::all().map(|refusal| (refusal, self.counts[refusal.index()]));
        reasons.filter(|&(_, count)| count > 0)
    }
}

/// What became of the requests of a measurement, and what else came in. Warm-up counts only in
/// [`Tally::warmup_discarded`].
///
/// Every request ends in one place: `sent == received + lost + in_flight_at_end`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Requests sent for warm-up, and not measured.
    pub warmup_discarded: u64,
    /// Requests sent.
    pub sent: u64,
    /// Requests answered in time.
    pub received: u64,
    /// Requests without an answer by their timeout.
    pub lost: u64,
    /// Requests in flight when the measurement was broken off: neither answered nor lost.
    pub in_flight_at_end: u64,
    /// First answers that came after their request's timeout. The request stays lost.
    pub late: u64,
    /// Further answers to a request that was answered before.
    pub duplicated: u64,
    /// In-time answers with a sequence number under the highest that was answered before
    /// (RFC 4737, Type-P-Reordered).
    pub reordered: u64,
    /// Datagrams that are no answer as the protocol has it: bad header, unexpected kind, other
    /// length, flags, time stamp or padding than the request, or a number that was never sent.
    pub corrupted: u64,
    /// Answers from another boot of the service.
    pub foreign: u64,
    /// Answers to requests so old that the accounting has forgotten them: late or duplicated,
    /// nobody knows.
    pub stale: u64,
    /// Requests that this host refused to send: they never left, and are not among those sent.
    pub send_errors: SendErrors,
    /// In-time answers that came while requests were sent. Those to the last requests of warm-up
    /// are among them, those to the last that were sent are not: what went in and came out at the
    /// two ends of the measurement cancels out.
    pub completed: u64,
    /// When the first measured request was due, in nanoseconds of the host's clock.
    pub started_ns: u64,
    /// For how long requests were sent, in nanoseconds.
    pub sending_ns: u64,
    /// From the start to the last answer or loss, in nanoseconds.
    pub elapsed_ns: u64,
}

impl Tally {
    /// Requests sent per second, or `None` if none were.
    #[must_use]
    pub fn achieved_rate(&self) -> Option<f64> {
        (self.sent > 0 && self.sending_ns > 0)
            .then(|| self.sent as f64 * 1e9 / self.sending_ns as f64)
    }

    /// Answers per second, or `None` if none came: what a service that always has enough to do
    /// gets done.
    #[must_use]
    pub fn answer_rate(&self) -> Option<f64> {
        (self.completed > 0 && self.sending_ns > 0)
            .then(|| self.completed as f64 * 1e9 / self.sending_ns as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_needs_requests_and_time() {
        let tally = Tally {
            sent: 500,
            completed: 490,
            sending_ns: 250_000_000,
            ..Tally::default()
        };
        assert_eq!(tally.achieved_rate(), Some(2000.0));
        assert_eq!(tally.answer_rate(), Some(1960.0));
        assert_eq!(Tally::default().achieved_rate(), None);
        assert_eq!(Tally::default().answer_rate(), None);
    }
}
