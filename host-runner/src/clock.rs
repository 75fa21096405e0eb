//! The one clock that every host-side time is read from: `CLOCK_MONOTONIC`, in nanoseconds.

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds since an arbitrary point in the past; never goes back.
#[must_use]
pub fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    // CLOCK_MONOTONIC starts at boot: both parts are positive.
    now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs()
}
