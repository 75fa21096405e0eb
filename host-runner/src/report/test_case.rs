//! Judgements as tools for continuous integration know them: test cases of a suite. Objectives become cases by
//! [`From`]; verdicts of other kinds fill in a [`TestCase`] themselves.

use std::cmp::Ordering;

use crate::record::objective::{Objective, ObjectiveLevel, ObjectiveState};

/// Judgements of one command.
#[derive(Clone, Debug, PartialEq)]
pub struct TestSuite {
    /// Name of the command, such as `fathom check`.
    pub name: String,
    cases: Vec<TestCase>,
}

/// One judgement.
#[derive(Clone, Debug, PartialEq)]
pub struct TestCase {
    /// The runs that it is about, in words.
    pub class: String,
    /// Name, such as the expression of an objective.
    pub name: String,
    /// Outcome.
    pub outcome: TestOutcome,
    /// The figure, its limit and the reason for the outcome, in words on one line.
    pub message: String,
    /// Distance of the figure beyond its limit, as a share of the limit; 0 if it is not beyond, or not known.
    pub excess: f64,
}

/// Outcome of a judgement, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TestOutcome {
    /// Met.
    Passed,
    /// Not met, and that is no failure.
    Warning,
    /// Not measured: there is nothing to judge.
    NotMeasured,
    /// The measurement can't tell.
    Undecided,
    /// Not met.
    Failed,
}

impl TestOutcome {
    /// Every outcome, the worst first.
    pub const ALL: [Self; 5] = [
        Self::Failed,
        Self::Undecided,
        Self::NotMeasured,
        Self::Warning,
        Self::Passed,
    ];

    /// Returns the outcome in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Passed => "met",
            Self::Warning => "warning",
            Self::NotMeasured => "not measured",
            Self::Undecided => "undecided",
            Self::Failed => "missed",
        }
    }
}

impl TestCase {
    /// Returns the case with a warning in place of an outcome that is neither met nor missed, for who lets such pass.
    #[must_use]
    pub fn tolerated(mut self) -> Self {
        if matches!(
            self.outcome,
            TestOutcome::Undecided | TestOutcome::NotMeasured
        ) {
            self.outcome = TestOutcome::Warning;
        }
        self
    }

    /// Orders the worse case first.
    fn worse_first(&self, other: &Self) -> Ordering {
        let by_excess = other.excess.total_cmp(&self.excess);
        other.outcome.cmp(&self.outcome).then(by_excess)
    }
}

impl TestSuite {
    /// Returns the suite of `cases`. Without any it has a case that was not measured: nothing that is judged passes
    /// nothing.
    #[must_use]
    pub fn new(name: &str, mut cases: Vec<TestCase>) -> Self {
        if cases.is_empty() {
            cases.push(TestCase {
                class: name.to_owned(),
                name: "judgements".to_owned(),
                outcome: TestOutcome::NotMeasured,
                message: "nothing was judged".to_owned(),
                excess: 0.0,
            });
        }
        Self {
            name: name.to_owned(),
            cases,
        }
    }

    /// Returns the suite of `objectives`.
    #[must_use]
    pub fn of_objectives(name: &str, objectives: &[Objective]) -> Self {
        Self::new(name, objectives.iter().map(TestCase::from).collect())
    }

    /// Returns the cases, in the order in which they were given.
    #[must_use]
    pub fn cases(&self) -> &[TestCase] {
        &self.cases
    }

    /// Returns the cases, the worst first; those that are as bad as each other stay in order.
    #[must_use]
    pub fn worst_first(&self) -> Vec<&TestCase> {
        let mut cases: Vec<&TestCase> = self.cases.iter().collect();
        cases.sort_by(|case, other| case.worse_first(other));
        cases
    }

    /// Returns the numbers of cases by outcome in words, the worst first: `2 missed, 1 met`.
    #[must_use]
    pub fn counts(&self) -> String {
        let count = |outcome: TestOutcome| {
            let cases = self.cases.iter().filter(|case| case.outcome == outcome);
            match cases.count() {
                0 => None,
                1 if outcome == TestOutcome::Warning => Some("1 warning".to_owned()),
                many if outcome == TestOutcome::Warning => Some(format!("{many} warnings")),
                some => Some(format!("{some} {}", outcome.words())),
            }
        };
        let counts = TestOutcome::ALL.into_iter().filter_map(count);
        counts.collect::<Vec<_>>().join(", ")
    }
}

impl From<&Objective> for TestCase {
    fn from(objective: &Objective) -> Self {
        Self {
            class: objective.on.clone(),
            name: match objective.name == objective.expression {
                true => objective.expression.clone(),
                false => format!("{}: {}", objective.name, objective.expression),
            },
            outcome: match (objective.state, objective.level) {
                (ObjectiveState::Met, _) => TestOutcome::Passed,
                (_, ObjectiveLevel::Warn) => TestOutcome::Warning,
                (ObjectiveState::Missed, ObjectiveLevel::Pass) => TestOutcome::Failed,
                (ObjectiveState::Undecided, ObjectiveLevel::Pass) => TestOutcome::Undecided,
                (ObjectiveState::NotMeasured, ObjectiveLevel::Pass) => TestOutcome::NotMeasured,
            },
            message: message(objective),
            excess: excess(objective),
        }
    }
}

/// Returns the figure of `objective`, its interval, its limit and what it needs, as far as they are known.
fn message(objective: &Objective) -> String {
    let value = match objective.value {
        Some(_) => objective.figure(),
        None => "no figure".to_owned(),
    };
    let limit = objective
        .limit
        .map(|limit| format!(", limit {}", objective.in_words(limit)));
    let needs = (objective.needs.as_ref()).map(|needs| format!("; {needs}"));
    value + &limit.unwrap_or_default() + &needs.unwrap_or_default()
}

/// Returns the distance of a missed figure beyond its limit, as a share of the limit; that of a limit of nothing is
/// the figure.
fn excess(objective: &Objective) -> f64 {
    if objective.state != ObjectiveState::Missed {
        return 0.0;
    }
    match objective.value.zip(objective.limit) {
        Some((value, 0.0)) => value.abs(),
        Some((value, limit)) => (value / limit - 1.0).abs(),
        None => 0.0,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Returns an objective that is `state`, of a p99 in nanoseconds that may be 2 µs.
    pub fn objective(state: ObjectiveState, value_ns: Option<f64>) -> Objective {
        Objective {
            name: "tail".to_owned(),
            on: "hermit on vhost-user, closed loop".to_owned(),
            expression: "p99 <= 2us".to_owned(),
            level: ObjectiveLevel::Pass,
            state,
            value: value_ns,
            low: value_ns.map(|ns| ns * 0.9),
            high: value_ns.map(|ns| ns * 1.1),
            limit: Some(2000.0),
            unit: "ns".to_owned(),
            needs: None,
            key: false,
            weight: 1.0,
            points: 0.0,
        }
    }

    /// Returns a case with this outcome.
    pub fn case(name: &str, outcome: TestOutcome, excess: f64) -> TestCase {
        TestCase {
            class: "hermit on unix".to_owned(),
            name: name.to_owned(),
            outcome,
            message: "3.00 µs, limit 2.00 µs".to_owned(),
            excess,
        }
    }

    #[test]
    fn only_what_is_met_passes() {
        let outcomes = [
            (ObjectiveState::Met, TestOutcome::Passed),
            (ObjectiveState::Missed, TestOutcome::Failed),
            (ObjectiveState::Undecided, TestOutcome::Undecided),
            (ObjectiveState::NotMeasured, TestOutcome::NotMeasured),
        ];
        for (state, expected) in outcomes {
            let mut objective = objective(state, Some(1e3));
            assert_eq!(TestCase::from(&objective).outcome, expected);
            objective.level = ObjectiveLevel::Warn;
            let outcome = TestCase::from(&objective).outcome;
            let is_met = state == ObjectiveState::Met;
            assert_eq!(outcome == TestOutcome::Passed, is_met);
            assert_eq!(outcome == TestOutcome::Warning, !is_met);
        }
        let empty = TestSuite::of_objectives("fathom check", &[]);
        assert_eq!(empty.cases()[0].outcome, TestOutcome::NotMeasured);
        assert_eq!(empty.counts(), "1 not measured");
    }

    #[test]
    fn the_worst_come_first_and_equals_stay_in_order() {
        use TestOutcome::{Failed, NotMeasured, Passed, Undecided, Warning};
        let cases = [
            case("a", Passed, 0.0),
            case("b", Failed, 0.1),
            case("c", Warning, 9.0),
            case("d", Failed, 0.5),
            case("e", Undecided, 0.0),
            case("f", Failed, 0.1),
            case("g", NotMeasured, 0.0),
        ];
        let suite = TestSuite::new("fathom check", cases.to_vec());
        let order: String = (suite.worst_first().iter().map(|case| &*case.name)).collect();
        assert_eq!(order, "dbfegca");
        assert_eq!(
            suite.counts(),
            "3 missed, 1 undecided, 1 not measured, 1 warning, 1 met"
        );
        let [tolerated, missed] = [4, 1].map(|index| cases[index].clone().tolerated());
        assert_eq!((tolerated.outcome, missed.outcome), (Warning, Failed));
    }

    #[test]
    fn a_message_has_figure_interval_limit_and_reason() {
        let missed = objective(ObjectiveState::Missed, Some(3000.0));
        let case = TestCase::from(&missed);
        assert_eq!(case.message, "3.00 µs (2.70 µs to 3.30 µs), limit 2.00 µs");
        assert_eq!(case.name, "tail: p99 <= 2us");
        assert_eq!(case.excess, 0.5);
        let absent = Objective {
            needs: Some("no run is valid".to_owned()),
            ..objective(ObjectiveState::NotMeasured, None)
        };
        let case = TestCase::from(&absent);
        assert_eq!(
            (case.message.as_str(), case.excess),
            ("no figure, limit 2.00 µs; no run is valid", 0.0)
        );
    }
}
