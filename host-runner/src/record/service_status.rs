//! The status of a running service, as `fathom status --json` prints it.

use serde::Serialize;
use serde_json::{Map, Value};
use wire::log_control::Settings;

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
    /// Settings of its log; null if it has none.
    pub log: Option<ServiceLog>,
}

/// Settings of a service's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServiceLog {
    /// Least important records that are logged: off, error, warn, info, debug or trace.
    pub level: String,
    /// Rate at which records leave the service, in bytes per second.
    pub budget_bytes_per_s: u32,
}

impl From<Settings> for ServiceLog {
    fn from(Settings { level, budget }: Settings) -> Self {
        Self {
            level: level.to_string(),
            budget_bytes_per_s: budget.bytes_per_second(),
        }
    }
}
