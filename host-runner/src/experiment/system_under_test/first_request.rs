//! The first request to a system that has just been started.

use std::time::Duration;

use wire::HEADER_LEN;

use crate::experiment::Interrupt;
use crate::experiment::cost::EchoClient;
use crate::sut::RunningSystem;

/// Longest time that a service which is ready may take to answer its first request.
const FIRST_REPLY_TIMEOUT: Duration = Duration::from_secs(5);

/// Use of the first request to a system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstRequest {
    /// One request before the measurement, for the time from the system's start to the reply. It counts as
    /// warm-up.
    Timed,
    /// The first request is the measurement's.
    Measured,
}

impl FirstRequest {
    /// Returns the time from the start of `system` to the reply to its first request, in nanoseconds; `None`
    /// if there is no such request, or no reply.
    pub(super) fn reply_ns(self, system: &mut RunningSystem, interrupt: &Interrupt) -> Option<u64> {
        let started_at_ns = system.facts.started_at_ns?;
        if self == Self::Measured {
            return None;
        }
        let cancelled = || interrupt.is_set();
        let link = system.link.as_mut();
        let mut client = EchoClient::new(link, HEADER_LEN, FIRST_REPLY_TIMEOUT, &cancelled);
        client.send().ok()?;
        let reply = client.recv().ok()?;
        Some(reply.at_ns.saturating_sub(started_at_ns))
    }
}
