//! Placement of the guest and the measuring thread, as the load of a plan needs it.

use crate::host::placement::{Placement, Work};
use crate::load::{Mode, WaitRule};

/// Reason for not placing a guest.
pub(super) const FASTER_UNPLACED: &str = "a pipeline is faster so on this link";

/// Returns the work of the measuring thread under a load of `mode` on a link that is polled or not; `None`
/// if guest and measuring thread are not to be placed. A pipeline on a link that sleeps does better where the
/// scheduler puts it: it lives on many frames at a time, and a measuring thread that goes first takes each as
/// it comes. (With 128 in flight on link user that was half the rate.)
pub(super) const fn work(is_polled: bool, mode: Mode) -> Option<Work> {
    match (is_polled, mode) {
        (true, _) => Some(Work::Polls),
        (false, Mode::Open { .. }) => Some(Work::Schedule),
        (false, Mode::Closed) => Some(Work::Replies),
        (false, Mode::Pipeline { .. }) => None,
    }
}

/// Returns the rule for the waits of an open loop of a thread that is placed so.
pub(super) const fn wait_rule(placement: &Placement) -> WaitRule {
    if placement.may_yield() {
        WaitRule::Yield
    } else {
        WaitRule::Sleep
    }
}

#[cfg(test)]
mod tests;
