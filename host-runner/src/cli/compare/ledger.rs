//! What was measured so far, and what comes of it.

use std::time::{Duration, SystemTime};

use super::super::CliError;
use super::super::measure::Measured;
use super::super::output::Output;
use super::looks::Looks;
use super::schedule::Combination;
use crate::report::{Comparison, Environment, Merged, Part, Report, Run, Skipped, Why};
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
    looks: Looks,
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
            looks: Looks::default(),
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
        // Without its files it is not entered: what the record names is there.
        output.write_run(&run, &measured.recorder, started_at)?;
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
            mode: model.map(|run| run.mode.clone()),
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::Value;

    use super::super::super::args::OutputArgs;
    use super::super::super::way::Way;
    use super::*;
    use crate::load::{Limit, Mode, Observer as _, Plan, Sample, Tally};
    use crate::report::Setting;
    use crate::stats::{Ended, Noise, Recorder};
    use crate::target::Target;

    const PLAN: Plan = Plan {
        mode: Mode::Closed,
        payload_len: 64,
        timeout_ns: 1_000_000_000,
        warmup: Limit::NOTHING,
        measure: Limit {
            duration_ns: Some(1_000_000_000),
            count: None,
        },
        seed: 1,
    };

    fn combination(target: &str) -> Combination {
        Combination {
            contender: target.parse().unwrap(),
            way: Way::best(Target::Hermit),
        }
    }

    /// A made-up run of 2000 requests from `latency_ns` on.
    fn made_up(target: &str, round: u32, latency_ns: u64, ended: Ended) -> (Run, Measured) {
        let setting = Setting {
            target: target.to_owned(),
            responder: None,
            address: "10.0.2.15:9000".to_owned(),
            link: "vhost-user".to_owned(),
            accel: None,
            boot_ms: None,
            guest_boot_ms: None,
            placement: None,
        };
        let mut recorder = Recorder::new(&PLAN);
        for index in 0..2000 {
            let latency_ns = latency_ns + index;
            recorder.replied(Sample {
                at_ns: index * 1000,
                latency_ns,
                round_trip_ns: latency_ns,
                is_waited_for: true,
                service_ns: None,
            });
        }
        let measured = Measured {
            tally: Tally {
                sent: 2000,
                received: 2000,
                ..Tally::default()
            },
            recorder,
            noise: Noise::default(),
            ended,
            failure: None,
            warmup_settled: Some(true),
        };
        let run = Run {
            round: Some(round),
            attempt: Some(1),
            ..measured.record(setting, &PLAN)
        };
        (run, measured)
    }

    fn read(path: &Path) -> Value {
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    #[test]
    fn valid_runs_are_merged_and_compared_by_the_rounds_that_both_have() {
        let place = tempfile::tempdir().unwrap();
        let args = OutputArgs {
            out: Some(place.path().join("out")),
            json: Some(place.path().join("result.json")),
        };
        let output = Output::prepare(&args).unwrap();
        let combinations = ["hermit", "null", "linux-guest:busy"].map(combination);
        let mut ledger = Ledger::new(&combinations, Vec::new(), 4, 1);
        for round in 1..=4 {
            let spoilt = if round == 2 {
                Ended::Interrupted
            } else {
                Ended::Completed
            };
            for (index, target, latency_ns, ended) in [
                (0, "hermit", 40_000, Ended::Completed),
                (1, "null", 20_000, spoilt),
            ] {
                let latency_ns = latency_ns + 100 * u64::from(round);
                let (run, measured) = made_up(target, round, latency_ns, ended);
                let now = SystemTime::now();
                ledger.enter(index, run, &measured, now, &output).unwrap();
                // It is there as soon as it is finished.
                let so_far = read(&output.file("result.json"));
                let runs = so_far["runs"].as_array().unwrap();
                assert_eq!(runs.len(), 2 * (round as usize - 1) + index + 1);
            }
        }
        ledger.skip(combinations[2].skipped(None, "there is no kernel".to_owned()));
        let missing = ledger.conclude(&output).unwrap();
        assert_eq!(
            missing,
            ["null on vhost-user: no valid run in 1 of 4 rounds"]
        );

        let json = read(&args.json.unwrap());
        let merged = |index: usize| &json["merged"][index];
        assert_eq!(merged(0)["rounds"], serde_json::json!([1, 2, 3, 4]));
        assert_eq!(merged(1)["rounds"], serde_json::json!([1, 3, 4]));
        assert_eq!(merged(0)["latency_ns"]["count"], 8000);
        assert_eq!(
            (&merged(1)["sent"], &merged(1)["lost"]),
            (&6000.into(), &0.into())
        );
        assert_eq!(merged(2)["latency_ns"]["count"], 0);
        assert_eq!(merged(0)["latency_ns"]["max"], 42_399);
        assert!(output.file("hermit-vhost-user-closed.hgrm").exists());
        assert!(output.file("null-vhost-user-closed.hlog").exists());
        assert!(!output.file("linux-guest-busy-vhost-user.hlog").exists());

        let comparisons = json["comparisons"].as_array().unwrap();
        assert_eq!(comparisons.len(), 3, "p50, p90, p99 of 6000 samples");
        for it in comparisons {
            assert_eq!(
                (&it["target"], &it["baseline"]),
                (&"hermit".into(), &"null".into())
            );
            assert_eq!(it["rounds"], 3);
            assert!(
                it["verdict"].as_str().unwrap().starts_with("higher by 1"),
                "{it}"
            );
            let [low, difference, high] =
                ["low_ns", "difference_ns", "high_ns"].map(|key| it[key].as_i64().unwrap());
            assert!(0 < low && low < difference && difference < high, "{it}");
        }
        assert_eq!(json["skipped"][0]["reason"], "there is no kernel");
    }
}
