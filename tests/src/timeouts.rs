//! Time that anything may take before a test gives up on it. These bound a test that would hang;
//! they are no statement about speed, and are generous enough for a machine that is busy otherwise.
#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

/// For a boot, to the ready line or to the reason why there is none.
pub const BOOT: Duration = Duration::from_secs(60);

/// For an answer to a frame.
pub const ANSWER: Duration = Duration::from_secs(20);

/// For a whole run of `fathom`, which the tests keep to a few seconds of measuring, or a comparison of some
/// twenty boots.
pub const RUN: Duration = Duration::from_secs(240);

/// Between two looks at something that is waited for.
pub const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Looks until `look` sees something, and returns that.
///
/// # Panics
///
/// If `look` has seen nothing within `patience`: `what` says what was waited for.
pub fn until<T>(patience: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(
            start.elapsed() < patience,
            "waited {patience:?} in vain for {what}"
        );
        std::thread::sleep(LOOK_AGAIN);
    }
}
