//! The end of a measurement as soon as an objective is certain to be missed: a count that is beyond its limit stays there.

use std::fmt::Display;
use std::sync::atomic::Ordering;

use super::Caller;
use super::progress::{Monitor, Stage, StageMonitor, Subject};
use crate::judge::objectives::{CertainLimit, Objectives};
use crate::load::{Phase, Plan, Progress};
use crate::machine::BootEvent;
use crate::record::run::LiveView;
use crate::stats::snapshot::SnapshotRelay;

/// A caller that also ends the experiment, for objectives that ask for it.
pub struct Aborting<'a> {
    caller: Caller<'a>,
    limits: Vec<CertainLimit>,
}

impl<'a> Aborting<'a> {
    /// Returns `caller` with the limits of `objectives` whose objectives say `abort`.
    #[must_use]
    pub fn new(caller: Caller<'a>, objectives: &Objectives) -> Self {
        Self {
            caller,
            limits: objectives.certain_limits(),
        }
    }

    /// Returns the caller for the experiment.
    #[must_use]
    pub fn caller(&self) -> Caller<'_> {
        Caller {
            interrupt: self.caller.interrupt,
            monitor: self,
        }
    }

    /// Ends the experiment if `progress` has broken a limit for good.
    fn check(&self, plan: &Plan, progress: &Progress) {
        let mode = plan.mode.name();
        let is_measured = progress.phase != Phase::WarmUp;
        let mut limits = self.limits.iter();
        if is_measured && limits.any(|limit| limit.is_broken(mode, progress)) {
            // The measurement is broken off, and what it counted until then stands.
            let flag = self.caller.interrupt.flag();
            flag.store(true, Ordering::Relaxed);
        }
    }
}

impl Monitor for Aborting<'_> {
    fn message(&self, text: &dyn Display) {
        self.caller.monitor.message(text);
    }

    fn begin(&self, stage: Stage) -> Box<dyn StageMonitor + '_> {
        Box::new(AbortingStage {
            inner: self.caller.monitor.begin(stage),
            aborting: self,
        })
    }

    fn relay(&self) -> Option<SnapshotRelay> {
        self.caller.monitor.relay()
    }

    fn subject(&self, subject: &Subject<'_>) -> Option<LiveView> {
        self.caller.monitor.subject(subject)
    }
}

/// A stage in which limits are watched.
struct AbortingStage<'a> {
    inner: Box<dyn StageMonitor + 'a>,
    aborting: &'a Aborting<'a>,
}

impl StageMonitor for AbortingStage<'_> {
    fn wait(&mut self) {
        self.inner.wait();
    }

    fn boot_event(&mut self, event: &BootEvent) {
        self.inner.boot_event(event);
    }

    fn load_begins(&mut self) {
        self.inner.load_begins();
    }

    fn load(&mut self, plan: &Plan, progress: &Progress) {
        self.inner.load(plan, progress);
        self.aborting.check(plan, progress);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Interrupt;
    use super::super::progress::Silent;
    use super::*;
    use crate::load::Unwanted;

    const FILE: &str = "schema = \"fathom-objectives/1\"\n[[objective]]\npass = ['lost <= 2']\nabort = true\n\
        on = { mode = 'closed' }\n[[objective]]\npass = ['corrupted == 0']\n";

    fn progress(phase: Phase, lost: u64) -> Progress {
        Progress {
            phase,
            elapsed_ns: 1,
            sent: 10,
            lost,
            unwanted: Unwanted {
                corrupted: 7,
                ..Unwanted::default()
            },
            due_in_ns: None,
            is_idle: true,
        }
    }

    #[test]
    fn a_measurement_ends_when_a_limit_is_broken_for_good() {
        let objectives = Objectives::read(FILE.as_bytes(), "o.toml").unwrap();
        let after = |phase, lost| {
            let interrupt = Interrupt::default();
            let caller = Caller {
                interrupt: &interrupt,
                monitor: &Silent,
            };
            let aborting = Aborting::new(caller, &objectives);
            let own = aborting.caller();
            let mut stage = own.monitor.begin(Stage::Measurement);
            stage.load(&Plan::FIXTURE, &progress(phase, lost));
            interrupt.is_set()
        };
        assert_eq!(Plan::FIXTURE.mode.name(), "closed");
        // Others than those that say so end nothing.
        assert!(!after(Phase::Measuring, 2));
        assert!(!after(Phase::WarmUp, 3));
        assert!(after(Phase::Measuring, 3));
        assert!(after(Phase::Draining, 3));
    }
}
