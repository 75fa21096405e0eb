//! Losses of two targets, compared boot by boot, where nothing else can be compared.

use super::location::Location;
use super::{MIN_ROUNDS, Round};

/// The typical boot's ratio of the shares of requests lost, target by baseline.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LossRatio {
    /// The ratio.
    pub ratio: f64,
    /// The lower end of its confidence interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// Compares the losses of `rounds` with the confidence 1 - `alpha`; `None` with too few rounds.
pub(super) fn compare(rounds: &[Round<'_>], alpha: f64) -> Option<LossRatio> {
    if rounds.len() < MIN_ROUNDS {
        return None;
    }
    // Half a request more on either side: a boot that loses none has a share, too.
    let odds = |lost: u64, sent: u64| (lost as f64 + 0.5) / (sent as f64 + 1.0);
    let log_ratio = |round: &Round<'_>| {
        let target = odds(round.target.lost, round.target.sent);
        (target / odds(round.baseline.lost, round.baseline.sent)).ln()
    };
    let log_ratios: Vec<f64> = rounds.iter().map(log_ratio).collect();
    let location = Location::of(&log_ratios, 0.0);
    let (low, high) = location.interval(alpha);
    Some(LossRatio {
        ratio: location.centre().exp(),
        low: low.exp(),
        high: high.exp(),
    })
}
