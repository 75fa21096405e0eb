//! Attempts at a step of a sweep that was measured again.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Run, utc};
use crate::stats::{PercentileState, Reason};

/// One attempt at a step of a sweep. The run itself is the attempt that was kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Attempt {
    /// True for the attempt that was kept, by the states of its percentiles alone: its figures are those of the
    /// run, and there are files of no other.
    pub kept: bool,
    /// Time at which the first measured request was due, in UTC (RFC 3339, to the microsecond). Null if none was.
    #[serde(default, with = "utc")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub started_at: Option<Timestamp>,
    /// Requests before those that were measured.
    pub warmup_discarded: u64,
    /// Requests sent.
    pub sent: u64,
    /// Requests not answered in time.
    pub lost: u64,
    /// True if the attempt was broken off.
    pub partial: bool,
    /// True if the generator, and not the service, limited what was sent.
    pub generator_limited: bool,
    /// True if the figures meant what they said.
    pub valid: bool,
    /// The highest percentile up to which all counted; null if none did.
    pub valid_to: Option<String>,
    /// State of each standard percentile, with its bracket.
    pub percentiles: BTreeMap<String, PercentileState>,
    /// Everything that stood against the attempt, as codes with numbers.
    pub reasons: Vec<Reason>,
}

impl From<&Run> for Attempt {
    /// Returns the attempt that `run` is; it is not kept.
    fn from(run: &Run) -> Self {
        Self {
            kept: false,
            started_at: run.started_at,
            warmup_discarded: run.warmup_discarded,
            sent: run.sent,
            lost: run.lost,
            partial: run.partial,
            generator_limited: run.generator_limited,
            valid: run.valid,
            valid_to: run.valid_to.clone(),
            percentiles: run.percentiles.clone(),
            reasons: run.reasons.clone(),
        }
    }
}
