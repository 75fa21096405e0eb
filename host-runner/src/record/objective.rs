//! Objectives that a result was held against, and what came of it.

use serde::{Deserialize, Serialize};

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
    /// Unit of those four: `ns`, `/s`, `bytes`, `ratio` (to the reference), or empty for a plain number.
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
