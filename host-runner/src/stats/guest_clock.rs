//! The rate of the guest's clock against the host's, bounded by the exchange itself.

use serde::{Deserialize, Serialize};

/// Nanoseconds of the host's clock per nanosecond of the guest's, with bounds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct GuestClock {
    /// The factor that service times were multiplied with.
    pub host_per_guest: f64,
    /// The least that the true factor can be.
    pub low: f64,
    /// The most that it can be.
    pub high: f64,
}
