//! A metric in the runs of a result.

use std::collections::BTreeSet;

use super::counted_figures;
use super::metric::{Cost, Counter, Metric, Size};
use super::subject::GroupKey;
use crate::record::read::Distribution;
use crate::record::{Run, Source, SystemCost};

mod boot_figure;

pub use boot_figure::{BootFigure, Missing, samples_of};

/// Runs that are judged together.
#[derive(Clone, Debug)]
pub struct Group<'a> {
    /// Target, link and load.
    pub key: GroupKey,
    /// The runs, valid or not, with their distributions.
    pub runs: Vec<Measured<'a>>,
    /// Cost of an echo on target and link, if it was counted.
    pub cost: Option<&'a SystemCost>,
    /// The figure, if the group is one that was counted by another program.
    pub figure: Option<f64>,
}

/// A run with its distributions.
#[derive(Clone, Copy, Debug)]
pub struct Measured<'a> {
    /// The record.
    pub run: &'a Run,
    /// The distributions.
    distribution: &'a Distribution,
}

/// Returns the groups of runs of `source`, and those of which only the cost of an echo is known.
#[must_use]
pub fn groups(source: &Source) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for (run, distribution) in source.record.runs.iter().zip(&source.distributions) {
        let key = GroupKey::of(run);
        let measured = Measured { run, distribution };
        match groups.iter_mut().find(|group| group.key == key) {
            Some(group) => group.runs.push(measured),
            None => groups.push(Group {
                cost: cost(source, &key),
                key,
                runs: vec![measured],
                figure: None,
            }),
        }
    }
    for cost in &source.record.why {
        let is_of = |group: &Group<'_>| is_cost_of(cost, &group.key);
        if !groups.iter().any(is_of) {
            groups.push(Group {
                key: GroupKey {
                    target: cost.label(),
                    link: cost.link.clone(),
                    mode: None,
                    sweep_percent: None,
                },
                runs: Vec::new(),
                cost: Some(cost),
                figure: None,
            });
        }
    }
    groups.extend(counted_figures::groups(source));
    groups
}

/// Returns the groups that `metric` is judged in: what is the same under every load is judged once.
#[must_use]
pub fn groups_for<'a>(metric: &Metric, groups: &[Group<'a>]) -> Vec<Group<'a>> {
    if let Metric::Figure(pattern) = metric {
        return counted_figures::called(pattern, groups);
    }
    let is_of_boot = matches!(
        metric,
        Metric::Boot | Metric::FirstReply | Metric::Cost(_) | Metric::Size(_)
    );
    if !is_of_boot {
        let with_runs = groups.iter().filter(|group| !group.runs.is_empty());
        return with_runs.cloned().collect();
    }
    let mut boots: Vec<Group<'a>> = Vec::new();
    for group in groups.iter().filter(|group| group.figure.is_none()) {
        let key = GroupKey {
            mode: None,
            sweep_percent: None,
            ..group.key.clone()
        };
        match boots.iter_mut().find(|boots| boots.key == key) {
            Some(boots) => boots.runs.extend(&group.runs),
            None => boots.push(Group {
                key,
                ..group.clone()
            }),
        }
    }
    for group in &mut boots {
        // A boot that was measured under several loads counts once, and is valid if it is so under any.
        let mut seen = BTreeSet::new();
        group.runs.sort_by_key(|measured| !measured.run.valid);
        group
            .runs
            .retain(|Measured { run, .. }| seen.insert((run.round, run.attempt)));
    }
    boots
}

fn cost<'a>(source: &'a Source, key: &GroupKey) -> Option<&'a SystemCost> {
    let mut costs = source.record.why.iter();
    costs.find(|cost| is_cost_of(cost, key))
}

fn is_cost_of(cost: &SystemCost, key: &GroupKey) -> bool {
    cost.label() == key.target && cost.link == key.link
}

impl<'a> Group<'a> {
    /// Returns the valid runs.
    pub fn valid(&self) -> impl Iterator<Item = Measured<'a>> {
        self.runs
            .iter()
            .copied()
            .filter(|measured| measured.run.valid)
    }

    /// Returns true if it has runs, and none of them is valid.
    #[must_use]
    pub fn is_invalid(&self) -> bool {
        !self.runs.is_empty() && self.valid().next().is_none()
    }

    /// Returns the number of rounds that have a run, valid or not; 0 outside of a comparison.
    #[must_use]
    pub fn rounds(&self) -> usize {
        let rounds = self.runs.iter().filter_map(|measured| measured.run.round);
        rounds.collect::<BTreeSet<_>>().len()
    }

    /// Returns the reason why no run is valid, in words.
    #[must_use]
    pub fn invalid_reason(&self) -> String {
        let partial = self.runs.iter().any(|measured| measured.run.partial);
        let mut reasons = self
            .runs
            .iter()
            .flat_map(|measured| &measured.run.invalid_because);
        match (reasons.next(), partial) {
            (Some(reason), _) => format!("no run is valid: {reason}"),
            (None, true) => "the run was broken off".to_owned(),
            (None, false) => "there is no valid run".to_owned(),
        }
    }

    /// Returns the sum of a count, with the number of requests sent, over `runs`.
    #[must_use]
    pub fn count(runs: impl Iterator<Item = Measured<'a>>, counter: Counter) -> (u64, u64) {
        runs.fold((0, 0), |(count, sent), Measured { run, .. }| {
            let own = match counter {
                Counter::Sent => run.sent,
                Counter::Received => run.received,
                Counter::Lost => run.lost,
                Counter::Late => run.late,
                Counter::Duplicated => run.duplicated,
                Counter::Reordered => run.reordered,
                Counter::Corrupted => run.corrupted,
            };
            (count.saturating_add(own), sent.saturating_add(run.sent))
        })
    }

    /// Returns what is counted once and for all of the target.
    #[must_use]
    pub fn exact(&self, metric: &Metric) -> Option<f64> {
        let largest = |field: fn(&Run) -> Option<u64>| {
            let sizes = self.runs.iter().filter_map(|measured| field(measured.run));
            sizes.max().map(|bytes| bytes as f64)
        };
        let cost = self.cost;
        match metric {
            Metric::Figure(_) => self.figure,
            Metric::Cost(Cost::Instructions) => cost?.instructions_per_echo,
            Metric::Cost(Cost::Doorbells) => cost?.doorbells_per_echo,
            Metric::Cost(Cost::Interrupts) => cost?.interrupts_per_echo,
            Metric::Size(Size::Image) => {
                largest(|run| run.image_bytes).or(cost?.image_bytes.map(|bytes| bytes as f64))
            }
            Metric::Size(Size::Memory) => {
                largest(|run| run.memory_bytes).or(cost?.memory_bytes.map(|bytes| bytes as f64))
            }
            _ => None,
        }
    }

    /// Returns the round trips of a cache line before and after each valid run, in nanoseconds: the least and the most of
    /// each round.
    #[must_use]
    pub fn floors(&self) -> Vec<(u32, f64, f64)> {
        let floors = self.valid().filter_map(|Measured { run, .. }| {
            let readings = run.core_round_trip_ns?.readings().filter(|&ns| ns > 0.0);
            let (low, high) = readings.fold((f64::INFINITY, 0.0_f64), |(low, high), ns| {
                (low.min(ns), high.max(ns))
            });
            (high > 0.0).then_some((run.round.unwrap_or(0), low, high))
        });
        floors.collect()
    }
}
