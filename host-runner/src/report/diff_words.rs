//! Findings of a difference between two results, in words.

use crate::judge::diff::{Band, Diff, ExactFinding, Figure, LatencyFinding, Outcome};
use crate::quantity::{bytes, count, exact_share, per_echo, signed_share};

/// Returns both values of a figure that is counted.
#[must_use]
pub fn counted(finding: &ExactFinding) -> String {
    let words = |value: Option<f64>| {
        value.map_or_else(|| "-".to_owned(), |value| figure(finding.figure, value))
    };
    format!("{} -> {}", words(finding.a), words(finding.b))
}

fn figure(figure: Figure, value: f64) -> String {
    match figure {
        Figure::InstructionsPerEcho => count(value.round() as u64),
        Figure::DoorbellsPerEcho | Figure::InterruptsPerEcho => per_echo(value),
        Figure::ImageBytes => bytes(value as u64),
    }
}

/// Returns the outcome of a figure that is counted.
#[must_use]
pub const fn exact(finding: &ExactFinding) -> &'static str {
    match finding.outcome {
        Outcome::Regression => "REGRESSION (limit 1 %)",
        Outcome::Improvement => "improvement",
        Outcome::NoRegression => "no regression beyond 1 %",
        Outcome::CannotTell => "cannot tell: not counted",
    }
}

/// Returns the outcome of a percentile, with the reason if there is none.
#[must_use]
pub fn latency(finding: &LatencyFinding, margin: f64) -> String {
    match (&finding.reason, finding.rounds_missing) {
        (Some(reason), _) => format!("cannot tell: {reason}"),
        (None, Some(rounds)) => format!("cannot tell: about {rounds} more rounds would"),
        (None, None) => outcome(finding.outcome, margin),
    }
}

/// Returns the outcome of all findings together.
#[must_use]
pub fn verdict(diff: &Diff) -> String {
    match (diff.verdict, diff.latency.is_empty()) {
        (Outcome::NoRegression, true) => "no regression beyond 1 % in what is counted".to_owned(),
        (verdict, _) => outcome(verdict, diff.margin),
    }
}

/// Returns an outcome in words.
#[must_use]
pub fn outcome(outcome: Outcome, margin: f64) -> String {
    match outcome {
        Outcome::Regression => "REGRESSION".to_owned(),
        Outcome::Improvement => "improvement".to_owned(),
        Outcome::NoRegression => format!("no regression beyond {}", exact_share(margin)),
        Outcome::CannotTell => "cannot tell".to_owned(),
    }
}

/// Returns an interval of ratios as differences: `−4.0 to +2.1 %`.
#[must_use]
pub fn band(band: &Band) -> String {
    let end = |ratio: Option<f64>, without: &str| {
        ratio.map_or_else(|| without.to_owned(), |ratio| signed_share(ratio - 1.0))
    };
    match (band.low, band.high) {
        (Some(_), None) => format!("{} at least", end(band.low, "")),
        (None, _) => format!("{} at most", end(band.high, "any")),
        (Some(_), Some(_)) => {
            let low = end(band.low, "");
            format!("{} to {}", low.trim_end_matches(" %"), end(band.high, ""))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_that_is_not_there_is_said() {
        let of = |low, high| {
            band(&Band {
                ratio: 1.0,
                low,
                high,
            })
        };
        assert_eq!(of(Some(0.96), Some(1.021)), "\u{2212}4.0 to +2.1 %");
        assert_eq!(of(Some(1.5), None), "+50 % at least");
        assert_eq!(of(None, Some(0.5)), "\u{2212}50 % at most");
    }
}
