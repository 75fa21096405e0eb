//! The one clock that every host-side time is read from: `CLOCK_MONOTONIC`, in nanoseconds.
//!
//! Its rate follows NTP's, by at most 500 ppm (adjtimex(2)): half a microsecond in a millisecond. Round
//! trips of both targets of a comparison are stretched alike.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use linux_process::realtime::{Discipline, discipline};
use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds since an arbitrary point in the past; never goes back.
#[must_use]
pub fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    // CLOCK_MONOTONIC starts at boot: both parts are positive.
    now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs()
}

/// Returns the time of day (`CLOCK_REALTIME`) at `at_ns` of this clock, as long as the two have gone alike
/// since: a moment ago. `None` if it is no time that can be written.
#[must_use]
pub fn time_of_day(at_ns: u64) -> Option<Timestamp> {
    let ago_ns = now_ns().saturating_sub(at_ns);
    earlier(SystemTime::now(), ago_ns)
}

/// The date beside this clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateOffset {
    /// Nanoseconds to add to a time of this clock for nanoseconds since 1970, UTC.
    pub unix_offset_ns: i128,
    /// Bound of the date's difference from UTC, in nanoseconds.
    pub error_ns: u64,
    /// Seconds by which TAI is ahead of UTC, as far as the kernel was told; else 0.
    pub tai_offset_s: u32,
}

/// Returns the date beside this clock, now; `None` if nothing keeps the date.
#[must_use]
pub fn date_offset() -> Option<DateOffset> {
    let Discipline {
        error_ns,
        tai_offset_s,
    } = discipline();
    let before_ns = now_ns();
    let date = clock_gettime(ClockId::Realtime);
    let between_ns = now_ns() - before_ns;
    let date_ns = i128::from(date.tv_sec) * 1_000_000_000 + i128::from(date.tv_nsec);
    Some(DateOffset {
        unix_offset_ns: date_ns - i128::from(before_ns + between_ns / 2),
        error_ns: error_ns?.saturating_add(between_ns),
        tai_offset_s,
    })
}

/// Returns the time that was `ago_ns` before `now`.
fn earlier(now: SystemTime, ago_ns: u64) -> Option<Timestamp> {
    let at = now.checked_sub(Duration::from_nanos(ago_ns))?;
    Timestamp::try_from(at).ok()
}

/// Returns the time until which a test waits for what should come at once: it only bounds a hang.
#[cfg(test)]
pub fn patience_ns() -> u64 {
    now_ns() + 20_000_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_ago_was_so_much_earlier_by_the_clock_of_day() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let at = earlier(now, 1_500).unwrap();
        assert_eq!(at.to_string(), "2027-01-15T07:59:59.9999985Z");
        assert!(time_of_day(now_ns()).is_some());
    }
}
