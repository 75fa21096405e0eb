//! The status of a running service, as `fathom status --json` prints it.

use serde::Serialize;
use serde_json::{Map, Value};

/// Status of a service, as it reports it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServiceStatus {
    /// The service's address and port.
    pub address: String,
    /// The service's boot.
    pub boot_id: u32,
    /// Time since that boot, in nanoseconds.
    pub uptime_ns: u64,
    /// The service's version.
    pub version: String,
    /// Round-trip time of the request, in nanoseconds.
    pub round_trip_ns: u64,
    /// The service's counters by name.
    pub counters: Map<String, Value>,
}
