//! Objectives and their outcomes, as text for a terminal.

use std::fmt::Write as _;

use crate::quantity;
use crate::record::{Objective, ObjectiveLevel, ObjectiveState, ObjectiveSummary};

/// Returns the outcome of each expression, the worst first, under that of all together; nothing without objectives. `name`
/// is that of the result, if there are several.
#[must_use]
pub fn render(name: &str, objectives: &[Objective], summary: Option<&ObjectiveSummary>) -> String {
    let mut text = String::new();
    if objectives.is_empty() {
        return text;
    }
    if !name.is_empty() {
        let _ = writeln!(text, "{name}");
    }
    if let Some(summary) = summary {
        let _ = writeln!(text, "objectives {}", headline(summary));
    }
    let sorted = sorted(objectives);
    let rows: Vec<[String; 4]> = sorted.iter().map(|objective| row(objective)).collect();
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths = [width(0), width(1), width(2)];
    for (index, (row, objective)) in rows.iter().zip(&sorted).enumerate() {
        let [state, expression, figure, on] = row;
        let line = format!(
            "  {state:<0$}  {expression:<1$}  {figure:<2$}  {on}",
            widths[0], widths[1], widths[2]
        );
        let _ = writeln!(text, "{}", line.trim_end());
        let next = sorted.get(index + 1).and_then(|next| next.needs.as_ref());
        // A reason that several have stands under the last of them.
        if let Some(needs) = objective.needs.as_ref().filter(|needs| next != Some(needs)) {
            let _ = writeln!(text, "  {:<1$}  {needs}", "", widths[0]);
        }
    }
    text
}

/// Returns the outcome of all objectives in a line.
#[must_use]
pub fn headline(summary: &ObjectiveSummary) -> String {
    let warnings = match summary.warnings {
        0 => String::new(),
        1 => ", 1 warning".to_owned(),
        several => format!(", {several} warnings"),
    };
    format!(
        "{}: {}{warnings} (confidence {})",
        shown(summary.state),
        summary.reason,
        quantity::exact_share(summary.confidence)
    )
}

/// Returns `objectives`, the worst first.
#[must_use]
pub fn sorted(objectives: &[Objective]) -> Vec<&Objective> {
    let mut sorted: Vec<&Objective> = objectives.iter().collect();
    sorted.sort_by_key(|objective| rank(objective));
    sorted
}

fn rank(objective: &Objective) -> usize {
    let state = match objective.state {
        ObjectiveState::Missed => 0,
        ObjectiveState::Undecided => 1,
        ObjectiveState::NotMeasured => 2,
        ObjectiveState::Met => 3,
    };
    // What only warns comes after what fails.
    2 * state + usize::from(objective.level == ObjectiveLevel::Warn)
}

/// Returns a state in the words of a table: those that need a look are in capitals.
const fn shown(state: ObjectiveState) -> &'static str {
    match state {
        ObjectiveState::Missed => "MISSED",
        ObjectiveState::Undecided | ObjectiveState::NotMeasured | ObjectiveState::Met => {
            state.words()
        }
    }
}

fn row(objective: &Objective) -> [String; 4] {
    let state = match (objective.state, objective.level) {
        (ObjectiveState::Met, _) | (_, ObjectiveLevel::Pass) => shown(objective.state).to_owned(),
        (_, ObjectiveLevel::Warn) => format!("warning: {}", objective.state.words()),
    };
    let name = match objective.name == objective.expression {
        true => objective.expression.clone(),
        false => format!("{}: {}", objective.name, objective.expression),
    };
    [
        state,
        name,
        objective.figure_and_limit(),
        objective.on.clone(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_comes_first_with_its_reason() {
        let objective = |expression: &str, state, level, needs: Option<&str>| Objective {
            name: expression.to_owned(),
            on: "hermit on vhost-user, closed loop".to_owned(),
            expression: expression.to_owned(),
            level,
            state,
            value: Some(1720.0),
            low: Some(1650.0),
            high: Some(1800.0),
            limit: Some(2000.0),
            unit: "ns".to_owned(),
            needs: needs.map(str::to_owned),
            key: false,
            weight: 1.0,
            points: 0.0,
        };
        let pass = ObjectiveLevel::Pass;
        let objectives = [
            objective("p50 <= 2us", ObjectiveState::Met, pass, None),
            objective("p99 <= 1us", ObjectiveState::Missed, pass, None),
            objective(
                "p90 <= 1us",
                ObjectiveState::Missed,
                ObjectiveLevel::Warn,
                None,
            ),
            objective(
                "p99.9 <= 1us",
                ObjectiveState::Undecided,
                pass,
                Some("about 4 more rounds would tell"),
            ),
        ];
        let summary = ObjectiveSummary {
            state: ObjectiveState::Missed,
            reason: "of 4 objectives 1 met, 1 missed, 1 undecided".to_owned(),
            warnings: 1,
            confidence: 0.95,
            looks: 1,
            points: 1.0,
            weight: 4.0,
            score_to_pass: None,
            score_to_warn: None,
        };
        let text = render("", &objectives, Some(&summary));
        let expected = "\
objectives MISSED: of 4 objectives 1 met, 1 missed, 1 undecided, 1 warning (confidence 95 %)
  MISSED           p99 <= 1us    1.72 µs (1.65 µs to 1.80 µs)  hermit on vhost-user, closed loop
  warning: missed  p90 <= 1us    1.72 µs (1.65 µs to 1.80 µs)  hermit on vhost-user, closed loop
  undecided        p99.9 <= 1us  1.72 µs (1.65 µs to 1.80 µs)  hermit on vhost-user, closed loop
                   about 4 more rounds would tell
  met              p50 <= 2us    1.72 µs (1.65 µs to 1.80 µs)  hermit on vhost-user, closed loop
";
        assert_eq!(text, expected);
        assert_eq!(render("x", &[], None), "");
    }
}
