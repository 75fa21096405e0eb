//! Objectives held against a run that is under way: limits on the latency and on counts. All others are decided when the
//! run is over, by the judgement of the whole ([`crate::judge::objectives`]), which has intervals of confidence as well.

use super::live_snapshot::LiveObjective;
use super::standing::SoFar;
use crate::judge::objectives::bound::Bound;
use crate::judge::objectives::expression::Expression;
use crate::judge::objectives::figures::samples_of;
use crate::judge::objectives::metric::{Counter, Metric, Series, Statistic};
use crate::judge::objectives::sample_interval::MIN_BEYOND;
use crate::quantity;
use crate::record::ObjectiveState;

/// Holds `expressions` against a run so far.
#[must_use]
pub fn judge(expressions: &[Expression], so_far: &SoFar<'_>) -> Vec<LiveObjective> {
    let judged = expressions.iter().map(|expression| {
        let (state, detail) = so_far.outcome(expression);
        LiveObjective {
            expression: expression.text.clone(),
            state,
            detail,
        }
    });
    judged.collect()
}

impl SoFar<'_> {
    fn outcome(&self, expression: &Expression) -> (ObjectiveState, String) {
        let undecided = |why: String| (ObjectiveState::Undecided, why);
        let Bound::Absolute(limit) = expression.bound else {
            return undecided("decided when the run is over".to_owned());
        };
        let decided = |value: f64, text: String| {
            let state = match expression.operator.holds(value, limit) {
                true => ObjectiveState::Met,
                false => ObjectiveState::Missed,
            };
            (state, text)
        };
        let time = |ns: Option<u64>| match ns {
            Some(ns) => decided(ns as f64, quantity::time(ns as f64)),
            None => undecided("no sample yet".to_owned()),
        };
        match &expression.metric {
            Metric::Time(Series::Latency, Statistic::Percentile(percentile)) => {
                let count = self.latency.count();
                if count < percentile.samples_for(MIN_BEYOND) {
                    return undecided(samples_of(count, percentile));
                }
                time(Some(self.latency.quantile_ns(percentile.quantile())))
            }
            Metric::Time(Series::Latency, Statistic::Min) => time(self.latency.min_ns()),
            Metric::Time(Series::Latency, Statistic::Max) => time(self.latency.max_ns()),
            Metric::Count(counter) => {
                let count = match counter {
                    Counter::Sent => self.tally.sent,
                    Counter::Received => self.tally.received,
                    Counter::Lost => self.tally.lost,
                    Counter::Late => self.tally.late,
                    Counter::Duplicated => self.tally.duplicated,
                    Counter::Reordered => self.tally.reordered,
                    Counter::Corrupted => self.tally.corrupted,
                };
                decided(count as f64, quantity::count(count))
            }
            _ => undecided("decided when the run is over".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::DurationHistogram;
    use crate::load::Tally;

    fn judged(expression: &str, samples: u64, lost: u64) -> (ObjectiveState, String) {
        let latency = DurationHistogram::of_values((0..samples).map(|_| 1500));
        let tally = Tally {
            lost,
            ..Tally::default()
        };
        let so_far = SoFar {
            latency: &latency,
            lateness: None,
            tally: &tally,
            waits: None,
            in_flight: 1.0,
        };
        let objective = judge(&[expression.parse().unwrap()], &so_far).remove(0);
        assert_eq!(objective.expression, expression);
        (objective.state, objective.detail)
    }

    #[test]
    fn a_percentile_is_held_against_its_limit_once_there_are_samples() {
        let (state, detail) = judged("p99 <= 2us", 9999, 0);
        assert_eq!(state, ObjectiveState::Undecided);
        assert_eq!(detail, "9,999 of 10,000 samples");
        assert_eq!(judged("p99 <= 2us", 10_000, 0).0, ObjectiveState::Met);
        assert_eq!(judged("p99 <= 1us", 10_000, 0).0, ObjectiveState::Missed);
        assert_eq!(judged("max < 1ms", 0, 0).0, ObjectiveState::Undecided);
    }

    #[test]
    fn counts_are_held_against_theirs_at_once_and_the_rest_at_the_end() {
        assert_eq!(judged("lost == 0", 10, 0).0, ObjectiveState::Met);
        assert_eq!(judged("lost == 0", 10, 1).0, ObjectiveState::Missed);
        let (state, detail) = judged("p50 <= 8 floors", 10_000, 0);
        assert_eq!(state, ObjectiveState::Undecided);
        assert!(detail.contains("over"), "{detail}");
    }
}
