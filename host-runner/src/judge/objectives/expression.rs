//! Expressions of objectives: `METRIC OP BOUND`, and the target that it is about if that is named.
//!
//! ```text
//! p99 <= 2us                          p50 <= 8 floors
//! lost == 0                           p99 <= +5% of baseline
//! rate >= 100k/s                      p99 <= 50% of linux-guest:busy on hermit
//! ```

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use super::bound::{Bound, Reference};
use super::metric::{Metric, QUOTE, Quantity};

/// A limit on a metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Expression {
    /// The expression, as it was written.
    pub text: String,
    /// The figure.
    pub metric: Metric,
    /// The relation that it must have to the bound.
    pub operator: Operator,
    /// The limit.
    pub bound: Bound,
    /// Label of the target that it is about; `None` for all that its objective is about.
    pub target: Option<String>,
    /// Place of the bound in the text.
    bound_at: Range<usize>,
    /// Place of the target's label in the text.
    target_at: Range<usize>,
}

/// Relation between a figure and its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `==`
    Equal,
    /// `>=`
    AtLeast,
    /// `>`
    Above,
}

/// Operators by their signs, the longer ones first.
const OPERATORS: [(&str, Operator); 5] = [
    ("<=", Operator::AtMost),
    (">=", Operator::AtLeast),
    ("==", Operator::Equal),
    ("<", Operator::Below),
    (">", Operator::Above),
];

impl Operator {
    /// Returns true if `value` has the relation to `limit`.
    #[must_use]
    pub fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Self::Below => value < limit,
            Self::AtMost => value <= limit,
            Self::Equal => value == limit,
            Self::AtLeast => value >= limit,
            Self::Above => value > limit,
        }
    }

    /// Returns true if small values keep to the limit.
    #[must_use]
    pub const fn is_upper(self) -> bool {
        matches!(self, Self::Below | Self::AtMost)
    }
}

/// Fault of an expression, with its place in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpressionError {
    /// The fault, in words.
    pub message: String,
    /// Bytes of the text that it is about.
    pub at: Range<usize>,
}

impl fmt::Display for ExpressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Expression {
    /// Returns the reference of a relative bound.
    #[must_use]
    pub const fn reference(&self) -> Option<&Reference> {
        match &self.bound {
            Bound::Relative(relative) => Some(&relative.reference),
            Bound::Absolute(_) | Bound::Floors(_) => None,
        }
    }

    /// Returns an error about the bound.
    #[must_use]
    pub fn bound_error(&self, message: String) -> ExpressionError {
        let at = self.bound_at.clone();
        ExpressionError { message, at }
    }

    /// Returns an error about the target's label.
    #[must_use]
    pub fn target_error(&self, message: String) -> ExpressionError {
        let at = self.target_at.clone();
        ExpressionError { message, at }
    }
}

impl FromStr for Expression {
    type Err = ExpressionError;

    fn from_str(text: &str) -> Result<Self, ExpressionError> {
        let error = |message: String, at: Range<usize>| ExpressionError { message, at };
        // The name of a figure may hold a sign.
        let quoted = text.trim_start().strip_prefix(QUOTE);
        let quoted_end =
            quoted.and_then(|rest| Some(text.len() - rest.len() + rest.find(QUOTE)? + 1));
        let named = quoted_end.unwrap_or(0);
        let sign_at = text[named..].find(['<', '=', '>', '!']);
        let Some(sign_at) = sign_at.map(|at| named + at) else {
            let message = format!("`{text}` has no limit: write, for example, `p99 <= 2us`");
            return Err(error(message, 0..text.len()));
        };
        let metric_at = trimmed(text, 0..sign_at);
        let metric: Metric = text[metric_at.clone()]
            .parse()
            .map_err(|message| error(message, metric_at))?;
        let known = (OPERATORS.iter()).find(|(sign, _)| text[sign_at..].starts_with(sign));
        let Some(&(sign, operator)) = known else {
            let message = "the relation is one of <, <=, ==, >=, >".to_owned();
            return Err(error(message, sign_at..sign_at + 1));
        };
        let rest = sign_at + sign.len()..text.len();
        let on = text[rest.clone()].find(" on ");
        let bound_end = on.map_or(rest.end, |at| rest.start + at);
        let target_start = on.map_or(rest.end, |at| rest.start + at + " on ".len());
        let bound_at = trimmed(text, rest.start..bound_end);
        let target_at = trimmed(text, target_start..rest.end);
        let is_measured = matches!(metric.quantity(), Quantity::Time | Quantity::Rate);
        if operator == Operator::Equal && is_measured {
            let message = format!("`{metric}` is never exactly a number: use <= or >=");
            return Err(error(message, sign_at..sign_at + sign.len()));
        }
        let bound = Bound::read(&metric, &text[bound_at.clone()])
            .map_err(|message| error(message, bound_at.clone()))?;
        let target = on.map(|_| text[target_at.clone()].to_owned());
        if let Some(label) = &target
            && (label.is_empty() || label.contains(char::is_whitespace))
        {
            let message = "the name of one target follows `on`".to_owned();
            return Err(error(message, target_at));
        }
        Ok(Self {
            text: text.to_owned(),
            metric,
            operator,
            bound,
            target,
            bound_at,
            target_at,
        })
    }
}

/// Returns the part of `text` at `range` without white space round it.
fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let part = &text[range.clone()];
    let start = range.start + (part.len() - part.trim_start().len());
    let end = range.end - (part.len() - part.trim_end().len());
    start..end.max(start)
}

#[cfg(test)]
mod tests {
    use super::super::bound::{Form, Relative};
    use super::*;

    fn bound(text: &str) -> Bound {
        text.parse::<Expression>().unwrap().bound
    }

    #[test]
    fn limits_are_in_the_metrics_own_unit() {
        for (text, expected) in [
            ("p99 <= 2us", 2000.0),
            ("p99<2.5 ms", 2.5e6),
            ("p99.9 <= 5\u{b5}s", 5000.0),
            ("service.max < 1s", 1e9),
            ("lost == 0", 0.0),
            ("lost_share <= 0.1%", 0.001),
            ("rate >= 12.5k/s", 12_500.0),
            ("boot_ms <= 200ms", 2e8),
            ("instructions_per_echo <= 500", 500.0),
            ("image_bytes <= 400 KiB", 409_600.0),
            (" \"steps, path=a\" <= 411", 411.0),
            ("resident_bytes <= 64MiB", 67_108_864.0),
        ] {
            assert_eq!(bound(text), Bound::Absolute(expected), "{text}");
        }
        assert_eq!(bound("p50 <= 8 floors"), Bound::Floors(8.0));
    }

    #[test]
    fn relative_limits_name_their_reference() {
        let relative = |text: &str| match bound(text) {
            Bound::Relative(relative) => relative,
            other => panic!("{other:?}"),
        };
        let Relative {
            factor,
            form,
            reference,
        } = relative("p99 <= +5% of baseline");
        assert!((factor - 1.05).abs() < 1e-12 && form == Form::Change);
        assert_eq!(reference, Reference::Baseline);
        let half = relative("p99 <= 50 % of linux-guest:busy on hermit@old:smoltcp");
        assert_eq!((half.factor, half.form), (0.5, Form::Share));
        assert_eq!(
            half.reference,
            Reference::Target("linux-guest:busy".to_owned())
        );
        let less = relative("rate >= -10% of hermit@old");
        assert!((less.factor - 0.9).abs() < 1e-12);
        let on: Expression = "p99 <= 2us on hermit".parse().unwrap();
        assert_eq!(on.target.as_deref(), Some("hermit"));
    }

    #[test]
    fn a_fault_is_named_with_its_place() {
        for (text, place, complaint) in [
            ("p99", "p99", "has no limit"),
            ("", "", "has no limit"),
            ("p9x <= 2us", "p9x", "no percentile"),
            ("lots == 0", "lots", "did you mean `lost`"),
            ("p99 = 2us", "=", "one of <, <="),
            ("p99 != 2us", "!", "one of <, <="),
            ("p99 == 2us", "==", "never exactly"),
            ("rate == 10/s", "==", "never exactly"),
            ("p99 <= 2", "2", "unit is missing: use ns, us, ms, s"),
            ("p99 <=", "", "unit is missing"),
            ("p99 <= us", "us", "no number"),
            ("p99 <= 2 parsecs", "2 parsecs", "unknown unit `parsecs`"),
            ("p99 <= 2KiB", "2KiB", "unknown unit `KiB`"),
            ("p99 <= -2us", "-2us", "less than nothing"),
            ("p99 <= 2,5us", "2,5us", "no number"),
            ("p99 <= infus", "infus", "unknown unit"),
            ("p99 <= 1e999us", "1e999us", "no number"),
            ("lost == 0.5", "0.5", "whole number"),
            ("lost == 0us", "0us", "without a unit"),
            (
                "lost <= 5% of baseline",
                "5% of baseline",
                "how much was sent",
            ),
            (
                "lost_share <= +5% of baseline",
                "+5% of baseline",
                "not against another",
            ),
            ("lost_share <= 101%", "101%", "more than all"),
            ("lost <= 8 floors", "8 floors", "no latency"),
            ("p50 <= 0 floors", "0 floors", "not above zero"),
            ("p99 <= 5 of baseline", "5 of baseline", "in percent"),
            (
                "p99 <= -100% of baseline",
                "-100% of baseline",
                "is nothing",
            ),
            ("p99 <= 5% of ", "5% of", "unknown unit"),
            (
                "p99 <= 5% of the best",
                "5% of the best",
                "neither `baseline` nor",
            ),
            ("p99 <= 2us on ", "", "one target follows"),
            ("p99 <= 2us on a b", "a b", "one target follows"),
        ] {
            let error = text.parse::<Expression>().unwrap_err();
            assert!(error.message.contains(complaint), "{text}: {error}");
            assert_eq!(&text[error.at], place, "{text}");
        }
    }
}
