//! Limits that a measurement can be certain to miss before its end.
//!
//! A count only grows, and so does a maximum: beyond its limit it stays there. A percentile is missed for certain once
//! more samples are beyond the limit than would let it be undecided after all requests that are planned, if none of
//! those to come were; a share of requests lost likewise. Both need a plan that says how many requests there will be.
//! Samples are counted by whole slots of the histogram above the limit, so that none is taken for beyond it that is not.

use super::bound::Bound;
use super::expression::{Expression, Operator};
use super::figures::{Group, Measured};
use super::metric::{Counter, Metric, Series, Statistic};
use super::sample_interval::{MIN_BEYOND, most_above};
use super::{Objective, Objectives, Stated};
use crate::histogram::DurationHistogram;
use crate::load::{Plan, Tally};
use crate::quantity;
use crate::stats::{Requested, RunRecorder, Tag};

/// Expressions share the chance of error as if each were about so many groups of runs, which is more than there are: what
/// is certain here is so by the final judgement, too.
const GROUPS: f64 = 100.0;

/// Time between two counts of the samples above a limit, in nanoseconds; each takes some ten microseconds.
const COUNT_EVERY_NS: u64 = 100_000_000;

/// Number of requests that a run is going to measure, as far as that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlannedRequests {
    /// No more than these.
    AtMost(u64),
    /// A number that is known when the run begins: it is a step of a sweep.
    KnownLater,
    /// The run ends by time, and each request waits for a reply.
    Unknown,
}

impl PlannedRequests {
    /// Returns that of a run by `plan`.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        Self::or_unknown(plan.planned_requests())
    }

    /// Returns the number `most`, if that is known.
    #[must_use]
    pub fn or_unknown(most: Option<u64>) -> Self {
        most.map_or(Self::Unknown, Self::AtMost)
    }
}

/// A limit that a measurement can be certain to miss before its end.
#[derive(Clone, Debug, PartialEq)]
pub struct CertainLimit {
    /// The expression.
    text: String,
    quantity: Growing,
    /// Chance of error that a percentile is held to.
    chance: f64,
    /// Mode of the load that it is about; `None` for any.
    mode: Option<String>,
}

/// A quantity that no further request can take back.
#[derive(Clone, Debug, PartialEq)]
enum Growing {
    /// A number of requests or replies, that keeps to its limit up to this one.
    Count(Counter, u64),
    /// Share of the requests sent that were lost.
    LostShare(Operator, f64),
    /// The largest time, that keeps to its limit up to this one, in nanoseconds.
    Max(Series, u64),
    /// A percentile, likewise.
    Percentile(Series, Requested, u64),
}

/// A limit on one run, with the number of samples that may be beyond it.
#[derive(Clone, Debug)]
pub struct RunLimit {
    text: String,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Count(Counter, u64),
    Max(Series, u64),
    Above(SamplesAbove),
}

/// A limit on the number of samples above a time.
#[derive(Clone, Debug)]
struct SamplesAbove {
    series: Series,
    kept_ns: u64,
    /// Number of them that may be.
    most: u64,
    /// Number of them when they were last counted, of `counted`.
    above: u64,
    counted: u64,
    due_ns: u64,
}

impl CertainLimit {
    /// Returns the limit of `expression`.
    ///
    /// # Errors
    ///
    /// A message if no run can be certain to miss it before its end.
    pub fn of(expression: &Expression) -> Result<Self, String> {
        let text = expression.text.trim().to_owned();
        let operator = expression.operator;
        let never = |why: &str| {
            Err(format!(
                "`{text}` is never certain to be missed before the end: {why}"
            ))
        };
        if !operator.is_upper() && operator != Operator::Equal {
            return never("what is too small may still grow");
        }
        let Bound::Absolute(limit) = expression.bound else {
            return never("what it is relative to is known at the end");
        };
        // The largest whole number that keeps to the limit; below zero there is none.
        let kept = match operator {
            Operator::Below => limit.ceil() - 1.0,
            _ => limit.floor(),
        };
        if kept < 0.0 {
            return never("nothing keeps to it");
        }
        let kept = kept as u64;
        let quantity = match &expression.metric {
            Metric::Count(Counter::Received) => {
                return never("no measurement is ended for the replies that it has");
            }
            Metric::Count(counter) => Growing::Count(*counter, kept),
            Metric::LostShare => Growing::LostShare(operator, limit),
            Metric::Time(series, _) if !is_final(*series) => {
                return never("these times are known at the end");
            }
            Metric::Time(series, Statistic::Max) => Growing::Max(*series, kept),
            Metric::Time(series, Statistic::Percentile(percentile)) => {
                Growing::Percentile(*series, percentile.clone(), kept)
            }
            _ => return never("only a count, `lost_share`, `max` and percentiles can be"),
        };
        Ok(Self {
            text,
            quantity,
            chance: 0.0,
            mode: None,
        })
    }

    /// Returns the same, with a percentile held to the chance of error `chance`.
    #[must_use]
    pub fn held_to(self, chance: f64) -> Self {
        Self { chance, ..self }
    }

    /// Returns the limit on a run under a load of `mode`, of so many requests; `None` if it is not about such a load.
    ///
    /// # Errors
    ///
    /// A message if the run can't be certain to miss it before its end.
    pub fn on(&self, mode: &str, planned: PlannedRequests) -> Result<Option<RunLimit>, String> {
        if self.mode.as_deref().is_some_and(|own| own != mode) {
            return Ok(None);
        }
        let total = match planned {
            PlannedRequests::AtMost(total) => Ok(total),
            PlannedRequests::KnownLater => Ok(u64::MAX),
            PlannedRequests::Unknown => Err(format!(
                "`{}` can't be certain to be missed before the end of a {mode} loop that ends by time, for the number \
                 of its requests is not known before: give it `--count N`, or use `--mode open`",
                self.text
            )),
        };
        let kind = match &self.quantity {
            &Growing::Count(counter, most) => Kind::Count(counter, most),
            &Growing::Max(series, kept_ns) => Kind::Max(series, kept_ns),
            &Growing::LostShare(operator, share) => {
                Kind::Count(Counter::Lost, most_lost(operator, share, total?))
            }
            Growing::Percentile(series, percentile, kept_ns) => {
                let total = total?;
                let needed = percentile.samples_for(MIN_BEYOND);
                if total < needed {
                    return Err(format!(
                        "`{}` can't be certain to be missed: {} is judged by {} samples, and {} are planned",
                        self.text,
                        percentile.name(),
                        quantity::count(needed),
                        quantity::count(total)
                    ));
                }
                Kind::Above(SamplesAbove {
                    series: *series,
                    kept_ns: *kept_ns,
                    most: most_above(total, percentile.quantile(), self.chance),
                    above: 0,
                    counted: 0,
                    due_ns: 0,
                })
            }
        };
        let text = self.text.clone();
        Ok(Some(RunLimit { text, kind }))
    }
}

/// Returns true if samples of `series` are final as soon as they are recorded.
const fn is_final(series: Series) -> bool {
    match series {
        Series::Latency | Series::Tagged(Tag::RoundTrip | Tag::Lateness) => true,
        // Corrected by the rates of clocks, read at the end, or of a client that is none.
        Series::Tagged(_) => false,
    }
}

/// Returns the number of requests of `total` that may be lost before their share is beyond the limit `share`.
fn most_lost(operator: Operator, share: f64, total: u64) -> u64 {
    let keeps = |lost: &u64| match *lost as f64 / total.max(1) as f64 {
        own if operator == Operator::Below => own < share,
        own => own <= share,
    };
    // The product is rounded.
    let about = (share * total as f64) as u64;
    let mut near = (about.saturating_sub(1)..=about.saturating_add(1)).rev();
    near.find(keeps).unwrap_or(0)
}

impl RunLimit {
    /// Returns the expression.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns true if a run, so far as it has come at `at_ns`, has broken the limit for good.
    #[must_use]
    pub fn is_broken(&mut self, at_ns: u64, tally: &Tally, recorder: &RunRecorder) -> bool {
        match &mut self.kind {
            Kind::Count(counter, most) => counted(tally, *counter) > *most,
            Kind::Max(series, kept_ns) => {
                let max_ns = samples(recorder, *series).and_then(DurationHistogram::max_ns);
                max_ns.is_some_and(|ns| ns > *kept_ns)
            }
            Kind::Above(limit) => samples(recorder, limit.series)
                .is_some_and(|samples| limit.is_exceeded(at_ns, samples)),
        }
    }

    /// Returns true if a run that was broken off has broken the limit for good, by its record.
    #[must_use]
    pub fn is_broken_in(&self, measured: &Measured<'_>) -> bool {
        match &self.kind {
            Kind::Count(counter, most) => {
                Group::count(std::iter::once(*measured), *counter).0 > *most
            }
            Kind::Max(series, kept_ns) => {
                let max_ns = measured.summary(*series).and_then(|summary| summary.max);
                max_ns.is_some_and(|ns| ns > *kept_ns)
            }
            Kind::Above(limit) => {
                let samples = measured.samples(limit.series);
                samples.is_some_and(|samples| samples.count_above(limit.kept_ns) > limit.most)
            }
        }
    }
}

impl SamplesAbove {
    fn is_exceeded(&mut self, at_ns: u64, samples: &DurationHistogram) -> bool {
        // If all that are new were above, there would not be too many yet.
        let new = samples.count().saturating_sub(self.counted);
        if self.above.saturating_add(new) <= self.most || at_ns < self.due_ns {
            return false;
        }
        self.due_ns = at_ns.saturating_add(COUNT_EVERY_NS);
        self.above = samples.count_above(self.kept_ns);
        self.counted = samples.count();
        self.above > self.most
    }
}

fn samples(recorder: &RunRecorder, series: Series) -> Option<&DurationHistogram> {
    match series {
        Series::Latency => Some(&recorder.latency),
        Series::Tagged(tag) => recorder.tagged(tag),
    }
}

const fn counted(tally: &Tally, counter: Counter) -> u64 {
    match counter {
        Counter::Sent => tally.sent,
        Counter::Received => tally.received,
        Counter::Lost => tally.lost,
        Counter::Late => tally.late,
        Counter::Duplicated => tally.duplicated,
        Counter::Reordered => tally.reordered,
        Counter::Corrupted => tally.corrupted,
    }
}

/// Returns the reason of the first of `answers` if none of them is that a run can be certain.
pub fn reason_against<T>(answers: impl Iterator<Item = Result<T, String>>) -> Option<String> {
    let mut answers = answers.peekable();
    let reason = answers.peek()?.as_ref().err()?.clone();
    answers.all(|answer| answer.is_err()).then_some(reason)
}

/// Returns the limits of the expressions `pass`, each or the reason why no run can be certain to miss it before its end.
pub fn limits_of(pass: &[Stated]) -> impl Iterator<Item = Result<CertainLimit, String>> {
    pass.iter()
        .map(|stated| CertainLimit::of(&stated.expression))
}

impl Objectives {
    /// Returns the limits of the objectives that end a measurement.
    #[must_use]
    pub fn certain_limits(&self) -> Vec<CertainLimit> {
        let alpha = 1.0 - self.confidence;
        let chance = alpha / (GROUPS * self.expressions().count().max(1) as f64);
        let aborting = self.objectives.iter().filter(|objective| objective.aborts);
        aborting
            .flat_map(|objective| objective.certain_limits(chance))
            .collect()
    }
}

impl Objective {
    /// Returns its limits that a run can be certain to miss, each held to the chance of error `chance`.
    fn certain_limits(&self, chance: f64) -> impl Iterator<Item = CertainLimit> {
        limits_of(&self.pass)
            .filter_map(Result::ok)
            .map(move |limit| CertainLimit {
                mode: self.subject.mode.clone(),
                ..limit.held_to(chance)
            })
    }
}

#[cfg(test)]
mod tests;
