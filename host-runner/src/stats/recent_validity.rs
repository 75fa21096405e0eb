//! Judgement of the last half minute to minute of a measurement without an end, in constant memory.
//!
//! The rules are those of a run ([`super::state`]), for each percentile up to p99. A run's value may be a bracket, and an
//! exported histogram has none: it holds the latency since a request was due, host and all, which is the bracket's high
//! end. So the stretch is valid only if no percentile's bracket is wide. One that is `clean`, lies among lost requests
//! (`censored`), or is made by few stalls is what the service and the network did:
//!
//! | the stretch is not valid if, for p50, p90 or p99, | state of a run's percentile |
//! |---|---|
//! | requests that were due and not sent are over a tenth of those beyond it | `dropped` |
//! | it is over a tenth less when latency counts from the actual send | `late` |
//! | gaps of the measuring thread can have moved over a tenth of the requests beyond it, and it by over a tenth | `partly`, `host` |
//!
//! A run leaves out a percentile that it has too few requests for. Here minutes are added up by those who read them, and
//! a percentile of the sum may be decided by a few requests of each: under ten beyond a percentile, one request that the
//! host spoilt is over a tenth of them.
//!
//! The thread sleeps between requests, so it can't see its own gaps. Three things tell of them: the lateness of what fell
//! due meanwhile, whatever made it; the kernel's account of the thread's waits for a CPU; and the periods in which a
//! control group was stopped because its CPU time was used up.
//!
//! Two accumulators begin half a minute apart. The older is judged, and gives way when the younger has half a minute.
#![forbid(unsafe_code)]

use std::sync::LazyLock;

use super::continuous::Block;
use super::interference::{Interference, MeasuringGaps, ThreadWaits, Waits};
use super::percentile_rule::Percentile;
use super::reason::{TakenBy, Thread};
use super::stall::Stalls;
use super::state::{Evidence, PercentileState, State, gap_ns, is_wide};
use crate::histogram::DurationHistogram;

/// Least length of a stretch that is judged, once there is as much, in nanoseconds. It is at most twice as long.
pub const STRETCH_NS: u64 = 30_000_000_000;

/// One request in this many lies beyond the highest percentile that is judged, p99.
const JUDGED_ONE_IN: u64 = 100;

/// Most steps in which the least that a percentile can be is looked for.
const STEPS: usize = 50;

/// Stalls are not told apart here: how many there are makes no stretch invalid.
static NO_STALLS: LazyLock<Stalls> = LazyLock::new(Stalls::default);

/// Time for which a measuring thread could have run and did not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuWaits {
    /// Waits for a CPU, by the scheduler's account of the thread.
    pub scheduled: Waits,
    /// Periods in which its control groups were stopped because their CPU time was used up.
    pub throttled: Waits,
}

impl CpuWaits {
    /// Returns the increase since `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            scheduled: self.scheduled.since(&earlier.scheduled),
            throttled: self.throttled.since(&earlier.throttled),
        }
    }

    /// Adds `other`.
    pub const fn add(&mut self, other: &Self) {
        self.scheduled.add(&other.scheduled);
        self.throttled.add(&other.throttled);
    }
}

/// Everything that is known of a stretch of time.
#[derive(Clone, Debug, Default)]
struct Stretch {
    from_ns: Option<u64>,
    to_ns: u64,
    requests: u64,
    lost: u64,
    not_sent: u64,
    latency: DurationHistogram,
    round_trip: DurationHistogram,
    lateness: DurationHistogram,
    waits: CpuWaits,
    resolution_ns: u64,
}

impl Stretch {
    fn add(&mut self, block: &Block, waits: &CpuWaits) {
        self.from_ns.get_or_insert(block.from_ns);
        self.to_ns = block.to_ns;
        self.requests += block.outcomes.requests;
        self.lost += block.outcomes.lost;
        self.not_sent += block.outcomes.not_sent;
        self.latency.add_all(&block.series.latency);
        self.round_trip.add_all(&block.round_trip);
        self.lateness.add_all(&block.series.lateness);
        self.waits.add(waits);
        self.resolution_ns = self.resolution_ns.max(block.resolution_ns);
    }

    fn clear(&mut self) {
        self.latency.clear();
        self.round_trip.clear();
        self.lateness.clear();
        (self.from_ns, self.to_ns) = (None, 0);
        (self.requests, self.lost, self.not_sent) = (0, 0, 0);
        (self.waits, self.resolution_ns) = (CpuWaits::default(), 0);
    }

    const fn length_ns(&self) -> u64 {
        match self.from_ns {
            Some(from_ns) => self.to_ns.saturating_sub(from_ns),
            None => 0,
        }
    }

    /// Returns what kept the measuring thread from its work. A request that it sent late tells of a gap at least that long,
    /// whatever made it; about as many replies as requests were due meanwhile, and are taken in late. A wait for a CPU hits
    /// the reply that woke the thread.
    fn host(&self) -> Interference<'_> {
        let waits = |waits| ThreadWaits {
            thread: Thread::Measuring,
            taken_by: TakenBy::Programs,
            waits,
        };
        Interference {
            gaps: Some(MeasuringGaps {
                lengths: &self.lateness,
                account: None,
            }),
            waits: vec![waits(self.waits.scheduled), waits(self.waits.throttled)],
            in_flight: 1.0,
            resolution_ns: self.resolution_ns,
            ..Interference::default()
        }
    }

    /// Returns whether every percentile up to p99 is the service's and the network's.
    fn is_valid(&self) -> bool {
        let host = self.host();
        let evidence = Evidence {
            latency: &self.latency,
            round_trip: Some(&self.round_trip),
            stalls: &NO_STALLS,
            lost: self.lost,
            dropped: self.not_sent,
            // Of no account for a state.
            timeout_ns: 0,
            host: &host,
        };
        let states = evidence.states();
        let mut judged = states
            .iter()
            .take_while(|(percentile, _)| percentile.one_in <= JUDGED_ONE_IN);
        let is_spoilt = |(percentile, state): &(Percentile, PercentileState)| match state.state {
            State::Dropped | State::Late | State::Partly | State::Host => true,
            State::Few if state.high_ns.is_none() => self.is_moved(percentile, &evidence),
            State::Few | State::Clean | State::Censored => false,
        };
        self.requests > 0 && !judged.any(is_spoilt)
    }

    /// Returns whether the host can have moved `percentile`, beyond which there are under ten requests, by over a tenth: each
    /// request that it can have hit counts.
    fn is_moved(&self, percentile: &Percentile, evidence: &Evidence<'_>) -> bool {
        let count = self.latency.count().max(1) as f64;
        let median_ns = self.round_trip.quantile_ns(0.5);
        let mut rank = percentile.quantile;
        let mut low_ns = self.round_trip.quantile_ns(rank);
        for _ in 0..STEPS {
            // A gap that moved a request there is as long as this at least; the other requests took as long by themselves.
            let hits = evidence.host.hits(gap_ns(low_ns, median_ns));
            let hits = hits.unwrap_or_default();
            let next = (percentile.quantile - hits / count).clamp(0.0, rank);
            let is_enough = (rank - next) * count < 1.0;
            rank = next;
            low_ns = self.round_trip.quantile_ns(rank);
            if is_enough {
                break;
            }
        }
        let high_ns = self.latency.quantile_ns(percentile.quantile);
        self.not_sent > 0 || is_wide(low_ns, high_ns, self.resolution_ns)
    }
}

/// The judgement of the last half minute to minute.
#[derive(Clone, Debug, Default)]
pub struct RecentValidity {
    older: Stretch,
    younger: Stretch,
    is_valid: bool,
}

impl RecentValidity {
    /// Adds a block, in whose time the measuring thread had `waits`.
    pub fn add(&mut self, block: &Block, waits: &CpuWaits) {
        if self.younger.length_ns() >= STRETCH_NS {
            std::mem::swap(&mut self.older, &mut self.younger);
            self.younger.clear();
        }
        // What was before a pause of the measurement is not recent.
        let is_later = |stretch: &Stretch| block.from_ns.saturating_sub(stretch.to_ns) > STRETCH_NS;
        for stretch in [&mut self.older, &mut self.younger] {
            if is_later(stretch) {
                stretch.clear();
            }
            stretch.add(block, waits);
        }
        self.is_valid = self.older.is_valid();
    }

    /// Returns whether the distributions are the service's and the network's.
    #[must_use]
    pub const fn is_valid(&self) -> bool {
        self.is_valid
    }
}

#[cfg(test)]
mod tests;
