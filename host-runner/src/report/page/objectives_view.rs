//! Objectives and their outcomes, as a table of a document.

use serde::Serialize;

use super::tables::{NONE, Table};
use crate::record::read::Source;
use crate::record::{Objective, ObjectiveLevel, ObjectiveState};
use crate::report::terminal_report::objective_table::{headline, sorted};

/// Objectives of one result.
#[derive(Debug, Serialize)]
pub struct ObjectivesView {
    /// Directory of the result, if there are several.
    directory: String,
    /// Outcome of all together, in words.
    headline: String,
    /// True if not all are met.
    is_bad: bool,
    /// Outcome of each.
    table: Table,
}

/// Returns the objectives of each of `sources` that was held against some.
#[must_use]
pub fn objectives_views(sources: &[Source]) -> Vec<ObjectivesView> {
    let judged = sources
        .iter()
        .filter(|source| !source.record.objectives.is_empty());
    let views = judged.map(|source| {
        let summary = source.record.objective_summary.as_ref();
        ObjectivesView {
            directory: match sources.len() {
                1 => String::new(),
                _ => source.directory.display().to_string(),
            },
            headline: summary.map(headline).unwrap_or_default(),
            is_bad: summary.is_some_and(|summary| summary.state != ObjectiveState::Met),
            table: table(&source.record.objectives),
        }
    });
    views.collect()
}

fn table(objectives: &[Objective]) -> Table {
    let head = ["objective", "outcome", "measured", "on", "remark"];
    let mut table = Table::new("Objectives", &head);
    for objective in sorted(objectives) {
        let name = match objective.name == objective.expression {
            true => String::new(),
            false => format!("{}: ", objective.name),
        };
        let warning = match objective.level {
            ObjectiveLevel::Warn if objective.state != ObjectiveState::Met => "warning: ",
            ObjectiveLevel::Warn | ObjectiveLevel::Pass => "",
        };
        table.row(
            None,
            [
                format!("{name}{}", objective.expression),
                format!("{warning}{}", objective.state.words()),
                objective.figure_and_limit(),
                objective.on.clone(),
                objective.needs.clone().unwrap_or_else(|| NONE.to_owned()),
            ],
        );
    }
    table
}
