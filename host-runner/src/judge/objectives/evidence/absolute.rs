//! Figures held against a limit with a unit, or in floors.

use super::{
    FLOORS, Interval, Levels, Logs, Outcome, Typical, boots, broken_off, chances, ln,
    too_few_rounds, too_few_samples,
};
use crate::judge::objectives::bound::Bound;
use crate::judge::objectives::expression::{Expression, Operator};
use crate::judge::objectives::figures::{BootFigure, Group, Missing};
use crate::judge::objectives::metric::{Counter, Metric, Statistic};
use crate::record::ObjectiveState;

/// A limit on a metric.
#[derive(Clone, Copy, Debug)]
struct Limit<'a> {
    metric: &'a Metric,
    operator: Operator,
    value: f64,
    unit: &'static str,
}

/// Words for an outcome by the samples of one boot.
const IN_THIS_BOOT: &str = "in this boot alone: another boot may differ";

/// Returns the outcome of `expression` on `group`.
pub fn outcome(expression: &Expression, group: &Group<'_>, levels: Levels) -> Outcome {
    let metric = &expression.metric;
    let (value, unit) = match expression.bound {
        Bound::Floors(floors) => (floors, FLOORS),
        Bound::Absolute(value) => (value, metric.quantity().unit()),
        // A share of nothing.
        Bound::Relative(_) => (f64::NAN, ""),
    };
    let limit = Limit {
        metric,
        operator: expression.operator,
        value,
        unit,
    };
    // What was counted in a run that is not valid can break a limit without more ado.
    if group.is_invalid()
        && !matches!(metric, Metric::Count(_))
        && let Some(outcome) = broken_off::outcome(expression, value, group, levels)
    {
        return outcome;
    }
    match (metric, unit) {
        (Metric::Count(counter), _) => limit.count(group, *counter),
        (Metric::LostShare, _) => limit.lost_share(group),
        (_, FLOORS) => limit.floors(group, levels),
        (Metric::Time(_, Statistic::Min | Statistic::Max), _) => limit.extreme(group),
        _ if !metric.is_sampled() => limit.exact(group),
        _ => limit.sampled(group, levels),
    }
}

impl Limit<'_> {
    fn missing(&self, missing: Missing) -> Outcome {
        Outcome::without_figure(missing, self.unit, Some(self.value))
    }

    fn counted(&self, value: f64) -> Outcome {
        Outcome::counted(self.operator, value, self.value, self.unit)
    }

    /// Returns true if no further request can mend what `value` is.
    fn is_broken_for_good(&self, value: f64) -> bool {
        let is_limit_on_growth = self.operator.is_upper() || self.operator == Operator::Equal;
        is_limit_on_growth && value > self.value
    }

    fn count(&self, group: &Group<'_>, counter: Counter) -> Outcome {
        let is_any_valid = group.valid().next().is_some();
        let (value, sent) = match is_any_valid {
            true => Group::count(group.valid(), counter),
            false => Group::count(group.runs.iter().copied(), counter),
        };
        let outcome = self.counted(value as f64);
        if is_any_valid && sent > 0 {
            return outcome;
        }
        // What was counted stays counted, whatever became of the run.
        if self.is_broken_for_good(value as f64) {
            return Outcome {
                needs: Some(format!("certain, although {}", group.invalid_reason())),
                ..outcome
            };
        }
        match is_any_valid {
            true => self.missing(Missing::NotMeasured("no request was sent".to_owned())),
            false => outcome.undecided(group.invalid_reason()),
        }
    }

    fn lost_share(&self, group: &Group<'_>) -> Outcome {
        let (lost, sent) = Group::count(group.valid(), Counter::Lost);
        if group.valid().next().is_none() {
            return self.missing(Missing::Unusable(group.invalid_reason()));
        }
        match sent {
            0 => self.missing(Missing::NotMeasured("no request was sent".to_owned())),
            sent => self.counted(lost as f64 / sent as f64),
        }
    }

    fn exact(&self, group: &Group<'_>) -> Outcome {
        match group.exact(self.metric) {
            Some(value) => self.counted(value),
            None => {
                let reason = format!("{} was not counted of {}", self.metric, group.key.target);
                self.missing(Missing::NotMeasured(reason))
            }
        }
    }

    /// Holds the smallest or the largest time of all boots against the limit.
    fn extreme(&self, group: &Group<'_>) -> Outcome {
        let figures = match boots(group, self.metric) {
            Ok(figures) => figures,
            Err(missing) => return self.missing(missing),
        };
        let is_max = matches!(self.metric, Metric::Time(_, Statistic::Max));
        let values = figures.iter().map(|figure| figure.value);
        let value = match is_max {
            true => values.fold(0.0, f64::max),
            false => values.fold(f64::INFINITY, f64::min),
        };
        let outcome = self.counted(value);
        let is_bound = figures.iter().any(|figure| figure.most.is_infinite());
        let is_decided = (outcome.state == ObjectiveState::Missed) == self.operator.is_upper();
        match is_bound && !is_decided {
            true => outcome
                .undecided("requests were lost: the largest time is at least this".to_owned()),
            false => outcome,
        }
    }

    fn sampled(&self, group: &Group<'_>, levels: Levels) -> Outcome {
        let figures = match boots(group, self.metric) {
            Ok(figures) => figures,
            Err(missing) => return self.missing(missing),
        };
        let limits = |chances| {
            let of_boots = group
                .valid()
                .filter_map(move |run| run.sample_limits(self.metric, chances));
            of_boots.collect::<Vec<(f64, f64)>>()
        };
        let samples = limits(chances(self.operator, levels));
        self.decide(group, &figures, &samples, levels)
    }

    /// Holds a time in units of the floor of its boot against the limit.
    fn floors(&self, group: &Group<'_>, levels: Levels) -> Outcome {
        let figures = match boots(group, self.metric) {
            Ok(figures) => figures,
            Err(missing) => return self.missing(missing),
        };
        let floors = group.floors();
        let in_floors = |figure: &BootFigure| {
            let (_, low, high) = floors.iter().find(|(round, ..)| *round == figure.round)?;
            Some(BootFigure {
                value: figure.value / f64::midpoint(*low, *high),
                least: figure.least / high,
                most: figure.most / low,
                ..*figure
            })
        };
        let figures: Vec<BootFigure> = figures.iter().filter_map(in_floors).collect();
        if figures.is_empty() {
            let reason = "the floor is measured on links over shared memory, in units of which a time is told";
            return self.missing(Missing::NotMeasured(reason.to_owned()));
        }
        let chances = chances(self.operator, levels);
        let samples = group.valid().filter_map(|run| {
            let round = run.run.round.unwrap_or(0);
            let (_, low, high) = floors.iter().find(|floor| floor.0 == round)?;
            let (least, most) = run.sample_limits(self.metric, chances)?;
            Some((least / high, most / low))
        });
        self.decide(group, &figures, &samples.collect::<Vec<_>>(), levels)
    }

    /// Decides by `figures` of boots; `samples` are the intervals by the samples of each.
    fn decide(
        &self,
        group: &Group<'_>,
        figures: &[BootFigure],
        samples: &[(f64, f64)],
        levels: Levels,
    ) -> Outcome {
        let logs = Logs::of(figures);
        let typical = Typical::of(&logs);
        let chances = chances(self.operator, levels);
        let (value, interval) = match &typical {
            Some(typical) => (typical.centre().exp(), typical.interval(chances)),
            None => in_these_boots(figures, samples),
        };
        let state = match () {
            () if interval.all_hold(self.operator, self.value) => ObjectiveState::Met,
            () if interval.none_holds(self.operator, self.value) => ObjectiveState::Missed,
            () => ObjectiveState::Undecided,
        };
        let outcome = Outcome {
            state,
            value: Some(value),
            interval,
            limit: Some(self.value),
            unit: self.unit,
            needs: None,
        };
        let few = too_few_samples(self.metric, figures).or_else(|| too_few_rounds(group, figures));
        match (few, typical, state) {
            (Some(reason), ..) => outcome.undecided(reason),
            (None, Some(typical), ObjectiveState::Undecided) => {
                let at = ln(self.value);
                let reason = typical.more_rounds(self.operator, interval, (at, at));
                outcome.undecided(reason)
            }
            (None, None, ObjectiveState::Undecided) => outcome.undecided(
                "the limit lies within the interval of this boot's samples: more boots would tell (`fathom compare`)".to_owned(),
            ),
            (None, Some(_), _) => outcome,
            (None, None, _) => Outcome {
                needs: Some(IN_THIS_BOOT.to_owned()),
                ..outcome
            },
        }
    }
}

/// Returns the value of one or two boots, and the interval that holds all of their samples' intervals and brackets.
fn in_these_boots(figures: &[BootFigure], samples: &[(f64, f64)]) -> (f64, Interval) {
    let value = figures
        .iter()
        .map(|figure| figure.value)
        .fold(0.0, f64::max);
    let lows = figures
        .iter()
        .map(|figure| figure.least)
        .chain(samples.iter().map(|ends| ends.0));
    let highs = figures
        .iter()
        .map(|figure| figure.most)
        .chain(samples.iter().map(|ends| ends.1));
    let interval = Interval::of(
        lows.fold(f64::INFINITY, f64::min),
        highs.fold(0.0, f64::max),
    );
    (value, interval)
}
