//! The figures of one boot.

use super::Measured;
use crate::judge::objectives::metric::{Metric, Series, Size, Statistic};
use crate::judge::objectives::sample_interval::{self, Chances};
use crate::quantity;
use crate::stats::percentile_rule::PERCENTILES;
use crate::stats::{self, PercentileState, Requested, State, Summary};

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

    /// Returns the summary of a series.
    pub fn summary(&self, series: Series) -> Option<&Summary> {
        match series {
            Series::Latency => Some(&self.run.latency_ns),
            Series::Tagged(tag) => self.run.tagged(tag),
        }
    }

    /// Returns the samples of a series.
    pub fn samples(&self, series: Series) -> Option<stats::Distribution> {
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

    /// Checks that `percentile` is the target's where it is above `limit` for certain, in a run that was broken off.
    ///
    /// # Errors
    ///
    /// A message if the host or the instrument can have made it.
    pub fn check_excess(&self, percentile: &Requested, limit_ns: f64) -> Result<(), String> {
        let (name, state) = match self.state(percentile) {
            // That there are too few samples yet is why it was broken off.
            None
            | Some((
                _,
                PercentileState {
                    state: State::Few, ..
                },
            )) => return Ok(()),
            Some(known) => known,
        };
        let mut figure = self.exactly(f64::INFINITY);
        match self.add_bracket(percentile, &mut figure) {
            Err(Missing::Unusable(reason) | Missing::NotMeasured(reason)) => Err(reason),
            Ok(()) if figure.least <= limit_ns => Err(format!(
                "{name} may be {}, but for the host's gaps and late sends",
                quantity::time(state.low_ns.unwrap_or(0) as f64)
            )),
            Ok(()) => Ok(()),
        }
    }

    /// Returns the state of `percentile`, or that of the next standard one, with its name.
    fn state(&self, percentile: &Requested) -> Option<(&'static str, &PercentileState)> {
        let standard = PERCENTILES
            .iter()
            .find(|standard| standard.one_in as f64 >= percentile.one_in() - 1e-6);
        let name = standard.or(PERCENTILES.last())?.name;
        Some((name, self.run.percentiles.get(name)?))
    }

    /// Widens `figure` to what the state of the percentile says, that of the next standard one if it has none of its own.
    fn add_bracket(&self, percentile: &Requested, figure: &mut BootFigure) -> Result<(), Missing> {
        let run = self.run;
        let Some((name, state)) = self.state(percentile) else {
            return Ok(());
        };
        let own = percentile.name() == name;
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
