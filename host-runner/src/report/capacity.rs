//! Capacity of a service: the highest load of a sweep that it answered, and what was in the way of more.

use std::fmt;

use crate::quantity::{rate, share};
use crate::record::Run;
use crate::report::marked;
use crate::report::steps::StepState;
use crate::stats::percentile_rule::PERCENTILES;

/// Outcome of a sweep.
#[derive(Clone, Debug)]
pub struct Capacity<'a> {
    /// The highest step under the limit that the service answered; `None` if no step at all is valid.
    carried: Option<&'a Run>,
    /// The first step that was not carried.
    limit: Option<(&'a Run, StepState)>,
    /// True if no step is valid, so that there is no capacity, whatever was answered.
    is_invalid: bool,
}

impl<'a> Capacity<'a> {
    /// Returns what `steps` come to, in whichever order they are.
    #[must_use]
    pub fn of(steps: &[&'a Run]) -> Self {
        let offered = |run: &Run| run.offered_rate.unwrap_or_default();
        let mut steps: Vec<(&Run, StepState)> =
            steps.iter().map(|run| (*run, StepState::of(run))).collect();
        steps.sort_by(|(a, _), (b, _)| offered(a).total_cmp(&offered(b)));
        let is_limit =
            |state: &StepState| matches!(state, StepState::Overloaded(_) | StepState::Generator);
        let limit = steps.iter().position(|(_, state)| is_limit(state));
        let under = &steps[..limit.unwrap_or(steps.len())];
        let carried = under.iter().rev().find(|(_, state)| state.is_carried());
        let is_invalid = !steps.iter().any(|(run, _)| run.valid);
        Self {
            carried: carried.map(|(run, _)| *run).filter(|_| !is_invalid),
            limit: limit.and_then(|index| steps.get(index).cloned()),
            is_invalid,
        }
    }

    /// Returns the outcome as a title: `hermit carries 1.25M requests/s, with a p99 of 300 µs there; at
    /// 1.43M/s requests are lost`.
    #[must_use]
    pub fn title(&self, subject: &str) -> String {
        let Some(carried) = self.carried else {
            return format!("{subject} under load: {}", self.remark());
        };
        let offered = rate(carried.offered_rate.unwrap_or_default());
        let least = if self.is_found() { "" } else { "at least " };
        let p99 = p99(carried);
        format!(
            "{subject} carries {least}{offered} requests/s{p99}; {}",
            self.remark()
        )
    }

    /// Returns whether the service itself was the limit.
    const fn is_found(&self) -> bool {
        matches!(self.limit, Some((_, StepState::Overloaded(_))))
    }

    fn remark(&self) -> String {
        if self.is_invalid {
            return "no step is valid".to_owned();
        }
        let Some((run, state)) = &self.limit else {
            return match self.carried {
                Some(_) => "no higher load was offered".to_owned(),
                None => "no step can be used".to_owned(),
            };
        };
        let offered = rate(run.offered_rate.unwrap_or_default());
        match state {
            StepState::Overloaded(lost) => {
                format!("at {offered}/s {} of the requests are lost", share(*lost))
            }
            _ => format!("{offered}/s is more than the generator itself can send"),
        }
    }
}

fn p99(run: &Run) -> String {
    let p99 = marked::percentile(run, &(&PERCENTILES[2]).into());
    match p99 {
        Some(p99) if !p99.value.starts_with("n/a") => {
            format!(", with a p99 of {} there", p99.value)
        }
        _ => String::new(),
    }
}

impl fmt::Display for Capacity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(carried) = self.carried else {
            return write!(f, "not found; {}", self.remark());
        };
        let offered = rate(carried.offered_rate.unwrap_or_default());
        let least = if self.is_found() { "" } else { "at least " };
        write!(
            f,
            "{least}{offered} requests/s{}; {}",
            p99(carried),
            self.remark()
        )
    }
}
