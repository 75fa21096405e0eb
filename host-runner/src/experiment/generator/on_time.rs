//! The highest rate up to which an open loop's generator keeps its schedule.
//!
//! With random arrivals a generator has a queue of its own long before it is at the most that it can send: a request
//! that is due while it deals with the one before is sent late. So this is not derived from the throughput but tried,
//! with the arrivals of the loads to come. The generator keeps its schedule at a rate if lateness is no more than half of
//! what a clean percentile allows (see [`stats::state`](crate::stats::state)), by two measures:
//!
//! - lateness moves p90 of the latency by no more than that;
//! - no more than one request in 20, which is half of those beyond p90, is later than that.
//!
//! The other halves are room for a host that is not the same from one second to the next: the time that a cache line
//! takes from one CPU to the other can be three times as long, and the generator's work with it.
//!
//! Both are held against p90 of the round trip at rest, at the lowest rate, and not against that at the rate tried if
//! that is higher: near the throughput replies are taken late, too, and beside a round trip of that length lateness
//! would seem to be small again. For the same reason the first measure alone does not tell: of time that the generator
//! lacks, replies that it takes late may have the greater part. The second only rises with the rate, so that the limit
//! can be found by bisection.
//!
//! Other work of the host makes the generator late as well. So two of three trials decide at each rate, and the
//! limit is the median of several searches with pauses in between: one stall costs one search, and not the result.

use std::thread;
use std::time::Duration;

use super::reference;
use crate::link::Link;
use crate::load::{Arrivals, Limit, Mode, Plan, Protocol, Rate, Tally};
use crate::stats::RunRecorder;
use crate::stats::percentile_rule::PERCENTILES;
use crate::stats::state::is_wide;

/// Ratio of two rates that are tried one after the other, 2^(1/4): the limit is found to within that.
const FACTOR: f64 = 1.189_207_115_002_721;

/// Number of the highest rate that may be tried, which is the throughput. Number 0 is one 64th of that.
const HIGHEST: u32 = 24;

/// The lowest rate that is tried, in requests per second, where one 64th of the throughput is less.
const LOWEST: f64 = 1_500.0;

/// Usual number of searches, which is odd, and the pause after each.
pub(super) const SEARCHES: usize = 7;
const PAUSE: Duration = Duration::from_millis(200);

/// Ratio of the lateness that a clean percentile allows to the lateness that is kept.
const MARGIN: u64 = 2;

/// Share of the requests that must be sent within that.
const ON_TIME: f64 = 0.95;

/// Number of requests of a trial, its shortest and usual longest duration in nanoseconds, and the number of requests
/// that are enough for a p90 and take longer at the lowest rates: some 1 s for all trials where no system call is on the
/// way, and 3 s where there is. Warm-up is one in [`WARMUP`] of it.
const REQUESTS: u64 = 500;
const LEAST_NS: u64 = 10_000_000;
const MOST_NS: u64 = 50_000_000;
const ENOUGH: u64 = 150;
const WARMUP: u64 = 10;

/// Longest time that the thread in the service's place may be off its CPU, in nanoseconds.
const TIMEOUT_NS: u64 = 50_000_000;

/// Outcome of a trial, in nanoseconds.
#[derive(Clone, Copy, Debug)]
struct Trial {
    /// p90 of the latency since a request was due.
    since_due_ns: u64,
    /// p90 of the round trip since its send.
    since_send_ns: u64,
    /// p95 of the lateness of the send.
    lateness_ns: u64,
    /// Time that a reading of the clock takes.
    clock_read_ns: u64,
    /// Difference of two times that the clock resolves.
    resolution_ns: u64,
}

impl Trial {
    /// Returns what was measured at a rate; `None` if that is too little for a p90.
    fn of(tally: &Tally, recorder: &RunRecorder) -> Option<Self> {
        let [_, p90, ..] = PERCENTILES;
        let open = recorder.open.as_ref()?;
        Some(Self {
            since_due_ns: p90.of(&recorder.latency)?,
            since_send_ns: p90.of(&open.round_trip)?,
            lateness_ns: open.lateness.quantile_ns(ON_TIME),
            clock_read_ns: tally.clock_read_ns.unwrap_or_default(),
            resolution_ns: tally.resolution_ns.unwrap_or_default(),
        })
    }

    /// Returns whether lateness is little beside `at_rest_ns`, p90 of the round trip at rest. Where a thread that sleeps
    /// is in the way, a round trip at rest takes longer than one at a higher rate.
    fn is_kept(&self, at_rest_ns: u64) -> bool {
        let moved_ns = self.since_due_ns.saturating_sub(self.since_send_ns);
        // A request is sent at the first reading of the clock after its time, which no rate changes.
        let late_ns = moved_ns
            .max(self.lateness_ns)
            .saturating_sub(self.clock_read_ns);
        let low_ns = at_rest_ns.min(self.since_send_ns);
        let high_ns = low_ns.saturating_add(late_ns.saturating_mul(MARGIN));
        !is_wide(low_ns, high_ns, self.resolution_ns)
    }
}

/// Returns the highest rate, in requests per second, up to which the generator keeps its schedule on `link` when it
/// sends with `arrivals`. `throughput` is the most that it sends, and `searches` the number of searches. `None` if the least
/// that is tried is too much.
pub(super) fn limit(
    link: &mut dyn Link,
    plan: &Plan,
    arrivals: Arrivals,
    throughput: f64,
    searches: usize,
) -> Option<f64> {
    let mut number = 0;
    let measure = |rate| {
        number += 1;
        // One that has fallen behind shows nothing more.
        let most_ns = 2 * duration_ns(rate);
        let plan = trial(plan, rate, arrivals, number);
        let (tally, recorder) = reference::measure(link, &plan, most_ns);
        Trial::of(&tally, &recorder)
    };
    highest(throughput, searches, measure, || thread::sleep(PAUSE))
}

/// Returns the duration of a trial.
fn duration_ns(rate: Rate) -> u64 {
    let usual_ns = rate.time_of(REQUESTS).clamp(LEAST_NS, MOST_NS);
    usual_ns.max(rate.time_of(ENOUGH))
}

/// Returns the plan of the trial number `number`, which has arrivals of its own and is otherwise as `plan`.
fn trial(plan: &Plan, rate: Rate, arrivals: Arrivals, number: u64) -> Plan {
    Plan {
        mode: Mode::Open { rate, arrivals },
        timeout_ns: TIMEOUT_NS,
        warmup: Limit::lasting(duration_ns(rate) / WARMUP),
        measure: Limit::lasting(duration_ns(rate)),
        seed: plan.seed.wrapping_add(number),
        protocol: Protocol::Fathom,
        key: None,
        ..*plan
    }
}

/// Returns the highest of the rates up to `throughput` that is kept, as is every lower one, by the median of the
/// searches. `measure` makes a trial, and `pause` lets time pass between two searches.
fn highest(
    throughput: f64,
    searches: usize,
    mut measure: impl FnMut(Rate) -> Option<Trial>,
    mut pause: impl FnMut(),
) -> Option<f64> {
    let lowest = (0..HIGHEST).find(|&number| rate(throughput, number) >= LOWEST);
    let lowest = lowest.unwrap_or(HIGHEST);
    let mut found = Vec::with_capacity(searches);
    for number in 0..searches {
        if number > 0 {
            pause();
        }
        found.push(search(lowest, |number| {
            measure(Rate::nearest(rate(throughput, number)))
        }));
    }
    // No rate at all is less than any.
    found.sort_unstable();
    let median = found.get(searches / 2).copied().flatten();
    median.map(|number| rate(throughput, number))
}

/// Returns the rate with a number up to [`HIGHEST`].
fn rate(throughput: f64, number: u32) -> f64 {
    throughput / FACTOR.powi((HIGHEST - number) as i32)
}

/// Returns the number of the highest rate that is kept, found by bisection; `None` if that with the number `lowest` is
/// not. `measure` makes a trial at the rate with a number.
fn search(lowest: u32, mut measure: impl FnMut(u32) -> Option<Trial>) -> Option<u32> {
    let at_rest_ns = measure(lowest)?.since_send_ns;
    let mut is_kept_once = |number| measure(number).is_some_and(|trial| trial.is_kept(at_rest_ns));
    let mut is_kept = |number| {
        let first = is_kept_once(number);
        // The third decides between two that differ.
        if is_kept_once(number) == first {
            first
        } else {
            is_kept_once(number)
        }
    };
    if !is_kept(lowest) {
        return None;
    }
    let (mut kept, mut missed) = (lowest, HIGHEST + 1);
    while missed - kept > 1 {
        let middle = u32::midpoint(kept, missed);
        if is_kept(middle) {
            kept = middle;
        } else {
            missed = middle;
        }
    }
    Some(kept)
}

#[cfg(test)]
mod tests;
