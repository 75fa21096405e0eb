//! One node of a run that is the sum of several.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::record::utc;
use crate::stats::Summary;

/// The share of one node in a run that was added up. Its latencies are in the run's log, with its name as their tag.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Node {
    /// Name, which no other node of the run has.
    pub name: String,
    /// Paths of the logs that were added, as they were given.
    pub logs: Vec<String>,
    /// The service's address and port, as this node saw them; several are separated by spaces.
    pub address: String,
    /// Time at which the first measured request was due, by this node's clock of day, in UTC.
    #[serde(default, with = "utc")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub started_at: Option<Timestamp>,
    /// Requests sent.
    pub sent: u64,
    /// Requests answered in time.
    pub received: u64,
    /// Requests not answered in time.
    pub lost: u64,
    /// True if the node's figures mean what they say.
    pub valid: bool,
    /// If they do not, the reasons, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub invalid_because: Vec<String>,
    /// As of the run.
    pub latency_ns: Summary,
    /// Latencies from here on, in nanoseconds, are lower bounds; null if none is.
    #[serde(default)]
    pub censored_from_ns: Option<u64>,
}
