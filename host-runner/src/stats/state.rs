//! The state of one percentile: who or what decided its value, by fixed rules.
//!
//! Of a run with n requests, let D(p) be the percentile of the latency since a request was due, S(p) that of
//! the round trip since its actual send (in a loop that is not open both are the same), and b = n(1-p) the
//! number of requests beyond. The state of p is the first of these that applies:
//!
//! | state | applies if |
//! |---|---|
//! | `few`, without values | b < 10 |
//! | `dropped` | requests that the instrument dropped itself are over b/10 |
//! | `host` | the host's gaps can account for at least b/2 requests beyond the value (see [`Interference`]) |
//! | `censored` | more requests were lost than lie beyond p: its value is at least the timeout |
//! | `late` | D(p) - S(p) is over a tenth of D(p), and over what the clock resolves: the value is a bracket, S(p) to D(p) |
//! | `few`, with values | p is a tail percentile (p99 and up), and fewer than 10 separate stalls reach it |
//! | `partly` | the host's gaps can account for b/10 to b/2 of the requests beyond the value |
//! | `clean` | otherwise |
//!
//! A value that is `clean`, `partly`, a bracket on two sides (`late`) or on one (`censored`), or of `few`
//! stalls is a true statement about what was measured. One that is `host` or `dropped` speaks of something
//! else, and one of `few` requests does not exist. With `--strict` nothing counts but `clean`.

use serde::{Deserialize, Serialize};

use super::Recording;
use super::interference::Interference;
use super::stall::Stalls;
use super::summary::{MIN_BEYOND, PERCENTILES, Percentile};

/// With fewer separate stalls beyond it a tail percentile says so.
pub const MIN_STALLS: u64 = 10;

/// One request in this many, or fewer, lies beyond a tail percentile.
const TAIL_ONE_IN: u64 = 100;

/// Lateness over this share of the latency makes a bracket of it.
const LATE_SHARE: f64 = 0.1;

/// Requests that the instrument dropped are held against a percentile from this share of those beyond on.
const DROPPED_SHARE: f64 = 0.1;

/// The host takes part in a percentile from this share of the requests beyond on.
const PARTLY_SHARE: f64 = 0.1;

/// The host decides a percentile from this share of the requests beyond on.
const HOST_SHARE: f64 = 0.5;

/// State of one percentile; the module has the rules.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The system under test decided the value.
    Clean,
    /// The host's scheduling gaps can account for a tenth to a half of the requests beyond the value.
    Partly,
    /// The generator sent late: the value is known as a bracket, from the round trip since the actual send
    /// to the latency since the request was due.
    Late,
    /// The value lies among lost requests: it is at least the timeout.
    Censored,
    /// The host's scheduling gaps alone can account for at least half of the requests beyond the value, lost
    /// ones included.
    Host,
    /// Requests that the instrument dropped itself account for over a tenth of those beyond the value.
    Dropped,
    /// There are too few requests beyond the value for there to be one; or, with values, too few separate
    /// stalls.
    Few,
}

/// One percentile's value with its state.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PercentileState {
    /// State of the percentile.
    pub state: State,
    /// The least that the value can be, in nanoseconds: of the round trip since the actual send.
    pub low_ns: Option<u64>,
    /// The most that it can be, in nanoseconds: of the latency since the request was due. Null if the value
    /// lies among lost requests.
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
    pub latency: &'a Recording,
    /// Round trip since the actual send, in an open loop.
    pub round_trip: Option<&'a Recording>,
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

impl Evidence<'_> {
    /// Returns the states of all standard percentiles, from the middle to the tail.
    #[must_use]
    pub fn states(&self) -> [(Percentile, PercentileState); PERCENTILES.len()] {
        PERCENTILES.map(|percentile| (percentile, self.state(&percentile)))
    }

    fn state(&self, percentile: &Percentile) -> PercentileState {
        let sent = self.latency.count();
        let beyond = sent / percentile.one_in;
        if beyond < MIN_BEYOND {
            return PercentileState {
                state: State::Few,
                low_ns: None,
                high_ns: None,
                stalls: None,
                host_share: None,
            };
        }
        let since_send = self.round_trip.unwrap_or(self.latency);
        let low_ns = since_send.quantile_ns(percentile.quantile);
        let high_ns = self.latency.quantile_ns(percentile.quantile);
        // Every lost request took longer than every answered one, and `beyond` of all lie beyond.
        let is_censored = self.lost > beyond;
        let low_ns = if is_censored { self.timeout_ns } else { low_ns };
        let hits = if is_censored {
            self.host.losses()
        } else {
            self.host.hits(deciding_ns(since_send, percentile, low_ns))
        };
        let share = |part: f64| part / beyond as f64;
        let host_share = hits.map(|hits| share(hits).min(1.0));
        let stalls = self.stalls.beyond(high_ns);
        let late_ns = high_ns.saturating_sub(low_ns);
        let is_late = late_ns as f64 > LATE_SHARE * high_ns as f64
            && late_ns > self.host.resolution_ns
            && self.round_trip.is_some();
        let is_tail = percentile.one_in >= TAIL_ONE_IN;
        let state = if share(self.dropped as f64) > DROPPED_SHARE {
            State::Dropped
        } else if host_share.is_some_and(|share| share >= HOST_SHARE) {
            State::Host
        } else if is_censored {
            State::Censored
        } else if is_late {
            State::Late
        } else if is_tail && stalls < MIN_STALLS {
            State::Few
        } else if host_share.is_some_and(|share| share >= PARTLY_SHARE) {
            State::Partly
        } else {
            State::Clean
        };
        PercentileState {
            state,
            low_ns: Some(low_ns),
            high_ns: (!is_censored).then_some(high_ns),
            stalls: Some(stalls),
            host_share,
        }
    }
}

/// Returns the shortest gap that can have put an ordinary request beyond `value_ns`, in nanoseconds: what
/// the value has over the median, or the median over the least; and never under a tenth of the value.
fn deciding_ns(recording: &Recording, percentile: &Percentile, value_ns: u64) -> u64 {
    let ordinary_ns = if percentile.quantile > 0.5 {
        recording.quantile_ns(0.5)
    } else {
        recording.min_ns().unwrap_or_default()
    };
    value_ns.saturating_sub(ordinary_ns).max(value_ns / 10)
}

#[cfg(test)]
mod tests;
