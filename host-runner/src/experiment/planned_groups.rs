//! Groups of runs that an experiment is going to measure, for objectives that are checked before anything boots.

use super::RunSpec;
use super::compare::{CompareSpec, CostAnalysis};
use super::probe::{self, ProbeSpec};
use crate::judge::objectives::certain_limit::PlannedRequests;
use crate::judge::objectives::planned::{Extent, PlannedGroup};
use crate::judge::objectives::subject::GroupKey;
use crate::load::Plan;
use crate::record::system_label::label;
use crate::sut::{LinkChoice, Responder, SystemKind};

/// Mode of the steps of a sweep.
const OPEN: &str = "open";

/// Reasons why nothing counts what an echo costs.
const NO_GUEST: &str = "it has no guest; name a target that has one, such as `on hermit`";
const SKIPPED: &str = "leave out `--no-why`, which skips the boots that count it";
const NOT_STARTED: &str =
    "it runs elsewhere, and counting takes a boot of its own: use `fathom run` or `compare`";

/// Returns the groups of `target` on `link`, under a load of each of `modes`; `uncounted` as in [`PlannedGroup`].
fn groups<'a>(
    (target, link): (&str, &str),
    uncounted: Option<&'static str>,
    modes: impl IntoIterator<Item = (&'a str, Extent)>,
) -> Vec<PlannedGroup> {
    let group = |(mode, extent): (&str, Extent)| PlannedGroup {
        key: GroupKey {
            target: target.to_owned(),
            link: link.to_owned(),
            mode: Some(mode.to_owned()),
            sweep_percent: None,
        },
        extent,
        uncounted,
    };
    modes.into_iter().map(group).collect()
}

/// Returns the modes of `plan`, and of the steps of a sweep if it is one, with the extent of each run.
fn modes(plan: &Plan, is_sweep: bool) -> impl Iterator<Item = (&'static str, Extent)> {
    let own = Extent::Run(PlannedRequests::of(plan));
    let steps = is_sweep.then_some((OPEN, Extent::Run(PlannedRequests::KnownLater)));
    std::iter::once((plan.mode.name(), own)).chain(steps)
}

/// Returns why nothing counts what an echo costs a system of `kind` on `link`, if so.
fn uncounted(kind: SystemKind, link: LinkChoice) -> Option<&'static str> {
    let has_guest = kind.system().counting().is_some() && matches!(link, LinkChoice::Link(_));
    (!has_guest).then_some(NO_GUEST)
}

impl RunSpec {
    /// Returns the groups of runs that it measures.
    #[must_use]
    pub fn groups(&self) -> Vec<PlannedGroup> {
        let system = &self.system;
        let target = label(system.kind.name(), system.responder.map(Responder::name));
        let uncounted = uncounted(system.kind, system.link);
        let modes = modes(&self.plan, self.sweep.is_some());
        groups((&target, system.link.name()), uncounted, modes)
    }
}

impl ProbeSpec {
    /// Returns the groups of runs that it measures.
    #[must_use]
    pub fn groups(&self) -> Vec<PlannedGroup> {
        let modes = modes(&self.plan, self.sweep.is_some());
        groups((probe::TARGET, probe::LINK), Some(NOT_STARTED), modes)
    }
}

impl CompareSpec {
    /// Returns the groups of runs that it measures.
    #[must_use]
    pub fn groups(&self) -> Vec<PlannedGroup> {
        let (cases, _) = self.cases();
        let modes = self.loads.modes();
        let of_case = cases.iter().flat_map(|case| {
            let uncounted = uncounted(case.variant.kind, case.link);
            let is_skipped = self.cost_analysis == CostAnalysis::Skipped;
            groups(
                (&case.variant.to_string(), case.link.name()),
                uncounted.or(is_skipped.then_some(SKIPPED)),
                modes.iter().map(|mode| (*mode, Extent::Rounds)),
            )
        });
        of_case.collect()
    }
}
