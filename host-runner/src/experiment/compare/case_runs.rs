//! The valid runs of one case under one kind of load: sums, merged distributions, and comparisons with another
//! case's.

use std::time::Duration;

use super::case::Case;
use super::feasibility::Pair;
use crate::histogram::DurationHistogram;
use crate::record::GuestEstimate;
use crate::record::{BootRange, Comparison, MergedRuns, Pairing, RoundLatency, Run, Weight};
use crate::stats::comparison::{self, Round};
use crate::stats::median::median;
use crate::stats::percentile_rule::{PERCENTILES, Percentile};
use crate::stats::recorder::Censored;
use crate::stats::{Distribution, Requested, RunRecorder, Tag};

/// The valid runs of one case under one kind of load.
#[derive(Debug)]
pub struct CaseRuns {
    /// The case.
    pub case: Case,
    /// Name of the load's mode.
    pub mode: &'static str,
    /// The runs, with their distributions.
    pub parts: Vec<RoundLatency>,
    censored: Censored,
    sent: u64,
    received: u64,
    lost: u64,
    /// The record of one, for the fields that they have in common.
    model: Option<Run>,
}

impl CaseRuns {
    /// Returns no runs yet of `case` under a load of `mode`.
    pub fn new(case: Case, mode: &'static str) -> Self {
        Self {
            case,
            mode,
            parts: Vec::new(),
            censored: Censored::default(),
            sent: 0,
            received: 0,
            lost: 0,
            model: None,
        }
    }

    /// Adds a valid run, which began `start` after the comparison did.
    pub fn add(&mut self, run: &Run, recorder: &RunRecorder, start: Duration) {
        self.censored.add(recorder.censored);
        self.sent += run.sent;
        self.received += run.received;
        self.lost += run.lost;
        self.parts.push(RoundLatency::new(run, recorder, start));
        self.model = Some(run.clone());
    }

    /// Returns the distribution of all samples, in which each run weighs the same.
    pub fn latency(&self) -> DurationHistogram {
        let parts: Vec<_> = self.parts.iter().map(|part| &part.latency).collect();
        Distribution::merge(&parts)
    }

    /// Returns the distribution of the samples with `tag`; `None` if no run has any.
    fn tagged(&self, tag: Tag) -> Option<DurationHistogram> {
        let all = self.parts.iter().flat_map(|part| &part.tagged);
        let of_tag = all.filter(|part| part.0 == tag).map(|part| &part.1);
        let parts: Vec<_> = of_tag.collect();
        (!parts.is_empty()).then(|| Distribution::merge(&parts))
    }

    /// Returns the record of all runs merged, of `rounds` rounds. Summaries also have the `requested` percentiles.
    pub fn merged(&self, rounds: u32, requested: &[Requested]) -> MergedRuns {
        let skipped = self.case.skipped(None, String::new());
        let model = self.model.as_ref();
        let latency = self.latency();
        let mut merged = MergedRuns {
            target: skipped.target,
            responder: skipped.responder,
            link: skipped.link,
            mode: Some(self.mode.into()),
            payload_bytes: model.map(|run| run.payload_bytes),
            timeout_ns: model.map(|run| run.timeout_ns),
            image: model.and_then(|run| run.image.clone()),
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
            ..MergedRuns::default()
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

    /// Returns the median differences between the percentiles of these runs and those of `null`, over the rounds
    /// that both have; `None` if there is no such round.
    pub fn minus(&self, null: &Self) -> Option<GuestEstimate> {
        let rounds: Vec<(&RoundLatency, &RoundLatency)> = self
            .parts
            .iter()
            .filter_map(|part| {
                let other = null.parts.iter().find(|other| other.round == part.round)?;
                Some((part, other))
            })
            .collect();
        let at = |percentile: Percentile| -> Option<i64> {
            let value_ns = |part: &RoundLatency| {
                let value = part.latency.value(percentile);
                value
                    .filter(|value| !value.is_censored)
                    .map(|value| value.ns as f64)
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

    /// Returns true if `run` is a run of the same case and load, valid or not.
    pub fn is_of(&self, run: &Run) -> bool {
        self.case.is_of(run) && run.mode == self.mode
    }

    /// Returns true if there is a valid run in `round`.
    pub fn has(&self, round: u32) -> bool {
        self.parts.iter().any(|part| part.round == round)
    }

    /// Returns the rounds up to `rounds` without a valid run.
    pub fn missing(&self, rounds: u32) -> Vec<u32> {
        (1..=rounds).filter(|&round| !self.has(round)).collect()
    }

    /// Returns the name of case and load, for messages.
    pub fn name(&self) -> String {
        format!("{}, {} loop", self.case, self.mode)
    }

    /// Returns the message that runs of `rounds` rounds are `missing`.
    pub fn missing_rounds_message(&self, missing: &[u32], rounds: u32) -> String {
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

    /// Returns the pair with `other`, for the rule that decides if a pair can be judged. `can_repeat` returns true
    /// for runs that can still be repeated in a round.
    pub fn pair(&self, other: &Self, rounds: u32, can_repeat: impl Fn(&Self, u32) -> bool) -> Pair {
        let can_have = |runs: &Self, round| runs.has(round) || can_repeat(runs, round);
        let within_reach = |&round: &u32| can_have(self, round) && can_have(other, round);
        Pair {
            name: format!(
                "{} and {} on {}, {} loop",
                self.case.variant,
                other.case.variant,
                self.case.link.name(),
                self.mode
            ),
            common: (1..=rounds)
                .filter(|&round| self.has(round) && other.has(round))
                .count(),
            within_reach: (1..=rounds).filter(within_reach).count(),
        }
    }

    /// Returns the runs of both, for the rounds in which both are valid.
    fn rounds<'a>(
        &'a self,
        baseline: &'a Self,
    ) -> impl Iterator<Item = (&'a RoundLatency, &'a RoundLatency)> {
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
            target: self.case.variant.to_string(),
            baseline: baseline.case.variant.to_string(),
            link: self.case.link.name().to_owned(),
            mode: Some(self.mode.into()),
            lost: (mean(targets), mean(baselines)),
        }
    }
}

/// Compares each system with its baseline. All pairs of a comparison belong in one call: the confidence that each
/// verdict needs depends on their number.
pub fn compare(pairs: &[(&CaseRuns, &CaseRuns)]) -> Vec<Comparison> {
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
            let record = move |difference| Comparison::new(pairing.clone(), &difference);
            differences.into_iter().map(record)
        })
        .collect()
}
