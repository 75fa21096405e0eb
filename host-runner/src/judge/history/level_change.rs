//! Changes of a series from one level to the next, and their words.

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::cause::Cause;
use crate::stats::change_points::Shift;

/// A change point.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// Index of the first result of the new level.
    pub index: usize,
    /// The first and the last index that the true one is among, with a confidence of 95 %.
    pub between: [usize; 2],
    /// Start of the first result of the new level.
    #[serde(serialize_with = "as_text")]
    pub started_at: Timestamp,
    /// Revision of the last result of the old level.
    pub from_revision: Option<String>,
    /// Revision of the first result of the new level.
    pub to_revision: Option<String>,
    /// Probability of as good a split if nothing changed.
    pub p_value: f64,
    /// Each percentile.
    pub moved: Vec<Moved>,
    /// Cause.
    pub cause: Cause,
}

/// Change of one percentile.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Moved {
    /// Percentile.
    pub percentile: &'static str,
    /// Ratio of the new level to the old; null where one of them is only known to be larger than the timeout.
    pub ratio: Option<f64>,
    /// Ends of its interval of 95 %, each null where it has none.
    pub interval: [Option<f64>; 2],
    /// 1 if it rose, -1 if it fell, 0 if it did not move.
    pub direction: i8,
}

/// Newest results, too few for a change point, that lie outside of what is expected.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Possible {
    /// Number of them.
    pub results: usize,
    /// Number of results like these that would tell.
    pub more: usize,
    /// Each percentile, against the results before.
    pub moved: Vec<Moved>,
}

impl Change {
    /// Returns true if any percentile rose.
    #[must_use]
    pub fn is_worse(&self) -> bool {
        self.moved.iter().any(|moved| moved.direction > 0)
    }
}

impl Change {
    /// Returns the change in words: place, percentiles that moved, and cause.
    #[must_use]
    pub fn words(&self) -> String {
        let moved = self.moved.iter().filter(|moved| moved.direction != 0);
        let moved: Vec<String> = moved
            .map(|moved| format!("{} {}", moved.percentile, moved.words()))
            .collect();
        format!("{}; {}", moved.join(", "), self.cause.words())
    }
}

impl Moved {
    /// Takes the `shift` of a percentile, which `has_moved` or has not.
    pub(super) fn new(percentile: &'static str, shift: &Shift, has_moved: bool) -> Self {
        let ratio = |by: f64| by.is_finite().then(|| by.exp());
        let direction = if shift.by > 0.0 { 1 } else { -1 };
        Self {
            percentile,
            ratio: ratio(shift.by),
            interval: [ratio(shift.low), ratio(shift.high)],
            direction: if has_moved { direction } else { 0 },
        }
    }

    /// Returns the change in words: `+5.1 % (+4.2 to +6.0)`.
    #[must_use]
    pub fn words(&self) -> String {
        let Some(ratio) = self.ratio else {
            return match self.direction {
                1 => "now among lost requests".to_owned(),
                -1 => "no longer among lost requests".to_owned(),
                _ => "among lost requests".to_owned(),
            };
        };
        let end = |end: Option<f64>| end.map_or("?".to_owned(), |ratio| signed(ratio - 1.0));
        let [low, high] = self.interval.map(end);
        format!("{} % ({low} to {high})", signed(ratio - 1.0))
    }
}

/// Returns a share in percent with its sign, without the unit.
fn signed(share: f64) -> String {
    let percent = share * 100.0;
    let number = match percent.abs() {
        ..9.95 => format!("{:.1}", percent.abs()),
        _ => format!("{:.0}", percent.abs()),
    };
    let sign = if percent < 0.0 { "\u{2212}" } else { "+" };
    format!("{sign}{number}")
}

/// Returns a shift of a logarithm as a change in percent.
#[must_use]
pub fn percent(shift: f64) -> String {
    signed(shift.exp_m1()) + " %"
}

pub(super) fn as_text<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}
