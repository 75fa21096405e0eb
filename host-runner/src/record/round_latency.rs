//! Latency of one round of a comparison, to be merged with that of others.

use std::time::Duration;

use super::Run;
use crate::stats::comparison::Boot;
use crate::stats::{Distribution, RunRecorder, Tag};

/// One valid repetition of a merged target.
#[derive(Clone, Debug)]
pub struct RoundLatency {
    /// Number of the round.
    pub round: u32,
    /// Time of its start, after that of the comparison.
    pub start: Duration,
    /// Duration.
    pub length: Duration,
    /// Latency, with the region that lost requests lie in.
    pub latency: Distribution,
    /// Other times that were recorded of it.
    pub tagged: Vec<(Tag, Distribution)>,
    /// Requests sent.
    pub sent: u64,
    /// Requests not answered in time.
    pub lost: u64,
    /// Requests that the instrument gave up sending.
    pub dropped: u64,
}

impl RoundLatency {
    /// The part that `run` is, which began `start` after the comparison did.
    #[must_use]
    pub fn new(run: &Run, recorder: &RunRecorder, start: Duration) -> Self {
        let tags = Tag::ALL.into_iter();
        let tags = tags.filter(|&tag| run.tagged(tag).is_some());
        // Where lost requests are not marked they lie from the timeout on.
        let is_lossy = run.lost + run.dropped_locally > 0;
        let timeout_ns = is_lossy.then_some(run.timeout_ns);
        Self {
            round: run.round.unwrap_or(0),
            start,
            length: run.measured(),
            latency: Distribution::from(&recorder.latency)
                .censored_from(run.censored_from_ns.or(timeout_ns)),
            tagged: tags
                .filter_map(|tag| Some((tag, recorder.tagged(tag)?.into())))
                .collect(),
            sent: run.sent,
            lost: run.lost,
            dropped: run.dropped_locally,
        }
    }

    /// As the boot that a verdict is about.
    #[must_use]
    pub const fn boot(&self) -> Boot<'_> {
        Boot {
            latency: &self.latency,
            sent: self.sent,
            lost: self.lost,
            dropped: self.dropped,
        }
    }

    /// Share of its requests that were lost.
    #[must_use]
    pub fn lost_share(&self) -> f64 {
        self.lost as f64 / self.sent.max(1) as f64
    }
}
