//! The pairs of a comparison, the runs that they miss, and whether they can still be judged.

use super::RunStore;
use crate::experiment::compare::case::Case;
use crate::experiment::compare::case_runs::CaseRuns;
use crate::experiment::compare::feasibility::{Outlook, Pair};
use crate::sut::SystemKind;

/// Runs that a round misses, to be made in one boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The case.
    pub case: Case,
    /// The round.
    pub round: u32,
    /// The modes of the loads.
    pub modes: Vec<&'static str>,
}

/// Outcome of the check whether a comparison can still come to a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feasibility {
    /// A verdict can be expected.
    Feasible,
    /// No verdict can be expected any more.
    Infeasible,
}

impl RunStore {
    /// Returns the runs that are to be made next of those that a round misses, among the first `retries` repeats
    /// of each: first those that were tried least often, and then those of the earliest round. `is_possible`
    /// returns true if a case can be measured under a load of a mode.
    #[must_use]
    pub fn next_missing(
        &self,
        retries: u32,
        is_possible: impl Fn(Case, &str) -> bool,
    ) -> Option<Missing> {
        let missing = self.groups.iter().flat_map(|group| {
            let rounds = group.missing(self.rounds_made).into_iter();
            rounds.map(move |round| (group, round))
        });
        let tries = |group: &CaseRuns, round| self.tries(group.case, group.mode, round);
        let is_wanted = |group: &CaseRuns, round| {
            is_possible(group.case, group.mode) && tries(group, round) <= retries
        };
        let (first, round) = missing
            .clone()
            .filter(|&(group, round)| is_wanted(group, round))
            .min_by_key(|&(group, round)| (tries(group, round), round))?;
        let same_boot = missing.filter(|&(group, other)| {
            other == round && group.case == first.case && is_wanted(group, round)
        });
        Some(Missing {
            case: first.case,
            round,
            modes: same_boot.map(|(group, _)| group.mode).collect(),
        })
    }

    /// Checks whether a verdict can still be expected, after all boots of the first `rounds` rounds, when each
    /// missing run can be repeated `retries` times. If not, the rounds end.
    pub fn check_feasibility(&mut self, rounds: u32, retries: u32) -> Feasibility {
        self.rounds_made = rounds;
        let can_repeat =
            |group: &CaseRuns, round| self.tries(group.case, group.mode, round) <= retries;
        let outlook = Outlook {
            pairs: &self.pairs(rounds, &can_repeat),
            rounds_left: self.rounds.saturating_sub(rounds),
            rounds_asked_for: self.rounds_requested,
            is_over: rounds == self.rounds && self.next_missing(retries, |_, _| true).is_none(),
            runs: &self.runs,
        };
        self.infeasibility = outlook.infeasibility();
        if self.infeasibility.is_none() {
            return Feasibility::Feasible;
        }
        self.end_after(rounds);
        Feasibility::Infeasible
    }

    /// Returns the pairs to be judged, without those that can't be measured here.
    fn pairs(&self, rounds: u32, can_repeat: &dyn Fn(&CaseRuns, u32) -> bool) -> Vec<Pair> {
        let is_possible = |group: &CaseRuns| !self.is_skipped(group);
        self.opponents()
            .filter(|(first, other)| is_possible(first) && is_possible(other))
            .map(|(first, other)| first.pair(other, rounds, can_repeat))
            .collect()
    }

    /// Returns true if the case of `group` was left out, altogether or from some round on.
    fn is_skipped(&self, group: &CaseRuns) -> bool {
        let merged = group.merged(0, &[]);
        self.skipped.iter().any(|skipped| skipped.is(&merged))
    }

    /// Returns the compared pairs: the first hermit, or without one the first variant, with each other variant
    /// on its link, load by load.
    pub(super) fn opponents(&self) -> impl Iterator<Item = (&CaseRuns, &CaseRuns)> {
        let key = |group: &CaseRuns| (group.case.link, group.mode);
        let on_one_link = self.groups.chunk_by(move |a, b| key(a) == key(b));
        on_one_link.flat_map(|groups| {
            let is_hermit = |group: &&CaseRuns| group.case.variant.kind == SystemKind::Hermit;
            let first = groups.iter().find(is_hermit).or_else(|| groups.first());
            let first = first.into_iter();
            first.flat_map(move |first| {
                let others = groups.iter();
                others
                    .filter(move |other| other.case != first.case)
                    .map(move |other| (first, other))
            })
        })
    }

    /// Returns a message for each case that misses valid runs, without cases that were left out.
    pub(super) fn missing(&self) -> Vec<String> {
        let groups = self.groups.iter().filter(|group| !self.is_skipped(group));
        let messages = groups.filter_map(|group| {
            let missing = group.missing(self.rounds);
            (!missing.is_empty()).then(|| group.missing_rounds_message(&missing, self.rounds))
        });
        messages.collect()
    }

    /// Returns a message for each pair with too few valid rounds for a verdict, and for each case without a valid
    /// run that is in no pair, also because its opponents were left out.
    pub(super) fn unjudged(&self) -> Vec<String> {
        let pairs = self.pairs(self.rounds, &|_, _| false);
        let pairs = pairs.iter();
        let pairs = pairs
            .filter_map(|pair| pair.missing_rounds_message(self.rounds, self.rounds_requested));
        let is_alone = |group: &&CaseRuns| {
            let is_it = |other| std::ptr::eq(other, *group);
            let mut opponents = self.opponents();
            !opponents
                .any(|(a, b)| is_it(a) && !self.is_skipped(b) || is_it(b) && !self.is_skipped(a))
        };
        let alone = self.groups.iter().filter(is_alone);
        let alone = alone.filter(|group| group.parts.is_empty() && !self.is_skipped(group));
        let alone = alone.map(|group| format!("{}: no run is valid", group.name()));
        pairs.chain(alone).collect()
    }
}
