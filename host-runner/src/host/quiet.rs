//! Waiting for a quiet host: windows in which a thread only spins, until two in a row lost next to nothing.
//!
//! It is admission and no verdict: what the host does to the run is observed during the run. Nothing here
//! reads a clock of its own accord.

use super::gaps::{GapSummary, spin};

/// Length of a window in nanoseconds.
pub const WINDOW_NS: u64 = 50_000_000;

/// A window in which a smaller share of the time was lost is quiet.
const QUIET_SHARE: f64 = 0.02;

/// Number of quiet windows in a row that make a quiet host.
const WANTED: usize = 2;

/// Outcome of waiting.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Quiet {
    /// Time that the thread lost in the last windows, two if there were as many.
    pub floor: GapSummary,
    /// Time that the target's own threads ran meanwhile on the CPU of the spinning thread, in nanoseconds.
    pub own_ns: Option<u64>,
    /// Time that was waited for longer than a quiet host takes, in nanoseconds.
    pub waited_ns: u64,
    /// True if the host was quiet in the end.
    pub is_quiet: bool,
}

/// Waits until the host is quiet, for `limit_ns` at the most; one window is spun in any case. `own_ns` tells
/// how long the target's own threads have run so far on this thread's CPU, which is none of the host's noise.
pub fn wait(
    mut now_ns: impl FnMut() -> u64,
    limit_ns: u64,
    own_ns: impl Fn() -> Option<u64>,
    is_cancelled: impl Fn() -> bool,
) -> Quiet {
    let wanted = if limit_ns < WINDOW_NS * WANTED as u64 {
        1
    } else {
        WANTED
    };
    let mut last: Option<(GapSummary, Option<u64>)> = None;
    let mut quiet_windows = 0;
    let mut elapsed_ns = 0;
    loop {
        let own_before_ns = own_ns();
        let floor = spin(&mut now_ns, WINDOW_NS);
        let own = own_before_ns.zip(own_ns());
        let own_ns = own.and_then(|(before, now)| now.checked_sub(before));
        let foreign_ns = floor.total_gap_ns.saturating_sub(own_ns.unwrap_or(0));
        if (foreign_ns as f64) < QUIET_SHARE * floor.observed_ns as f64 {
            quiet_windows += 1;
        } else {
            quiet_windows = 0;
        }
        elapsed_ns += floor.observed_ns;
        let is_quiet = quiet_windows >= wanted;
        if is_quiet || elapsed_ns >= limit_ns || is_cancelled() {
            let (before, own_before_ns) = last.unwrap_or_default();
            let own = match last {
                Some(_) => own_before_ns.zip(own_ns).map(|(a, b)| a + b),
                None => own_ns,
            };
            return Quiet {
                floor: before.and(floor),
                own_ns: own,
                waited_ns: elapsed_ns.saturating_sub(WINDOW_NS * wanted as u64),
                is_quiet,
            };
        }
        last = Some((floor, own_ns));
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Waits on a host where somebody else has the CPU for the first `busy_ns`, every other 1 ms.
    fn wait_beside(busy_ns: u64, limit_ns: u64, own: Option<f64>) -> (Quiet, u64) {
        let time_ns = Cell::new(0);
        let now_ns = || {
            let at_ns = time_ns.get();
            let is_taken = at_ns < busy_ns && at_ns % 1_000_000 < 500;
            time_ns.set(at_ns + if is_taken { 500_000 } else { 500 });
            time_ns.get()
        };
        let own_ns = || own.map(|share| (time_ns.get() as f64 * share) as u64);
        let quiet = wait(now_ns, limit_ns, own_ns, || false);
        (quiet, time_ns.get())
    }

    const SECOND_NS: u64 = 1_000_000_000;

    #[test]
    fn a_quiet_host_is_measured_on_at_once() {
        let (quiet, took_ns) = wait_beside(0, 2 * SECOND_NS, None);
        assert!(quiet.is_quiet && quiet.own_ns.is_none());
        assert!(quiet.waited_ns < 10_000, "{quiet:?}");
        assert!(took_ns < 2 * WINDOW_NS + 10_000, "{took_ns}");
        assert_eq!(quiet.floor.total_gap_ns, 0);
        assert!(quiet.floor.observed_ns >= 2 * WINDOW_NS);
    }

    #[test]
    fn a_busy_host_is_waited_for() {
        let (quiet, took_ns) = wait_beside(SECOND_NS / 2, 2 * SECOND_NS, None);
        assert!(quiet.is_quiet);
        let expected_ns = SECOND_NS / 2 + 2 * WINDOW_NS;
        assert!(took_ns.abs_diff(expected_ns) <= WINDOW_NS, "{took_ns}");
        assert!(quiet.waited_ns.abs_diff(SECOND_NS / 2) <= WINDOW_NS);
    }

    #[test]
    fn a_host_that_stays_busy_is_measured_on_all_the_same() {
        let (quiet, took_ns) = wait_beside(u64::MAX, 2 * SECOND_NS, None);
        assert!(!quiet.is_quiet);
        assert!(took_ns < 2 * SECOND_NS + 2 * WINDOW_NS, "{took_ns}");
        let lost = quiet.floor.total_gap_ns as f64 / quiet.floor.observed_ns as f64;
        assert!((0.4..0.6).contains(&lost), "{lost}");
        // Not to wait is to look once.
        let (quiet, took_ns) = wait_beside(u64::MAX, 0, None);
        assert!(!quiet.is_quiet && took_ns < 2 * WINDOW_NS);
    }

    #[test]
    fn the_targets_own_cpu_time_is_not_waited_out() {
        let (quiet, took_ns) = wait_beside(u64::MAX, 2 * SECOND_NS, Some(0.55));
        assert!(quiet.is_quiet && took_ns < 3 * WINDOW_NS);
        assert!(quiet.own_ns.unwrap() > WINDOW_NS, "{quiet:?}");
    }

    #[test]
    fn an_interrupt_ends_the_wait() {
        let mut time_ns = 0;
        let now_ns = || {
            time_ns += 10_000;
            time_ns
        };
        let quiet = wait(now_ns, 2 * SECOND_NS, || None, || true);
        assert!(!quiet.is_quiet && quiet.floor.observed_ns < 2 * WINDOW_NS);
    }
}
