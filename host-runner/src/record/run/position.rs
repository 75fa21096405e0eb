//! The place of a run among those of its experiment.

/// Place of a run among those of its experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunPosition {
    /// The only run, or the pipeline that a sweep begins with.
    First,
    /// An open loop of a sweep.
    Step {
        /// Share of the pipeline's rate, or of the generator's limit, that it is offered, in percent.
        percent: u32,
    },
    /// A run of a comparison.
    Round {
        /// Number of the round, from 1 on.
        round: u32,
        /// Number of the attempt in that round, from 1 on.
        attempt: u32,
    },
}

impl RunPosition {
    pub(super) const fn sweep_percent(self) -> Option<u32> {
        match self {
            Self::Step { percent } => Some(percent),
            Self::First | Self::Round { .. } => None,
        }
    }

    pub(super) const fn round(self) -> Option<u32> {
        match self {
            Self::Round { round, .. } => Some(round),
            Self::First | Self::Step { .. } => None,
        }
    }

    pub(super) const fn attempt(self) -> Option<u32> {
        match self {
            Self::Round { attempt, .. } => Some(attempt),
            Self::First | Self::Step { .. } => None,
        }
    }
}
