//! The repetitions of one combination under one kind of load: added up, merged, and held against another's.

use std::time::Duration;

use super::super::hope::Pair;
use super::super::schedule::Combination;
use crate::histogram::DurationHistogram;
use crate::record::GuestEstimate;
use crate::record::{BootRange, Comparison, Merged, Pairing, Part, Run, Weight};
use crate::stats::comparison::{self, Round};
use crate::stats::median::median;
use crate::stats::recorder::Censored;
use crate::stats::summary::{PERCENTILES, Percentile};
use crate::stats::{Distribution, Requested, RunRecorder, Tag};

/// The repetitions of one combination under one kind of load.
#[derive(Debug)]
pub struct Account {
    pub combination: Combination,
    /// Name of the load's mode.
    pub mode: &'static str,
    /// The valid ones.
    pub parts: Vec<Part>,
    censored: Censored,
    sent: u64,
    received: u64,
    lost: u64,
    /// A record of one, for what they have in common.
    model: Option<Run>,
}

impl Account {
    /// None yet of `combination` in `mode`.
    pub fn new(combination: Combination, mode: &'static str) -> Self {
        Self {
            combination,
            mode,
            parts: Vec::new(),
            censored: Censored::default(),
            sent: 0,
            received: 0,
            lost: 0,
            model: None,
        }
    }

    /// Adds a valid one, which began `start` after the comparison did.
    pub fn add(&mut self, run: &Run, recorder: &RunRecorder, start: Duration) {
        self.censored.add(recorder.censored);
        self.sent += run.sent;
        self.received += run.received;
        self.lost += run.lost;
        self.parts.push(Part::new(run, recorder, start));
        self.model = Some(run.clone());
    }

    /// All samples of the valid ones, of which each weighs the same.
    pub fn latency(&self) -> DurationHistogram {
        let parts: Vec<_> = self.parts.iter().map(|part| &part.latency).collect();
        Distribution::merge(&parts)
    }

    /// The same of what is tagged; `None` where no repetition has it.
    fn tagged(&self, tag: Tag) -> Option<DurationHistogram> {
        let all = self.parts.iter().flat_map(|part| &part.tagged);
        let of_tag = all.filter(|it| it.0 == tag).map(|it| &it.1);
        let parts: Vec<_> = of_tag.collect();
        (!parts.is_empty()).then(|| Distribution::merge(&parts))
    }

    /// All of them together, of `rounds` that there should be. Summaries have the `requested` percentiles besides.
    pub fn merged(&self, rounds: u32, requested: &[Requested]) -> Merged {
        let skipped = self.combination.skipped(None, String::new());
        let model = self.model.as_ref();
        let latency = self.latency();
        let mut merged = Merged {
            target: skipped.target,
            responder: skipped.responder,
            link: skipped.link,
            mode: Some(self.mode.into()),
            payload_bytes: model.map(|run| run.payload_bytes),
            timeout_ns: model.map(|run| run.timeout_ns),
            rounds_wanted: rounds,
            rounds: self.parts.iter().map(|part| part.round).collect(),
            sent: self.sent,
            received: self.received,
            lost: self.lost,
            weight: Weight::Boots,
            latency_ns: (&latency).into(),
            boots: BootRange::each(&self.parts),
            censored_from_ns: self.censored.from_ns,
            censored_count: self.censored.count,
            ..Merged::default()
        };
        merged.latency_ns.add(&latency, requested);
        for tag in Tag::ALL {
            if let Some(durations) = self.tagged(tag) {
                let summary = merged.tagged_mut(tag).insert((&durations).into());
                summary.add(&durations, requested);
            }
        }
        merged
    }

    /// Returns the median differences of its percentiles and those of `null`, over the rounds that both have;
    /// `None` if there is no such round.
    pub fn less(&self, null: &Self) -> Option<GuestEstimate> {
        let rounds: Vec<(&Part, &Part)> = self
            .parts
            .iter()
            .filter_map(|part| {
                let other = null.parts.iter().find(|other| other.round == part.round)?;
                Some((part, other))
            })
            .collect();
        let at = |percentile: Percentile| -> Option<i64> {
            let value_ns = |part: &Part| {
                let value = part.latency.value(percentile);
                value.filter(|it| !it.is_censored).map(|it| it.ns as f64)
            };
            let differences = rounds
                .iter()
                .map(|(own, null)| Some(value_ns(own)? - value_ns(null)?));
            let differences: Option<Vec<f64>> = differences.collect();
            median(differences?).map(|ns| ns.round() as i64)
        };
        let [p50, _, p99, ..] = PERCENTILES;
        (!rounds.is_empty()).then(|| GuestEstimate {
            rounds: rounds.len(),
            p50: at(p50),
            p99: at(p99),
        })
    }

    /// Returns true if `run` is one of its repetitions, valid or not.
    pub fn is_of(&self, run: &Run) -> bool {
        self.combination.is_of(run) && run.mode == self.mode
    }

    /// Returns true if it has a valid repetition in `round`.
    pub fn has(&self, round: u32) -> bool {
        self.parts.iter().any(|part| part.round == round)
    }

    /// Returns those of the rounds up to `rounds` in which no repetition is valid.
    pub fn missing(&self, rounds: u32) -> Vec<u32> {
        (1..=rounds).filter(|&round| !self.has(round)).collect()
    }

    /// Returns its name, with its link and load.
    pub fn name(&self) -> String {
        let Combination { contender, way } = self.combination;
        format!("{contender} on {}, {} loop", way.name(), self.mode)
    }

    /// Says in which of `rounds` rounds valid ones are missing.
    pub fn lack(&self, missing: &[u32], rounds: u32) -> String {
        let numbers: Vec<String> = missing.iter().map(u32::to_string).collect();
        let word = if missing.len() == 1 {
            "round"
        } else {
            "rounds"
        };
        format!(
            "{}: {} of {rounds} rounds are valid, without {word} {}",
            self.name(),
            rounds as usize - missing.len(),
            numbers.join(", ")
        )
    }

    /// Returns the pair that it is with `other`, for the rule that decides if it can be judged; `is_triable`
    /// says if a round of an account can still be measured again.
    pub fn pair(&self, other: &Self, rounds: u32, is_triable: impl Fn(&Self, u32) -> bool) -> Pair {
        let can_have = |it: &Self, round| it.has(round) || is_triable(it, round);
        let within_reach = |&round: &u32| can_have(self, round) && can_have(other, round);
        Pair {
            name: format!(
                "{} and {} on {}, {} loop",
                self.combination.contender,
                other.combination.contender,
                self.combination.way.name(),
                self.mode
            ),
            common: (1..=rounds)
                .filter(|&round| self.has(round) && other.has(round))
                .count(),
            within_reach: (1..=rounds).filter(within_reach).count(),
        }
    }

    /// The rounds in which both this and `baseline` are valid.
    fn rounds<'a>(&'a self, baseline: &'a Self) -> impl Iterator<Item = (&'a Part, &'a Part)> {
        self.parts.iter().filter_map(|part| {
            let mut others = baseline.parts.iter();
            let other = others.find(|other| other.round == part.round)?;
            Some((part, other))
        })
    }

    fn pairing(&self, baseline: &Self) -> Pairing {
        let (mut targets, mut baselines, mut rounds) = (0.0, 0.0, 0);
        for (target, baseline) in self.rounds(baseline) {
            targets += target.lost_share();
            baselines += baseline.lost_share();
            rounds += 1;
        }
        let mean = |sum: f64| sum / f64::from(rounds.max(1));
        Pairing {
            target: self.combination.contender.to_string(),
            baseline: baseline.combination.contender.to_string(),
            link: self.combination.way.name().to_owned(),
            mode: Some(self.mode.into()),
            lost: (mean(targets), mean(baselines)),
        }
    }
}

/// Holds each target against its baseline. All pairs of a comparison belong in one call: how certain each
/// verdict must be depends on how many there are.
pub fn compare(pairs: &[(&Account, &Account)]) -> Vec<Comparison> {
    let rounds: Vec<Vec<Round<'_>>> = pairs
        .iter()
        .map(|(target, baseline)| {
            let both = target.rounds(baseline);
            both.map(|(target, baseline)| Round {
                number: target.round,
                target: target.boot(),
                baseline: baseline.boot(),
            })
            .collect()
        })
        .collect();
    let compared = pairs.iter().zip(comparison::compare(&rounds));
    compared
        .flat_map(|((target, baseline), differences)| {
            let pairing = target.pairing(baseline);
            let record = move |it| Comparison::new(pairing.clone(), &it);
            differences.into_iter().map(record)
        })
        .collect()
}
