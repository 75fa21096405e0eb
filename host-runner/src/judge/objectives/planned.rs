//! A check of objectives against what is going to be measured, or was: an objective that would be about nothing is a
//! mistake, and is told before anything boots.

use super::bound::Reference;
use super::certain_limit::{CertainLimit, PlannedRequests, limits_of, reason_against};
use super::subject::{GroupKey, Subject};
use super::{Objective, Objectives, ObjectivesError, Stated};

/// Runs that are going to be measured, or were.
#[derive(Clone, Debug)]
pub struct PlannedGroup {
    /// Target, link and load.
    pub key: GroupKey,
    /// Extent of its runs.
    pub extent: Extent,
    /// Reason why nothing counts what an echo costs there, in words; `None` if something does, or did.
    pub uncounted: Option<&'static str>,
}

/// Extent of the runs of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// They are over.
    Over,
    /// One run, of so many requests.
    Run(PlannedRequests),
    /// Rounds of a comparison.
    Rounds,
}

/// Things that are going to be measured, and what they can be held against.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The groups of runs. Steps of a sweep need not be among them: their shares are not known before.
    pub groups: Vec<PlannedGroup>,
    /// True if there is a result to compare with.
    pub has_baseline: bool,
}

/// Reason why no objective ends a comparison.
const OF_ROUNDS: &str = "a comparison is judged by all of its boots, and repeats what is invalid, so nothing is certain \
    before its end: leave it out";

/// Reason why no objective on a step ends a sweep.
const OF_STEP: &str = "which of a sweep's steps it is about is known at the end: name the mode instead of `sweep_percent`";

/// Likeness of a name from which on it is suggested in the place of an unknown one.
const ALIKE: f64 = 0.7;

impl Planned {
    /// Checks `objectives`.
    ///
    /// # Errors
    ///
    /// [`ObjectivesError`] for the first objective that is about no run, is relative to what is not there, or is to end a
    /// run and can't.
    pub fn check(&self, objectives: &Objectives) -> Result<(), ObjectivesError> {
        for objective in &objectives.objectives {
            self.check_subject(objective)?;
            self.check_abort(objective)?;
            for stated in objective.stated() {
                self.check_expression(objective, stated)?;
            }
        }
        Ok(())
    }

    fn check_subject(&self, objective: &Objective) -> Result<(), ObjectivesError> {
        let subject = &objective.subject;
        if self.has(subject) {
            return Ok(());
        }
        Err(ObjectivesError {
            place: objective.place.clone(),
            message: match &subject.target {
                Some(target) if !self.has_target(target) => self.unknown_target(target),
                _ => format!("no run has {subject}: there is {}", self.names()),
            },
        })
    }

    /// Checks that an objective which is to end a run can be certain to be missed before the end of one.
    fn check_abort(&self, objective: &Objective) -> Result<(), ObjectivesError> {
        let subject = &objective.subject;
        let own = || {
            let groups = self.groups.iter();
            groups.filter(|group| self.includes(subject, &group.key))
        };
        if !objective.aborts || own().all(|group| group.extent == Extent::Over) {
            return Ok(());
        }
        let on_group = |limit: Result<CertainLimit, String>, group: &PlannedGroup| {
            let planned = match group.extent {
                Extent::Run(planned) => planned,
                Extent::Over | Extent::Rounds => return Err(OF_ROUNDS.to_owned()),
            };
            if subject.sweep_percent.is_some() {
                return Err(OF_STEP.to_owned());
            }
            limit?.on(group.key.mode.as_deref().unwrap_or_default(), planned)
        };
        let answers = own()
            .flat_map(|group| limits_of(&objective.pass).map(move |limit| on_group(limit, group)));
        match reason_against(answers) {
            Some(reason) => Err(ObjectivesError {
                place: objective.place.clone(),
                message: format!("`abort`: {reason}"),
            }),
            None => Ok(()),
        }
    }

    fn check_expression(
        &self,
        objective: &Objective,
        stated: &Stated,
    ) -> Result<(), ObjectivesError> {
        let expression = &stated.expression;
        if let Some(target) = &expression.target {
            if !self.has_target(target) {
                return Err(stated.target_error(self.unknown_target(target)));
            }
            let subject = objective.subject.of_target(Some(target));
            if !self.has(&subject) {
                let message = format!("no run has {subject}: there is {}", self.names());
                return Err(stated.target_error(message));
            }
        }
        let subject = objective.subject.of_target(expression.target.as_deref());
        self.check_cost(&subject, stated)?;
        match expression.reference() {
            Some(Reference::Baseline) if !self.has_baseline => {
                let message = "there is no baseline: name a result with `--baseline DIR`";
                Err(stated.bound_error(message.to_owned()))
            }
            Some(Reference::Target(label)) if !self.has_target(label) => {
                Err(stated.bound_error(self.unknown_target(label)))
            }
            Some(Reference::Target(label)) => {
                let mut keys = self.keys();
                if keys.any(|key| self.includes(&subject, key) && key.target != *label) {
                    return Ok(());
                }
                let message = format!("{label} would be held against itself");
                Err(stated.bound_error(message))
            }
            Some(Reference::Baseline) | None => Ok(()),
        }
    }

    /// Checks that what an echo costs is counted on all targets that the expression is about, and on its reference.
    fn check_cost(&self, subject: &Subject, stated: &Stated) -> Result<(), ObjectivesError> {
        let expression = &stated.expression;
        if !expression.metric.is_cost() {
            return Ok(());
        }
        let reference = match expression.reference() {
            Some(Reference::Target(label)) => Some(label),
            Some(Reference::Baseline) | None => None,
        };
        let is_concerned = |group: &&PlannedGroup| {
            self.includes(subject, &group.key) || Some(&group.key.target) == reference
        };
        let concerned = self.groups.iter().filter(is_concerned);
        match concerned
            .into_iter()
            .find_map(|group| Some((group, group.uncounted?)))
        {
            None => Ok(()),
            Some((group, reason)) => Err(ObjectivesError {
                place: stated.place.clone(),
                message: format!(
                    "`{}` of {} is not counted: {reason}",
                    expression.metric, group.key.target
                ),
            }),
        }
    }

    fn has(&self, subject: &Subject) -> bool {
        self.keys().any(|key| self.includes(subject, key))
    }

    fn keys(&self) -> impl Iterator<Item = &GroupKey> {
        self.groups.iter().map(|group| &group.key)
    }

    fn includes(&self, subject: &Subject, key: &GroupKey) -> bool {
        // Shares of steps are known afterwards.
        let is_known = self.keys().any(|key| key.sweep_percent.is_some());
        let subject = Subject {
            sweep_percent: subject.sweep_percent.filter(|_| is_known),
            ..subject.clone()
        };
        subject.includes(key)
    }

    fn has_target(&self, label: &str) -> bool {
        self.keys().any(|key| key.target == label)
    }

    fn unknown_target(&self, label: &str) -> String {
        let likeness = |known: &str| strsim::jaro_winkler(known, label);
        let targets = self.keys().map(|key| key.target.as_str());
        let nearest = targets.max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        match nearest.filter(|known| likeness(known) >= ALIKE) {
            Some(known) => format!("no target is called `{label}`: did you mean `{known}`?"),
            None => format!("no target is called `{label}`: there is {}", self.names()),
        }
    }

    /// The groups in words.
    fn names(&self) -> String {
        let mut names: Vec<String> = self.keys().map(GroupKey::to_string).collect();
        names.dedup();
        match names.is_empty() {
            true => "nothing".to_owned(),
            false => names.join("; "),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::ObjectiveLevel;

    fn planned(has_baseline: bool) -> Planned {
        planned_as(has_baseline, |_| Extent::Rounds)
    }

    fn planned_as(has_baseline: bool, extent: impl Fn(&str) -> Extent) -> Planned {
        let key = |target: &str, mode: &str| PlannedGroup {
            key: GroupKey {
                target: target.to_owned(),
                link: "vhost-user".to_owned(),
                mode: Some(mode.to_owned()),
                sweep_percent: None,
            },
            extent: extent(mode),
            uncounted: (target != "hermit").then_some("it has no guest"),
        };
        Planned {
            groups: ["hermit", "linux-guest:busy"]
                .into_iter()
                .flat_map(|target| ["closed", "open"].map(|mode| key(target, mode)))
                .collect(),
            has_baseline,
        }
    }

    fn said(text: &str, has_baseline: bool) -> Option<String> {
        let mut objectives = Objectives::none();
        objectives
            .add("--require", text, ObjectiveLevel::Pass)
            .unwrap();
        let error = planned(has_baseline).check(&objectives).err()?;
        Some(error.to_string())
    }

    #[test]
    fn what_would_be_about_nothing_is_a_mistake() {
        assert_eq!(said("p99 <= 2us", false), None);
        assert_eq!(said("p99 <= +5% of baseline on hermit", true), None);
        assert_eq!(said("p99 <= 50% of linux-guest:busy", true), None);
        for (text, complaint) in [
            ("p99 <= +5% of baseline", "column 8: there is no baseline"),
            (
                "p99 <= 2us on hermitt",
                "column 15: no target is called `hermitt`: did you mean `hermit`",
            ),
            (
                "p99 <= 50% of linux-gest:busy",
                "column 8: no target is called `linux-gest:busy`: did you mean `linux-guest:busy`",
            ),
            (
                "p99 <= 50% of hermit on hermit",
                "column 8: hermit would be held against itself",
            ),
            (
                "p99 <= 2us on x",
                "there is hermit on vhost-user, closed loop; ",
            ),
        ] {
            let said = said(text, false).unwrap();
            assert!(said.contains(complaint), "{text}: {said}");
        }
    }

    #[test]
    fn a_cost_that_nobody_counts_is_a_mistake() {
        assert_eq!(said("instructions_per_echo <= 500 on hermit", false), None);
        for text in [
            "doorbells_per_echo == 0",
            "doorbells_per_echo == 0 on linux-guest:busy",
            "doorbells_per_echo <= 50% of linux-guest:busy on hermit",
        ] {
            let said = said(text, false).unwrap();
            let expected = "column 1: `doorbells_per_echo` of linux-guest:busy is not counted: it has no guest";
            assert!(said.contains(expected), "{text}: {said}");
        }
    }

    #[test]
    fn an_objective_on_no_run_is_told_with_its_line() {
        let text = "schema = \"fathom-objectives/1\"\n[[objective]]\non = {mode = 'pipeline'}\npass = ['lost == 0']";
        let objectives = Objectives::read(text.as_bytes(), "o.toml").unwrap();
        let error = planned(false).check(&objectives).unwrap_err().to_string();
        assert!(
            error.starts_with("o.toml:3:6: no run has mode pipeline: there is hermit"),
            "{error}"
        );
    }

    /// Returns the complaint about an objective that says `abort`, with these lines, on runs of these numbers of requests
    /// in a closed and in an open loop.
    fn complaint(lines: &str, closed: Extent, open: Extent) -> Option<String> {
        let text =
            format!("schema = \"fathom-objectives/1\"\n[[objective]]\nabort = true\n{lines}\n");
        let objectives = Objectives::read(text.as_bytes(), "o.toml").unwrap();
        let planned = planned_as(false, |mode| if mode == "open" { open } else { closed });
        Some(planned.check(&objectives).err()?.to_string())
    }

    #[test]
    fn an_objective_that_no_run_can_be_certain_to_miss_early_ends_none() {
        let unknown = Extent::Run(PlannedRequests::Unknown);
        let of = |count| Extent::Run(PlannedRequests::AtMost(count));
        let fits =
            |lines, closed, open| assert_eq!(complaint(lines, closed, open), None, "{lines}");
        fits("pass = ['lost == 0']", unknown, of(10));
        fits("pass = ['max <= 1ms']", unknown, of(10));
        fits("pass = ['p99 <= 1ms']", unknown, of(10_000));
        fits("pass = ['p99 <= 1ms']", of(10_000), of(10));
        fits("pass = ['p99 <= 1ms', 'lost == 0']", unknown, unknown);
        fits(
            "pass = ['lost_share <= 1%']\non = { mode = 'open' }",
            unknown,
            of(10),
        );
        let later = Extent::Run(PlannedRequests::KnownLater);
        fits("pass = ['p99.9 <= 1ms']", unknown, later);
        fits("pass = ['p99 <= 1ms']", Extent::Over, Extent::Over);
        for (lines, closed, open, expected) in [
            (
                "pass = ['p99 <= 1ms']\non = { mode = 'closed' }",
                unknown,
                of(10_000),
                "o.toml:5:6: `abort`: `p99 <= 1ms` can't be certain to be missed before the end of a closed loop",
            ),
            (
                "pass = ['p99 <= 1ms']",
                of(9_999),
                of(9_999),
                "p99 is judged by 10,000 samples, and 9,999 are planned",
            ),
            (
                "pass = ['lost == 0']",
                Extent::Rounds,
                Extent::Rounds,
                "`abort`: a comparison is judged by all",
            ),
            (
                "pass = ['lost == 0']\non = { mode = 'open', sweep_percent = 50 }",
                unknown,
                later,
                "known at the end",
            ),
        ] {
            let said = complaint(lines, closed, open).unwrap();
            assert!(said.contains(expected), "{lines}: {said}");
        }
    }
}
