//! Groups of runs that an experiment is going to measure, for objectives that are checked before anything boots.

use super::RunSpec;
use super::compare::CompareSpec;
use super::probe::{self, ProbeSpec};
use crate::judge::objectives::subject::GroupKey;
use crate::load::Plan;
use crate::record::system_label::label;
use crate::sut::Responder;

/// Mode of the steps of a sweep.
const OPEN: &str = "open";

/// Returns the groups of `target` on `link`, under a load of each of `modes`.
fn groups<'a>(target: &str, link: &str, modes: impl IntoIterator<Item = &'a str>) -> Vec<GroupKey> {
    let group = |mode: &str| GroupKey {
        target: target.to_owned(),
        link: link.to_owned(),
        mode: Some(mode.to_owned()),
        sweep_percent: None,
    };
    modes.into_iter().map(group).collect()
}

/// Returns the modes of `plan`, and of the steps of a sweep if it is one.
fn modes(plan: &Plan, is_sweep: bool) -> impl Iterator<Item = &'static str> {
    let steps = is_sweep.then_some(OPEN);
    std::iter::once(plan.mode.name()).chain(steps)
}

impl RunSpec {
    /// Returns the groups of runs that it measures.
    #[must_use]
    pub fn groups(&self) -> Vec<GroupKey> {
        let responder = self.system.responder.map(Responder::name);
        let target = label(self.system.kind.name(), responder);
        let modes = modes(&self.plan, self.sweep.is_some());
        groups(&target, self.system.link.name(), modes)
    }
}

impl ProbeSpec {
    /// Returns the groups of runs that it measures.
    #[must_use]
    pub fn groups(&self) -> Vec<GroupKey> {
        let modes = modes(&self.plan, self.sweep.is_some());
        groups(probe::TARGET, probe::LINK, modes)
    }
}

impl CompareSpec {
    /// Returns the groups of runs that it measures.
    #[must_use]
    pub fn groups(&self) -> Vec<GroupKey> {
        let (cases, _) = self.cases();
        let modes = self.loads.modes();
        let of_case = cases.iter().flat_map(|case| {
            groups(
                &case.variant.to_string(),
                case.link.name(),
                modes.iter().copied(),
            )
        });
        of_case.collect()
    }
}
