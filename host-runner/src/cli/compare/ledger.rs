//! What was measured so far, and what comes of it.

use std::time::SystemTime;

use super::super::CliError;
use super::super::measure::Measured;
use super::super::output::Output;
use super::hope::State;
use super::looks::Looks;
use super::schedule::Combination;
use crate::report::{Comparison, Environment, Merged, Report, Run, Skipped, Why};
use crate::target::Target;

mod account;

use account::Account;

/// All repetitions.
#[derive(Debug)]
pub struct Ledger {
    environment: Environment,
    accounts: Vec<Account>,
    runs: Vec<Run>,
    skipped: Vec<Skipped>,
    looks: Looks,
    /// True if the report says what an echo costs.
    has_why: bool,
    /// Reason for giving up the comparison, if it was given up.
    out_of_reach: Option<String>,
    rounds: u32,
    seed: u64,
    steal_share: Option<f64>,
    began_at: SystemTime,
}

impl Ledger {
    /// Nothing measured yet of `combinations`, in `rounds` rounds.
    #[must_use]
    pub fn new(
        combinations: &[Combination],
        skipped: Vec<Skipped>,
        rounds: u32,
        seed: u64,
    ) -> Self {
        Self {
            environment: Environment::now(),
            accounts: combinations.iter().copied().map(Account::new).collect(),
            runs: Vec::new(),
            skipped,
            looks: Looks::default(),
            has_why: true,
            out_of_reach: None,
            rounds,
            seed,
            steal_share: None,
            began_at: SystemTime::now(),
        }
    }

    /// What the measurements were made on, to add to.
    pub fn environment(&mut self) -> &mut Environment {
        &mut self.environment
    }

    /// How many rounds there are to be.
    #[must_use]
    pub const fn rounds(&self) -> u32 {
        self.rounds
    }

    /// There will be no more than `rounds`, for want of time.
    pub fn end_after(&mut self, rounds: u32) {
        self.rounds = rounds;
    }

    /// Nobody wants to know what an echo costs.
    pub fn leave_out_why(&mut self) {
        self.has_why = false;
    }

    /// Gives up after so many rounds if no verdict can be expected any more; whether that is so.
    pub fn gives_up(&mut self, rounds: u32) -> bool {
        let mut links: Vec<_> = self.accounts.iter().map(|it| it.combination.way).collect();
        links.dedup();
        let valid_rounds: Vec<Vec<Vec<u32>>> = links
            .into_iter()
            .map(|way| {
                let mut on_it: Vec<_> = self
                    .accounts
                    .iter()
                    .filter(|it| it.combination.way == way)
                    .collect();
                // The one that the others are held against comes first.
                on_it.sort_by_key(|it| it.combination.contender.target != Target::Hermit);
                on_it
                    .iter()
                    .map(|it| it.parts.iter().map(|part| part.round).collect())
                    .collect()
            })
            .collect();
        let state = State {
            valid_rounds: &valid_rounds,
            rounds,
            rounds_wanted: self.rounds,
            runs: &self.runs,
        };
        self.out_of_reach = state.verdict_is_out_of_reach();
        if self.out_of_reach.is_some() {
            self.end_after(rounds);
        }
        self.out_of_reach.is_some()
    }

    /// Returns the reason for giving up the comparison, if it was given up.
    #[must_use]
    pub fn out_of_reach(&self) -> Option<&str> {
        self.out_of_reach.as_deref()
    }

    /// Whether anything was measured.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Whether anything was measured of combination `index`.
    #[must_use]
    pub fn has_measured(&self, index: usize) -> bool {
        let combination = &self.accounts[index].combination;
        self.runs.iter().any(|run| combination.is_of(run))
    }

    /// What looks inside the targets have shown.
    pub fn look(&mut self, looks: Looks) {
        self.looks = looks;
    }

    /// A combination is left out from now on.
    pub fn skip(&mut self, skipped: Skipped) {
        self.skipped.push(skipped);
    }

    /// Enters a repetition of combination `index`, and writes its files.
    ///
    /// # Errors
    ///
    /// [`CliError::Report`] if one can't be written.
    pub fn enter(
        &mut self,
        index: usize,
        mut run: Run,
        measured: &Measured,
        output: &Output,
    ) -> Result<(), CliError> {
        run.add_percentiles(&measured.recorder, output.percentiles());
        // Without its files it is not entered: what the record names is there.
        output.write_run(&run, &measured.recorder)?;
        self.steal_share = match (self.steal_share, run.noise.steal_share) {
            (Some(a), Some(b)) => Some(a.max(b)),
            (a, b) => a.or(b),
        };
        if run.valid {
            let started_at = measured.recorder.started_at.map(SystemTime::from);
            let start = started_at.and_then(|at| at.duration_since(self.began_at).ok());
            let start = start.unwrap_or_default();
            self.accounts[index].add(&run, &measured.recorder, start);
        }
        self.runs.push(run);
        output.keep(&self.report(Vec::new(), Vec::new()))
    }

    fn report(&self, merged: Vec<Merged>, comparisons: Vec<Comparison>) -> Report {
        let environment = Environment {
            steal_share: self.steal_share,
            ..self.environment.clone()
        };
        Report {
            why: self.why(),
            merged,
            comparisons,
            skipped: self.skipped.clone(),
            ..Report::new(environment, self.runs.clone())
        }
    }

    /// What is known of each combination but for its latency.
    fn why(&self) -> Vec<Why> {
        if !self.has_why {
            return Vec::new();
        }
        let measured = (0..self.accounts.len()).filter(|&index| self.has_measured(index));
        let combinations = measured.map(|index| self.accounts[index].combination);
        combinations
            .map(|it| self.looks.complete(it, it.why(&self.runs)))
            .collect()
    }

    /// Merges, compares, writes everything, and says for which combinations valid rounds are missing.
    ///
    /// # Errors
    ///
    /// [`CliError::Report`] if something can't be written.
    pub fn conclude(self, output: &Output) -> Result<Vec<String>, CliError> {
        let merged: Vec<Merged> = self
            .accounts
            .iter()
            .map(|it| {
                let mut merged = it.merged(self.rounds);
                merged.latency_ns.add(&it.latency, output.percentiles());
                merged
            })
            .collect();
        for (account, merged) in self.accounts.iter().zip(&merged) {
            if !account.parts.is_empty() {
                output.write_merged(merged, &account.latency, &account.parts, self.began_at)?;
            }
        }
        output.write(&self.report(merged, self.comparisons()))?;
        let missing = self.accounts.iter().filter_map(|account| {
            let missing = self.rounds as usize - account.parts.len();
            let is_skipped = self.skipped.iter().any(|it| it.is(&account.merged(0)));
            (missing > 0 && !is_skipped).then(|| account.lack(missing, self.rounds))
        });
        Ok(missing.collect())
    }

    /// The first hermit, or without one the first target, against each other target on its link.
    fn comparisons(&self) -> Vec<Comparison> {
        let mut comparisons = Vec::new();
        let mut links: Vec<_> = self.accounts.iter().map(|it| it.combination.way).collect();
        links.dedup();
        for way in links {
            let on_it = || self.accounts.iter().filter(|it| it.combination.way == way);
            let is_hermit = |it: &&Account| it.combination.contender.target == Target::Hermit;
            let Some(first) = on_it().find(is_hermit).or_else(|| on_it().next()) else {
                continue;
            };
            for baseline in on_it().filter(|it| it.combination != first.combination) {
                comparisons.extend(first.against(baseline, self.seed));
            }
        }
        comparisons
    }
}

#[cfg(test)]
mod tests;
