//! The repetitions of one combination: added up, merged, and held against another's.

use std::time::Duration;

use super::super::schedule::Combination;
use crate::report::{Comparison, Merged, Part, Run};
use crate::stats::{Distribution, Recorder, Recording, comparison};

/// The repetitions of one combination.
#[derive(Debug)]
pub struct Account {
    pub combination: Combination,
    /// The valid ones.
    pub parts: Vec<Part>,
    /// All samples of those.
    pub latency: Recording,
    sent: u64,
    received: u64,
    lost: u64,
    /// A record of one, for what they have in common.
    model: Option<Run>,
}

impl Account {
    /// None yet of `combination`.
    pub fn new(combination: Combination) -> Self {
        Self {
            combination,
            parts: Vec::new(),
            latency: Recording::default(),
            sent: 0,
            received: 0,
            lost: 0,
            model: None,
        }
    }

    /// Adds a valid one, which began `start` after the comparison did.
    pub fn add(&mut self, run: &Run, recorder: &Recorder, start: Duration) {
        self.latency.add_all(&recorder.latency);
        self.sent += run.sent;
        self.received += run.received;
        self.lost += run.lost;
        self.parts.push(Part {
            round: run.round.unwrap_or(0),
            start,
            length: run.measured(),
            latency: Distribution::from(&recorder.latency),
        });
        self.model = Some(run.clone());
    }

    /// All of them together, of `rounds` that there should be.
    pub fn merged(&self, rounds: u32) -> Merged {
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

    /// Says that valid ones are missing.
    pub fn lack(&self, missing: usize, rounds: u32) -> String {
        let Combination { contender, way } = self.combination;
        format!(
            "{contender} on {}: no valid run in {missing} of {rounds} rounds",
            way.name()
        )
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
