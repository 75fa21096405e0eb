//! The date, and how far the kernel trusts it.
#![forbid(unsafe_code)]

use linux_process::realtime::{Discipline, discipline};
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

/// Returns what the kernel knows of its clock.
#[must_use]
pub fn clock_state() -> ClockState {
    let Discipline {
        error_ns,
        tai_offset_s,
    } = discipline();
    ClockState {
        epoch: Epoch::Unix { tai_offset_s },
        error_ns,
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
