//! The rate at which the open loops of all targets on a link are offered requests in a comparison.

use serde::{Deserialize, Serialize};

use crate::quantity;

/// The rate of the open loops on one link, and what it was made from. It is the same for all targets there:
/// tails are percentiles of the same requests per second.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CommonRate {
    /// Name of the link.
    pub link: String,
    /// Requests per second.
    pub rate: f64,
    /// The target, with its variant, whose closed loop was the slowest; null if the rate was asked for.
    pub slowest: Option<String>,
    /// Replies per second of that closed loop, at its median latency.
    pub slowest_rate: Option<f64>,
    /// The rate as a share of that.
    pub share: Option<f64>,
}

impl CommonRate {
    /// Returns the rate and its origin in words.
    #[must_use]
    pub fn words(&self) -> String {
        let rate = quantity::rate(self.rate);
        match (&self.slowest, self.slowest_rate, self.share) {
            (Some(slowest), Some(slowest_rate), Some(share)) => format!(
                "{rate}/s for every target on {}: {:.0} % of what the slowest, {slowest}, answers in a closed \
                 loop at its median, {}/s",
                self.link,
                share * 100.0,
                quantity::rate(slowest_rate)
            ),
            _ => format!("{rate}/s for every target on {}, as asked for", self.link),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_says_what_it_was_made_from() {
        let rate = CommonRate {
            link: "tap".to_owned(),
            rate: 6000.0,
            slowest: Some("linux-guest:blocking".to_owned()),
            slowest_rate: Some(10_000.0),
            share: Some(0.6),
        };
        assert_eq!(
            rate.words(),
            "6.00k/s for every target on tap: 60 % of what the slowest, linux-guest:blocking, answers in a \
             closed loop at its median, 10.0k/s"
        );
        let asked_for = CommonRate {
            slowest: None,
            ..rate
        };
        assert_eq!(
            asked_for.words(),
            "6.00k/s for every target on tap, as asked for"
        );
    }
}
