//! Steps of a sweep that are measured again, and the attempt at each that is kept.
//!
//! A step that the host or a late generator spoilt is measured again after the ladder, as runs of a comparison are
//! after its rounds: what spoilt it may be over by then, and the lowest step has no claim before the others. Both,
//! if a step is repeated and which attempt at it is kept, follow from the states of its percentiles. Its latency has no
//! part in either: the best of three latencies would be a figure that no single measurement is likely to give.

use std::collections::VecDeque;

use crate::record::Run;
use crate::record::run::Attempt;
use crate::stats::State;
use crate::stats::percentile_rule::PERCENTILES;

/// Most attempts at one step.
pub const ATTEMPTS: usize = 3;

/// The place in [`PERCENTILES`] of the percentile up to which a step is to be clean: p90.
const CLEAN_TO: usize = 1;

/// The highest share that is repeated, in percent. Beyond the whole the generator is late by itself.
const HIGHEST_PERCENT: u32 = 100;

/// The repeats of one sweep, of which there are as many as steps at most: they take no longer than the ladder.
#[derive(Debug)]
pub struct Repeats {
    /// The places of the steps to be measured again.
    waiting: VecDeque<usize>,
    /// Number of repeats that may still be made.
    left: usize,
}

impl Repeats {
    /// Returns the repeats of a sweep that made `runs`, of which `steps` are steps.
    #[must_use]
    pub fn after(runs: &[Run], steps: usize) -> Self {
        let spoilt = (0..runs.len()).filter(|&index| spoilt(&runs[index]).is_some());
        Self {
            waiting: spoilt.collect(),
            left: steps,
        }
    }

    /// Returns the number of steps that wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Returns the place of the next run to be repeated: each once, and then those again that are still spoilt.
    pub fn next(&mut self) -> Option<usize> {
        let left = self.left.checked_sub(1)?;
        let next = self.waiting.pop_front()?;
        self.left = left;
        Some(next)
    }

    /// Has the run at `index` wait once more, if it is spoilt.
    pub fn made(&mut self, index: usize, run: &Run) {
        if spoilt(run).is_some() {
            self.waiting.push_back(index);
        }
    }
}

/// Returns the lowest percentile that spoils a step, with its state; `None` if it is not to be measured again.
///
/// It is spoilt if a percentile up to p90 is not clean, or one up to that which was asked for does not count, and if
/// that is the doing of the host or of a late generator. A step that was broken off, that the generator limits, or
/// that something stands against as a whole is not repeated, nor is one that had its attempts. Losses are the service's
/// answer to the load, and too few requests will be too few again.
#[must_use]
pub fn spoilt(run: &Run) -> Option<(&'static str, State)> {
    let is_within = (run.sweep_percent).is_some_and(|percent| percent <= HIGHEST_PERCENT);
    let is_limited = run.attempts.iter().any(|attempt| attempt.generator_limited);
    if !is_within || !is_whole(run) || is_limited || run.attempts.len() >= ATTEMPTS {
        return None;
    }
    let judged_by = run.judged_by.as_deref();
    let judged_to = (PERCENTILES.iter()).position(|percentile| Some(percentile.name) == judged_by);
    let spoils = |place: usize, name: &'static str| {
        let found = run.percentiles.get(name)?;
        let is_disturbed = match found.state {
            State::Partly | State::Late | State::Host | State::Dropped => true,
            State::Clean | State::Censored | State::Few => false,
        };
        let is_judged = judged_to.is_some_and(|judged_to| place <= judged_to);
        let is_needed = place <= CLEAN_TO || is_judged && !found.counts(run.strict);
        (is_disturbed && is_needed).then_some((name, found.state))
    };
    let places = PERCENTILES.iter().enumerate();
    places
        .filter_map(|(place, percentile)| spoils(place, percentile.name))
        .next()
}

/// Keeps the better of `earlier`, the attempt that was kept so far, and `again`; the other is an entry in the attempts
/// of the one that is kept. Returns true if that is `again`.
pub fn keep_better(earlier: &mut Run, mut again: Run) -> bool {
    let is_better = rank(&again) > rank(earlier);
    let mut attempts = std::mem::take(&mut earlier.attempts);
    if attempts.is_empty() {
        attempts.push(Attempt {
            kept: true,
            ..Attempt::from(&*earlier)
        });
    }
    for attempt in &mut attempts {
        attempt.kept &= !is_better;
    }
    attempts.push(Attempt {
        kept: is_better,
        ..Attempt::from(&again)
    });
    if is_better {
        std::mem::swap(earlier, &mut again);
    }
    earlier.attempts = attempts;
    is_better
}

/// Returns the rank of an attempt by its validity: whole and sent as offered, valid, clean up to the highest percentile,
/// valid up to the highest one.
fn rank(run: &Run) -> (bool, bool, usize, usize) {
    let is_clean =
        |name: &str| (run.percentiles.get(name)).is_some_and(|found| found.state == State::Clean);
    let counts =
        |name: &str| (run.percentiles.get(name)).is_some_and(|found| found.counts(run.strict));
    let up_to = |has: &dyn Fn(&str) -> bool| {
        PERCENTILES
            .iter()
            .take_while(|percentile| has(percentile.name))
            .count()
    };
    (is_whole(run), run.valid, up_to(&is_clean), up_to(&counts))
}

/// Returns true if the run was not broken off, the generator sent what was due, and nothing stands against it as a whole.
fn is_whole(run: &Run) -> bool {
    let is_broken = (run.reasons.iter()).any(|reason| reason.code.is_structural());
    !run.partial && !run.generator_limited && !is_broken
}

#[cfg(test)]
mod tests;
