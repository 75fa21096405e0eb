//! The line that says how far to trust what the page shows: parts, each of which leads to the section
//! that has more of it.

use serde::Serialize;

use crate::quantity::{count, exact_share};
use crate::record::{Environment, Run};
use crate::report::page::comparison_view::ComparisonView;
use crate::report::page::entry::{self, Entry};
use crate::report::page::method::is_emulated;
use crate::report::steps::StepState;
use crate::report::trust;
use crate::stats::comparison::Verdict;

/// A part of the line.
#[derive(Debug, Serialize)]
pub struct Part {
    /// Words.
    pub text: String,
    /// Section of the page that it leads to.
    pub href: String,
    /// True if it stands against the figures.
    pub is_bad: bool,
}

fn part(text: impl Into<String>, href: impl Into<String>) -> Part {
    Part {
        text: text.into(),
        href: href.into(),
        is_bad: false,
    }
}

/// Returns the line of a comparison.
#[must_use]
pub fn of_comparison(comparison_view: &ComparisonView<'_>) -> Vec<Part> {
    let record = &comparison_view.source.record;
    let mut parts = on_what(&record.environment, &record.runs);
    parts.push(rounds(comparison_view));
    parts.extend(order(comparison_view));
    parts.push(part("microseconds hold on this host only", "#method"));
    parts
}

/// Returns the number of valid rounds, of the target that has the fewest and of that which has the most.
fn rounds(comparison_view: &ComparisonView<'_>) -> Part {
    let record = &comparison_view.source.record;
    let tried =
        (record.merged.iter()).filter(|merged| record.runs.iter().any(|run| merged.is_of(run)));
    let valid = tried.clone().map(|merged| merged.rounds.len() as u64);
    let wanted = tried
        .map(|merged| u64::from(merged.rounds_wanted))
        .max()
        .unwrap_or(0);
    let (fewest, most) = (valid.clone().min().unwrap_or(0), valid.max().unwrap_or(0));
    let again = (record.runs.iter()).filter(|run| run.attempt.is_some_and(|attempt| attempt > 1));
    let again = match again.count() {
        0 => String::new(),
        1 => ", 1 run repeated".to_owned(),
        several => format!(", {} runs repeated", count(several as u64)),
    };
    let valid = match fewest == most {
        true if most == wanted => format!("all {} rounds valid", count(wanted)),
        true => format!("{} of {} rounds valid", count(most), count(wanted)),
        false => format!(
            "{} to {} of {} rounds valid",
            count(fewest),
            count(most),
            count(wanted)
        ),
    };
    Part {
        is_bad: fewest == 0,
        ..part(valid + &again, "#runs")
    }
}

/// Returns the confidence that the verdicts hold at.
fn order(comparison_view: &ComparisonView<'_>) -> Option<Part> {
    let comparisons = comparison_view.source.record.comparisons.iter();
    let judged = comparisons.filter(|comparison| comparison.outcome() != Verdict::TooFewRounds);
    let confidences: Vec<f64> = judged
        .clone()
        .map(|comparison| comparison.confidence.unwrap_or(0.95))
        .collect();
    let least = confidences.into_iter().reduce(f64::min);
    let claims = judged
        .filter(|comparison| matches!(comparison.outcome(), Verdict::Lower | Verdict::Higher))
        .count();
    Some(match (least, claims) {
        (None, _) => Part {
            is_bad: true,
            ..part("too few rounds for verdicts", "#verdicts")
        },
        (Some(_), 0) => part("no difference seen", "#verdicts"),
        (Some(least), _) => part(
            format!("order holds at {}", exact_share(least)),
            "#verdicts",
        ),
    })
}

/// Returns the line of measurements that are no comparison.
#[must_use]
pub fn of_measurements(entries: &[Entry<'_>]) -> Vec<Part> {
    let runs: Vec<Run> = entries.iter().map(|entry| entry.run.clone()).collect();
    let mut parts = on_what(entries[0].environment, &runs);
    if let [only] = entries {
        parts.push(Part {
            is_bad: !only.run.valid,
            ..part(trusted(only.run), "#table")
        });
    } else if entry::is_sweep(entries) {
        let steps: Vec<&Run> = runs
            .iter()
            .filter(|run| run.sweep_percent.is_some())
            .collect();
        let clean = steps
            .iter()
            .filter(|run| StepState::of(run) == StepState::Ok);
        let text = format!("{} of {} steps without a doubt", clean.count(), steps.len());
        parts.push(part(text, "#steps"));
    } else {
        let invalid = runs.iter().filter(|run| !run.valid).count();
        parts.push(match invalid {
            0 => part("all are valid", "#table"),
            invalid => Part {
                is_bad: true,
                ..part(format!("{invalid} of {} not valid", runs.len()), "#table")
            },
        });
    }
    let nodes = runs.iter().map(|run| run.nodes.len()).max().unwrap_or(0);
    parts.push(match nodes {
        0 | 1 => part("microseconds hold on this host only", "#method"),
        nodes => part(format!("{nodes} nodes added up"), "#method"),
    });
    parts
}

/// Returns how far to trust a run, without the reasons, which stand beneath.
fn trusted(run: &Run) -> String {
    let states = trust::states(run);
    match (run.valid, states.is_empty()) {
        (true, true) => "valid".to_owned(),
        (true, false) => states,
        (false, true) => "not valid".to_owned(),
        (false, false) => format!("not valid; {states}"),
    }
}

/// Accelerator and machine.
fn on_what(environment: &Environment, runs: &[Run]) -> Vec<Part> {
    let is_emulated = runs.iter().any(is_emulated);
    let accel = environment.accel.as_ref().map(|accel| accel.to_uppercase());
    let accel = match is_emulated {
        true => Some("emulated (TCG)".to_owned()),
        false => accel,
    };
    let mut parts: Vec<Part> = accel
        .map(|accel| part(accel, "#method"))
        .into_iter()
        .collect();
    parts.extend(environment.cores.map(|cores| {
        let cpus = if cores == 1 { "CPU" } else { "CPUs" };
        part(format!("{cores} {cpus}"), "#environment")
    }));
    if !environment.concurrent.is_empty() {
        parts.push(Part {
            is_bad: true,
            ..part("another measurement at the same time", "#environment")
        });
    }
    parts
}
