//! Faults that were injected beside a measurement.

use serde::{Deserialize, Serialize};

use super::loss_places::Losses;
use crate::link::fault::{DirectionCounts, InjectedFaults, RequestOutcomes};
use crate::load::Tally;

/// Faults that were injected on the link, and what became of the requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct FaultRecord {
    /// The parameters, as `--fault` takes them.
    pub parameters: String,
    /// Seed of the generator.
    pub seed: u64,
    /// Requests on the way to the guest.
    pub to_guest: DirectionCounts,
    /// Answers on the way from the guest.
    pub from_guest: DirectionCounts,
    /// Outcomes of the measured requests. The sum is the run's `sent`; all but those `answered` are `lost`, or in
    /// flight at the end.
    pub requests: RequestOutcomes,
    /// Requests that were answered and are lost all the same: the answer came after the timeout.
    pub answered_late: u64,
}

impl FaultRecord {
    /// Returns the record of `faults`, injected beside the measurement that `tally` counts.
    #[must_use]
    pub fn new(faults: &InjectedFaults, tally: &Tally) -> Self {
        let requests = faults.outcomes_from(tally.measured_from);
        Self {
            parameters: faults.parameters.to_string(),
            seed: faults.parameters.seed,
            to_guest: faults.to_guest,
            from_guest: faults.from_guest,
            requests,
            answered_late: requests.answered.saturating_sub(tally.received),
        }
    }

    /// Returns where requests were lost. `refused_here` is the number of those that this host gave up sending.
    #[must_use]
    pub(super) const fn losses(&self, refused_here: u64) -> Losses {
        let requests = &self.requests;
        Losses {
            refused_here,
            not_received_by_guest: requests.lost_to_guest + requests.corrupted_to_guest,
            dropped_by_guest: requests.unanswered,
            answer_lost: requests.lost_from_guest
                + requests.corrupted_from_guest
                + self.answered_late,
        }
    }
}
