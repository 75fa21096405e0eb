//! Verdicts in words, made from a comparison's fields and from nothing else.

use super::Comparison;
use crate::quantity;
use crate::stats::comparison::Verdict;

/// Ratios from here on, and below its inverse, are told as factors and not in percent.
const FACTOR: f64 = 2.0;

impl Comparison {
    /// The verdict with its percentile: `p99 lower in 7 of 7 boots, by 19 % (14 to 24 %)`.
    #[must_use]
    pub fn sentence(&self) -> String {
        format!("{} {}", self.percentile, self.words())
    }

    /// The verdict without the percentile: `lower in 7 of 7 boots, by 19 % (14 to 24 %)`.
    #[must_use]
    pub fn words(&self) -> String {
        match self.outcome() {
            Verdict::Lower => format!("lower{}", self.extent(self.rounds_lower)),
            Verdict::Higher => format!("higher{}", self.extent(self.rounds_higher)),
            Verdict::NoDifference => match self.detectable_ratio {
                Some(ratio) => format!(
                    "no difference seen ({} or more would have been found)",
                    change(ratio)
                ),
                None => "no difference seen".to_owned(),
            },
            Verdict::TooFewRounds => "too few rounds to say".to_owned(),
            Verdict::BothCensored => self.losses(),
        }
    }

    /// Returns the number of boots that show the difference, and its size.
    fn extent(&self, boots: Option<usize>) -> String {
        let boots = boots.map(|boots| format!(" in {boots} of {} boots,", self.rounds));
        format!("{} {}", boots.unwrap_or_default(), self.by())
    }

    /// The size of the difference: `by 19 % (14 to 24 %)`, `by a factor of 7.1 (5.9 to 8.6)`, `by at least
    /// 85 %`, and in records of older versions `by 41.0–48.5 µs`.
    #[must_use]
    pub fn by(&self) -> String {
        match (self.ratio, self.ratio_low, self.ratio_high) {
            (Some(ratio), Some(low), Some(high)) => {
                // The end nearer to no difference comes first.
                let (near, far) = if ratio < 1.0 {
                    (high, low)
                } else {
                    (low, high)
                };
                let range = match is_factor(ratio) {
                    true => format!("{} to {}", factor(near), factor(far)),
                    false => format!("{} to {} %", percent(near), percent(far)),
                };
                format!("by {} ({range})", change(ratio))
            }
            (_, Some(bound), None) | (_, None, Some(bound)) => match is_factor(bound) {
                true => format!("by a factor of at least {}", factor(bound)),
                false => format!("by at least {} %", percent(bound)),
            },
            _ => {
                let [low, high] = [self.low_ns, self.high_ns].map(|ns| ns.unwrap_or(0) as f64);
                let (low, high) = (low.abs(), high.abs());
                format!("by {}", quantity::range(low.min(high), low.max(high)))
            }
        }
    }

    /// Returns the share of its requests that each loses, `1.20 % against 5.00 %`; `None` if neither loses any.
    #[must_use]
    pub fn lost_shares(&self) -> Option<String> {
        let (target, baseline) = (self.target_lost?, self.baseline_lost?);
        let [target_words, baseline_words] = [target, baseline].map(quantity::share);
        (target > 0.0 || baseline > 0.0).then(|| format!("{target_words} against {baseline_words}"))
    }

    /// Returns the losses of both, in words, where latency can't be compared for them.
    fn losses(&self) -> String {
        let beyond = self.percentile.trim_start_matches('p').parse::<f64>();
        let beyond = beyond.map_or_else(
            |_| "too much".to_owned(),
            |percent| format!("more than {} %", quantity::exact(100.0 - percent)),
        );
        let mut words = format!("both lose {beyond}: compare losses");
        if let Some(shares) = self.lost_shares() {
            words.push_str(&format!(", {shares}"));
        }
        if let (Some(ratio), Some(low), Some(high)) =
            (self.loss_ratio, self.loss_ratio_low, self.loss_ratio_high)
        {
            let [ratio, low, high] = [ratio, low, high].map(quantity::ratio);
            words.push_str(&format!(", a ratio of {ratio} ({low} to {high})"));
        }
        words
    }
}

/// Returns true if a ratio is printed as a factor.
fn is_factor(ratio: f64) -> bool {
    !(FACTOR.recip()..FACTOR).contains(&ratio)
}

/// A ratio away from one, as a factor above one.
fn factor(ratio: f64) -> String {
    quantity::ratio(ratio.max(ratio.recip()))
}

/// A ratio away from one, in percent.
fn percent(ratio: f64) -> String {
    quantity::ratio(100.0 * (ratio - 1.0).abs())
}

/// A ratio as a change: in percent, or as a factor if it is far from one.
fn change(ratio: f64) -> String {
    match is_factor(ratio) {
        true => format!("a factor of {}", factor(ratio)),
        false => format!("{} %", percent(ratio)),
    }
}
