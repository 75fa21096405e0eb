//! Supervision of the measuring loop: cancellation and the health of the machine, polled.
//!
//! A poll costs system calls and may draw a progress bar, so it comes between requests where that is possible:
//! [`IDLE_INTERVAL_NS`] after the last one if nothing is in flight, and [`BUSY_INTERVAL_NS`] after it in any case.

use std::sync::atomic::{AtomicBool, Ordering};

use super::{Ending, Failure, Plan};

/// Time between polls while nothing is in flight, in nanoseconds.
pub const IDLE_INTERVAL_NS: u64 = 1_000_000;

/// Longest time between polls, in nanoseconds; also the longest wait for a datagram.
pub const BUSY_INTERVAL_NS: u64 = 4_000_000;

/// Phase of a measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Sending requests that are not measured.
    WarmUp,
    /// Sending requests that are.
    Measuring,
    /// Waiting for the last replies.
    Draining,
}

/// Progress of a measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The present phase.
    pub phase: Phase,
    /// Time since warm-up ended, in nanoseconds; zero in warm-up.
    pub elapsed_ns: u64,
    /// Measured requests sent.
    pub sent: u64,
    /// Measured requests lost.
    pub lost: u64,
    /// Time until the next request of an open loop is due, in nanoseconds.
    pub due_in_ns: Option<u64>,
    /// True if nothing is in flight: work that takes time is best done then.
    pub is_idle: bool,
}

impl Progress {
    /// Returns the share of `plan` that is done, from 0 to 1, by whichever of its limits is nearer.
    #[must_use]
    pub fn share_of(&self, plan: &Plan) -> f64 {
        let share = |done: u64, limit: Option<u64>| {
            limit.map_or(0.0, |limit| done as f64 / limit.max(1) as f64)
        };
        let by_time = share(self.elapsed_ns, plan.measure.duration_ns);
        let by_count = share(self.sent, plan.measure.count);
        by_time.max(by_count).min(1.0)
    }
}

/// Polls for cancellation and health, no more often than at the intervals above.
#[derive(Debug)]
pub struct Supervisor<'a, H> {
    cancel: &'a AtomicBool,
    check: H,
    last_poll_ns: u64,
}

impl<'a, H> Supervisor<'a, H> {
    /// Returns a supervisor that ends the measurement when `cancel` is set or `check` fails.
    pub fn new(cancel: &'a AtomicBool, check: H) -> Self {
        Self {
            cancel,
            check,
            last_poll_ns: 0,
        }
    }

    /// Polls, if it is time to, with `in_flight` requests in flight.
    ///
    /// # Errors
    ///
    /// [`Ending::Interrupted`] if the cancel flag is set, [`Ending::Failed`] if the check fails.
    pub fn poll<E>(
        &mut self,
        now_ns: u64,
        in_flight: u64,
        progress: impl FnOnce() -> Progress,
    ) -> Result<(), Ending<Failure<E>>>
    where
        H: FnMut(&Progress) -> Result<(), E>,
    {
        let interval_ns = if in_flight == 0 {
            IDLE_INTERVAL_NS
        } else {
            BUSY_INTERVAL_NS
        };
        if now_ns.saturating_sub(self.last_poll_ns) < interval_ns {
            return Ok(());
        }
        self.last_poll_ns = now_ns;
        if self.cancel.load(Ordering::Relaxed) {
            return Err(Ending::Interrupted);
        }
        (self.check)(&progress()).map_err(|error| Ending::Failed(Failure::Unhealthy(error)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Limit;

    #[test]
    fn what_is_done_is_measured_by_the_nearer_limit() {
        let plan = |duration_ns, count| Plan {
            measure: Limit { duration_ns, count },
            ..Plan::FIXTURE
        };
        let progress = Progress {
            phase: Phase::Measuring,
            elapsed_ns: 500,
            sent: 10,
            lost: 0,
            due_in_ns: None,
            is_idle: true,
        };
        for (plan, expected) in [
            (plan(Some(1000), None), 0.5),
            (plan(None, Some(40)), 0.25),
            (plan(Some(1000), Some(40)), 0.5),
            (plan(Some(5000), Some(40)), 0.25),
            (plan(Some(100), None), 1.0),
            (plan(None, None), 0.0),
        ] {
            assert_eq!(progress.share_of(&plan), expected);
        }
    }
}
