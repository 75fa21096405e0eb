//! A device that failed is reset, a bounded number of times, and a link that was down is taken up again.
//!
//! Nothing here is on the way of a frame. No unsafe code.
#![forbid(unsafe_code)]

use super::{Server, ServerError};
use crate::clock::Clock;
use crate::frame_device::{DeviceFault, FrameDevice, Link};
use crate::handler::Handler;
use crate::services::{FixedPorts, Services};

/// Most resets of the device in [`PERIOD_NS`].
pub const RESETS: usize = 8;

/// Time after which a reset no longer counts: an hour, in nanoseconds.
const PERIOD_NS: u64 = 3_600_000_000_000;

/// Least time between two resets, in nanoseconds.
pub const PAUSE_NS: u64 = 1_000_000_000;

/// Verdict on one more reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// Granted, and counted.
    Now,
    /// Not yet.
    Later,
    /// Refused: too many were done.
    Exhausted,
}

/// The resets of a device that still count.
#[derive(Clone, Copy, Debug, Default)]
pub struct ResetBudget {
    /// Times at which each of the last resets no longer counts, the oldest at `oldest`.
    ends_ns: [u64; RESETS],
    oldest: usize,
    /// Time from which the next may be done.
    from_ns: u64,
}

impl ResetBudget {
    /// Decides about a reset at `now_ns`.
    pub fn request(&mut self, now_ns: u64) -> Permit {
        if now_ns < self.from_ns {
            return Permit::Later;
        }
        let end_ns = &mut self.ends_ns[self.oldest];
        if now_ns < *end_ns {
            return Permit::Exhausted;
        }
        *end_ns = now_ns + PERIOD_NS;
        self.oldest = (self.oldest + 1) % RESETS;
        self.from_ns = now_ns + PAUSE_NS;
        Permit::Now
    }
}

impl<D, C, M, F> Server<'_, D, C, Services<M, F>>
where
    D: FrameDevice,
    C: Clock,
    M: Handler,
    F: FixedPorts,
{
    /// Looks for a device that has failed or lost its link without a frame to show it. To be called about once a
    /// second.
    ///
    /// # Errors
    ///
    /// As for [`Server::poll`].
    #[cfg_attr(target_os = "none", optimize(size))]
    #[inline(never)]
    pub fn check_device(&mut self) -> Result<(), ServerError> {
        if let Some(link) = self.device.check() {
            let state = match link {
                Link::Down => {
                    self.counters.link_down_events += 1;
                    "down"
                }
                Link::Up => {
                    self.stack.reconnect(self.clock.now_ns());
                    "up again"
                }
            };
            log::warn!("network link: {state}");
            self.run_soon();
        }
        match self.device.fault() {
            None => Ok(()),
            Some(fault) => self.recover(fault),
        }
    }

    /// Resets the device after a fault, if that may be done once more.
    #[cfg_attr(target_os = "none", optimize(size))]
    #[cold]
    #[inline(never)]
    pub(super) fn recover(&mut self, fault: DeviceFault) -> Result<(), ServerError> {
        match self.resets.request(self.clock.now_ns()) {
            Permit::Now => {}
            Permit::Later => return Ok(()),
            Permit::Exhausted => return Err(fault.into()),
        }
        self.counters.device_resets += 1;
        log::warn!("network device: {fault}; it is reset");
        if self.device.restart() {
            // What is at its other end may be another.
            self.stack.announce_again();
        }
        self.run_soon();
        Ok(())
    }

    /// Has the next poll run the stack and share the counters.
    const fn run_soon(&mut self) {
        self.due_ns = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn resets_are_apart_and_bounded_and_count_for_an_hour() {
        let mut budget = ResetBudget::default();
        let mut request = |now_ns| budget.request(now_ns);
        let allowed: Vec<u64> = (0..100)
            .map(|tenth| tenth * PAUSE_NS / 10)
            .filter(|&now_ns| request(now_ns) == Permit::Now)
            .collect();
        let expected: Vec<u64> = (0..RESETS as u64).map(|i| i * PAUSE_NS).collect();
        assert_eq!(allowed, expected);
        for now_ns in [10 * PAUSE_NS, PERIOD_NS - 1] {
            assert_eq!(request(now_ns), Permit::Exhausted);
        }
        // One for each that no longer counts.
        assert_eq!(request(PERIOD_NS), Permit::Now);
        assert_eq!(request(PERIOD_NS + 1), Permit::Later);
        for i in 1..RESETS as u64 {
            assert_eq!(request(PERIOD_NS + i * PAUSE_NS), Permit::Now, "{i}");
        }
        let last_ns = PERIOD_NS + RESETS as u64 * PAUSE_NS;
        assert_eq!(request(last_ns), Permit::Exhausted);
    }
}
