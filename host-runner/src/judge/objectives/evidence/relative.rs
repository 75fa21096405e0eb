//! Figures held against a share of a reference's.

use super::{Interval, Levels, Logs, Outcome, RATIO, Typical, boots, chances, too_few_samples};
use crate::judge::objectives::bound::{Form, Relative};
use crate::judge::objectives::expression::{Expression, Operator};
use crate::judge::objectives::figures::{BootFigure, Group, Missing};
use crate::record::ObjectiveState;
use crate::stats::comparison::typical_boot::{MIN_BOOTS, TypicalBoot};

/// Relation between the boots of a target and those of its reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// Boots of each round were made shortly after each other.
    InTurns,
    /// The boots are those of another result.
    Apart,
}

/// Group that a relative limit is of.
#[derive(Clone, Debug)]
pub struct ReferenceGroup<'a> {
    /// Boots of the reference.
    pub group: Group<'a>,
    /// Relation to the target's.
    pub relation: Relation,
    /// Reason why times of both can't be compared, in words.
    pub obstacle: Option<String>,
}

/// Returns the outcome of `expression`, whose bound is `relative`, on `group` against `reference`.
#[must_use]
pub fn outcome(
    expression: &Expression,
    relative: &Relative,
    group: &Group<'_>,
    reference: &ReferenceGroup<'_>,
    levels: Levels,
) -> Outcome {
    let metric = &expression.metric;
    let missing = |missing| Outcome::without_figure(missing, RATIO, Some(relative.factor));
    if let Some(obstacle) = &reference.obstacle {
        return missing(Missing::Unusable(obstacle.clone()));
    }
    if !metric.is_sampled() {
        return exact(expression, relative, group, &reference.group);
    }
    let of_reference = |missing| match missing {
        Missing::NotMeasured(reason) => {
            Missing::NotMeasured(format!("of {}: {reason}", relative.reference))
        }
        Missing::Unusable(reason) => {
            Missing::Unusable(format!("of {}: {reason}", relative.reference))
        }
    };
    let (target, baseline) = match (boots(group, metric), boots(&reference.group, metric)) {
        (Ok(target), Ok(baseline)) => (target, baseline),
        (Err(reason), _) => return missing(reason),
        (_, Err(reason)) => return missing(of_reference(reason)),
    };
    let pairs = match reference.relation {
        Relation::InTurns => in_rounds(&target, &baseline),
        Relation::Apart => (target, baseline),
    };
    let few = too_few_samples(metric, &pairs.0).or_else(|| too_few_samples(metric, &pairs.1));
    if let Some(reason) = few {
        return missing(Missing::Unusable(reason));
    }
    of_boots(
        (expression.operator, relative),
        (&pairs.0, &pairs.1),
        reference.relation,
        levels,
    )
}

/// Returns the outcome of a relative limit on the figures of a target's boots and of its reference's.
#[must_use]
pub fn of_boots(
    (operator, relative): (Operator, &Relative),
    (target, baseline): (&[BootFigure], &[BootFigure]),
    relation: Relation,
    levels: Levels,
) -> Outcome {
    match ratio(target, baseline, relation) {
        Ok(typical) => decide(operator, relative, &typical, levels),
        Err(reason) => {
            Outcome::without_figure(Missing::Unusable(reason), RATIO, Some(relative.factor))
        }
    }
}

/// Holds numbers that were counted against each other.
fn exact(
    expression: &Expression,
    relative: &Relative,
    group: &Group<'_>,
    reference: &Group<'_>,
) -> Outcome {
    let metric = &expression.metric;
    let unit = metric.quantity().unit();
    let missing = |whose: &str| {
        let reason = format!("{metric} of {whose} was not counted");
        Outcome::without_figure(Missing::NotMeasured(reason), unit, None)
    };
    let Some(value) = group.exact(metric) else {
        return missing(&group.key.target);
    };
    match reference.exact(metric) {
        Some(other) => Outcome::counted(expression.operator, value, other * relative.factor, unit),
        None => missing(&relative.reference.to_string()),
    }
}

/// Returns the figures of the rounds that both have, in the order of the rounds.
fn in_rounds(target: &[BootFigure], baseline: &[BootFigure]) -> (Vec<BootFigure>, Vec<BootFigure>) {
    let both = target.iter().filter_map(|own| {
        let other = baseline.iter().find(|other| other.round == own.round)?;
        Some((*own, *other))
    });
    both.unzip()
}

/// Returns the typical boot's ratio.
///
/// # Errors
///
/// A message if there are too few boots, or if both lose requests.
fn ratio(
    target: &[BootFigure],
    baseline: &[BootFigure],
    relation: Relation,
) -> Result<Typical, String> {
    let (own, other) = (Logs::of(target), Logs::of(baseline));
    if own.is_censored && other.is_censored {
        return Err(
            "it lies among lost requests in both: hold `lost_share` against a limit".to_owned(),
        );
    }
    let width = own.width + other.width;
    let differences = |own: &[f64], other: &[f64]| -> Vec<f64> {
        own.iter()
            .zip(other)
            .map(|(own, other)| own - other)
            .collect()
    };
    let of = |logs: &[f64], others: &[f64]| match relation {
        Relation::InTurns => TypicalBoot::of(&differences(logs, others), width),
        Relation::Apart => TypicalBoot::ratio((logs, own.width), (others, other.width)),
    };
    let is_known = own.least == own.most && other.least == other.most;
    let least = of(&own.least, &other.most);
    let most = match is_known {
        true => least.clone(),
        false => of(&own.most, &other.least),
    };
    let (least, most) = least.zip(most).ok_or_else(|| match relation {
        Relation::InTurns => format!("{} rounds have both, {MIN_BOOTS} are needed", target.len()),
        Relation::Apart => format!(
            "{} boots against {}: {MIN_BOOTS} of each are needed, as `fathom compare --repeat {MIN_BOOTS}` makes them",
            target.len(),
            baseline.len()
        ),
    })?;
    Ok(Typical {
        least,
        most,
        has_high: !own.is_censored,
        has_low: !other.is_censored,
        boots: target.len().min(baseline.len()),
    })
}

fn decide(operator: Operator, relative: &Relative, typical: &Typical, levels: Levels) -> Outcome {
    let limit = relative.factor;
    let interval = typical.interval(chances(operator, levels));
    let value = typical.centre().exp();
    // Beyond this a figure is worse for certain: than the reference, if the limit leaves a margin round it.
    let has_margin = relative.form == Form::Change
        && match operator.is_upper() {
            true => limit >= 1.0,
            false => limit <= 1.0,
        };
    let broken = if has_margin { 1.0 } else { limit };
    let is_broken = is_beyond(operator, interval, broken) && !operator.holds(value, limit);
    let state = match () {
        () if interval.all_hold(operator, limit) => ObjectiveState::Met,
        () if is_broken => ObjectiveState::Missed,
        () => ObjectiveState::Undecided,
    };
    let decided_at = (limit.ln(), broken.ln());
    Outcome {
        state,
        value: Some(value),
        interval,
        limit: Some(limit),
        unit: RATIO,
        needs: (state == ObjectiveState::Undecided)
            .then(|| typical.more_rounds(operator, interval, decided_at)),
    }
}

/// Returns true if all of `interval` is on the worse side of `limit`.
fn is_beyond(operator: Operator, interval: Interval, limit: f64) -> bool {
    match operator.is_upper() {
        true => interval.low.is_some_and(|low| low > limit),
        false => interval.high.is_some_and(|high| high < limit),
    }
}
