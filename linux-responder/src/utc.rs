//! The date, and how far the kernel trusts it.
//!
//! Unsafe here: adjtimex(2), which no safe interface has.

use rustix::time::{ClockId, clock_gettime};
use wire::stamp::{ClockState, Epoch};

/// Nanoseconds since 1970, UTC.
#[must_use]
pub fn now_ns() -> u64 {
    let time = clock_gettime(ClockId::Realtime);
    // A date before 1970 is none.
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    seconds * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}

/// Returns what the kernel knows of its clock: synchronised if something keeps it so, within the kernel's own
/// bound.
#[must_use]
pub fn clock_state() -> ClockState {
    // SAFETY: all fields are integers, of which zero is a value; with `modes` zero nothing is changed.
    let mut timex: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel writes this structure and no more.
    let state = unsafe { libc::adjtimex(&raw mut timex) };
    let is_synchronised =
        state >= 0 && state != libc::TIME_ERROR && timex.status & libc::STA_UNSYNC == 0;
    let error_us = u64::try_from(timex.maxerror).unwrap_or(u64::MAX);
    ClockState {
        epoch: Epoch::Unix {
            tai_offset_s: u32::try_from(timex.tai).unwrap_or_default(),
        },
        error_ns: is_synchronised.then(|| error_us.saturating_mul(1000)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_is_this_century_and_the_kernel_says_how_good_it_is() {
        assert!(now_ns() > 1_700_000_000_000_000_000);
        let state = clock_state();
        assert!(
            matches!(
                state.epoch,
                Epoch::Unix {
                    tai_offset_s: 0..100
                }
            ),
            "{state:?}"
        );
    }
}
