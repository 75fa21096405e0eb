//! The runs of a comparison so far, and the report of them.
//!
//! - [`pairs`]: the pairs to be judged, and the runs that they miss.

use std::time::SystemTime;

use super::case::Case;
use super::case_runs::{self, CaseRuns};
use super::cost_probes::CostReport;
use super::design::CostAnalysis;
use crate::experiment::measured::Measured;
use crate::experiment::{ExperimentError, Results};
use crate::load::Rate;
use crate::record::GuestEstimate;
use crate::record::{
    CommonRate, Comparison, EnvironmentBuilder, Image, MergedRuns, Record, Run, Skipped, SystemCost,
};
use crate::sut::SystemKind;

mod pairs;

pub use pairs::{Feasibility, Missing};

/// All runs of a comparison.
#[derive(Debug)]
pub struct RunStore {
    environment: EnvironmentBuilder,
    /// The valid runs of each case under each load: link by link, and load by load on each.
    groups: Vec<CaseRuns>,
    runs: Vec<Run>,
    skipped: Vec<Skipped>,
    costs: CostReport,
    cost_analysis: CostAnalysis,
    /// Reason for ending the comparison early, if it was.
    infeasibility: Option<String>,
    /// Number of rounds that are made, or are to be made.
    rounds: u32,
    rounds_requested: u32,
    /// Number of rounds of which all boots of the round itself are made.
    rounds_made: u32,
    common_rates: Vec<CommonRate>,
    began_at: SystemTime,
}

/// Parts of a comparison that were requested and are missing from its result, as messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conclusion {
    /// The rounds without a valid run, case by case.
    pub missing: Vec<String>,
    /// The pairs that can't be judged, and why not.
    pub unjudged: Vec<String>,
}

impl RunStore {
    /// Returns a store without runs, of `cases` under loads of `modes` in `rounds` rounds.
    #[must_use]
    pub fn new(
        environment: EnvironmentBuilder,
        cases: &[Case],
        modes: &[&'static str],
        skipped: Vec<Skipped>,
        rounds: u32,
        cost_analysis: CostAnalysis,
    ) -> Self {
        Self {
            environment,
            groups: groups(cases, modes),
            runs: Vec::new(),
            skipped,
            costs: CostReport::default(),
            cost_analysis,
            infeasibility: None,
            rounds,
            rounds_requested: rounds,
            rounds_made: 0,
            common_rates: Vec::new(),
            began_at: SystemTime::now(),
        }
    }

    /// Returns the environment, to be completed.
    pub fn environment(&mut self) -> &mut EnvironmentBuilder {
        &mut self.environment
    }

    /// Returns the number of rounds that are made, or are to be made.
    #[must_use]
    pub const fn rounds(&self) -> u32 {
        self.rounds
    }

    /// Adds `rounds` rounds to those that were requested.
    pub fn add_rounds(&mut self, rounds: u32) {
        self.rounds += rounds;
        self.rounds_requested += rounds;
    }

    /// Ends the rounds after round `rounds`.
    pub fn end_after(&mut self, rounds: u32) {
        self.rounds = rounds;
    }

    /// Sets the common rate of a link.
    pub fn set_common_rate(&mut self, rate: CommonRate) {
        self.common_rates.push(rate);
    }

    /// Returns the common rate of `link`, if it is known.
    #[must_use]
    pub fn common_rate(&self, link: &str) -> Option<Rate> {
        let rate = self.common_rates.iter().find(|rate| rate.link == link);
        rate.map(|rate| Rate::nearest(rate.rate))
    }

    /// Returns all runs so far.
    #[must_use]
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// Returns the number of runs so far of `case` in `round` under a load of `mode`.
    #[must_use]
    pub fn tries(&self, case: Case, mode: &str, round: u32) -> u32 {
        let is_try = |run: &&Run| case.is_of(run) && run.mode == mode && run.round == Some(round);
        self.runs.iter().filter(is_try).count() as u32
    }

    /// Returns the number of boots so far of `case` in `round`.
    #[must_use]
    pub fn boots(&self, case: Case, round: u32) -> u32 {
        let runs = self.runs.iter();
        let runs = runs.filter(|run| case.is_of(run) && run.round == Some(round));
        runs.filter_map(|run| run.attempt).max().unwrap_or(0)
    }

    /// Returns the reason for ending the comparison early, if it was.
    #[must_use]
    pub fn infeasibility(&self) -> Option<&str> {
        self.infeasibility.as_deref()
    }

    /// Returns true if there is no run.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Returns the image of the runs of `case` so far, if it is a guest.
    #[must_use]
    pub fn image_of(&self, case: Case) -> Option<&Image> {
        let mut runs = self.runs.iter().filter(|run| case.is_of(run));
        runs.find_map(|run| run.image.as_ref())
    }

    /// Returns true if there is a run of `case`.
    #[must_use]
    pub fn has_run_of(&self, case: Case) -> bool {
        self.runs.iter().any(|run| case.is_of(run))
    }

    /// Sets the costs of an echo.
    pub fn set_costs(&mut self, costs: CostReport) {
        self.costs = costs;
    }

    /// Records that a case is left out from now on.
    pub fn skip(&mut self, skipped: Skipped) {
        self.skipped.push(skipped);
    }

    /// Adds a run, and writes its files and the report so far.
    ///
    /// # Errors
    ///
    /// [`ExperimentError::Report`] if a file can't be written. A run without its files is not added.
    pub fn add(
        &mut self,
        run: Run,
        measured: &Measured,
        results: &dyn Results,
    ) -> Result<(), ExperimentError> {
        results.directory().write_run(&run, &measured.recorder)?;
        self.environment.add_run(&run);
        if run.valid {
            let started_at = measured.recorder.started_at.map(SystemTime::from);
            let start = started_at.and_then(|at| at.duration_since(self.began_at).ok());
            let start = start.unwrap_or_default();
            let group = self.groups.iter_mut().find(|group| group.is_of(&run));
            if let Some(group) = group {
                group.add(&run, &measured.recorder, start);
            }
        }
        self.runs.push(run);
        Ok(results
            .directory()
            .keep(&self.report(Vec::new(), Vec::new()))?)
    }

    fn report(&self, merged: Vec<MergedRuns>, comparisons: Vec<Comparison>) -> Record {
        Record {
            why: self.costs(),
            merged,
            comparisons,
            common_rate: self.common_rates.clone(),
            skipped: self.skipped.clone(),
            ..Record::new(self.environment.record(), self.runs.clone())
        }
    }

    /// Returns the costs of each case that has a run.
    fn costs(&self) -> Vec<SystemCost> {
        if self.cost_analysis == CostAnalysis::Skipped {
            return Vec::new();
        }
        let mut cases: Vec<Case> = Vec::new();
        for group in &self.groups {
            if self.has_run_of(group.case) && !cases.contains(&group.case) {
                cases.push(group.case);
            }
        }
        cases
            .into_iter()
            .map(|case| self.costs.complete(case, case.cost(&self.runs)))
            .collect()
    }

    /// Merges and compares the runs, and writes everything.
    ///
    /// # Errors
    ///
    /// [`ExperimentError::Report`] if a file can't be written.
    pub fn finish(self, results: &dyn Results) -> Result<Conclusion, ExperimentError> {
        let merged: Vec<MergedRuns> = self
            .groups
            .iter()
            .map(|group| MergedRuns {
                guest_estimate_ns: self.guest_estimate(group),
                ..group.merged(self.rounds, results.percentiles())
            })
            .collect();
        for (group, merged) in self.groups.iter().zip(&merged) {
            if !group.parts.is_empty() {
                results.directory().write_merged(
                    merged,
                    &group.latency(),
                    &group.parts,
                    self.began_at,
                )?;
            }
        }
        let comparisons = case_runs::compare(&self.opponents().collect::<Vec<_>>());
        results.publish(&self.report(merged, comparisons))?;
        Ok(Conclusion {
            missing: self.missing(),
            unjudged: self.unjudged(),
        })
    }

    /// Returns an estimate of the guest's share of the latency of `group`; `None` without a guest, or without
    /// runs of `null` on the same link.
    fn guest_estimate(&self, group: &CaseRuns) -> Option<GuestEstimate> {
        group.case.variant.kind.system().counting()?;
        let is_null = |other: &&CaseRuns| {
            other.case.variant.kind == SystemKind::Null
                && (other.case.link, other.mode) == (group.case.link, group.mode)
        };
        group.minus(self.groups.iter().find(is_null)?)
    }
}

/// Returns the empty group of each case and mode: link by link, and mode by mode on each.
fn groups(cases: &[Case], modes: &[&'static str]) -> Vec<CaseRuns> {
    let on_one_link = cases.chunk_by(|a, b| a.link == b.link);
    let groups = on_one_link.flat_map(|cases| {
        let modes = modes.iter();
        modes.flat_map(move |mode| cases.iter().map(move |&case| CaseRuns::new(case, mode)))
    });
    groups.collect()
}

#[cfg(test)]
mod tests;
