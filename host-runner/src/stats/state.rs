//! The state of one percentile: who or what decided its value, by fixed rules.
//!
//! Of a run with n requests, let D(p) be the percentile of the latency since a request was due, S(p) that of
//! the round trip since its actual send (in a loop that is not open both are the same), and b = n(1-p) the
//! number of requests beyond. Let L be the least that S(p) can be without the host's gaps (see [`bracket`]), of
//! rank r <= p in what was observed; it is S(p) itself where gaps can have moved fewer than b/10 requests
//! there. What lies between L and D(p) is wide if it is over a tenth of D(p), and over what the clock
//! resolves; it always is if p lies among lost requests, where r is p - (requests that gaps can have lost)/n. The
//! state of p is the first of these that applies:
//!
//! | state | applies if |
//! |---|---|
//! | `few`, without values | b < 10 |
//! | `dropped` | requests that the instrument dropped itself are over b/10 |
//! | `censored` | more requests were lost than lie beyond p, without those that gaps can have lost: its value is at least the timeout |
//! | `host` | L to D(p) is wide, and r is under the next lower percentile's rank (of p50: under 0.25) |
//! | `late` | D(p) - S(p) is wide: the value is a bracket, L to D(p) |
//! | `partly` | L to D(p) is wide: the value is a bracket, L to D(p) |
//! | `few`, with values | p is a tail percentile (p99 and up), and fewer than 10 separate stalls reach it |
//! | `clean` | otherwise |
//!
//! A bracket that is not wide says that the value would be the same without the gaps, however many requests
//! they hit: it is clean. One that reaches below the next lower percentile says nothing of this one that the
//! lower one does not say as well; below p50 there is none, and the lower quartile stands for it.
//!
//! A value that is `clean`, a bracket on two sides (`late`, `partly`) or on one (`censored`), or of `few`
//! stalls is a true statement about what was measured. One that is `host` or `dropped` speaks of something
//! else, and one of `few` requests does not exist. With `--strict` nothing counts but `clean`.

use serde::{Deserialize, Serialize};

use super::interference::{Interference, MostHit};
use super::percentile_rule::{MIN_BEYOND, PERCENTILES, Percentile};
use super::stall::Stalls;
use crate::histogram::DurationHistogram;

mod bracket;

use bracket::{Bracket, Low};

/// With fewer separate stalls beyond it a tail percentile says so.
pub const MIN_STALLS: u64 = 10;

/// One request in this many, or fewer, lies beyond a tail percentile.
const TAIL_ONE_IN: u64 = 100;

/// A bracket is wide from this share of its high end on.
const WIDE_SHARE: f64 = 0.1;

/// Without gaps the median may have this rank at least.
const LEAST_RANK: f64 = 0.25;

/// Requests that the instrument dropped are held against a percentile from this share of those beyond on.
const DROPPED_SHARE: f64 = 0.1;

/// Requests that gaps can have moved are held against a percentile from this share of those beyond on. By as
/// much a percentile differs from one run to the next in any case.
const MOVED_SHARE: f64 = 0.1;

/// State of one percentile; the module has the rules.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The system under test decided the value.
    Clean,
    /// The host's gaps can have moved the value: it is known as a bracket, from the least that it can be
    /// without them to what was observed.
    Partly,
    /// The generator sent late: the value is known as a bracket, from the least that the round trip since the
    /// actual send can be to the latency since the request was due.
    Late,
    /// The value lies among lost requests: it is at least the timeout.
    Censored,
    /// The host's gaps can have moved so many requests, or lost them, that the bracket reaches below the next
    /// lower percentile (for the median, the lower quartile).
    Host,
    /// Requests that the instrument dropped itself account for over a tenth of those beyond the value.
    Dropped,
    /// Too few requests beyond the value for there to be one; or, with values, too few separate
    /// stalls.
    Few,
}

/// One percentile's value with its state.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PercentileState {
    /// State of the percentile.
    pub state: State,
    /// The least that the value can be, in nanoseconds: of the round trip since the actual send, and without
    /// the host's gaps.
    pub low_ns: Option<u64>,
    /// The most that it can be, in nanoseconds: of the latency since the request was due. Null if what was
    /// observed lies among lost requests.
    pub high_ns: Option<u64>,
    /// Number of separate stalls that reach the value: runs of requests that took at least as long. Null if
    /// they were not told apart.
    pub stalls: Option<u64>,
    /// Share of the requests beyond the value that the host's gaps can account for; null if unobserved.
    pub host_share: Option<f64>,
}

impl PercentileState {
    /// Returns whether the value is a true statement about the system under test, if only as a bracket;
    /// with `is_strict`, whether it is nothing but that.
    #[must_use]
    pub const fn counts(&self, is_strict: bool) -> bool {
        match self.state {
            State::Clean => true,
            State::Partly | State::Late | State::Censored => !is_strict,
            State::Few => !is_strict && self.low_ns.is_some(),
            State::Host | State::Dropped => false,
        }
    }
}

/// Everything that decides the states of a run's percentiles.
#[derive(Debug)]
pub struct Evidence<'a> {
    /// Latency since a request was due; a lost one with the least that it can have taken.
    pub latency: &'a DurationHistogram,
    /// Round trip since the actual send, in an open loop.
    pub round_trip: Option<&'a DurationHistogram>,
    /// Stalls among those latencies.
    pub stalls: &'a Stalls,
    /// Number of requests lost.
    pub lost: u64,
    /// Number of requests that the instrument gave up sending.
    pub dropped: u64,
    /// After this long a request is lost, in nanoseconds.
    pub timeout_ns: u64,
    /// Time that the host took from the threads of the measurement.
    pub host: &'a Interference<'a>,
}

/// Values of one percentile, and what stands against them.
#[derive(Debug)]
struct Bounds {
    /// The percentile of the round trip since the actual send, in nanoseconds.
    sent_ns: u64,
    /// Upper bound, of the latency since the request was due.
    high_ns: u64,
    /// The least that the first of these can be without the host's gaps; `None` if that could be anything.
    low: Option<Low>,
    /// True if the percentile lies among lost requests.
    is_censored: bool,
    /// True if it would do so without those that gaps can have lost.
    is_censored_by_itself: bool,
}

impl Evidence<'_> {
    /// Returns the states of all standard percentiles, from the middle to the tail.
    #[must_use]
    pub fn states(&self) -> [(Percentile, PercentileState); PERCENTILES.len()] {
        let bracket = Bracket::new(self.since_send(), self.host);
        let mut lower_rank = LEAST_RANK;
        PERCENTILES.map(|percentile| {
            let state = self.state(&bracket, &percentile, lower_rank);
            lower_rank = percentile.quantile;
            (percentile, state)
        })
    }

    /// Returns whose gaps can have hit the most of the requests beyond `percentile`; `None` if nobody's.
    #[must_use]
    pub fn most_hit(&self, percentile: &Percentile) -> Option<MostHit> {
        if self.is_censored(percentile) {
            return self.host.most_lost();
        }
        self.host
            .most_hit(deciding_ns(self.since_send(), percentile))
    }

    /// Returns the requests beyond `percentile` which `hits` are, as a share.
    #[must_use]
    pub fn share_beyond(&self, percentile: &Percentile, hits: f64) -> f64 {
        let beyond = self.latency.count() / percentile.one_in;
        (hits / beyond.max(1) as f64).min(1.0)
    }

    /// Returns the shortest gap that can have put an ordinary request beyond `percentile`, in nanoseconds.
    #[must_use]
    pub fn deciding_ns(&self, percentile: &Percentile) -> u64 {
        deciding_ns(self.since_send(), percentile)
    }

    /// Returns how much later `percentile` is since the request was due than since its send, in nanoseconds.
    #[must_use]
    pub fn lateness_ns(&self, percentile: &Percentile) -> u64 {
        let of = |durations: &DurationHistogram| durations.quantile_ns(percentile.quantile);
        of(self.latency).saturating_sub(of(self.since_send()))
    }

    const fn since_send(&self) -> &DurationHistogram {
        match self.round_trip {
            Some(round_trip) => round_trip,
            None => self.latency,
        }
    }

    /// Every lost request took longer than every answered one.
    fn is_censored(&self, percentile: &Percentile) -> bool {
        self.lost > self.latency.count() / percentile.one_in
    }

    /// Returns the requests that gaps can have put beyond `percentile`, or lost if it lies among lost ones;
    /// `None` if nothing was observed.
    fn hits(&self, percentile: &Percentile) -> Option<f64> {
        if self.is_censored(percentile) {
            return self.host.losses();
        }
        self.host.hits(self.deciding_ns(percentile))
    }

    fn state(
        &self,
        bracket: &Bracket<'_>,
        percentile: &Percentile,
        lower_rank: f64,
    ) -> PercentileState {
        let beyond = self.latency.count() / percentile.one_in;
        if beyond < MIN_BEYOND {
            return PercentileState {
                state: State::Few,
                low_ns: None,
                high_ns: None,
                stalls: None,
                host_share: None,
            };
        }
        let hits = self.hits(percentile);
        let bounds = self.bounds(bracket, percentile, hits.unwrap_or_default());
        let stalls = self.stalls.beyond(bounds.high_ns);
        let is_tail = percentile.one_in >= TAIL_ONE_IN;
        let is_few = is_tail && stalls < MIN_STALLS;
        let is_dropped = self.dropped as f64 > DROPPED_SHARE * beyond as f64;
        let state = match self.by_bounds(&bounds, lower_rank) {
            _ if is_dropped => State::Dropped,
            State::Clean if is_few => State::Few,
            state => state,
        };
        let low_ns = match bounds.low {
            _ if bounds.is_censored_by_itself => self.timeout_ns,
            Some(low) => low.ns,
            None => self.since_send().min_ns().unwrap_or_default(),
        };
        PercentileState {
            state,
            low_ns: Some(low_ns),
            high_ns: (!bounds.is_censored).then_some(bounds.high_ns),
            stalls: Some(stalls),
            host_share: hits.map(|hits| self.share_beyond(percentile, hits)),
        }
    }

    fn bounds(&self, bracket: &Bracket<'_>, percentile: &Percentile, hits: f64) -> Bounds {
        let beyond = (self.latency.count() / percentile.one_in) as f64;
        let sent_ns = bracket.quantile_ns(percentile.quantile);
        let is_moved = bracket.moved(percentile.quantile) >= MOVED_SHARE * beyond;
        let is_censored = self.is_censored(percentile);
        let of_rank = |rank: f64| {
            let ns = bracket.quantile_ns(rank);
            (rank > 0.0).then_some(Low { rank, ns })
        };
        let low = if is_censored {
            of_rank(percentile.quantile - hits / self.latency.count() as f64)
        } else if is_moved {
            bracket.low(percentile.quantile)
        } else {
            of_rank(percentile.quantile)
        };
        Bounds {
            sent_ns,
            high_ns: self.latency.quantile_ns(percentile.quantile),
            low,
            is_censored,
            is_censored_by_itself: is_censored && self.lost as f64 - hits > beyond,
        }
    }

    /// Returns the state that follows from where the value can lie.
    fn by_bounds(&self, bounds: &Bounds, lower_rank: f64) -> State {
        if bounds.is_censored_by_itself {
            return State::Censored;
        }
        let is_late = self.round_trip.is_some() && self.is_wide(bounds.sent_ns, bounds.high_ns);
        match bounds.low {
            Some(low) if bounds.is_censored && low.rank >= lower_rank => State::Partly,
            Some(_) if bounds.is_censored => State::Host,
            Some(low) if !self.is_wide(low.ns, bounds.high_ns) => State::Clean,
            Some(low) if low.rank >= lower_rank && is_late => State::Late,
            Some(low) if low.rank >= lower_rank => State::Partly,
            _ => State::Host,
        }
    }

    fn is_wide(&self, low_ns: u64, high_ns: u64) -> bool {
        is_wide(low_ns, high_ns, self.host.resolution_ns)
    }
}

/// Returns whether the ends of a bracket are further apart than a tenth of the high one, and than `resolution_ns`,
/// which is what the clock resolves.
#[must_use]
pub fn is_wide(low_ns: u64, high_ns: u64, resolution_ns: u64) -> bool {
    let between_ns = high_ns.saturating_sub(low_ns);
    between_ns as f64 > WIDE_SHARE * high_ns as f64 && between_ns > resolution_ns
}

/// Returns the shortest gap that can have put an ordinary request beyond a percentile, in nanoseconds: what
/// its value has over the median, or the median over the least ([`gap_ns`]).
fn deciding_ns(since_send: &DurationHistogram, percentile: &Percentile) -> u64 {
    let value_ns = since_send.quantile_ns(percentile.quantile);
    let ordinary_ns = if percentile.quantile > 0.5 {
        since_send.quantile_ns(0.5)
    } else {
        since_send.min_ns().unwrap_or_default()
    };
    gap_ns(value_ns, ordinary_ns)
}

/// Returns the shortest gap that makes of a request that takes `ordinary_ns` one of `value_ns`, in nanoseconds: the
/// difference, and never under a tenth of the value.
#[must_use]
pub fn gap_ns(value_ns: u64, ordinary_ns: u64) -> u64 {
    value_ns.saturating_sub(ordinary_ns).max(value_ns / 10)
}

#[cfg(test)]
mod tests;
