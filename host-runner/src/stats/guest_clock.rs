//! The rate of the guest's clock against the host's, bounded by the exchange itself.
//!
//! A service time is read from the guest's clock and subtracted from a round trip of the host's, so it has
//! to be in nanoseconds of the host's first. The requests of warm-up bound the factor ([`bounds`]), by which
//! every service time of the run is multiplied as it is recorded; those of the run check it ([`correction`]).
//!
//! Knows stamps, not links or guests, and reads no clock.

use serde::{Deserialize, Serialize};

mod bounds;
mod correction;

pub use bounds::{Bounds, Calibration, Exchange};
pub use correction::{Correction, Service, WarmUp};

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
