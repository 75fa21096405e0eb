//! The waits of an open loop on a link that sleeps: when the loop stays awake, and when it sleeps.
//!
//! A sleep that a timer ends is no good there: programming the timer, its interrupt and the wake-up take
//! 14 µs of the CPU in a virtual machine, and the thread is 15 µs late (a few in all on bare metal). Where the
//! thread that carries every message runs on the same CPU, two of them per request leave it too little time at
//! 20,000 requests/s. So the loop stays awake for as long as a reply usually takes and right before a request
//! is due, and yields its CPU meanwhile: the carrying thread, which has the same real-time priority, runs
//! whenever it has something to do, and neither preempts the other. The loop sleeps where there is time for it.
//!
//! It has to sleep now and then: the kernel takes real-time threads that hardly ever rest off their CPU for
//! 50 ms of every second (sched(7), `sched_rt_runtime_us`). [`Rest`] keeps account of that.
//!
//! Knows no host: the caller of the loop says which rule there is good ([`WaitRule`]).

/// Rule for the waits of an open loop on a link that sleeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WaitRule {
    /// Sleeps until right before a request is due: the measuring thread has no place of its own, or threads
    /// of a lower priority need its CPU.
    #[default]
    Sleep,
    /// Stays awake and yields while a reply may come or a request is nearly due: every thread that the reply
    /// needs has another CPU, or the same real-time priority.
    Yield,
}

/// Time after the last request or reply for which the next reply is awaited awake, in nanoseconds. What takes
/// longer than that is slow enough for a sleep.
const REPLY_NS: u64 = 60_000;

/// Time before a request is due at which a sleep is to end, in nanoseconds: about what waking up takes.
const LEAD_NS: u64 = 16_000;

/// The shortest time before a request is due for which a sleep is begun, in nanoseconds.
const SLEEP_NS: u64 = 20_000;

/// Time of the CPU that a sleep takes by itself, in nanoseconds: that much of it is no rest.
const SLEEP_COST_NS: u64 = 20_000;

/// Time awake for each unit of rest, and the time awake that may be owed before it is paid with rest, in
/// nanoseconds. Together 92 % of any second, where the kernel allows 95 %.
const AWAKE_PER_REST: u64 = 9;
const MOST_OWED_NS: u64 = 20_000_000;

/// A wait for a reply or for the next request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// Awake, yielding the CPU, until this time in nanoseconds.
    Awake(u64),
    /// Asleep until this time in nanoseconds.
    Asleep(u64),
}

/// Account of a thread's rest, by which its waits are chosen.
#[derive(Debug)]
pub(super) struct Rest {
    /// Time awake that has not been paid with rest when the thread last woke up, in nanoseconds.
    owed_ns: u64,
    /// Time of the last wake-up.
    awake_from_ns: u64,
    /// Time of the last request or reply.
    last_event_ns: u64,
}

impl Rest {
    pub(super) const fn new(now_ns: u64) -> Self {
        Self {
            owed_ns: 0,
            awake_from_ns: now_ns,
            last_event_ns: now_ns,
        }
    }

    /// Notes that a request was sent or a reply came.
    pub(super) const fn has_event(&mut self, at_ns: u64) {
        self.last_event_ns = at_ns;
    }

    /// Chooses a wait from `now_ns` on, with the next request due at `due_ns` and the next loss at `loss_ns`,
    /// if there is one; `None` if there is nothing to wait for.
    pub(super) fn next(
        &self,
        now_ns: u64,
        due_ns: Option<u64>,
        loss_ns: Option<u64>,
    ) -> Option<Wait> {
        let end_ns = super::earlier(due_ns, loss_ns)?;
        if self.owed_at(now_ns) > MOST_OWED_NS {
            return Some(Wait::Asleep(end_ns));
        }
        let reply_ns = self.last_event_ns.saturating_add(REPLY_NS);
        if loss_ns.is_some() && now_ns < reply_ns {
            return Some(Wait::Awake(end_ns.min(reply_ns)));
        }
        if end_ns.saturating_sub(now_ns) < SLEEP_NS {
            return Some(Wait::Awake(end_ns));
        }
        let early_ns = due_ns.map(|due_ns| due_ns.saturating_sub(LEAD_NS));
        super::earlier(early_ns, loss_ns).map(Wait::Asleep)
    }

    /// Notes a sleep.
    pub(super) fn has_slept(&mut self, from_ns: u64, to_ns: u64) {
        let rest_ns = to_ns.saturating_sub(from_ns).saturating_sub(SLEEP_COST_NS);
        let paid_ns = rest_ns.saturating_mul(AWAKE_PER_REST);
        self.owed_ns = self.owed_at(from_ns).saturating_sub(paid_ns);
        self.awake_from_ns = to_ns;
    }

    const fn owed_at(&self, now_ns: u64) -> u64 {
        self.owed_ns
            .saturating_add(now_ns.saturating_sub(self.awake_from_ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START_NS: u64 = 1_000_000_000;
    const LOSS_NS: u64 = START_NS + 1_000_000_000;

    #[test]
    fn a_reply_is_awaited_awake_for_one_typical_round_trip() {
        let mut rest = Rest::new(START_NS);
        let due_ns = Some(START_NS + 1_000_000);
        let next = |rest: &Rest, after_ns| rest.next(START_NS + after_ns, due_ns, Some(LOSS_NS));
        assert_eq!(next(&rest, 10), Some(Wait::Awake(START_NS + REPLY_NS)));
        let asleep = Some(Wait::Asleep(START_NS + 1_000_000 - LEAD_NS));
        assert_eq!(next(&rest, REPLY_NS), asleep);
        rest.has_event(START_NS + REPLY_NS);
        assert_eq!(
            next(&rest, REPLY_NS),
            Some(Wait::Awake(START_NS + 2 * REPLY_NS))
        );
    }

    #[test]
    fn a_request_is_awaited_by_the_time_until_it_is_due() {
        let rest = Rest::new(START_NS);
        let next = |due_in_ns| rest.next(START_NS, Some(START_NS + due_in_ns), None);
        assert_eq!(next(5_000), Some(Wait::Awake(START_NS + 5_000)));
        assert_eq!(
            next(50_000),
            Some(Wait::Asleep(START_NS + 50_000 - LEAD_NS))
        );
        assert_eq!(rest.next(START_NS, None, None), None);
        // Nothing is due any more, and what is in flight is lost then.
        let late_ns = START_NS + REPLY_NS;
        let drained = rest.next(late_ns, None, Some(LOSS_NS));
        assert_eq!(drained, Some(Wait::Asleep(LOSS_NS)));
    }

    #[test]
    fn a_thread_that_has_not_rested_sleeps_until_that_is_paid() {
        let mut rest = Rest::new(START_NS);
        let now_ns = START_NS + MOST_OWED_NS + 1;
        rest.has_event(now_ns);
        let due_ns = Some(now_ns + 5_000);
        let next = |rest: &Rest, now_ns| rest.next(now_ns, due_ns, Some(LOSS_NS));
        assert_eq!(next(&rest, now_ns), Some(Wait::Asleep(now_ns + 5_000)));
        // A sleep too short to be any rest pays nothing.
        rest.has_slept(now_ns, now_ns + SLEEP_COST_NS);
        let woken_ns = now_ns + SLEEP_COST_NS;
        assert!(matches!(next(&rest, woken_ns), Some(Wait::Asleep(_))));
        rest.has_slept(woken_ns, woken_ns + SLEEP_COST_NS + 1000);
        let woken_ns = woken_ns + SLEEP_COST_NS + 1000;
        assert!(matches!(next(&rest, woken_ns), Some(Wait::Awake(_))));
    }
}
