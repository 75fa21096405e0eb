//! Differences between two results: is the second worse than the first? Three kinds of evidence, in the order of
//! trust:
//!
//! 1. *exact*: what is counted, on any machine (`exact_evidence`);
//! 2. *anchored*: latency in units of something that was measured in the same rounds and has not changed, such as
//!    the target `null`;
//! 3. *direct*: latency in time, only between hosts that agree in every field, and only if the anchor has not moved
//!    (`latency_evidence` has both).
//!
//! The boot is the unit, as in a comparison: the two results are two sets of boots, which nothing pairs. Latency is
//! no regression if the upper end of an interval is below the margin (a test of non-inferiority), and is one if it is
//! certainly higher and by more than the margin. All else is undecided: "not significant" is no "no regression".

use super::fingerprints::{Change, machine};
use crate::record::Source;
use std::borrow::Cow;

mod decision;
mod diff_case;
mod diff_spec;
mod exact_evidence;
mod findings;
mod latency_evidence;
mod settling_command;

pub use diff_spec::{DiffSpec, Evidence, Refusal};
pub use findings::{
    AnchorFinding, AnchorKind, Band, Basis, Diff, ExactFinding, Figure, LatencyFinding,
    NotCompared, Outcome, SCHEMA, Shift, Side,
};

use diff_case::{Case, Counterpart, cases, counterpart};
use latency_evidence::Latency;

/// Holds the result `b` against `a`.
///
/// # Errors
///
/// [`Refusal`] if they have nothing in common that can be compared, or if `spec` names what there is not.
pub fn diff(a: &Source, b: &Source, spec: &DiffSpec) -> Result<Diff, Refusal> {
    spec.check()?;
    let (cases_a, cases_b) = (cases(a), cases(b));
    let judged = judged(&cases_a, spec);
    if judged.is_empty() {
        return Err(Refusal::NoTarget(a.directory.display().to_string()));
    }
    let (hosts_overlooked, hosts_differ): (Vec<Change>, Vec<Change>) =
        machine(&a.record.environment)
            .changes(&machine(&b.record.environment))
            .into_iter()
            .partition(|change| spec.overlooks(change));
    let mut latency = Latency::new(&cases_a, &cases_b, spec, hosts_differ.is_empty());
    let mut overlooked = hosts_overlooked;
    let (mut exact, mut not_compared) = (Vec::new(), Vec::new());
    let mut pairs: Vec<(&Case<'_>, &Case<'_>)> = Vec::new();
    for case in judged {
        match counterpart(case, &cases_b, spec) {
            Counterpart::Case(other) => {
                let changes = case.setting.changes(&other.setting);
                overlooked.extend(changes.into_iter().filter(|change| spec.overlooks(change)));
                for finding in
                    exact_evidence::findings((&a.record, &b.record), (case, other), spec.evidence)
                {
                    let is_new = |known: &ExactFinding| {
                        (&known.target, &known.link, known.figure)
                            != (&finding.target, &finding.link, finding.figure)
                    };
                    if exact.iter().all(is_new) {
                        exact.push(finding);
                    }
                }
                if spec.evidence == Evidence::All {
                    latency.add(case, other);
                }
                pairs.push((case, other));
            }
            Counterpart::Different(differs) => not_compared.push(not_compared_case(case, differs)),
        }
    }
    if pairs.is_empty() {
        let differs = not_compared.into_iter().flat_map(|case| case.differs);
        return Err(Refusal::Different(unique(differs.collect())));
    }
    let (latency, shift) = latency.judge();
    let (verdict, because) = decision::overall(&exact, &latency);
    let start = |source: &Source| source.record.environment.started_at.as_second();
    Ok(Diff {
        schema: Cow::Borrowed(SCHEMA),
        a: side(a, &cases_a),
        b: side(b, &cases_b),
        apart_s: start(b) - start(a),
        margin: spec.margin,
        hosts_differ,
        overlooked: unique(overlooked),
        settled_by: settling_command::command((&a.record, &b.record), &pairs, &latency),
        exact,
        latency,
        shift,
        not_compared,
        verdict,
        because,
    })
}

/// Returns the particulars of `source`.
fn side(source: &Source, cases: &[Case<'_>]) -> Side {
    let environment = &source.record.environment;
    let mut unikernels = cases.iter().filter(|case| case.is_unikernel());
    let of_run = unikernels.find_map(|case| case.run.image.as_ref());
    let image = of_run.or(environment.image.as_ref());
    Side {
        directory: source.directory.clone(),
        started_at: environment.started_at.to_string(),
        git_revision: environment.git_revision.clone(),
        fathom_version: environment.fathom_version.clone(),
        image_sha256: image.map(|image| image.sha256.clone()),
        rounds: cases.iter().map(|case| case.boots.len()).max().unwrap_or(0),
    }
}

/// Returns the cases that are judged: of the targets asked for, of the unikernel, or of all but the anchor.
fn judged<'a, 'b>(cases: &'b [Case<'a>], spec: &DiffSpec) -> Vec<&'b Case<'a>> {
    let has_unikernel = cases.iter().any(Case::is_unikernel);
    let is_judged = |case: &&Case<'_>| match (spec.targets.is_empty(), has_unikernel) {
        (false, _) => spec.targets.contains(&case.label()),
        (true, true) => case.is_unikernel(),
        (true, false) => case.run.target != "null",
    };
    cases.iter().filter(is_judged).collect()
}

fn not_compared_case(case: &Case<'_>, differs: Vec<Change>) -> NotCompared {
    let words: Vec<String> = differs.iter().map(ToString::to_string).collect();
    NotCompared {
        target: case.label(),
        link: case.run.link.clone(),
        mode: case.run.mode.to_string(),
        reason: match words.is_empty() {
            true => "the other result has no run".to_owned(),
            false => words.join(", "),
        },
        differs,
    }
}

/// Returns `changes` without those that were there before.
fn unique(changes: Vec<Change>) -> Vec<Change> {
    let mut unique: Vec<Change> = Vec::new();
    for change in changes {
        if !unique.contains(&change) {
            unique.push(change);
        }
    }
    unique
}

#[cfg(test)]
mod tests;
