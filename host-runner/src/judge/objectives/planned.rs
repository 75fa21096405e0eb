//! A check of objectives against what is going to be measured, or was: an objective that would be about nothing is a
//! mistake, and is told before anything boots.

use super::bound::Reference;
use super::subject::{GroupKey, Subject};
use super::{Objective, Objectives, ObjectivesError, Stated};

/// Things that are going to be measured, and what they can be held against.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The groups of runs. Steps of a sweep need not be among them: their shares are not known before.
    pub groups: Vec<GroupKey>,
    /// True if there is a result to compare with.
    pub has_baseline: bool,
}

/// Likeness of a name from which on it is suggested in the place of an unknown one.
const ALIKE: f64 = 0.7;

impl Planned {
    /// Checks `objectives`.
    ///
    /// # Errors
    ///
    /// [`ObjectivesError`] for the first objective that is about no run, or relative to what is not there.
    pub fn check(&self, objectives: &Objectives) -> Result<(), ObjectivesError> {
        for objective in &objectives.objectives {
            self.check_subject(objective)?;
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
        match expression.reference() {
            Some(Reference::Baseline) if !self.has_baseline => {
                let message = "there is no baseline: name a result with `--baseline DIR`";
                Err(stated.bound_error(message.to_owned()))
            }
            Some(Reference::Target(label)) if !self.has_target(label) => {
                Err(stated.bound_error(self.unknown_target(label)))
            }
            Some(Reference::Target(label)) => {
                let mut groups = self.groups.iter();
                if groups.any(|key| self.includes(&subject, key) && key.target != *label) {
                    return Ok(());
                }
                let message = format!("{label} would be held against itself");
                Err(stated.bound_error(message))
            }
            Some(Reference::Baseline) | None => Ok(()),
        }
    }

    fn has(&self, subject: &Subject) -> bool {
        self.groups.iter().any(|key| self.includes(subject, key))
    }

    fn includes(&self, subject: &Subject, key: &GroupKey) -> bool {
        // Shares of steps are known afterwards.
        let is_known = self.groups.iter().any(|key| key.sweep_percent.is_some());
        let subject = Subject {
            sweep_percent: subject.sweep_percent.filter(|_| is_known),
            ..subject.clone()
        };
        subject.includes(key)
    }

    fn has_target(&self, label: &str) -> bool {
        self.groups.iter().any(|key| key.target == label)
    }

    fn unknown_target(&self, label: &str) -> String {
        let likeness = |known: &str| strsim::jaro_winkler(known, label);
        let targets = self.groups.iter().map(|key| key.target.as_str());
        let nearest = targets.max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        match nearest.filter(|known| likeness(known) >= ALIKE) {
            Some(known) => format!("no target is called `{label}`: did you mean `{known}`?"),
            None => format!("no target is called `{label}`: there is {}", self.names()),
        }
    }

    /// The groups in words.
    fn names(&self) -> String {
        let mut names: Vec<String> = self.groups.iter().map(GroupKey::to_string).collect();
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
        let key = |target: &str, mode: &str| GroupKey {
            target: target.to_owned(),
            link: "vhost-user".to_owned(),
            mode: Some(mode.to_owned()),
            sweep_percent: None,
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
    fn an_objective_on_no_run_is_told_with_its_line() {
        let text = "schema = \"fathom-objectives/1\"\n[[objective]]\non = {mode = 'pipeline'}\npass = ['lost == 0']";
        let objectives = Objectives::read(text.as_bytes(), "o.toml").unwrap();
        let error = planned(false).check(&objectives).unwrap_err().to_string();
        assert!(
            error.starts_with("o.toml:3:6: no run has mode pipeline: there is hermit"),
            "{error}"
        );
    }
}
