//! Looking up now and then from the measuring loop: was it cancelled, is the machine well?
//!
//! A look costs system calls and may draw a progress bar, so it is taken between requests where
//! that is possible: after [`QUIET_INTERVAL_NS`] when nothing is in flight, and after
//! [`BUSY_INTERVAL_NS`] in any case.

use std::sync::atomic::{AtomicBool, Ordering};

use super::Ending;

/// How often to look up when nothing is in flight, in nanoseconds.
pub const QUIET_INTERVAL_NS: u64 = 1_000_000;

/// How often to look up in any case, in nanoseconds; also the longest wait for a datagram.
pub const BUSY_INTERVAL_NS: u64 = 4_000_000;

/// What a measurement is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Sending requests that are not measured.
    WarmUp,
    /// Sending requests that are.
    Measuring,
    /// Waiting for the last replies.
    Draining,
}

/// How far a measurement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What it is doing.
    pub phase: Phase,
    /// How long it has been measuring, in nanoseconds; zero in warm-up.
    pub elapsed_ns: u64,
    /// Measured requests sent.
    pub sent: u64,
    /// Measured requests lost.
    pub lost: u64,
    /// Time until the next request of an open loop is due, in nanoseconds.
    pub due_in_ns: Option<u64>,
    /// Nothing is in flight: whatever takes time is best done now.
    pub is_quiet: bool,
}

/// Looks up when it is time to.
#[derive(Debug)]
pub struct Supervisor<'a, H> {
    cancel: &'a AtomicBool,
    check: H,
    last_look_ns: u64,
}

impl<'a, H> Supervisor<'a, H> {
    /// Ends the measurement when `cancel` is set or `check` fails.
    pub fn new(cancel: &'a AtomicBool, check: H) -> Self {
        Self {
            cancel,
            check,
            last_look_ns: 0,
        }
    }

    /// Looks up, if it is time to.
    ///
    /// # Errors
    ///
    /// Why the measurement must end.
    pub fn look_up<E>(
        &mut self,
        now_ns: u64,
        is_quiet: bool,
        progress: impl FnOnce() -> Progress,
    ) -> Result<(), Ending<E>>
    where
        H: FnMut(&Progress) -> Result<(), E>,
    {
        let interval_ns = if is_quiet {
            QUIET_INTERVAL_NS
        } else {
            BUSY_INTERVAL_NS
        };
        if now_ns.saturating_sub(self.last_look_ns) < interval_ns {
            return Ok(());
        }
        self.last_look_ns = now_ns;
        if self.cancel.load(Ordering::Relaxed) {
            return Err(Ending::Cancelled);
        }
        (self.check)(&progress()).map_err(Ending::Unhealthy)
    }
}
