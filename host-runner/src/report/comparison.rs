//! What comes of holding two measurements against each other, in the record.

use serde::{Deserialize, Serialize};

/// One figure of two measurements, side by side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// What is compared: a percentile's name, as in a run's summaries.
    pub percentile: String,
    /// The one measurement, by target and link.
    pub a: String,
    /// The other, which it is held against.
    pub b: String,
    /// That percentile of `a`'s latency, in nanoseconds; null if it has too few samples.
    pub a_ns: Option<f64>,
    /// That of `b`'s.
    pub b_ns: Option<f64>,
    /// The ends of the 95 % confidence interval of `a` minus `b`, in nanoseconds.
    pub difference_ci95_ns: Option<[f64; 2]>,
    /// What that comes to, in words.
    pub verdict: String,
}
