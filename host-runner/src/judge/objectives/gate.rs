//! The outcome of each expression on each group of runs that it is about.
//!
//! All objectives of a set must be met, so that a set passes wrongly no more often than the one expression which the
//! target does not keep to: each is held to the whole chance of error. With a score, which some may miss, and for
//! claims that a limit is broken, of which any one misses all, the chance is divided by their number.

use super::bound::{Bound, Reference, Relative};
use super::comparability;
use super::counted_figures::gone;
use super::evidence::relative::{self, ReferenceGroup, Relation};
use super::evidence::{self, Levels, Outcome};
use super::figures::{Group, groups, groups_for};
use super::score::{Standing, summary, worse};
use super::{Objective, Objectives, Stated, UndecidedPolicy};
use crate::record::{self, ObjectiveLevel, ObjectiveState, ObjectiveSummary, Source};

/// Results that a result is compared with.
#[derive(Clone, Copy, Debug, Default)]
pub struct References<'a> {
    /// Baselines, each of one result or of several taken together, with its name.
    pub baselines: &'a [(String, Vec<Source>)],
    /// Number of times that the result is looked at before it is complete, and once after that: a chance of error is
    /// divided by it.
    pub looks: u32,
}

/// Outcome of all objectives.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// The outcome of each expression on each group.
    pub objectives: Vec<record::Objective>,
    /// The outcome of all together.
    pub summary: ObjectiveSummary,
    /// True if more rounds could decide what is undecided, or confirm that a limit relative to a reference is missed.
    pub wants_rounds: bool,
}

/// An expression on a group of runs, with what it is held against.
struct Case<'a> {
    objective: usize,
    stated: &'a Stated,
    level: ObjectiveLevel,
    /// `None` if no run is what the objective is about.
    group: Option<Group<'a>>,
    reference: Option<Against<'a>>,
}

/// Reference of a relative limit.
enum Against<'a> {
    /// Boots.
    Group(Box<ReferenceGroup<'a>>, String),
    /// None, for a reason.
    Nothing(String),
}

/// Holds `result` against `objectives`.
#[must_use]
pub fn judge(objectives: &Objectives, result: &Source, references: References<'_>) -> Judgement {
    let own = groups(result);
    let cases: Vec<Case<'_>> = (objectives.objectives.iter().enumerate())
        .flat_map(|(index, objective)| cases(index, objective, result, &own, references))
        .collect();
    let levels = levels(objectives, &cases, references.looks);
    let mut judged: Vec<(usize, record::Objective)> = (cases.iter())
        .map(|case| {
            (
                case.objective,
                case.judge(&objectives.objectives[case.objective], levels),
            )
        })
        .collect();
    let standings: Vec<Standing> = (objectives.objectives.iter().enumerate())
        .map(|(index, objective)| {
            let own = judged.iter_mut().filter(|(of, _)| *of == index);
            standing(objective, own.map(|(_, record)| record).collect())
        })
        .collect();
    let wants_rounds = cases.iter().zip(&judged).any(|(case, (_, record))| {
        let is_sampled = case.stated.expression.metric.is_sampled();
        is_sampled
            && match record.state {
                ObjectiveState::Undecided => true,
                ObjectiveState::Missed => case.reference.is_some(),
                ObjectiveState::Met | ObjectiveState::NotMeasured => false,
            }
    });
    // What is not decided because no run is valid is not tolerated: it was not measured.
    let is_any_invalid = cases.iter().zip(&judged).any(|(case, (_, record))| {
        record.state == ObjectiveState::Undecided
            && case.level == ObjectiveLevel::Pass
            && case.group.as_ref().is_some_and(Group::is_invalid)
    });
    let policy = match objectives.undecided {
        UndecidedPolicy::Pass if is_any_invalid => UndecidedPolicy::Invalid,
        policy => policy,
    };
    Judgement {
        wants_rounds,
        summary: summary(objectives, policy, &standings, references.looks),
        objectives: judged.into_iter().map(|(_, record)| record).collect(),
    }
}

/// Returns the chances of error that each expression is held to.
fn levels(objectives: &Objectives, cases: &[Case<'_>], looks: u32) -> Levels {
    let sampled = (cases.iter())
        .filter(|case| case.group.is_some() && case.stated.expression.metric.is_sampled());
    let count = sampled.count().max(1) as f64;
    let alpha = (1.0 - objectives.confidence) / f64::from(looks.max(1));
    Levels {
        meet: match objectives.score {
            None => alpha,
            Some(_) => alpha / count,
        },
        miss: alpha / count,
    }
}

/// Returns the cases of objective number `index`.
fn cases<'a>(
    index: usize,
    objective: &'a Objective,
    result: &'a Source,
    own: &[Group<'a>],
    references: References<'a>,
) -> Vec<Case<'a>> {
    let mut cases = Vec::new();
    let pass = objective
        .pass
        .iter()
        .map(|stated| (ObjectiveLevel::Pass, stated));
    let warn = objective
        .warn
        .iter()
        .map(|stated| (ObjectiveLevel::Warn, stated));
    for (level, stated) in pass.chain(warn) {
        let before = cases.len();
        let expression = &stated.expression;
        let subject = objective.subject.of_target(expression.target.as_deref());
        let mut all = groups_for(&expression.metric, own);
        let baselines = references.baselines.iter();
        all.extend(baselines.flat_map(|(_, sources)| gone(&expression.metric, own, sources)));
        for group in all.iter().filter(|group| subject.includes(&group.key)) {
            let case = |reference| Case {
                objective: index,
                stated,
                level,
                group: Some(group.clone()),
                reference,
            };
            match &expression.bound {
                Bound::Absolute(_) | Bound::Floors(_) => cases.push(case(None)),
                Bound::Relative(Relative {
                    reference: Reference::Target(label),
                    ..
                }) if *label == group.key.target => {}
                Bound::Relative(Relative {
                    reference: Reference::Target(label),
                    ..
                }) => {
                    cases.push(case(Some(in_turns(group, label, &all))));
                }
                Bound::Relative(_) => {
                    let against = references.baselines.iter();
                    let against =
                        against.map(|(name, sources)| apart(result, group, stated, name, sources));
                    cases.extend(against.map(|against| case(Some(against))));
                }
            }
        }
        if cases.len() == before {
            cases.push(Case {
                objective: index,
                stated,
                level,
                group: None,
                reference: None,
            });
        }
    }
    cases
}

/// Returns the boots of target `label` in the same comparison.
fn in_turns<'a>(group: &Group<'a>, label: &str, all: &[Group<'a>]) -> Against<'a> {
    let key = group.key.with_target(label);
    match all.iter().find(|group| group.key == key) {
        Some(found) => Against::Group(
            Box::new(ReferenceGroup {
                group: found.clone(),
                relation: Relation::InTurns,
                obstacle: None,
            }),
            label.to_owned(),
        ),
        None => Against::Nothing(format!("there is no run of {key}")),
    }
}

/// Returns the boots of the same target in other results.
fn apart<'a>(
    result: &Source,
    group: &Group<'a>,
    stated: &Stated,
    name: &str,
    sources: &'a [Source],
) -> Against<'a> {
    let metric = &stated.expression.metric;
    let mut found: Option<Group<'a>> = None;
    let mut obstacle = None;
    for source in sources {
        let of_source = groups_for(metric, &groups(source));
        let Some(same) = of_source.into_iter().find(|other| other.key == group.key) else {
            continue;
        };
        obstacle = obstacle.or_else(|| {
            let differences = comparability::differences(metric, (source, &same), (result, group))?;
            Some(format!("{name} is not comparable: {differences}"))
        });
        match &mut found {
            None => found = Some(same),
            Some(found) => found.runs.extend(same.runs),
        }
    }
    match found {
        Some(group) => Against::Group(
            Box::new(ReferenceGroup {
                group,
                relation: Relation::Apart,
                obstacle,
            }),
            name.to_owned(),
        ),
        None => Against::Nothing(format!("{name} has no run of {}", group.key)),
    }
}

impl Case<'_> {
    /// Returns the record of its outcome, without points.
    fn judge(&self, objective: &Objective, levels: Levels) -> record::Objective {
        let expression = &self.stated.expression;
        let metric = &expression.metric;
        let not_measured = |reason: String| Outcome {
            state: ObjectiveState::NotMeasured,
            value: None,
            interval: evidence::Interval::default(),
            limit: None,
            unit: metric.quantity().unit(),
            needs: Some(reason),
        };
        let outcome = match (&self.group, &self.reference, &expression.bound) {
            (None, ..) => not_measured("there is no run of it".to_owned()),
            (Some(group), Some(Against::Group(reference, _)), Bound::Relative(bound)) => {
                relative::outcome(expression, bound, group, reference, levels)
            }
            (Some(_), Some(Against::Nothing(reason)), _) => not_measured(reason.clone()),
            (Some(group), ..) => evidence::absolute::outcome(expression, group, levels),
        };
        let subject = objective.subject.of_target(expression.target.as_deref());
        let text = expression.text.trim();
        record::Objective {
            name: objective.name.clone().unwrap_or_else(|| text.to_owned()),
            on: match (&self.group, &self.reference) {
                (None, _) => subject.to_string(),
                (Some(group), Some(Against::Group(reference, name)))
                    if reference.relation == Relation::Apart =>
                {
                    format!("{}, against {name}", group.key)
                }
                (Some(group), _) => group.key.to_string(),
            },
            expression: text.to_owned(),
            level: self.level,
            state: outcome.state,
            value: outcome.value,
            low: outcome.interval.low,
            high: outcome.interval.high,
            limit: outcome.limit,
            unit: outcome.unit.to_owned(),
            needs: outcome.needs,
            key: objective.is_key,
            weight: 0.0,
            points: 0.0,
        }
    }
}

/// Returns the outcome of `objective` from the `records` of its expressions, which get their points.
fn standing(objective: &Objective, mut records: Vec<&mut record::Objective>) -> Standing {
    let is_met = |record: &&mut record::Objective| record.state == ObjectiveState::Met;
    let of = |level| move |record: &&mut record::Objective| record.level == level;
    let state = records
        .iter()
        .filter(|record| of(ObjectiveLevel::Pass)(record));
    let state = state.fold(ObjectiveState::Met, |worst, record| {
        worse(worst, record.state)
    });
    let warn = records
        .iter()
        .filter(|record| of(ObjectiveLevel::Warn)(record));
    let warnings = warn.filter(|record| !is_met(record)).count();
    let points = match (state, warnings) {
        (ObjectiveState::Met, 0) => objective.weight,
        (ObjectiveState::Met, _) => objective.weight / 2.0,
        _ => 0.0,
    };
    // They lie with the expressions that must hold; with the others if there are none.
    let bearing = match objective.pass.is_empty() {
        true => ObjectiveLevel::Warn,
        false => ObjectiveLevel::Pass,
    };
    let count = records
        .iter()
        .filter(|record| of(bearing)(record))
        .count()
        .max(1) as f64;
    for record in records.iter_mut().filter(|record| record.level == bearing) {
        record.weight = objective.weight / count;
        record.points = points / count;
    }
    let first = records.first().map(|record| record.name.clone());
    Standing {
        name: objective.name.clone().or(first).unwrap_or_default(),
        state,
        warnings,
        weight: objective.weight,
        points,
        is_key: objective.is_key,
    }
}

#[cfg(test)]
mod tests;
