//! Where requests were lost, by the service's counters before and after a run.

use serde::{Deserialize, Serialize};

/// Numbers of requests that went without an answer, by where they or their answers were lost. They add up
/// to the run's `lost` and `dropped_locally`, as far as what is in flight at the two readings allows.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct Losses {
    /// Requests that this host gave up sending.
    pub refused_here: u64,
    /// Requests sent that never reached the service.
    pub not_received_by_guest: u64,
    /// Requests that the service received and dropped.
    pub dropped_by_guest: u64,
    /// Requests answered whose answer did not come back in time.
    pub answer_lost: u64,
}
