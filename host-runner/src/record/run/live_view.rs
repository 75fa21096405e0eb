//! The live view beside a measurement.

use serde::{Deserialize, Serialize};

/// Place of the thread that drew a live view while something was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LiveView {
    /// CPUs that the measurement did not use.
    SpareCpus,
    /// CPUs that the measurement used as well, for want of others: the view's thread ran where no other wanted to
    /// (`SCHED_IDLE`).
    SharedCpus,
}

impl LiveView {
    /// Returns what the view adds to the placement of a measurement, in words.
    #[must_use]
    pub const fn in_placement(self) -> &'static str {
        match self {
            Self::SpareCpus => "",
            Self::SharedCpus => "; a live view shares these CPUs",
        }
    }
}
