//! The repetitions of one combination under one kind of load: added up, merged, and held against another's.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::hope::Pair;
use super::super::schedule::Combination;
use crate::report::{Comparison, Merged, Part, Run};
use crate::stats::recorder::Censored;
use crate::stats::{Distribution, Recorder, Recording, Requested, Tag, comparison};

/// The repetitions of one combination under one kind of load.
#[derive(Debug)]
pub struct Account {
    pub combination: Combination,
    /// Name of the load's mode.
    pub mode: &'static str,
    /// The valid ones.
    pub parts: Vec<Part>,
    /// All samples of those.
    pub latency: Recording,
    tagged: BTreeMap<Tag, Recording>,
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
            latency: Recording::default(),
            tagged: BTreeMap::new(),
            censored: Censored::default(),
            sent: 0,
            received: 0,
            lost: 0,
            model: None,
        }
    }

    /// Adds a valid one, which began `start` after the comparison did.
    pub fn add(&mut self, run: &Run, recorder: &Recorder, start: Duration) {
        self.latency.add_all(&recorder.latency);
        let tags = Tag::ALL
            .into_iter()
            .filter(|&tag| run.tagged(tag).is_some());
        let tagged: Vec<_> = tags
            .filter_map(|tag| Some((tag, recorder.tagged(tag)?)))
            .collect();
        for (tag, recording) in &tagged {
            self.tagged.entry(*tag).or_default().add_all(recording);
        }
        self.censored.add(recorder.censored);
        self.sent += run.sent;
        self.received += run.received;
        self.lost += run.lost;
        self.parts.push(Part {
            round: run.round.unwrap_or(0),
            start,
            length: run.measured(),
            latency: Distribution::from(&recorder.latency),
            tagged: tagged
                .into_iter()
                .map(|(tag, it)| (tag, it.into()))
                .collect(),
        });
        self.model = Some(run.clone());
    }

    /// All of them together, of `rounds` that there should be. Summaries have the `requested` percentiles besides.
    pub fn merged(&self, rounds: u32, requested: &[Requested]) -> Merged {
        let skipped = self.combination.skipped(None, String::new());
        let model = self.model.as_ref();
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
            latency_ns: (&self.latency).into(),
            censored_from_ns: self.censored.from_ns,
            censored_count: self.censored.count,
            ..Merged::default()
        };
        merged.latency_ns.add(&self.latency, requested);
        for (&tag, recording) in &self.tagged {
            let summary = merged.tagged_mut(tag).insert(recording.into());
            summary.add(recording, requested);
        }
        merged
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

    /// Held against `baseline`, by the rounds in which both are valid.
    pub fn against(&self, baseline: &Self, seed: u64) -> Vec<Comparison> {
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
        let comparison = |difference| Comparison {
            mode: Some(self.mode.into()),
            ..Comparison::new(
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
