//! What was measured so far, and what comes of it.

use std::time::SystemTime;

use super::hope::{Pair, State};
use super::looks::Looks;
use super::schedule::Combination;
use crate::experiment::ExperimentError;
use crate::experiment::Results;
use crate::experiment::measured::Measured;
use crate::load::Rate;
use crate::record::GuestEstimate;
use crate::record::{CommonRate, Comparison, Environment, Merged, Report, Run, Skipped, Why};
use crate::sut::SystemKind;

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
    /// Number of rounds that are made, or to be made.
    rounds: u32,
    rounds_asked_for: u32,
    /// Number of rounds of which all boots of the round itself are made.
    rounds_made: u32,
    common_rates: Vec<CommonRate>,
    steal_share: Option<f64>,
    began_at: SystemTime,
}

impl Ledger {
    /// Nothing measured yet of `combinations` under loads of `modes`, in `rounds` rounds.
    #[must_use]
    pub fn new(
        combinations: &[Combination],
        modes: &[&'static str],
        skipped: Vec<Skipped>,
        rounds: u32,
    ) -> Self {
        Self {
            environment: Environment::now(),
            accounts: accounts(combinations, modes),
            runs: Vec::new(),
            skipped,
            looks: Looks::default(),
            has_why: true,
            out_of_reach: None,
            rounds,
            rounds_asked_for: rounds,
            rounds_made: 0,
            common_rates: Vec::new(),
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

    /// Notes that all targets of a link have this rate in common.
    pub fn agree(&mut self, rate: CommonRate) {
        self.common_rates.push(rate);
    }

    /// Returns the rate that all targets of `link` have in common, if there is one.
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

    /// Returns the number of measurements so far of a combination in `round` under a load of `mode`.
    #[must_use]
    pub fn tries(&self, combination: Combination, mode: &str, round: u32) -> u32 {
        let is_try =
            |run: &&Run| combination.is_of(run) && run.mode == mode && run.round == Some(round);
        self.runs.iter().filter(is_try).count() as u32
    }

    /// Returns the number of boots so far of a combination in `round`.
    #[must_use]
    pub fn boots(&self, combination: Combination, round: u32) -> u32 {
        let of_it = self.runs.iter();
        let of_it = of_it.filter(|run| combination.is_of(run) && run.round == Some(round));
        of_it.filter_map(|run| run.attempt).max().unwrap_or(0)
    }

    /// Returns the measurement that is to be made next of those that no round has a valid one of, among the
    /// first `retries` repeats of each: what was tried least often goes first, and then the earliest round.
    /// `is_possible` says if a combination can be measured under a load of that mode.
    #[must_use]
    pub fn next_missing(
        &self,
        retries: u32,
        is_possible: impl Fn(Combination, &str) -> bool,
    ) -> Option<Missing> {
        let missing = self.accounts.iter().flat_map(|account| {
            let rounds = account.missing(self.rounds_made).into_iter();
            rounds.map(move |round| (account, round))
        });
        let combination = |account: &Account| account.combination;
        let tries = |account: &Account, round| self.tries(account.combination, account.mode, round);
        let is_wanted = |it: &Account, round| {
            is_possible(it.combination, it.mode) && tries(it, round) <= retries
        };
        let (first, round) = missing
            .clone()
            .filter(|&(it, round)| is_wanted(it, round))
            .min_by_key(|&(it, round)| (tries(it, round), round))?;
        let same = missing.filter(|&(it, other)| {
            other == round && combination(it) == combination(first) && is_wanted(it, round)
        });
        Some(Missing {
            combination: first.combination,
            round,
            modes: same.map(|(it, _)| it.mode).collect(),
        })
    }

    /// Gives up if no verdict can be expected any more: of the first `rounds` rounds everything is measured,
    /// and what is missing can be measured `retries` times more. Returns true if so.
    pub fn gives_up(&mut self, rounds: u32, retries: u32) -> bool {
        self.rounds_made = rounds;
        let is_triable =
            |it: &Account, round| self.tries(it.combination, it.mode, round) <= retries;
        let state = State {
            pairs: &self.pairs(rounds, &is_triable),
            rounds_left: self.rounds.saturating_sub(rounds),
            rounds_asked_for: self.rounds_asked_for,
            is_over: rounds == self.rounds && self.next_missing(retries, |_, _| true).is_none(),
            runs: &self.runs,
        };
        self.out_of_reach = state.verdict_is_unavailable();
        if self.out_of_reach.is_some() {
            self.end_after(rounds);
        }
        self.out_of_reach.is_some()
    }

    /// The pairs that are to be held against each other, but for those that can't be measured here.
    fn pairs(&self, rounds: u32, is_triable: &dyn Fn(&Account, u32) -> bool) -> Vec<Pair> {
        let is_possible = |it: &Account| !self.is_skipped(it);
        self.opponents()
            .filter(|(first, other)| is_possible(first) && is_possible(other))
            .map(|(first, other)| first.pair(other, rounds, is_triable))
            .collect()
    }

    /// Returns true if `account` was left out, or given up in some round.
    fn is_skipped(&self, account: &Account) -> bool {
        self.skipped.iter().any(|it| it.is(&account.merged(0, &[])))
    }

    /// The first hermit, or without one the first target, and each other target on its link, load by load.
    fn opponents(&self) -> impl Iterator<Item = (&Account, &Account)> {
        let group = |it: &Account| (it.combination.way, it.mode);
        let groups = self.accounts.chunk_by(move |a, b| group(a) == group(b));
        groups.flat_map(|on_it| {
            let is_hermit = |it: &&Account| it.combination.contender.target == SystemKind::Hermit;
            let first = on_it.iter().find(is_hermit).or_else(|| on_it.first());
            let first = first.into_iter();
            first.flat_map(move |first| {
                let others = on_it.iter();
                others
                    .filter(move |it| it.combination != first.combination)
                    .map(move |it| (first, it))
            })
        })
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

    /// Returns true if anything was measured of `combination`.
    #[must_use]
    pub fn has_measured(&self, combination: Combination) -> bool {
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

    /// Enters a repetition, and writes its files.
    ///
    /// # Errors
    ///
    /// [`ExperimentError::Report`] if one can't be written.
    pub fn enter(
        &mut self,
        mut run: Run,
        measured: &Measured,
        output: &dyn Results,
    ) -> Result<(), ExperimentError> {
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
            let account = self.accounts.iter_mut().find(|it| it.is_of(&run));
            if let Some(account) = account {
                account.add(&run, &measured.recorder, start);
            }
        }
        self.runs.push(run);
        Ok(output.write_partial(&self.report(Vec::new(), Vec::new()))?)
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
            common_rate: self.common_rates.clone(),
            skipped: self.skipped.clone(),
            ..Report::new(environment, self.runs.clone())
        }
    }

    /// What is known of each combination but for its latency.
    fn why(&self) -> Vec<Why> {
        if !self.has_why {
            return Vec::new();
        }
        let mut combinations: Vec<Combination> = Vec::new();
        for account in &self.accounts {
            let combination = account.combination;
            if self.has_measured(combination) && !combinations.contains(&combination) {
                combinations.push(combination);
            }
        }
        combinations
            .into_iter()
            .map(|it| self.looks.complete(it, it.why(&self.runs)))
            .collect()
    }

    /// Merges, compares, and writes everything.
    ///
    /// # Errors
    ///
    /// [`ExperimentError::Report`] if something can't be written.
    pub fn conclude(self, output: &dyn Results) -> Result<Conclusion, ExperimentError> {
        let merged: Vec<Merged> = self
            .accounts
            .iter()
            .map(|it| Merged {
                guest_estimate_ns: self.guest_estimate(it),
                ..it.merged(self.rounds, output.percentiles())
            })
            .collect();
        for (account, merged) in self.accounts.iter().zip(&merged) {
            if !account.parts.is_empty() {
                output.write_merged(merged, &account.latency(), &account.parts, self.began_at)?;
            }
        }
        let comparisons = account::compare(&self.opponents().collect::<Vec<_>>());
        output.publish(&self.report(merged, comparisons))?;
        Ok(Conclusion {
            missing: self.missing(),
            unjudged: self.unjudged(),
        })
    }

    /// An estimate of what the guest of `account` takes; `None` if it is no guest, or there is no `null`.
    fn guest_estimate(&self, account: &Account) -> Option<GuestEstimate> {
        let combination = account.combination;
        if matches!(
            combination.contender.target,
            SystemKind::LinuxHost | SystemKind::Null
        ) {
            return None;
        }
        let is_null = |it: &&Account| {
            it.combination.contender.target == SystemKind::Null
                && (it.combination.way, it.mode) == (combination.way, account.mode)
        };
        account.less(self.accounts.iter().find(is_null)?)
    }

    /// The targets that valid rounds are missing of, but for those that were left out or given up.
    fn missing(&self) -> Vec<String> {
        let accounts = self.accounts.iter().filter(|it| !self.is_skipped(it));
        let lack = accounts.filter_map(|account| {
            let missing = account.missing(self.rounds);
            (!missing.is_empty()).then(|| account.lack(&missing, self.rounds))
        });
        lack.collect()
    }

    /// The pairs that too few rounds are valid of for a verdict, and the targets without a valid round that
    /// are in no pair, also for want of an opponent that was not left out.
    fn unjudged(&self) -> Vec<String> {
        let pairs = self.pairs(self.rounds, &|_, _| false);
        let pairs = pairs.iter();
        let pairs = pairs.filter_map(|pair| pair.lack(self.rounds, self.rounds_asked_for));
        let is_alone = |account: &&Account| {
            let is_it = |other| std::ptr::eq(other, *account);
            let mut opponents = self.opponents();
            !opponents
                .any(|(a, b)| is_it(a) && !self.is_skipped(b) || is_it(b) && !self.is_skipped(a))
        };
        let alone = self.accounts.iter().filter(is_alone);
        let alone = alone.filter(|it| it.parts.is_empty() && !self.is_skipped(it));
        let alone = alone.map(|it| format!("{}: no run is valid", it.name()));
        pairs.chain(alone).collect()
    }
}

/// An account for each combination and mode: link by link, and mode by mode on each.
fn accounts(combinations: &[Combination], modes: &[&'static str]) -> Vec<Account> {
    let on_one_link = combinations.chunk_by(|a, b| a.way == b.way);
    let accounts = on_one_link.flat_map(|on_it| {
        let modes = modes.iter();
        modes.flat_map(move |mode| on_it.iter().map(move |&it| Account::new(it, mode)))
    });
    accounts.collect()
}

/// Measurements that a round lacks, to be made in one boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Of what.
    pub combination: Combination,
    /// In which round.
    pub round: u32,
    /// Under loads of these modes.
    pub modes: Vec<&'static str>,
}

/// Parts of a comparison that were asked for and are missing from its result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conclusion {
    /// The rounds in which a valid measurement is missing, target by target.
    pub missing: Vec<String>,
    /// The pairs that can't be judged, and why not.
    pub unjudged: Vec<String>,
}

#[cfg(test)]
mod tests;
