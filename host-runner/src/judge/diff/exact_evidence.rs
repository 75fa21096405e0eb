//! Exact evidence: figures that are counted, not timed, and hold on any machine.

use super::diff_case::Case;
use super::diff_spec::Evidence;
use super::findings::{ExactFinding, Figure, Outcome};
use crate::record::{Record, SystemCost};

/// Figures may differ by this share.
const LIMIT: f64 = 0.01;

/// Counts per echo may differ by this much: a doorbell in a hundred echoes is none of the service's.
const LEAST_COUNT: f64 = 0.01;

/// Returns the figures that either result has of the case `a`, whose counterpart is `b`, and those that `evidence`
/// needs.
pub(super) fn findings(
    records: (&Record, &Record),
    (a, b): (&Case<'_>, &Case<'_>),
    evidence: Evidence,
) -> Vec<ExactFinding> {
    let unknown = SystemCost::default();
    let cost_a = cost(records.0, a).unwrap_or(&unknown);
    let cost_b = cost(records.1, b).unwrap_or(&unknown);
    // A guest that polls takes interrupts at the pace of its requests, which is no figure of its own.
    let polls = a.run.target.starts_with("linux") && a.run.responder.as_deref() == Some("busy");
    let interrupts = |cost: &SystemCost| cost.interrupts_per_echo.filter(|_| !polls);
    let bytes = |cost: &SystemCost, case: &Case<'_>| {
        cost.image_bytes
            .or(case.run.image_bytes)
            .map(|bytes| bytes as f64)
    };
    let figures = [
        (
            Figure::InstructionsPerEcho,
            cost_a.instructions_per_echo,
            cost_b.instructions_per_echo,
        ),
        (
            Figure::DoorbellsPerEcho,
            cost_a.doorbells_per_echo,
            cost_b.doorbells_per_echo,
        ),
        (
            Figure::InterruptsPerEcho,
            interrupts(cost_a),
            interrupts(cost_b),
        ),
        (Figure::ImageBytes, bytes(cost_a, a), bytes(cost_b, b)),
    ];
    let finding = |(figure, before, after): (Figure, Option<f64>, Option<f64>)| {
        // A unikernel whose instructions nobody counted is not judged by its size alone.
        let is_needed = figure == Figure::InstructionsPerEcho
            && evidence == Evidence::Exact
            && a.is_unikernel();
        let both = before.zip(after);
        let outcome = match both {
            Some(_) if figure == Figure::InstructionsPerEcho && overlap(cost_a, cost_b) => {
                Outcome::NoRegression
            }
            Some((before, after)) => outcome(before, after),
            None => Outcome::CannotTell,
        };
        let ratio = both.filter(|(before, _)| *before > 0.0);
        (is_needed || before.or(after).is_some()).then(|| ExactFinding {
            target: b.label(),
            link: a.run.link.clone(),
            figure,
            a: before,
            b: after,
            ratio: ratio.map(|(before, after)| after / before),
            outcome,
        })
    };
    figures.into_iter().filter_map(finding).collect()
}

fn cost<'a>(record: &'a Record, case: &Case<'_>) -> Option<&'a SystemCost> {
    let run = case.run;
    record.why.iter().find(|cost| {
        (&cost.target, &cost.responder, &cost.link) == (&run.target, &run.responder, &run.link)
    })
}

fn outcome(a: f64, b: f64) -> Outcome {
    let least = LEAST_COUNT.max(LIMIT * a.abs());
    match b - a {
        more if more > least => Outcome::Regression,
        less if less < -least => Outcome::Improvement,
        _ => Outcome::NoRegression,
    }
}

/// Returns true if the quartiles of instructions over the windows that were counted overlap: kernels of general purpose
/// do something else now and then.
fn overlap(a: &SystemCost, b: &SystemCost) -> bool {
    let (Some([low_a, high_a]), Some([low_b, high_b])) =
        (a.instructions_quartiles, b.instructions_quartiles)
    else {
        return false;
    };
    low_a <= high_b && low_b <= high_a
}
