//! A metric in the runs of a result.

use std::collections::BTreeSet;

use super::counted_figures;
use super::metric::{Cost, Counter, Metric, Series, Size, Statistic};
use super::sample_interval::{self, Chances};
use super::subject::GroupKey;
use crate::quantity;
use crate::record::read::Distribution;
use crate::record::{Run, Source, SystemCost};
use crate::stats::percentile_rule::PERCENTILES;
use crate::stats::{self, Requested, State, Summary};

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
    /// The distributions; `None` if a boot stands for all of its runs.
    distribution: &'a Distribution,
}

/// A metric in one boot, in the unit of its quantity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BootFigure {
    /// Number of the round; 0 outside of a comparison.
    pub round: u32,
    /// The value; a lower bound if `most` is infinite.
    pub value: f64,
    /// The least that it can be.
    pub least: f64,
    /// The most that it can be; infinite if it lies among lost requests.
    pub most: f64,
    /// Width of the slot that the value is known to, in parts of the value.
    pub width: f64,
    /// Number of samples that it is of.
    pub count: u64,
}

/// Reason why there is no figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Not measured, for this reason.
    NotMeasured(String),
    /// Measured, but no statement about the target, for this reason.
    Unusable(String),
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

impl Measured<'_> {
    /// Returns the value of `metric`, a figure of a boot.
    ///
    /// # Errors
    ///
    /// [`Missing`] if the run does not have it.
    pub fn figure(&self, metric: &Metric) -> Result<BootFigure, Missing> {
        let run = self.run;
        let plain = |value: Option<f64>| value.map(|value| self.exactly(value));
        let known = match metric {
            Metric::Time(series, statistic) => return self.time(*series, statistic),
            Metric::Rate => plain(run.answered_rate),
            Metric::Boot => plain(run.boot_ms.map(|ms| ms * 1e6)),
            Metric::FirstReply => plain(run.first_reply_ms.map(|ms| ms * 1e6)),
            Metric::Size(Size::Resident) => plain(run.resident_bytes.map(|bytes| bytes as f64)),
            _ => None,
        };
        known.ok_or_else(|| Missing::NotMeasured(format!("the run has no {metric}")))
    }

    fn exactly(&self, value: f64) -> BootFigure {
        BootFigure {
            round: self.run.round.unwrap_or(0),
            value,
            least: value,
            most: value,
            width: 0.0,
            count: self.run.received,
        }
    }

    fn summary(&self, series: Series) -> Option<&Summary> {
        match series {
            Series::Latency => Some(&self.run.latency_ns),
            Series::Tagged(tag) => self.run.tagged(tag),
        }
    }

    /// Returns the samples of a series.
    fn samples(&self, series: Series) -> Option<stats::Distribution> {
        match series {
            Series::Latency => {
                let run = self.run;
                // Where lost requests are not marked they lie from the timeout on.
                let is_lossy = run.lost + run.dropped_locally > 0;
                let timeout_ns = is_lossy.then_some(run.timeout_ns);
                let samples = stats::Distribution::from(&self.distribution.histogram);
                Some(samples.censored_from(run.censored_from_ns.or(timeout_ns)))
            }
            Series::Tagged(tag) => self.distribution.tagged.get(&tag).cloned(),
        }
    }

    fn time(&self, series: Series, statistic: &Statistic) -> Result<BootFigure, Missing> {
        let not_measured = |what: &str| Missing::NotMeasured(format!("the run has no {what}"));
        let summary = self
            .summary(series)
            .ok_or_else(|| not_measured("such times"))?;
        let is_lossy = series == Series::Latency && self.run.lost > 0;
        let most = |value: f64| if is_lossy { f64::INFINITY } else { value };
        let value = match statistic {
            Statistic::Min => summary.min.map(|ns| (ns as f64, ns as f64)),
            Statistic::Mean => summary.mean.map(|ns| (ns, most(ns))),
            Statistic::Max => summary.max.map(|ns| (ns as f64, most(ns as f64))),
            Statistic::Percentile(percentile) => return self.percentile(series, percentile),
        };
        let (value, most) = value.ok_or_else(|| not_measured("samples"))?;
        Ok(BootFigure {
            most,
            count: summary.count,
            ..self.exactly(value)
        })
    }

    fn percentile(&self, series: Series, percentile: &Requested) -> Result<BootFigure, Missing> {
        let samples = self.samples(series).filter(|samples| samples.count() > 0);
        let name = percentile.name();
        let samples =
            samples.ok_or_else(|| Missing::NotMeasured(format!("{name} has no samples")))?;
        let count = samples.count();
        let needed = percentile.samples_for(crate::stats::percentile_rule::MIN_BEYOND);
        let value = samples
            .at_rank(percentile.rank(count))
            .filter(|_| count >= needed);
        let value = value.ok_or_else(|| {
            Missing::Unusable(format!("{name} has {}", samples_of(count, percentile)))
        })?;
        let ns = value.ns as f64;
        let mut figure = BootFigure {
            most: if value.is_censored { f64::INFINITY } else { ns },
            width: value.relative_width(),
            count,
            ..self.exactly(ns)
        };
        if series == Series::Latency {
            self.add_bracket(percentile, &mut figure)?;
        }
        Ok(figure)
    }

    /// Widens `figure` to what the state of the percentile says, that of the next standard one if it has none of its own.
    fn add_bracket(&self, percentile: &Requested, figure: &mut BootFigure) -> Result<(), Missing> {
        let run = self.run;
        let standard = PERCENTILES
            .iter()
            .find(|standard| standard.one_in as f64 >= percentile.one_in() - 1e-6);
        let name = standard
            .or(PERCENTILES.last())
            .map_or("", |standard| standard.name);
        let own = percentile.name() == name;
        let Some(state) = run.percentiles.get(name) else {
            return Ok(());
        };
        // That the neighbour has too few samples is no fault of this one.
        let is_few_of_neighbour = !own && state.state == State::Few;
        let is_usable = state.counts(run.strict) || is_few_of_neighbour;
        if !is_usable {
            let reason = match state.state {
                State::Host => "the host's gaps decided it",
                State::Dropped => "requests that the instrument dropped decided it",
                _ => "it is not clean, and the run was strict",
            };
            return Err(Missing::Unusable(format!(
                "{}: {reason}",
                percentile.name()
            )));
        }
        if own && matches!(state.state, State::Partly | State::Late) {
            if let Some(low_ns) = state.low_ns {
                figure.least = figure.least.min(low_ns as f64);
            }
            figure.most = state
                .high_ns
                .map_or(f64::INFINITY, |ns| figure.most.max(ns as f64));
        }
        Ok(())
    }

    /// Returns the limits of a percentile's interval within this boot, in nanoseconds; the upper one is infinite if it
    /// lies among lost requests or beyond all samples.
    #[must_use]
    pub fn sample_limits(&self, metric: &Metric, chances: Chances) -> Option<(f64, f64)> {
        let Metric::Time(series, Statistic::Percentile(percentile)) = metric else {
            return None;
        };
        let samples = self.samples(*series)?;
        let (low, high) = sample_interval::ranks(samples.count(), percentile.quantile(), chances);
        let low = samples.at_rank(low)?;
        let high = samples.at_rank(high).filter(|value| !value.is_censored);
        Some((
            low.ns as f64,
            high.map_or(f64::INFINITY, |value| value.ns as f64),
        ))
    }
}

/// Returns the number of samples that a percentile has, of those that it needs to be judged, in words.
#[must_use]
pub fn samples_of(count: u64, percentile: &Requested) -> String {
    let needed = percentile.samples_for(sample_interval::MIN_BEYOND);
    format!(
        "{} of {} samples",
        quantity::count(count),
        quantity::count(needed)
    )
}
