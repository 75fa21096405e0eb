//! Detection of the end of warm-up: latency in one window is as in the windows before.
//!
//! Caches, translated code and the guest's own timers make the first requests after a boot slower
//! than all that follow, by as much time as they need.

use serde::{Deserialize, Serialize};

use super::percentile_rule::PERCENTILES;
use crate::histogram::DurationHistogram;

/// Length of a window, in nanoseconds.
pub const WINDOW_NS: u64 = 100_000_000;

/// Number of windows in a row that have to be like the one before.
const ALIKE: u32 = 2;

/// By which share of the larger p50 and p99 may differ in windows that are alike: a tail moves.
const P50_SHARE: f64 = 0.05;
const P99_SHARE: f64 = 0.25;

/// The end of a warm-up. In records it is true if latency had settled, false if it had not, and null where that
/// was not waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Option<bool>", into = "Option<bool>")]
pub enum WarmUpEnd {
    /// As long as planned.
    #[default]
    Planned,
    /// Latency had settled.
    Settled,
    /// Latency had not settled in the longest time for it.
    Unsettled,
}

impl From<Option<bool>> for WarmUpEnd {
    fn from(is_settled: Option<bool>) -> Self {
        match is_settled {
            None => Self::Planned,
            Some(true) => Self::Settled,
            Some(false) => Self::Unsettled,
        }
    }
}

impl From<WarmUpEnd> for Option<bool> {
    fn from(end: WarmUpEnd) -> Self {
        match end {
            WarmUpEnd::Planned => None,
            WarmUpEnd::Settled => Some(true),
            WarmUpEnd::Unsettled => Some(false),
        }
    }
}

/// Windows seen so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settling {
    last: Option<Window>,
    alike: u32,
}

#[derive(Clone, Copy, Debug)]
struct Window {
    p50_ns: u64,
    /// With too few samples for it, p50 has to do.
    p99_ns: Option<u64>,
}

impl Settling {
    /// Adds a window: whether latency has settled.
    pub fn add(&mut self, window: &DurationHistogram) -> bool {
        let [p50, _, p99, ..] = PERCENTILES;
        let window = p50.of(window).map(|p50_ns| Window {
            p50_ns,
            p99_ns: p99.of(window),
        });
        let is_alike = self.last.zip(window).is_some_and(|(last, window)| {
            let p99_ns = last.p99_ns.zip(window.p99_ns);
            differ_by(last.p50_ns, window.p50_ns) <= P50_SHARE
                && p99_ns.is_none_or(|(last, window)| differ_by(last, window) <= P99_SHARE)
        });
        self.alike = if is_alike { self.alike + 1 } else { 0 };
        self.last = window;
        self.alike >= ALIKE
    }
}

fn differ_by(a: u64, b: u64) -> f64 {
    a.abs_diff(b) as f64 / a.max(b).max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A window of `count` requests, one in fifty of which is slower.
    fn window(count: u64, p50_ns: u64, p99_ns: u64) -> DurationHistogram {
        let value_ns = |index| if index % 50 == 0 { p99_ns } else { p50_ns };
        DurationHistogram::of_values((0..count).map(value_ns))
    }

    fn settled_after(windows: &[DurationHistogram]) -> Option<usize> {
        let mut settling = Settling::default();
        windows.iter().position(|window| settling.add(window))
    }

    #[test]
    fn three_windows_alike_are_enough() {
        let calm = window(2000, 1000, 5000);
        assert_eq!(settled_after(&[calm.clone(), calm.clone(), calm]), Some(2));
    }

    #[test]
    fn a_median_or_a_tail_that_moves_begins_it_anew() {
        let calm = window(2000, 1000, 5000);
        for other in [window(2000, 1100, 5000), window(2000, 1000, 9000)] {
            let mut windows = vec![calm.clone(), calm.clone(), other];
            windows.extend([calm.clone(), calm.clone(), calm.clone()]);
            assert_eq!(settled_after(&windows), Some(5));
        }
    }

    #[test]
    fn with_few_requests_the_median_does_and_with_none_nothing() {
        let windows = [window(100, 1000, 5000), window(100, 1010, 9000)];
        let windows = [windows[0].clone(), windows[1].clone(), windows[0].clone()];
        assert_eq!(settled_after(&windows), Some(2));
        let empty = DurationHistogram::default();
        assert_eq!(settled_after(&vec![empty; 9]), None);
    }
}
