//! The difference between two results as a suite of judgements, for continuous integration.

use super::diff_words;
use super::test_case::{TestCase, TestOutcome, TestSuite};
use crate::judge::diff::{Diff, ExactFinding, LatencyFinding, Outcome};
use crate::quantity::signed_share;

/// Returns the findings of `diff`, a case each.
#[must_use]
pub fn suite(diff: &Diff) -> TestSuite {
    let exact = diff.exact.iter().map(exact);
    let latency = diff.latency.iter();
    let latency = latency.map(|finding| latency_case(finding, diff.margin));
    TestSuite::new("fathom diff", exact.chain(latency).collect())
}

fn exact(finding: &ExactFinding) -> TestCase {
    TestCase {
        class: format!("{} on {}", finding.target, finding.link),
        name: finding.figure.words().to_owned(),
        outcome: match (finding.a, finding.b) {
            (Some(_), Some(_)) => outcome(finding.outcome),
            _ => TestOutcome::NotMeasured,
        },
        message: format!(
            "{}: {}",
            diff_words::counted(finding),
            diff_words::exact(finding)
        ),
        excess: finding.ratio.map_or(0.0, |ratio| (ratio - 1.0).max(0.0)),
    }
}

fn latency_case(finding: &LatencyFinding, margin: f64) -> TestCase {
    let judged = finding.judged.as_ref();
    let change = judged.map_or_else(String::new, |band| {
        let change = signed_share(band.ratio - 1.0);
        format!("{change} ({}): ", diff_words::band(band))
    });
    let excess = judged.map_or(0.0, |band| band.ratio / (1.0 + margin) - 1.0);
    TestCase {
        class: format!("{} on {}, {}", finding.target, finding.link, finding.mode),
        name: finding.percentile.to_owned(),
        outcome: match finding.judged {
            None => TestOutcome::NotMeasured,
            Some(_) => outcome(finding.outcome),
        },
        message: change + &diff_words::latency(finding, margin),
        excess: excess.max(0.0),
    }
}

const fn outcome(outcome: Outcome) -> TestOutcome {
    match outcome {
        Outcome::Regression => TestOutcome::Failed,
        Outcome::CannotTell => TestOutcome::Undecided,
        Outcome::Improvement | Outcome::NoRegression => TestOutcome::Passed,
    }
}
