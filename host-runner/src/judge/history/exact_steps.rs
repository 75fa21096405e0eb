//! Steps of figures that are counted and not timed: instructions, doorbells, interrupts, bytes. They are the same on
//! any machine and each time, so that two results suffice.

use jiff::Timestamp;
use serde::Serialize;

use super::cause::CodeChange;
use super::dated_result::{DatedResult, Figure};
use crate::quantity;

/// The least change of a counted figure, as a share: the limit that `make bench` has is as low as counts allow.
pub const LIMIT: f64 = 0.01;

/// The least change of a figure per echo: doorbells and interrupts are averages over some thousand echoes.
const LEAST: f64 = 0.01;

/// One figure of a target over all results.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExactSeries {
    /// The target with its variant.
    pub target: String,
    /// Name of the link; empty if the figure is the same on all.
    pub link: String,
    /// Name of the figure.
    pub figure: &'static str,
    /// Values, in the order of the results' starts.
    pub values: Vec<ExactValue>,
    /// Places where it changed.
    pub steps: Vec<Step>,
}

/// Value of a figure in a result.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExactValue {
    /// Directory of the result.
    pub directory: String,
    /// Start of the result.
    #[serde(serialize_with = "super::level_change::as_text")]
    pub started_at: Timestamp,
    /// Revision of the result.
    pub revision: Option<String>,
    /// Value.
    pub value: f64,
}

/// A change of a figure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// Index of the first value of the new level.
    pub index: usize,
    /// Value of the level before.
    pub from: f64,
    /// The new value.
    pub to: f64,
    /// Revisions, or images, of the results before and after; `None` if they are the same, or not known.
    pub code: Option<CodeChange>,
}

impl ExactSeries {
    /// Returns true if the last step is upwards: more is worse, of all these figures.
    #[must_use]
    pub fn ends_worse(&self) -> bool {
        self.steps.last().is_some_and(|step| step.to > step.from)
    }
}

impl ExactSeries {
    /// Returns its name.
    #[must_use]
    pub fn name(&self) -> String {
        let figure = self.figure.replace('_', " ");
        match self.link.is_empty() {
            true => format!("{}: {figure}", self.target),
            false => format!("{} on {}: {figure}", self.target, self.link),
        }
    }

    /// Returns the last step in words; `None` without one.
    #[must_use]
    pub fn words(&self) -> Option<String> {
        let step = self.steps.last()?;
        Some(format!("{} {}", self.name(), self.step_words(step)))
    }

    /// Returns `step` in words: `495 -> 512 (+3.4 %); 8269e39 -> bf2fc61`.
    #[must_use]
    pub fn step_words(&self, step: &Step) -> String {
        let number = |value: f64| match self.figure {
            "image_bytes" => quantity::bytes(value as u64),
            _ => quantity::in_full((value * 1000.0).round() / 1000.0),
        };
        let change = match step.from > 0.0 {
            true => format!(
                " ({})",
                super::level_change::percent((step.to / step.from).ln())
            ),
            false => String::new(),
        };
        let code = (step.code.as_ref()).map(|code| format!("; {}", code.words()));
        format!(
            "{} -> {}{change}{}",
            number(step.from),
            number(step.to),
            code.unwrap_or_default()
        )
    }
}

/// Returns the figures of `results`, which are in order, that any two of them have.
pub(super) fn of(results: &[DatedResult]) -> Vec<ExactSeries> {
    let mut all: Vec<(&Figure, Vec<(&DatedResult, &Figure)>)> = Vec::new();
    for result in results {
        for figure in &result.figures {
            let is_same = |known: &Figure| {
                (&known.label, &known.link, known.name)
                    == (&figure.label, &figure.link, figure.name)
            };
            match all.iter_mut().find(|(known, _)| is_same(known)) {
                Some((_, values)) => values.push((result, figure)),
                None => all.push((figure, vec![(result, figure)])),
            }
        }
    }
    let several = all.into_iter().filter(|(_, values)| values.len() > 1);
    several
        .map(|(figure, values)| series(figure, &values))
        .collect()
}

fn series(figure: &Figure, values: &[(&DatedResult, &Figure)]) -> ExactSeries {
    let value = |(result, figure): &(&DatedResult, &Figure)| ExactValue {
        directory: result.directory.display().to_string(),
        started_at: result.started_at,
        revision: result.revision.clone(),
        value: figure.value,
    };
    let mut steps = Vec::new();
    let mut level = values[0].1;
    for (index, (_, figure)) in values.iter().enumerate() {
        // Against the level and not the neighbour: small changes add up.
        if is_step(level, figure) {
            steps.push(Step {
                index,
                from: level.value,
                to: figure.value,
                code: CodeChange::between(values[index - 1].0, values[index].0),
            });
            level = figure;
        }
    }
    ExactSeries {
        target: figure.label.clone(),
        link: figure.link.clone(),
        figure: figure.name,
        values: values.iter().map(value).collect(),
        steps,
    }
}

/// Returns true if two values differ by more than counting does.
fn is_step(a: &Figure, b: &Figure) -> bool {
    let difference = (a.value - b.value).abs();
    let is_far = difference > LIMIT * a.value.abs().max(b.value.abs()) && difference > LEAST;
    let is_apart = match (a.quartiles, b.quartiles) {
        (Some(a), Some(b)) => a[1] < b[0] || b[1] < a[0],
        _ => true,
    };
    is_far && is_apart
}
