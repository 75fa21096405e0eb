//! A case of a comparison: one variant on one link.

use std::fmt;

use super::variant::Variant;
use crate::record::{Run, Skipped, SystemCost};
use crate::stats::median;
use crate::sut::{LinkChoice, Responder};

/// A variant on a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    /// The variant.
    pub variant: Variant,
    /// The link.
    pub link: LinkChoice,
}

impl Case {
    /// Returns the record that the case is left out: from `round` on, or altogether.
    #[must_use]
    pub fn skipped(&self, round: Option<u32>, reason: String) -> Skipped {
        Skipped {
            target: self.variant.target_name(),
            responder: self.responder_name(),
            link: self.link.name().to_owned(),
            round,
            reason,
        }
    }

    /// Returns true if `run` is a run of the case.
    #[must_use]
    pub fn is_of(&self, run: &Run) -> bool {
        run.target == self.variant.target_name()
            && run.responder.as_deref() == self.variant.responder.map(Responder::name)
            && run.link == self.link.name()
    }

    /// Returns the cost of start and memory, as far as `runs` have it: medians over the case's runs, valid or
    /// not, for disturbances that make a latency invalid do not change these figures.
    #[must_use]
    pub fn cost(&self, runs: &[Run]) -> SystemCost {
        let own: Vec<&Run> = runs.iter().filter(|run| self.is_of(run)).collect();
        let median = |value: fn(&Run) -> Option<f64>| {
            median::median(own.iter().filter_map(|run| value(run)).collect())
        };
        let last = |value: fn(&Run) -> Option<u64>| own.iter().rev().find_map(|run| value(run));
        SystemCost {
            target: self.variant.target_name(),
            responder: self.responder_name(),
            link: self.link.name().to_owned(),
            first_reply_ms: median(|run| run.first_reply_ms),
            resident_bytes: median(|run| run.resident_bytes.map(|bytes| bytes as f64))
                .map(|bytes| bytes as u64),
            memory_bytes: last(|run| run.memory_bytes),
            image_bytes: last(|run| run.image_bytes),
            ..SystemCost::default()
        }
    }

    fn responder_name(&self) -> Option<String> {
        let name = self.variant.responder.map(Responder::name);
        name.map(ToOwned::to_owned)
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.variant, self.link.name())
    }
}
