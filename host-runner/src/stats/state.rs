//! The state of one percentile: who or what decided its value.

use serde::{Deserialize, Serialize};

/// The state of one percentile, the worst that applies.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The system under test decided the value.
    Clean,
    /// The host's scheduling gaps account for a tenth to a half of the requests beyond the value.
    Partly,
    /// The generator sent late: the value is known as a bracket, from the round trip since the actual send
    /// to the latency since the request was due.
    Late,
    /// The host's scheduling gaps alone account for at least half of the requests beyond the value.
    Host,
    /// Requests that the instrument dropped itself account for over a tenth of those beyond the value.
    Dropped,
    /// The value lies among lost requests: it is at least the timeout.
    Censored,
    /// There are too few samples, or too few separate stalls, beyond the value.
    Few,
}

/// One percentile's value with its state.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PercentileState {
    /// State of the percentile.
    pub state: State,
    /// The least that the value can be, in nanoseconds: of the round trip since the actual send.
    pub low_ns: Option<u64>,
    /// The most that it can be, in nanoseconds: of the latency since the request was due. Null if censored.
    pub high_ns: Option<u64>,
    /// Number of separate stalls that make up the requests beyond the value; null if they were not told
    /// apart.
    pub stalls: Option<u64>,
    /// Share of the requests beyond the value that the host's gaps can account for; null if unobserved.
    pub host_share: Option<f64>,
}
