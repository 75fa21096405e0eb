//! Objectives: limits that a result is held against, each with one of four outcomes.
//!
//! - [`expression`]: `METRIC OP BOUND`; [`metric`], [`bound`]: its parts; [`subject`]: the runs that it is about;
//! - [`objectives_file`]: a file of objectives, schema `fathom-objectives/1`;
//! - [`certain_limit`]: limits that are certain to be missed before the end of a measurement;
//! - [`planned`]: a check of objectives against what is going to be measured;
//! - [`figures`]: a metric of the runs of a result; [`counted_figures`]: exact figures by their names;
//!   [`sample_interval`]: a percentile's interval within a boot;
//! - [`comparability`]: fields in which a result and its baseline have to agree;
//! - [`evidence`]: figures held against a limit or a reference, with an interval;
//! - [`gate`]: the outcome of each expression; [`score`]: of all together;
//! - [`prepared_gate`]: objectives with the results that they are relative to.

use std::fmt;

pub mod bound;
pub mod certain_limit;
pub mod comparability;
pub mod counted_figures;
pub mod evidence;
pub mod expression;
pub mod figures;
pub mod gate;
pub mod metric;
pub mod objectives_file;
pub mod planned;
pub mod prepared_gate;
pub mod sample_interval;
pub mod score;
pub mod subject;

#[cfg(test)]
mod gate_simulation;

pub use certain_limit::CertainLimit;
use expression::{Expression, ExpressionError};
pub use gate::{Judgement, References, judge};
pub use planned::Planned;
pub use prepared_gate::PreparedGate;
use subject::Subject;

/// Confidence unless the file names one.
pub const CONFIDENCE: f64 = 0.95;

/// Objectives for a result.
#[derive(Clone, Debug)]
pub struct Objectives {
    /// One-sided confidence at which a limit counts as kept or broken.
    pub confidence: f64,
    /// Consequence of an undecided expression.
    pub undecided: UndecidedPolicy,
    /// The objectives.
    pub objectives: Vec<Objective>,
    /// The score that is enough; `None` if every objective must be met.
    pub score: Option<ScoreLimits>,
}

/// Consequence of an expression that the measurement can't decide.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UndecidedPolicy {
    /// The gate is undecided.
    #[default]
    Invalid,
    /// The gate is missed.
    Fail,
    /// A warning is printed.
    Pass,
}

/// Scores in percent of all points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoreLimits {
    /// From this on the gate is met.
    pub pass: f64,
    /// From this on it is met with a warning.
    pub warn: f64,
}

/// One objective: expressions on the same runs.
#[derive(Clone, Debug)]
pub struct Objective {
    /// Name; `None` if its expressions stand for it.
    pub name: Option<String>,
    /// The runs that it is about.
    pub subject: Subject,
    /// Expressions that must all hold.
    pub pass: Vec<Stated>,
    /// Expressions of which one that does not hold is a warning.
    pub warn: Vec<Stated>,
    /// Points that it can bring to the score.
    pub weight: f64,
    /// True if missing it misses all, whatever the score.
    pub is_key: bool,
    /// True if the measurement ends as soon as the objective is certain to be missed.
    pub aborts: bool,
    /// Place of its subject.
    pub place: Place,
}

/// An expression with its place.
#[derive(Clone, Debug)]
pub struct Stated {
    /// The expression.
    pub expression: Expression,
    /// Place of its first byte.
    pub place: Place,
}

/// Place of a part of the objectives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A line and a column, from 1 on, of a file.
    File {
        /// Name of the file.
        name: String,
        /// Number of the line.
        line: usize,
        /// Number of the character in the line.
        column: usize,
    },
    /// The value of an option.
    Option {
        /// Name of the option.
        name: &'static str,
        /// The value.
        value: String,
        /// Number of the character in the value, from 1 on.
        column: usize,
    },
}

impl Place {
    /// Returns the place `offset` characters further on.
    #[must_use]
    pub fn after(&self, offset: usize) -> Self {
        let mut place = self.clone();
        match &mut place {
            Self::File { column, .. } | Self::Option { column, .. } => *column += offset,
        }
        place
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { name, line, column } => write!(f, "{name}:{line}:{column}"),
            Self::Option {
                name,
                value,
                column,
            } => write!(f, "{name} '{value}', column {column}"),
        }
    }
}

/// Fault of objectives.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct ObjectivesError {
    /// Place of the fault.
    pub place: Place,
    /// The fault, in words.
    pub message: String,
}

impl Stated {
    /// Reads the expression `text`, whose first byte is at `place`.
    ///
    /// # Errors
    ///
    /// [`ObjectivesError`] at the part of it that is wrong.
    pub fn read(text: &str, place: Place) -> Result<Self, ObjectivesError> {
        match text.parse() {
            Ok(expression) => Ok(Self { expression, place }),
            Err(error) => Err(located(&place, text, &error)),
        }
    }

    /// Returns an error about the bound.
    fn bound_error(&self, message: String) -> ObjectivesError {
        located(
            &self.place,
            &self.expression.text,
            &self.expression.bound_error(message),
        )
    }

    /// Returns an error about the target's label.
    fn target_error(&self, message: String) -> ObjectivesError {
        located(
            &self.place,
            &self.expression.text,
            &self.expression.target_error(message),
        )
    }
}

/// Returns `error`, of the expression `text` that begins at `place`, with its own place.
fn located(place: &Place, text: &str, error: &ExpressionError) -> ObjectivesError {
    let before = text.get(..error.at.start).unwrap_or_default();
    ObjectivesError {
        place: place.after(before.chars().count()),
        message: error.message.clone(),
    }
}

impl Objectives {
    /// Returns no objectives.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            confidence: CONFIDENCE,
            undecided: UndecidedPolicy::Invalid,
            objectives: Vec::new(),
            score: None,
        }
    }

    /// Returns true if there is nothing to be judged.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.objectives.is_empty()
    }

    /// Adds an objective of one expression, the value of option `name`.
    ///
    /// # Errors
    ///
    /// [`ObjectivesError`] at the part of it that is wrong.
    pub fn add(
        &mut self,
        name: &'static str,
        text: &str,
        level: crate::record::ObjectiveLevel,
    ) -> Result<(), ObjectivesError> {
        let place = Place::Option {
            name,
            value: text.to_owned(),
            column: 1,
        };
        let stated = vec![Stated::read(text, place.clone())?];
        let (pass, warn) = match level {
            crate::record::ObjectiveLevel::Pass => (stated, Vec::new()),
            crate::record::ObjectiveLevel::Warn => (Vec::new(), stated),
        };
        self.objectives.push(Objective {
            name: None,
            subject: Subject::default(),
            pass,
            warn,
            weight: 1.0,
            is_key: false,
            aborts: false,
            place,
        });
        Ok(())
    }

    /// All expressions.
    pub fn expressions(&self) -> impl Iterator<Item = &Expression> {
        let objectives = self.objectives.iter();
        objectives.flat_map(|objective| objective.stated().map(|stated| &stated.expression))
    }

    /// Returns true if any expression is about the cost of an echo.
    #[must_use]
    pub fn need_costs(&self) -> bool {
        self.expressions()
            .any(|expression| expression.metric.is_cost())
    }
}

impl Objective {
    /// All expressions, those that must hold first.
    pub fn stated(&self) -> impl Iterator<Item = &Stated> {
        self.pass.iter().chain(&self.warn)
    }
}
