//! State of the kernel's date (`CLOCK_REALTIME`): how far the kernel trusts it (adjtimex(2)).
//!
//! Unsafe here: adjtimex, which no safe interface has.
#![expect(unsafe_code, reason = "adjtimex(2) has no safe interface")]

/// State of the kernel's date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Discipline {
    /// Bound of the date's difference from UTC, in nanoseconds; `None` if nothing keeps it.
    pub error_ns: Option<u64>,
    /// Seconds by which TAI is ahead of UTC, as far as the kernel was told; else 0.
    pub tai_offset_s: u32,
}

/// Returns the state of the kernel's date. It is synchronised if something keeps it so, within the kernel's own bound.
#[must_use]
pub fn discipline() -> Discipline {
    // SAFETY: all fields are integers, of which zero is a value; with `modes` zero nothing is changed.
    let mut timex: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel writes this structure and no more.
    let state = unsafe { libc::adjtimex(&raw mut timex) };
    let is_synchronised =
        state >= 0 && state != libc::TIME_ERROR && timex.status & libc::STA_UNSYNC == 0;
    let error_us = u64::try_from(timex.maxerror).unwrap_or(u64::MAX);
    Discipline {
        error_ns: is_synchronised.then(|| error_us.saturating_mul(1000)),
        tai_offset_s: u32::try_from(timex.tai).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_has_the_offset_of_tai_or_none_was_set() {
        assert!(discipline().tai_offset_s < 100);
    }
}
