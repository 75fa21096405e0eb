//! Counts of a measurement.

use crate::link::Refusal;

/// Number of requests that this host refused to send, by reason.
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

    /// Number of those that were refused for another reason than want of room.
    #[must_use]
    pub fn lasting(&self) -> u64 {
        let reasons = self.by_reason();
        let lasting = reasons.filter(|(refusal, _)| !refusal.is_for_want_of_room());
        lasting.map(|(_, count)| count).sum()
    }

    /// The reasons that there were, each with its count.
    pub fn by_reason(&self) -> impl Iterator<Item = (Refusal, u64)> {
        let reasons = Refusal::all().map(|refusal| (refusal, self.counts[refusal.index()]));
        reasons.filter(|&(_, count)| count > 0)
    }
}

/// Counts of the outcomes of a measurement's requests, and of whatever else came in. Warm-up counts only in
/// [`Tally::warmup_discarded`].
///
/// Every request that is sent ends in one place: `sent == received + lost + in_flight_at_end`. What an open
/// loop had to give up sending is in [`Tally::dropped_locally`] alone.
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
    /// Requests of an open loop that were due and that this host did not send: refused for a reason that
    /// lasts or, for want of room, for as long as the timeout.
    pub dropped_locally: u64,
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
    /// Number of times that the service's boot changed, where answers of the next one are accepted
    /// ([`super::Observer::follows_restarts`]).
    pub restarts: u64,
    /// Answers to requests so old that the accounting has forgotten them: late or duplicated,
    /// nobody knows.
    pub stale: u64,
    /// Requests that this host refused to send: they never left, and are not among those sent.
    pub send_errors: SendErrors,
    /// In-time answers that came while requests were sent. Those to the last requests of warm-up
    /// are among them, those to the last that were sent are not: what went in and came out at the
    /// two ends of the measurement cancels out.
    pub completed: u64,
    /// Number of the first measured request; the largest of all if there was none.
    pub measured_from: u64,
    /// Time at which the first measured request was due, in nanoseconds of the host's clock.
    pub started_ns: u64,
    /// For how long requests were sent, in nanoseconds: as long as they were due, or longer if the last
    /// were sent late.
    pub sending_ns: u64,
    /// Time of the last actual send of a measured request, in nanoseconds of the host's clock.
    pub last_sent_ns: u64,
    /// Time at which that request was due.
    pub last_due_ns: u64,
    /// Time of the last answer in time.
    pub last_reply_ns: u64,
    /// Time that a reading of the clock takes, in nanoseconds.
    pub clock_read_ns: Option<u64>,
    /// Time that two readings of the clock and one poll of the link take, in nanoseconds: what is sent or
    /// comes is seen with no finer resolution than that.
    pub resolution_ns: Option<u64>,
    /// For how long an open loop had nothing to do but to wait for room on the link, in nanoseconds.
    pub blocked_ns: u64,
    /// From the start to the last answer or loss, in nanoseconds.
    pub elapsed_ns: u64,
}

/// The least part of what was due that a generator sends which is no limit.
const LEAST_SENT: f64 = 0.99;

impl Tally {
    /// Requests sent per second, from when the first was due to the last actual send: a generator that is
    /// late from the start gains nothing by it. A single one is one in the time in which requests were sent;
    /// `None` if there was none.
    #[must_use]
    pub fn achieved_rate(&self) -> Option<f64> {
        if self.sent == 1 {
            return (self.sending_ns > 0).then(|| 1e9 / self.sending_ns as f64);
        }
        let span_ns = self.last_sent_ns.saturating_sub(self.started_ns);
        (self.sent > 1 && span_ns > 0).then(|| (self.sent - 1) as f64 * 1e9 / span_ns as f64)
    }

    /// Answers in time per second, from when the first request was due to the last of them; `None` if there
    /// were none.
    #[must_use]
    pub fn answered_rate(&self) -> Option<f64> {
        let span_ns = self.last_reply_ns.saturating_sub(self.started_ns);
        (self.received > 0 && span_ns > 0).then(|| self.received as f64 * 1e9 / span_ns as f64)
    }

    /// Requests per second that an open loop's generator would have sent if there had been room for each
    /// at once: time in which it could only wait for room does not count. `None` with fewer than two.
    #[must_use]
    pub fn unblocked_rate(&self) -> Option<f64> {
        let span_ns = self.last_sent_ns.saturating_sub(self.started_ns);
        let span_ns = span_ns.saturating_sub(self.blocked_ns);
        (self.sent > 1 && span_ns > 0).then(|| (self.sent - 1) as f64 * 1e9 / span_ns as f64)
    }

    /// Returns whether the generator of an open loop, and not the service, limited what was sent: under 99 %
    /// of what was due.
    ///
    /// It is held to the requests' own due times and not to the mean rate, from which those of random
    /// arrivals differ by chance. For want of room the service is to blame, so that does not count; nor do
    /// the `off_cpu_ns` nanoseconds in which the host kept the generator off its CPU.
    #[must_use]
    pub fn is_generator_limited(&self, off_cpu_ns: u64) -> bool {
        let refused = self.send_errors.lasting();
        let due = (self.sent + refused) as f64;
        let due_ns = self.last_due_ns.saturating_sub(self.started_ns);
        let sent_ns = self.last_sent_ns.saturating_sub(self.started_ns);
        let sent_ns = sent_ns.saturating_sub(self.blocked_ns.saturating_add(off_cpu_ns));
        let is_slow = self.sent > 1 && (due_ns as f64) < LEAST_SENT * sent_ns as f64;
        is_slow || (self.sent as f64) < LEAST_SENT * due
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
            sent: 501,
            received: 495,
            completed: 490,
            sending_ns: 250_000_000,
            started_ns: 1_000_000_000,
            last_sent_ns: 1_250_000_000,
            last_reply_ns: 1_500_000_000,
            ..Tally::default()
        };
        assert_eq!(tally.achieved_rate(), Some(2000.0));
        assert_eq!(tally.answered_rate(), Some(990.0));
        assert_eq!(tally.answer_rate(), Some(1960.0));
        let none = Tally::default();
        assert_eq!((none.achieved_rate(), none.answered_rate()), (None, None));
        assert_eq!((none.answer_rate(), none.unblocked_rate()), (None, None));
        assert!(!none.is_generator_limited(0));
    }

    #[test]
    fn a_generator_that_sends_under_99_percent_of_what_is_due_is_the_limit() {
        let second = |last_sent_ns, blocked_ns| Tally {
            sent: 1000,
            last_due_ns: 1_000_000_000,
            last_sent_ns,
            blocked_ns,
            ..Tally::default()
        };
        assert!(!second(1_000_000_000, 0).is_generator_limited(0));
        assert!(!second(1_009_000_000, 0).is_generator_limited(0));
        assert!(second(1_011_000_000, 0).is_generator_limited(0));
        let stalled = second(1_500_000_000, 0);
        assert!(stalled.is_generator_limited(480_000_000));
        assert!(!stalled.is_generator_limited(495_000_000), "the host's");
        // The service had no room for more.
        assert!(!second(1_500_000_000, 495_000_000).is_generator_limited(0));
        assert_eq!(
            second(1_500_000_000, 501_000_000).unblocked_rate(),
            Some(1000.0)
        );
        let refused = |refusal, count| {
            let mut tally = second(1_000_000_000, 0);
            for _ in 0..count {
                tally.send_errors.add(refusal);
            }
            tally.is_generator_limited(0)
        };
        let firewall = Refusal::of(rustix::io::Errno::PERM).unwrap();
        assert!(!refused(firewall, 10));
        assert!(refused(firewall, 11));
        assert!(!refused(Refusal::FULL, 500));
    }
}
