//! Objectives that a result was held against, and what came of it.

use serde::{Deserialize, Serialize};

use crate::quantity;

/// Judgement of one expression of an objective, such as `p99 <= 2us`, on the runs that it is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Objective {
    /// Name of the objective; the expression if it has none.
    pub name: String,
    /// The runs that it is about, in words: target, link and kind of load.
    pub on: String,
    /// The expression, as it was written.
    pub expression: String,
    /// Consequence of missing it.
    pub level: ObjectiveLevel,
    /// Outcome.
    pub state: ObjectiveState,
    /// The figure that was measured, in `unit`; null if it was not.
    pub value: Option<f64>,
    /// Lower end of its confidence interval; null for a figure that is counted, not sampled.
    pub low: Option<f64>,
    /// Upper end of that.
    pub high: Option<f64>,
    /// The limit that it is held against, in `unit`; null if that is not known.
    pub limit: Option<f64>,
    /// Unit of those four: `ns`, `/s`, `bytes`, `share` (of one), `floors` (round trips of a cache line), `ratio` (to the
    /// reference), or empty for a plain number.
    pub unit: String,
    /// Reason for the outcome, and what would decide one that is undecided, in words.
    pub needs: Option<String>,
    /// True if missing it misses all, whatever the score.
    pub key: bool,
    /// Points that it can bring to the score.
    pub weight: f64,
    /// Points that it brought.
    pub points: f64,
}

/// Consequence of missing an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ObjectiveLevel {
    /// The result does not pass.
    Pass,
    /// A warning is printed, and half of the points are lost.
    Warn,
}

/// Outcome of an expression. Data that is missing or invalid never meets one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ObjectiveState {
    /// The figure keeps to its limit, at the confidence asked for.
    Met,
    /// The figure does not, likewise.
    Missed,
    /// The measurement can't tell.
    Undecided,
    /// The figure was not measured.
    NotMeasured,
}

/// Outcome of all objectives together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ObjectiveSummary {
    /// Outcome.
    pub state: ObjectiveState,
    /// The number of objectives by their outcome, or the score, in words.
    pub reason: String,
    /// Number of expressions that warn, and of undecided ones that are tolerated.
    pub warnings: usize,
    /// One-sided confidence of a limit that counts as kept, from 0 to 1.
    pub confidence: f64,
    /// Number of times that the result was to be looked at, which the chance of error, one less the confidence, is divided
    /// by: more than 1 where `compare --confirm` could add rounds.
    #[serde(default = "once")]
    pub looks: u32,
    /// Points that the objectives brought.
    pub points: f64,
    /// Points that they could have brought.
    pub weight: f64,
    /// Percent of the points from which on the score is enough; null if every objective must be met.
    pub score_to_pass: Option<f64>,
    /// Percent of the points from which on it is enough with a warning.
    pub score_to_warn: Option<f64>,
}

/// Number of looks in records that don't say.
const fn once() -> u32 {
    1
}

impl ObjectiveState {
    /// Returns the state in a word or two.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Missed => "missed",
            Self::Undecided => "undecided",
            Self::NotMeasured => "not measured",
        }
    }
}

impl Objective {
    /// Returns the figure with its interval in words: `1.72 µs (1.65 µs to 1.80 µs)`; `-` if it was not measured.
    #[must_use]
    pub fn figure(&self) -> String {
        let Some(value) = self.value else {
            return "-".to_owned();
        };
        let value = self.in_words(value);
        match (self.low, self.high) {
            (Some(low), Some(high)) => {
                format!(
                    "{value} ({} to {})",
                    self.in_words(low),
                    self.in_words(high)
                )
            }
            (Some(low), None) => format!("{value} (at least {})", self.in_words(low)),
            (None, Some(high)) => format!("{value} (at most {})", self.in_words(high)),
            (None, None) => value,
        }
    }

    /// Returns the same, and the limit behind it where the expression names only what that is relative to.
    #[must_use]
    pub fn figure_and_limit(&self) -> String {
        let is_relative = self.unit != "ratio" && self.expression.contains(" of ");
        match self.limit.filter(|_| is_relative) {
            Some(limit) => format!("{}, limit {}", self.figure(), self.in_words(limit)),
            None => self.figure(),
        }
    }

    /// Returns `value`, which has the unit of its figures, in words.
    #[must_use]
    pub fn in_words(&self, value: f64) -> String {
        match &*self.unit {
            "ns" => quantity::time(value),
            "/s" => format!("{}/s", quantity::rate(value)),
            "bytes" => quantity::bytes(value.max(0.0) as u64),
            "share" => quantity::share(value),
            "floors" => format!("{} floors", quantity::exact(value)),
            "ratio" => {
                let percent = (value - 1.0) * 100.0;
                let sign = if percent < 0.0 { "\u{2212}" } else { "+" };
                format!("{sign}{:.1} %", percent.abs())
            }
            _ if value.fract() == 0.0 => quantity::count(value as u64),
            _ => quantity::exact(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objective(unit: &str, value: f64, interval: Option<(f64, f64)>) -> Objective {
        Objective {
            name: String::new(),
            on: String::new(),
            expression: String::new(),
            level: ObjectiveLevel::Pass,
            state: ObjectiveState::Met,
            value: Some(value),
            low: interval.map(|ends| ends.0),
            high: interval.map(|ends| ends.1),
            limit: None,
            unit: unit.to_owned(),
            needs: None,
            key: false,
            weight: 1.0,
            points: 1.0,
        }
    }

    #[test]
    fn figures_are_told_in_their_unit() {
        let figure = |unit, value, interval| objective(unit, value, interval).figure();
        assert_eq!(
            figure("ns", 1720.0, Some((1650.0, 1800.0))),
            "1.72 µs (1.65 µs to 1.80 µs)"
        );
        assert_eq!(
            figure("ratio", 0.95, Some((0.9, 1.012))),
            "\u{2212}5.0 % (\u{2212}10.0 % to +1.2 %)"
        );
        assert_eq!(figure("", 495.6, None), "496");
        assert_eq!(figure("", 12_345.0, None), "12,345");
        assert_eq!(figure("floors", 8.0, None), "8 floors");
        assert_eq!(figure("share", 0.001, None), "0.10 %");
        assert_eq!(figure("bytes", 409_600.0, None), "400 KiB");
        assert_eq!(figure("/s", 12_500.0, None), "12.5k/s");
        let open = Objective {
            low: Some(2000.0),
            ..objective("ns", 2000.0, None)
        };
        assert_eq!(open.figure(), "2.00 µs (at least 2.00 µs)");
        let nothing = Objective {
            value: None,
            ..open
        };
        assert_eq!(nothing.figure(), "-");
        let relative = |expression: &str| Objective {
            expression: expression.to_owned(),
            limit: Some(432.3),
            ..objective("", 2420.0, None)
        };
        let expression = "instructions_per_echo <= +1% of baseline";
        assert_eq!(relative(expression).figure_and_limit(), "2,420, limit 432");
        assert_eq!(relative("lost <= 432").figure_and_limit(), "2,420");
    }
}
