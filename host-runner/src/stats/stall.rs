//! Stalls: requests one after the other that all took exceptionally long.

use serde::{Deserialize, Serialize};

/// One stall.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct Stall {
    /// Time from the start of the run to the reply, or loss, that ended the stall, in nanoseconds.
    pub at_ns: u64,
    /// Time from when its first request was due to that, in nanoseconds.
    pub length_ns: u64,
    /// Number of requests that it hit.
    pub requests: u64,
    /// The longest latency among them, in nanoseconds.
    pub max_ns: u64,
    /// The longest scheduling gap of the measuring or the answering CPU within it, in nanoseconds; null if
    /// neither was observed.
    pub host_gap_ns: Option<u64>,
}
