//! Runs that were broken off, held against a limit: what is certain of the whole run by its beginning stands.

use super::{Interval, Levels, Outcome};
use crate::judge::objectives::certain_limit::{CertainLimit, PlannedRequests};
use crate::judge::objectives::expression::Expression;
use crate::judge::objectives::figures::{Group, Measured};
use crate::judge::objectives::metric::{Counter, Metric, Series, Statistic};
use crate::record::ObjectiveState;

/// Returns the outcome of `expression`, whose bound is `limit`, on `group`, which has no valid run; `None` if its runs do not
/// decide it, or if the bound is no number. A comparison repeats what is broken off, and is judged by all of its boots.
pub fn outcome(
    expression: &Expression,
    limit: f64,
    group: &Group<'_>,
    levels: Levels,
) -> Option<Outcome> {
    let certain = CertainLimit::of(expression).ok()?.held_to(levels.miss);
    let mut broken_off =
        (group.runs.iter()).filter(|measured| measured.run.partial && measured.run.round.is_none());
    let measured = broken_off.find(|measured| is_broken(&certain, measured))?;
    let outcome = Outcome {
        state: ObjectiveState::Missed,
        value: value(&expression.metric, measured),
        interval: Interval::default(),
        limit: Some(limit),
        unit: expression.metric.quantity().unit(),
        needs: Some(format!("certain, although {}", group.invalid_reason())),
    };
    Some(match obstacle(&expression.metric, limit, measured) {
        Some(reason) => outcome.undecided(reason),
        None => outcome,
    })
}

fn is_broken(certain: &CertainLimit, measured: &Measured<'_>) -> bool {
    let run = measured.run;
    let planned = PlannedRequests::or_unknown(run.planned_requests);
    let limit = certain.on(&run.mode, planned);
    limit.is_ok_and(|limit| limit.is_some_and(|limit| limit.is_broken_in(measured)))
}

/// Returns the value of `metric` so far, if it has one.
fn value(metric: &Metric, measured: &Measured<'_>) -> Option<f64> {
    if *metric == Metric::LostShare {
        let (lost, sent) = Group::count(std::iter::once(*measured), Counter::Lost);
        return (sent > 0).then(|| lost as f64 / sent as f64);
    }
    measured.figure(metric).ok().map(|figure| figure.value)
}

/// Returns why a percentile beyond its limit is not the target's, if so.
fn obstacle(metric: &Metric, limit: f64, measured: &Measured<'_>) -> Option<String> {
    let Metric::Time(Series::Latency, Statistic::Percentile(percentile)) = metric else {
        return None;
    };
    measured.check_excess(percentile, limit).err()
}
