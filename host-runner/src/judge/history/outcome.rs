//! Outcome of a history: whether the newest results stand on a regression.

use jiff::Timestamp;

use super::{CauseKind, Change, ExactSeries, History, Series};

/// Outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing that may be the code's is worse than before.
    NoRegression,
    /// Worse than before, each in a line.
    Regression(Vec<String>),
    /// Nothing can be told, for these reasons.
    Undecided(Vec<String>),
}

impl History {
    /// Returns whether any series became worse and not better again, or a counted figure is more than before, since
    /// `since`. What the environment or the host did is no regression.
    #[must_use]
    pub fn outcome(&self, since: Option<Timestamp>) -> Outcome {
        let latency = self.series.iter().filter_map(|series| {
            let change = series.regression(since)?;
            Some(format!("{}: {}", series.name, change.words()))
        });
        let exact = self
            .exact
            .iter()
            .filter_map(|exact| exact.regression(since));
        let regressions: Vec<String> = exact.chain(latency).collect();
        if !regressions.is_empty() {
            return Outcome::Regression(regressions);
        }
        let mut undecided: Vec<String> = (self.series.iter())
            .filter(|series| series.newest_invalid > 0 && !series.results.is_empty())
            .map(Series::invalid_words)
            .collect();
        if !self.can_tell() {
            undecided.push(format!(
                "{} results are too few to tell a change from chance",
                self.results
            ));
        }
        match undecided.is_empty() {
            true => Outcome::NoRegression,
            false => Outcome::Undecided(undecided),
        }
    }
}

impl ExactSeries {
    /// Returns in words that the figure is more than before, since `since`.
    #[must_use]
    pub fn regression(&self, since: Option<Timestamp>) -> Option<String> {
        let at = self.values[self.steps.last()?.index].started_at;
        (self.ends_worse() && is_since(at, since)).then(|| self.words())?
    }
}

fn is_since(at: Timestamp, since: Option<Timestamp>) -> bool {
    since.is_none_or(|since| at >= since)
}

impl Series {
    /// Returns the last change for the worse that may be the code's, if the code made nothing better since, and if it is
    /// not older than `since`.
    #[must_use]
    pub fn regression(&self, since: Option<Timestamp>) -> Option<&Change> {
        let is_codes = |change: &&Change| {
            !matches!(change.cause.kind, CauseKind::Environment | CauseKind::Host)
        };
        let last = self.changes.iter().rev().find(is_codes);
        last.filter(|change| change.is_worse() && is_since(change.started_at, since))
    }

    /// Returns the number of newest results that are not valid, in words.
    #[must_use]
    pub fn invalid_words(&self) -> String {
        let (verb, results) = match self.newest_invalid {
            1 => ("is", "the newest result".to_owned()),
            many => ("are", format!("the newest {many} results")),
        };
        format!("{}: {results} {verb} not valid", self.name)
    }
}
