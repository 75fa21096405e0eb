//! What was measured so far, and what comes of it.

use std::time::{Duration, SystemTime};

use super::super::CliError;
use super::super::measure::Measured;
use super::super::output::Output;
use super::schedule::Combination;
use crate::report::{Comparison, Environment, Merged, Part, Report, Run, Skipped};
use crate::stats::{Distribution, Recording, comparison};
use crate::target::Target;

/// The repetitions of one combination.
#[derive(Debug)]
struct Account {
    combination: Combination,
    /// The valid ones.
    parts: Vec<Part>,
    /// All samples of those.
    latency: Recording,
    sent: u64,
    received: u64,
    lost: u64,
    /// A record of one, for what they have in common.
    model: Option<Run>,
}

/// All repetitions.
#[derive(Debug)]
pub struct Ledger {
    environment: Environment,
    accounts: Vec<Account>,
    runs: Vec<Run>,
    skipped: Vec<Skipped>,
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
        let account = |&combination: &Combination| Account {
            combination,
            parts: Vec::new(),
            latency: Recording::default(),
            sent: 0,
            received: 0,
            lost: 0,
            model: None,
        };
        Self {
            environment: Environment::now(),
            accounts: combinations.iter().map(account).collect(),
            runs: Vec::new(),
            skipped,
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

    /// Whether anything was measured.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Combination `index` is left out: from `round` on, or altogether.
    pub fn skip(&mut self, index: usize, round: Option<u32>, reason: String) {
        let combination = &self.accounts[index].combination;
        self.skipped.push(combination.skipped(round, reason));
    }

    /// Enters a repetition of combination `index` that began at `started_at`, in round `round`, and
    /// writes its files.
    ///
    /// # Errors
    ///
    /// [`CliError::Report`] if one can't be written.
    pub fn enter(
        &mut self,
        index: usize,
        run: Run,
        measured: &Measured,
        started_at: SystemTime,
        output: &Output,
    ) -> Result<(), CliError> {
        let written = output.write_run(&run, &measured.recorder, started_at);
        self.steal_share = match (self.steal_share, run.noise.steal_share) {
            (Some(a), Some(b)) => Some(a.max(b)),
            (a, b) => a.or(b),
        };
        let account = &mut self.accounts[index];
        if run.valid {
            let latency = &measured.recorder.latency;
            account.latency.add_all(latency);
            account.sent += run.sent;
            account.received += run.received;
            account.lost += run.lost;
            account.parts.push(Part {
                round: run.round.unwrap_or(0),
                start: started_at.duration_since(self.began_at).unwrap_or_default(),
                length: Duration::from_nanos(run.elapsed_ns),
                latency: Distribution::from(latency),
            });
            account.model = Some(run.clone());
        }
        self.runs.push(run);
        written?;
        output.keep(&self.report(Vec::new(), Vec::new()))
    }

    fn report(&self, merged: Vec<Merged>, comparisons: Vec<Comparison>) -> Report {
        let environment = Environment {
            steal_share: self.steal_share,
            ..self.environment.clone()
        };
        Report {
            merged,
            comparisons,
            skipped: self.skipped.clone(),
            ..Report::new(environment, self.runs.clone())
        }
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
            .map(|it| it.merged(self.rounds))
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

impl Account {
    fn merged(&self, rounds: u32) -> Merged {
        let skipped = self.combination.skipped(None, String::new());
        let model = self.model.as_ref();
        Merged {
            target: skipped.target,
            responder: skipped.responder,
            link: skipped.link,
            mode: model.map(|run| run.mode),
            payload_bytes: model.map(|run| run.payload_bytes),
            timeout_ns: model.map(|run| run.timeout_ns),
            rounds_wanted: rounds,
            rounds: self.parts.iter().map(|part| part.round).collect(),
            sent: self.sent,
            received: self.received,
            lost: self.lost,
            latency_ns: (&self.latency).into(),
        }
    }

    fn lack(&self, missing: usize, rounds: u32) -> String {
        let Combination { contender, way } = self.combination;
        format!(
            "{contender} on {}: no valid run in {missing} of {rounds} rounds",
            way.name()
        )
    }

    /// Held against `baseline`, by the rounds in which both are valid.
    fn against(&self, baseline: &Self, seed: u64) -> Vec<Comparison> {
        let rounds: Vec<_> = self
            .parts
            .iter()
            .filter_map(|part| {
                let same = |other: &&Part| other.round == part.round;
                let other = baseline.parts.iter().find(same)?;
                Some((&part.latency, &other.latency))
            })
            .collect();
        let differences = comparison::compare(&rounds, seed);
        let comparison = |difference| {
            Comparison::new(
                self.combination.contender.to_string(),
                baseline.combination.contender.to_string(),
                self.combination.way.name().to_owned(),
                rounds.len(),
                &difference,
            )
        };
        differences.into_iter().map(comparison).collect()
    }
}
