//! The end of a measurement as soon as an objective is certain to be missed.

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use super::progress::{Monitor, Stage, StageMonitor, Subject};
use super::{Caller, Interrupt};
use crate::judge::objectives::certain_limit::{PlannedRequests, RunLimit};
use crate::judge::objectives::{CertainLimit, Objectives};
use crate::load::{Plan, Progress, Tally};
use crate::machine::BootEvent;
use crate::record::run::LiveView;
use crate::stats::RunRecorder;
use crate::stats::run_check::RunCheck;
use crate::stats::snapshot::SnapshotRelay;

/// A caller that also ends the experiment, for objectives that ask for it.
pub struct Aborting<'a> {
    caller: Caller<'a>,
    limits: Vec<CertainLimit>,
    /// The limit that ended the experiment.
    broken: Arc<OnceLock<String>>,
    /// True once the caller has been told of it.
    is_told: AtomicBool,
}

/// Limits on one run, and the interrupt that ends it.
#[derive(Debug)]
struct LimitCheck {
    limits: Vec<RunLimit>,
    interrupt: Interrupt,
    broken: Arc<OnceLock<String>>,
}

impl<'a> Aborting<'a> {
    /// Returns `caller` with the limits of `objectives` whose objectives say `abort`.
    #[must_use]
    pub fn new(caller: Caller<'a>, objectives: &Objectives) -> Self {
        Self {
            caller,
            limits: objectives.certain_limits(),
            broken: Arc::default(),
            is_told: AtomicBool::new(false),
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

    /// Tells the caller of a limit that is broken, once.
    fn tell(&self) {
        if let Some(text) = self.broken.get()
            && !self.is_told.swap(true, Ordering::Relaxed)
        {
            let message = format_args!(
                "`{text}` is certain to be missed: the measurement ends here, and what was measured is written"
            );
            self.caller.monitor.message(&message);
        }
    }
}

impl RunCheck for LimitCheck {
    fn run_so_far(&mut self, at_ns: u64, tally: &Tally, recorder: &RunRecorder) {
        let mut limits = self.limits.iter_mut();
        if let Some(limit) = limits.find_map(|limit| {
            let is_broken = limit.is_broken(at_ns, tally, recorder);
            is_broken.then_some(limit)
        }) {
            let _ = self.broken.set(limit.text().to_owned());
            // The measurement is broken off, and what it counted until then stands.
            self.interrupt.flag().store(true, Ordering::Relaxed);
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

    fn run_check(&self, plan: &Plan) -> Option<Box<dyn RunCheck>> {
        if self.limits.is_empty() {
            return None;
        }
        // A run that can't be certain to miss any was told before anything was started; a step of a sweep goes on to its end.
        let planned = PlannedRequests::of(plan);
        let limits = self.limits.iter();
        let limits = limits.filter_map(|limit| limit.on(plan.mode.name(), planned).ok().flatten());
        Some(Box::new(LimitCheck {
            limits: limits.collect(),
            interrupt: self.caller.interrupt.clone(),
            broken: Arc::clone(&self.broken),
        }))
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
        self.aborting.tell();
    }
}

#[cfg(test)]
mod tests;
