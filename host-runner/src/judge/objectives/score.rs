//! The outcome of all objectives together.

use super::{Objectives, ScoreLimits, UndecidedPolicy};
use crate::quantity;
use crate::record::{ObjectiveState, ObjectiveSummary};

/// Outcome of one objective.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// Name of the objective.
    pub name: String,
    /// The worst state of its expressions that must hold.
    pub state: ObjectiveState,
    /// Number of expressions that warn.
    pub warnings: usize,
    /// Points that it can bring.
    pub weight: f64,
    /// Points that it brought.
    pub points: f64,
    /// True if missing it misses all.
    pub is_key: bool,
}

impl Standing {
    const fn is_open(&self) -> bool {
        matches!(
            self.state,
            ObjectiveState::Undecided | ObjectiveState::NotMeasured
        )
    }
}

/// Returns the worse of two states: missed before undecided before not measured before met.
#[must_use]
pub fn worse(one: ObjectiveState, other: ObjectiveState) -> ObjectiveState {
    let rank = |state| match state {
        ObjectiveState::Missed => 3,
        ObjectiveState::Undecided => 2,
        ObjectiveState::NotMeasured => 1,
        ObjectiveState::Met => 0,
    };
    if rank(one) >= rank(other) { one } else { other }
}

/// Returns the outcome of all `standings` of `objectives`, at one of `looks` looks; `policy` says what comes of undecided
/// ones.
#[must_use]
pub fn summary(
    objectives: &Objectives,
    policy: UndecidedPolicy,
    standings: &[Standing],
    looks: u32,
) -> ObjectiveSummary {
    let warnings = standings
        .iter()
        .map(|standing| standing.warnings)
        .sum::<usize>();
    let (state, reason) = match objectives.score {
        None => by_all(standings),
        Some(limits) => by_score(limits, standings),
    };
    let open = standings
        .iter()
        .filter(|standing| standing.state == ObjectiveState::Undecided)
        .count();
    let is_decided_by_policy = state == ObjectiveState::Undecided;
    let state = match (policy, is_decided_by_policy) {
        (UndecidedPolicy::Fail, true) => ObjectiveState::Missed,
        (UndecidedPolicy::Pass, true)
            if !standings
                .iter()
                .any(|standing| standing.state == ObjectiveState::NotMeasured) =>
        {
            ObjectiveState::Met
        }
        _ => state,
    };
    let tolerated = match state {
        ObjectiveState::Met => open,
        _ => 0,
    };
    ObjectiveSummary {
        state,
        reason,
        warnings: warnings + tolerated,
        confidence: objectives.confidence,
        looks: looks.max(1),
        points: standings.iter().map(|standing| standing.points).sum(),
        weight: standings.iter().map(|standing| standing.weight).sum(),
        score_to_pass: objectives.score.map(|limits| limits.pass),
        score_to_warn: objectives.score.map(|limits| limits.warn),
    }
}

/// Every objective must be met.
fn by_all(standings: &[Standing]) -> (ObjectiveState, String) {
    let of = |state| {
        standings
            .iter()
            .filter(|standing| standing.state == state)
            .count()
    };
    // Those that warn are counted as warnings.
    let met = standings
        .iter()
        .filter(|standing| standing.state == ObjectiveState::Met && standing.warnings == 0)
        .count();
    let parts = [
        (met, "met"),
        (of(ObjectiveState::Missed), "missed"),
        (of(ObjectiveState::Undecided), "undecided"),
        (of(ObjectiveState::NotMeasured), "not measured"),
    ];
    let parts: Vec<String> = (parts.into_iter().filter(|(count, _)| *count > 0))
        .map(|(count, state)| format!("{count} {state}"))
        .collect();
    let state = match standings.is_empty() {
        true => ObjectiveState::NotMeasured,
        false => standings
            .iter()
            .fold(ObjectiveState::Met, |worst, standing| {
                worse(worst, standing.state)
            }),
    };
    (
        open_is_undecided(state),
        format!("of {} objectives {}", standings.len(), parts.join(", ")),
    )
}

/// Returns `state`; figures that were not measured decide nothing.
const fn open_is_undecided(state: ObjectiveState) -> ObjectiveState {
    match state {
        ObjectiveState::NotMeasured => ObjectiveState::Undecided,
        state => state,
    }
}

/// Points must be enough, and no key objective missed.
fn by_score(limits: ScoreLimits, standings: &[Standing]) -> (ObjectiveState, String) {
    let weight: f64 = standings.iter().map(|standing| standing.weight).sum();
    let points: f64 = standings.iter().map(|standing| standing.points).sum();
    let open: f64 = (standings.iter().filter(|standing| standing.is_open()))
        .map(|standing| standing.weight)
        .sum();
    let percent = |points: f64| {
        if weight > 0.0 {
            100.0 * points / weight
        } else {
            0.0
        }
    };
    let keys = standings.iter().filter(|standing| standing.is_key);
    let missed_key = keys
        .clone()
        .find(|standing| standing.state == ObjectiveState::Missed);
    let open_key = keys.clone().find(|standing| standing.is_open());
    let (least, most) = (percent(points), percent(points + open));
    let arithmetic = format!(
        "score {} of {} = {} %",
        quantity::exact(points),
        quantity::exact(weight),
        quantity::exact(least)
    );
    if let Some(key) = missed_key {
        return (
            ObjectiveState::Missed,
            format!("{arithmetic}; key objective \"{}\" missed", key.name),
        );
    }
    if most < limits.warn {
        return (
            ObjectiveState::Missed,
            format!("{arithmetic} < {} %: missed", limits.warn),
        );
    }
    if let Some(key) = open_key {
        return (
            ObjectiveState::Undecided,
            format!("{arithmetic}; key objective \"{}\" undecided", key.name),
        );
    }
    let keys_met: Vec<String> = keys
        .map(|key| format!("; key objective \"{}\" met", key.name))
        .collect();
    let keys_met = keys_met.concat();
    match least {
        least if least >= limits.pass => (
            ObjectiveState::Met,
            format!("{arithmetic} >= {} %: pass{keys_met}", limits.pass),
        ),
        least if least >= limits.warn => (
            ObjectiveState::Met,
            format!(
                "{arithmetic} >= {} %: pass with a warning{keys_met}",
                limits.warn
            ),
        ),
        _ => (
            ObjectiveState::Undecided,
            format!(
                "{arithmetic}, {} % if all that is undecided were met: undecided",
                quantity::exact(most)
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(state: ObjectiveState, weight: f64) -> Standing {
        Standing {
            name: "tail".to_owned(),
            state,
            warnings: 0,
            weight,
            points: if state == ObjectiveState::Met {
                weight
            } else {
                0.0
            },
            is_key: false,
        }
    }

    fn objectives(score: Option<ScoreLimits>, undecided: UndecidedPolicy) -> Objectives {
        Objectives {
            score,
            undecided,
            ..Objectives::none()
        }
    }

    use ObjectiveState::{Met, Missed, NotMeasured, Undecided};

    #[test]
    fn without_a_score_every_objective_must_be_met() {
        let state = |states: &[ObjectiveState], policy| {
            let standings: Vec<Standing> =
                states.iter().map(|&state| standing(state, 1.0)).collect();
            summary(&objectives(None, policy), policy, &standings, 1).state
        };
        let invalid = UndecidedPolicy::Invalid;
        assert_eq!(state(&[Met, Met], invalid), Met);
        assert_eq!(state(&[Met, Undecided, Missed], invalid), Missed);
        assert_eq!(state(&[Met, Undecided], invalid), Undecided);
        assert_eq!(state(&[Met, NotMeasured], invalid), Undecided);
        // Nothing that is judged passes nothing.
        assert_eq!(state(&[], invalid), Undecided);
        assert_eq!(state(&[], UndecidedPolicy::Fail), Missed);
        assert_eq!(state(&[Met, Undecided], UndecidedPolicy::Fail), Missed);
        assert_eq!(state(&[Met, Undecided], UndecidedPolicy::Pass), Met);
        assert_eq!(state(&[Met, NotMeasured], UndecidedPolicy::Pass), Undecided);
        assert_eq!(
            state(&[NotMeasured, Undecided], UndecidedPolicy::Pass),
            Undecided
        );
        assert_eq!(state(&[Missed, Undecided], UndecidedPolicy::Pass), Missed);
    }

    #[test]
    fn a_score_is_arithmetic() {
        let limits = Some(ScoreLimits {
            pass: 90.0,
            warn: 75.0,
        });
        let of = |standings: &[Standing]| {
            let policy = UndecidedPolicy::Invalid;
            let summary = summary(&objectives(limits, policy), policy, standings, 1);
            (summary.state, summary.reason)
        };
        let half = Standing {
            points: 0.5,
            ..standing(Met, 1.0)
        };
        let (state, reason) = of(&[standing(Met, 5.0), half]);
        assert_eq!(
            (state, &*reason),
            (Met, "score 5.5 of 6 = 91.7 % >= 90 %: pass")
        );
        assert_eq!(
            of(&[standing(Met, 4.0), standing(Missed, 1.0)]).1,
            "score 4 of 5 = 80 % >= 75 %: pass with a warning"
        );
        assert_eq!(of(&[standing(Met, 1.0), standing(Missed, 1.0)]).0, Missed);
        // It might be enough.
        assert_eq!(
            of(&[standing(Met, 1.0), standing(Undecided, 1.0)]).0,
            Undecided
        );
        assert_eq!(of(&[standing(Met, 9.0), standing(Undecided, 1.0)]).0, Met);
        assert_eq!(
            of(&[
                standing(Met, 9.0),
                Standing {
                    is_key: true,
                    ..standing(NotMeasured, 1.0)
                }
            ])
            .0,
            Undecided
        );
        let (state, reason) = of(&[
            standing(Met, 99.0),
            Standing {
                is_key: true,
                ..standing(Missed, 1.0)
            },
        ]);
        assert_eq!(
            (state, &*reason),
            (
                Missed,
                "score 99 of 100 = 99 %; key objective \"tail\" missed"
            )
        );
    }
}
