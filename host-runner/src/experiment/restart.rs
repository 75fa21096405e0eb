//! Delays before a guest that has died is started again. No clock, no machine: durations in, durations out.
use std::time::Duration;

/// The first delay.
const FIRST: Duration = Duration::from_secs(1);

/// The longest delay.
const LONGEST: Duration = Duration::from_secs(60);

/// Length of service after which a guest counts as healthy.
const HEALTHY: Duration = Duration::from_secs(60);

/// The delays before guests are started again: each twice as long as the one before, up to the longest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Delays {
    next: Duration,
}

impl Default for Delays {
    fn default() -> Self {
        Self { next: FIRST }
    }
}

impl Delays {
    /// Returns the delay after a guest that served for `served`; after a healthy one they start over.
    pub(super) fn after(&mut self, served: Duration) -> Duration {
        let delay = if served < HEALTHY { self.next } else { FIRST };
        self.next = (delay * 2).min(LONGEST);
        delay
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The delays in seconds after guests that served for these, in milliseconds.
    fn delays(served_ms: &[u64]) -> Vec<u64> {
        let mut delays = Delays::default();
        let served = served_ms.iter().map(|&ms| Duration::from_millis(ms));
        served
            .map(|served| delays.after(served).as_secs())
            .collect()
    }

    #[test]
    fn they_double_up_to_a_minute() {
        assert_eq!(delays(&[0; 9]), [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(delays(&[59_999; 3]), [1, 2, 4]);
    }

    #[test]
    fn a_minute_of_service_has_them_start_over() {
        assert_eq!(
            delays(&[0, 0, 0, 60_000, 0, 60_001, 0]),
            [1, 2, 4, 1, 2, 1, 2]
        );
    }
}
