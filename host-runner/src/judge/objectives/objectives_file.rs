//! A file of objectives, in TOML, schema `fathom-objectives/1`.

use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use super::certain_limit::{limits_of, reason_against};
use super::subject::Subject;
use super::{
    CONFIDENCE, Objective, Objectives, ObjectivesError, Place, ScoreLimits, Stated, UndecidedPolicy,
};

/// The schema of the file.
pub const SCHEMA: &str = "fathom-objectives/1";

/// Largest number of objectives, and of expressions of one.
const MOST: usize = 200;

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ObjectivesTable {
    schema: Spanned<String>,
    confidence: Option<Spanned<f64>>,
    #[serde(default)]
    undecided: UndecidedPolicy,
    #[serde(default)]
    objective: Vec<Spanned<ObjectiveTable>>,
    score: Option<Spanned<ScoreTable>>,
}

/// One objective of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ObjectiveTable {
    name: Option<Spanned<String>>,
    on: Option<Spanned<SubjectTable>>,
    #[serde(default)]
    pass: Vec<Spanned<String>>,
    #[serde(default)]
    warn: Vec<Spanned<String>>,
    weight: Option<Spanned<f64>>,
    #[serde(default)]
    key: bool,
    #[serde(default)]
    abort: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SubjectTable {
    target: Option<String>,
    link: Option<String>,
    mode: Option<Spanned<String>>,
    sweep_percent: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScoreTable {
    pass: f64,
    warn: Option<f64>,
}

/// The text of a file, for places in it.
struct Text<'a> {
    name: &'a str,
    text: &'a str,
}

impl Text<'_> {
    /// Returns the place of the byte `offset`.
    fn place(&self, offset: usize) -> Place {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        Place::File {
            name: self.name.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }

    fn error(&self, at: Range<usize>, message: impl Into<String>) -> ObjectivesError {
        ObjectivesError {
            place: self.place(at.start),
            message: message.into(),
        }
    }

    /// Reads an expression.
    fn stated(&self, value: &Spanned<String>) -> Result<Stated, ObjectivesError> {
        // Behind the quotation mark; in a string of several lines, or with escapes, its beginning must do.
        let at = value.span();
        let written = self.text.get(at.clone()).unwrap_or_default();
        let quoted = written.get(1..written.len().saturating_sub(1));
        let place = self.place(at.start + 1);
        match Stated::read(value.as_ref(), place) {
            Ok(stated) => Ok(stated),
            Err(error) if quoted == Some(value.as_ref()) => Err(error),
            Err(error) => Err(self.error(at, error.message)),
        }
    }
}

impl Objectives {
    /// Reads the file called `name` with content `bytes`.
    ///
    /// # Errors
    ///
    /// [`ObjectivesError`] with line and column, if it is no TOML, has another schema, has an unknown key, metric or
    /// unit, a value out of its range, or nothing that is to be judged.
    pub fn read(bytes: &[u8], name: &str) -> Result<Self, ObjectivesError> {
        let start = Text { name, text: "" };
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let text = std::str::from_utf8(valid).unwrap_or_default();
            Text { name, text }.error(text.len()..text.len(), "it is no UTF-8 text")
        })?;
        if text.trim().is_empty() {
            return Err(start.error(
                0..0,
                format!("it is empty: `schema = \"{SCHEMA}\"` comes first"),
            ));
        }
        let text = Text { name, text };
        let table: ObjectivesTable = toml::from_str(text.text)
            .map_err(|error| text.error(error.span().unwrap_or(0..0), error.message()))?;
        objectives(&table, &text)
    }
}

fn objectives(table: &ObjectivesTable, text: &Text<'_>) -> Result<Objectives, ObjectivesError> {
    if table.schema.as_ref() != SCHEMA {
        let message = format!("this program reads schema `{SCHEMA}`");
        return Err(text.error(table.schema.span(), message));
    }
    let confidence = match &table.confidence {
        None => CONFIDENCE,
        Some(value) if (0.5..=0.9999).contains(value.as_ref()) => *value.as_ref(),
        Some(value) => {
            let message = "a confidence is from 0.5 to 0.9999, such as 0.95";
            return Err(text.error(value.span(), message));
        }
    };
    if table.objective.is_empty() {
        return Err(text.error(
            0..0,
            "there is no `[[objective]]` in it: nothing would be judged",
        ));
    }
    if table.objective.len() > MOST {
        return Err(text.error(0..0, format!("there are more than {MOST} objectives in it")));
    }
    let objectives = table.objective.iter().map(|table| objective(table, text));
    let objectives = objectives.collect::<Result<Vec<_>, _>>()?;
    let score = table.score.as_ref().map(|table| score(table, text));
    let score = score.transpose()?;
    if let (Some(spanned), true) = (
        &table.score,
        objectives.iter().all(|objective| objective.weight == 0.0),
    ) {
        return Err(text.error(spanned.span(), "no objective has a weight above zero"));
    }
    Ok(Objectives {
        confidence,
        undecided: table.undecided,
        objectives,
        score,
    })
}

fn objective(
    spanned: &Spanned<ObjectiveTable>,
    text: &Text<'_>,
) -> Result<Objective, ObjectivesError> {
    let table = spanned.as_ref();
    let count = table.pass.len() + table.warn.len();
    if count == 0 || count > MOST {
        let message = format!("an objective has 1 to {MOST} expressions in `pass` and `warn`");
        return Err(text.error(spanned.span(), message));
    }
    let weight = match &table.weight {
        None => 1.0,
        Some(value) if (0.0..=1e6).contains(value.as_ref()) => *value.as_ref(),
        Some(value) => {
            let message = "a weight is a number from 0 to 1000000";
            return Err(text.error(value.span(), message));
        }
    };
    let name = table.name.as_ref();
    if let Some(name) = name.filter(|name| !is_name(name.as_ref())) {
        return Err(text.error(name.span(), "a name is one line of 1 to 100 characters"));
    }
    let stated = |expressions: &[Spanned<String>]| {
        let stated = expressions.iter().map(|expression| text.stated(expression));
        stated.collect::<Result<Vec<_>, _>>()
    };
    let pass = stated(&table.pass)?;
    if table.abort {
        check_abort(&pass).map_err(|message| text.error(spanned.span(), message))?;
    }
    let place = table.on.as_ref().map_or(spanned.span(), Spanned::span);
    Ok(Objective {
        name: name.map(|name| name.as_ref().clone()),
        subject: subject(table.on.as_ref(), text)?,
        pass,
        warn: stated(&table.warn)?,
        weight,
        is_key: table.key,
        aborts: table.abort,
        place: text.place(place.start),
    })
}

/// Checks that a run can be certain to miss one of the expressions `pass` before its end.
///
/// # Errors
///
/// A message if none can.
fn check_abort(pass: &[Stated]) -> Result<(), String> {
    if pass.is_empty() {
        return Err("`abort`: there is no expression in `pass`".to_owned());
    }
    match reason_against(limits_of(pass)) {
        Some(reason) => Err(format!("`abort`: {reason}")),
        None => Ok(()),
    }
}

/// Returns true if `name` can stand in one line of a table.
fn is_name(name: &str) -> bool {
    let length = name.trim().chars().count();
    (1..=100).contains(&length) && !name.chars().any(char::is_control)
}

fn subject(
    table: Option<&Spanned<SubjectTable>>,
    text: &Text<'_>,
) -> Result<Subject, ObjectivesError> {
    let Some(table) = table.map(Spanned::as_ref) else {
        return Ok(Subject::default());
    };
    if let Some(mode) = &table.mode
        && !["closed", "open", "pipeline"].contains(&mode.as_ref().as_str())
    {
        return Err(text.error(mode.span(), "a mode is closed, open or pipeline"));
    }
    Ok(Subject {
        target: table.target.clone(),
        link: table.link.clone(),
        mode: table.mode.as_ref().map(|mode| mode.as_ref().clone()),
        sweep_percent: table.sweep_percent,
    })
}

fn score(spanned: &Spanned<ScoreTable>, text: &Text<'_>) -> Result<ScoreLimits, ObjectivesError> {
    let ScoreTable { pass, warn } = *spanned.as_ref();
    let warn = warn.unwrap_or(pass);
    let is_range = 0.0 < warn && warn <= pass && pass <= 100.0;
    if !is_range {
        let message = "scores are percents above 0 up to 100, `warn` no more than `pass`";
        return Err(text.error(spanned.span(), message));
    }
    Ok(ScoreLimits { pass, warn })
}

#[cfg(test)]
mod tests;
