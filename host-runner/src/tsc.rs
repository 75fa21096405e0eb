//! The frequency of this host's time stamp counter, on the clock that everything is measured with.
//!
//! A guest reads that counter, or one of the same rate, for a clock, and can't find out well how fast it
//! runs: it measures while it boots, against timers that come late when the host is busy. Here both ends
//! of a measurement lie between two readings of the clock, so what is taken away from this thread in
//! between changes nothing, and what is taken away within an end is seen and tried again. The result
//! is bounded, not estimated.
//!
//! Knows nothing of guests. Unsafe here: the instruction that reads the counter.

use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

/// From one end of a measurement to the other, at least.
const INTERVAL: Duration = Duration::from_millis(20);

/// Maximum number of attempts at the other end of a measurement.
const TRIES: u32 = 20;

/// Number of readings at each end, of which the narrowest is kept.
const READINGS: u32 = 64;

/// A result with wider bounds than this is none, in parts of a million. On a host that is quiet they
/// are some 5 apart.
const WIDEST_PPM: f64 = 20.0;

/// A reading of the counter, and when it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Reading {
    before_ns: u64,
    ticks: u64,
    after_ns: u64,
}

impl Reading {
    const fn width_ns(self) -> u64 {
        self.after_ns.saturating_sub(self.before_ns)
    }
}

/// The counter's frequency in kHz, measured once for the whole process, which takes 20 ms; `None` where
/// there is no such counter or it does not run evenly.
#[must_use]
pub fn khz() -> Option<u32> {
    static KHZ: OnceLock<Option<u32>> = OnceLock::new();
    *KHZ.get_or_init(|| {
        let first = narrowest(reading)?;
        (0..TRIES).find_map(|_| {
            thread::sleep(INTERVAL);
            between(first, narrowest(reading)?)
        })
    })
}

/// The narrowest of several readings.
fn narrowest(mut read: impl FnMut() -> Option<Reading>) -> Option<Reading> {
    let readings = (0..READINGS).map_while(|_| read());
    readings.min_by_key(|reading| reading.width_ns())
}

/// The frequency in kHz by two readings, if they bound it well enough.
fn between(first: Reading, last: Reading) -> Option<u32> {
    let ticks = last.ticks.checked_sub(first.ticks)? as f64;
    let longest_ns = last.after_ns.checked_sub(first.before_ns)?;
    let shortest_ns = last.before_ns.checked_sub(first.after_ns)?;
    let (low, high) = (
        ticks * 1e6 / longest_ns as f64,
        ticks * 1e6 / shortest_ns as f64,
    );
    let middle = f64::midpoint(low, high);
    let is_narrow = (high - low) * 1e6 <= middle * WIDEST_PPM;
    // A conversion would saturate; a counter that stands still is none.
    let is_possible = (1.0..f64::from(u32::MAX)).contains(&middle);
    (is_narrow && is_possible).then(|| middle.round() as u32)
}

#[cfg(target_arch = "x86_64")]
fn reading() -> Option<Reading> {
    use crate::clock;

    let before_ns = clock::now_ns();
    // SAFETY: every x86-64 processor has the instruction, and Linux lets programs execute it unless one
    // has asked it not to (PR_SET_TSC), which this one has not.
    let ticks = unsafe { core::arch::x86_64::_rdtsc() };
    let after_ns = clock::now_ns();
    Some(Reading {
        before_ns,
        ticks,
        after_ns,
    })
}

#[cfg(not(target_arch = "x86_64"))]
const fn reading() -> Option<Reading> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(before_ns: u64, ticks: u64, width_ns: u64) -> Reading {
        Reading {
            before_ns,
            ticks,
            after_ns: before_ns + width_ns,
        }
    }

    #[test]
    fn two_readings_bound_the_frequency() {
        let first = at(1_000, 5_000, 100);
        let after_20_ms = |ticks: u64, width_ns| at(20_001_000, 5_000 + ticks, width_ns);
        assert_eq!(
            between(first, after_20_ms(51_999_960, 100)),
            Some(2_599_998)
        );
        assert_eq!(
            between(first, after_20_ms(20_000_000, 100)),
            Some(1_000_000)
        );
        // Put off within an end: no result, however plausible its middle.
        assert_eq!(between(first, after_20_ms(51_999_960, 500)), None);
        // Counters that stand still or go back, and a clock that does.
        assert_eq!(between(first, after_20_ms(0, 100)), None);
        assert_eq!(between(after_20_ms(9, 100), first), None);
        assert_eq!(between(first, at(500, 6_000, 100)), None);
    }

    #[test]
    fn the_narrowest_reading_is_kept() {
        let mut widths = [900, 40_000_000, 50, 70].into_iter();
        let narrowest = narrowest(|| Some(at(7, 8, widths.next()?)));
        assert_eq!(narrowest, Some(at(7, 8, 50)));
        assert_eq!(super::narrowest(|| None), None);
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn the_result_agrees_with_a_longer_measurement() {
        let Some(khz) = khz() else {
            // Only a host that never leaves a thread alone for a microsecond.
            panic!("no frequency in {TRIES} tries");
        };
        assert_eq!(super::khz(), Some(khz), "measured once");
        let first = narrowest(reading).unwrap();
        thread::sleep(Duration::from_millis(200));
        let last = narrowest(reading).unwrap();
        let ticks = (last.ticks - first.ticks) as f64;
        let low = ticks * 1e6 / (last.after_ns - first.before_ns) as f64;
        let high = ticks * 1e6 / (last.before_ns - first.after_ns) as f64;
        // Each is right to within its own bounds.
        let slack = f64::from(khz) * WIDEST_PPM / 1e6;
        let khz = f64::from(khz);
        assert!(
            (low - slack..=high + slack).contains(&khz),
            "{khz} kHz, then {low} to {high}"
        );
    }
}
