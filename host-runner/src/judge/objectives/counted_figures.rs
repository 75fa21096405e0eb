//! Exact figures of a result by their names, such as what `make bench` counts: each is a group of its own, whose label is
//! the figure's name.

use std::fmt;

use super::figures::Group;
use super::metric::Metric;
use super::subject::GroupKey;
use crate::record::Source;

/// Sign that stands for any characters in a pattern.
const ANY: char = '*';

/// Names of figures: one, or with a `*` all that begin and end so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FigurePattern(String);

impl FigurePattern {
    /// Returns the pattern `text`.
    ///
    /// # Errors
    ///
    /// A message if it is empty or has more than one `*`.
    pub fn new(text: &str) -> Result<Self, String> {
        match text.matches(ANY).count() {
            _ if text.trim().is_empty() => Err("the name of a figure is missing".to_owned()),
            0 | 1 => Ok(Self(text.to_owned())),
            _ => Err(format!("`{text}` has more than one `*`")),
        }
    }

    /// Returns true if `name` is one of the names.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        match self.0.split_once(ANY) {
            Some((start, end)) => name
                .strip_prefix(start)
                .is_some_and(|rest| rest.ends_with(end)),
            None => self.0 == name,
        }
    }
}

impl fmt::Display for FigurePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0)
    }
}

/// Returns the group of each figure of `source`.
pub fn groups(source: &Source) -> impl Iterator<Item = Group<'_>> {
    let figures = source.record.figures.iter();
    figures.map(|(name, &figure)| group(name, Some(figure)))
}

/// Returns the groups of `all` that are figures called like `pattern`.
#[must_use]
pub fn called<'a>(pattern: &FigurePattern, all: &[Group<'a>]) -> Vec<Group<'a>> {
    let is_called =
        |group: &&Group<'_>| group.figure.is_some() && pattern.matches(&group.key.target);
    all.iter().filter(is_called).cloned().collect()
}

/// Returns groups without a figure for those of `sources` that `metric` is about and `own` lacks: what is gone keeps to no
/// limit.
pub fn gone<'a>(metric: &Metric, own: &[Group<'_>], sources: &'a [Source]) -> Vec<Group<'a>> {
    let Metric::Figure(pattern) = metric else {
        return Vec::new();
    };
    let names = sources
        .iter()
        .flat_map(|source| source.record.figures.keys());
    let has = |name: &str| own.iter().any(|group| group.key.target == name);
    let gone = names.filter(|name| pattern.matches(name) && !has(name));
    gone.map(|name| group(name, None)).collect()
}

fn group<'a>(name: &str, figure: Option<f64>) -> Group<'a> {
    Group {
        key: GroupKey {
            target: name.to_owned(),
            link: String::new(),
            mode: None,
            sweep_percent: None,
        },
        runs: Vec::new(),
        cost: None,
        figure,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::judge::objectives::{Objectives, References, judge};
    use crate::record::{ObjectiveLevel, ObjectiveState, Record, fixtures};

    fn source(figures: &[(&str, f64)]) -> Source {
        let record = Record {
            runs: Vec::new(),
            figures: (figures.iter())
                .map(|&(name, figure)| (name.to_owned(), figure))
                .collect(),
            ..fixtures::record(fixtures::closed_run())
        };
        Source::new("target/bench".into(), record, Vec::new()).unwrap()
    }

    /// Returns names and states of what comes of `expression` on `own` with `baseline`.
    fn judged(
        expression: &str,
        own: &[(&str, f64)],
        baseline: &[(&str, f64)],
    ) -> Vec<(String, ObjectiveState)> {
        let mut objectives = Objectives::none();
        (objectives.add("--require", expression, ObjectiveLevel::Pass)).unwrap();
        let baselines = [("before".to_owned(), vec![source(baseline)])];
        let references = References {
            baselines: &baselines,
            looks: 1,
        };
        let judgement = judge(&objectives, &source(own), references);
        let objectives = judgement.objectives.into_iter();
        objectives
            .map(|objective| (objective.on, objective.state))
            .collect()
    }

    #[test]
    fn a_pattern_is_a_name_or_has_one_gap() {
        let matches =
            |pattern: &str, name: &str| FigurePattern::new(pattern).unwrap().matches(name);
        assert!(matches("a b", "a b") && !matches("a b", "a b c"));
        assert!(matches("a *", "a b") && matches("*", "a") && matches("a*c", "abc"));
        assert!(!matches("a*a", "a") && !matches("a *", "b a"));
        for pattern in ["", " ", "a*b*"] {
            assert!(FigurePattern::new(pattern).is_err(), "{pattern}");
        }
    }

    #[test]
    fn each_figure_is_held_against_its_own_in_the_baseline() {
        use ObjectiveState::{Met, Missed, NotMeasured};
        let before = [
            ("doorbells", 1.0),
            ("steps of a", 100.0),
            ("steps of b", 50.0),
        ];
        let now = [
            ("doorbells", 1.0),
            ("steps of a", 104.0),
            ("steps of b", 53.0),
        ];
        let states = |expression: &str, now: &[(&str, f64)]| -> Vec<ObjectiveState> {
            let judged = judged(expression, now, &before).into_iter();
            judged.map(|(_, state)| state).collect()
        };
        let limit = "\"steps of *\" <= +5% of baseline";
        let outcomes = judged(limit, &now, &before);
        assert_eq!(outcomes[0], ("steps of a, against before".to_owned(), Met));
        assert_eq!(
            outcomes[1],
            ("steps of b, against before".to_owned(), Missed)
        );
        assert_eq!(outcomes.len(), 2);
        assert_eq!(states("\"doorbells\" == 1", &now), [Met]);
        assert_eq!(states("\"doorbells\" <= 0.5", &now), [Missed]);
        // What is new has no baseline, and what is gone is not measured.
        assert_eq!(states(limit, &[("steps of c", 1.0)]), [NotMeasured; 3]);
        assert_eq!(states(limit, &[]), [NotMeasured; 2]);
        assert_eq!(states("\"steps\" <= 5", &now), [NotMeasured]);
    }

    /// The figures of the repository and their objectives, as `make bench` and `docs/ci.md` have them.
    #[test]
    fn a_figure_of_the_bench_that_grew_by_six_percent_is_missed() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/benches");
        let read = |name: &str| fs::read(root.join(name)).unwrap();
        let objectives = Objectives::read(&read("objectives.toml"), "objectives.toml").unwrap();
        let baseline: BTreeMap<String, f64> =
            serde_json::from_slice(&read("baseline.json")).unwrap();
        let result = |figures: &BTreeMap<String, f64>| {
            let mut source = source(&[]);
            source.record.figures.clone_from(figures);
            source
        };
        let baselines = [("baseline".to_owned(), vec![result(&baseline)])];
        let references = References {
            baselines: &baselines,
            looks: 1,
        };
        let state = |figures: &BTreeMap<String, f64>| {
            let judgement = judge(&objectives, &result(figures), references);
            assert!(judgement.objectives.len() >= baseline.len());
            judgement.summary.state
        };
        assert_eq!(state(&baseline), ObjectiveState::Met);
        for name in ["instructions per empty poll", "bytes of fathom.elf"] {
            let mut slower = baseline.clone();
            *slower.get_mut(name).unwrap() *= 1.06;
            assert_eq!(state(&slower), ObjectiveState::Missed, "{name}");
            slower.remove(name);
            assert_ne!(state(&slower), ObjectiveState::Met, "{name} is gone");
        }
        assert_ne!(state(&BTreeMap::new()), ObjectiveState::Met);
    }

    #[test]
    fn figures_are_no_targets() {
        let outcomes = judged("p99 <= 2us", &[("doorbells", 1.0)], &[]);
        assert_eq!(outcomes.len(), 1);
        assert_eq!(outcomes[0].1, ObjectiveState::NotMeasured);
        let outcomes = judged("instructions_per_echo <= 2", &[("doorbells", 1.0)], &[]);
        assert_eq!(outcomes[0].1, ObjectiveState::NotMeasured);
        assert_eq!(outcomes.len(), 1);
    }
}
