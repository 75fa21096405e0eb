//! Limits on counts, which are certain to be missed before the end of a measurement once they are exceeded.

use super::bound::Bound;
use super::expression::{Expression, Operator};
use super::metric::{Counter, Metric};
use super::{Objective, Objectives};
use crate::load::Progress;

/// The most that a count of a measurement may be.
#[derive(Clone, Debug, PartialEq)]
pub struct CertainLimit {
    counter: Counter,
    operator: Operator,
    limit: f64,
    /// Mode of the load that it is about; `None` for any.
    mode: Option<String>,
}

impl CertainLimit {
    /// Returns the limit of `expression`, if it is one on a count that only grows.
    #[must_use]
    pub fn of(expression: &Expression) -> Option<Self> {
        let &Metric::Count(counter) = &expression.metric else {
            return None;
        };
        let operator = expression.operator;
        let is_limit_on_growth = operator.is_upper() || operator == Operator::Equal;
        match expression.bound {
            Bound::Absolute(limit) if is_limit_on_growth => Some(Self {
                counter,
                operator,
                limit,
                mode: None,
            }),
            _ => None,
        }
    }

    /// Returns true if a measurement under a load of `mode` has broken the limit for good.
    #[must_use]
    pub fn is_broken(&self, mode: &str, progress: &Progress) -> bool {
        let Progress {
            sent,
            lost,
            unwanted,
            ..
        } = progress;
        let count = match self.counter {
            Counter::Sent => *sent,
            Counter::Lost => *lost,
            Counter::Late => unwanted.late,
            Counter::Duplicated => unwanted.duplicated,
            Counter::Reordered => unwanted.reordered,
            Counter::Corrupted => unwanted.corrupted,
            // No measurement is ended for what it is to have.
            Counter::Received => return false,
        } as f64;
        let is_own = self.mode.as_deref().is_none_or(|own| own == mode);
        let is_beyond = match self.operator {
            Operator::Below => count >= self.limit,
            _ => count > self.limit,
        };
        is_own && is_beyond
    }
}

impl Objectives {
    /// Returns the limits of the objectives that end a measurement.
    #[must_use]
    pub fn certain_limits(&self) -> Vec<CertainLimit> {
        let aborting = self.objectives.iter().filter(|objective| objective.aborts);
        aborting.flat_map(Objective::certain_limits).collect()
    }
}

impl Objective {
    /// Returns its limits that are certain to be missed once they are exceeded.
    fn certain_limits(&self) -> Vec<CertainLimit> {
        // The shares of a sweep's steps are not known while one is measured.
        if self.subject.sweep_percent.is_some() {
            return Vec::new();
        }
        let limits = self
            .pass
            .iter()
            .filter_map(|stated| CertainLimit::of(&stated.expression));
        let limits = limits.map(|limit| CertainLimit {
            mode: self.subject.mode.clone(),
            ..limit
        });
        limits.collect()
    }
}
