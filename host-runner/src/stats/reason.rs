//! Reasons why a run, or a percentile of it, does not mean what it seems to: codes with their numbers, of
//! which prose is made.

use serde::{Deserialize, Serialize};

/// Code of a reason.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The user broke the run off.
    Interrupted,
    /// The machine or the link failed.
    Failed,
    /// Nothing was received.
    NothingReceived,
    /// Replies came from another boot of the service.
    ForeignBoot,
    /// Latencies were beyond what a histogram holds.
    Saturated,
    /// The generator sent late.
    Late,
    /// The host took a CPU of the measurement away.
    Host,
    /// The hypervisor took CPU time away.
    Steal,
    /// The instrument dropped requests itself.
    Dropped,
    /// Requests were lost.
    Censored,
    /// There were too few samples, or too few separate stalls.
    Few,
}

/// One reason, with its numbers; those that do not apply are absent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Reason {
    /// Code of the reason.
    pub code: Code,
    /// Name of the lowest percentile that it applies to, such as `p99`; absent if it is the whole run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percentile: Option<String>,
    /// A time in nanoseconds: how late, or how long a gap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ns: Option<u64>,
    /// A share, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// A number of requests, samples or ticks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// Words of another program or of the system, for `failed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}
