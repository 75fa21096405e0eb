//! Progress of an experiment, as it reports that to its caller. Nothing in [`crate::experiment`] prints.

use std::fmt::Display;

use rustix::process::Pid;

use crate::host::assignment::Cpus;
use crate::load::{Plan, Progress};
use crate::machine::BootEvent;
use crate::record::RunPosition;
use crate::record::run::LiveView;
use crate::stats::run_check::RunCheck;
use crate::stats::snapshot::SnapshotRelay;

/// Receiver of an experiment's messages and progress. No method has a default: a monitor that wraps another would compile
/// without handing a call on.
pub trait Monitor: Sync {
    /// Receives a message for people, without a line break at its end.
    fn message(&self, text: &dyn Display);

    /// Begins a stage, which ends when the returned value is dropped.
    fn begin(&self, stage: Stage) -> Box<dyn StageMonitor + '_>;

    /// Returns the measuring thread's end of a way for the snapshots of a measurement that begins, if anybody reads them.
    fn relay(&self) -> Option<SnapshotRelay>;

    /// Returns a check of a measurement by `plan` that begins, if anybody wants one.
    fn run_check(&self, plan: &Plan) -> Option<Box<dyn RunCheck>>;

    /// Receives word of the next measurement, on the thread that measures. Returns the place of the live view that is to
    /// go on beside it; `None` if there is to be none.
    fn subject(&self, subject: &Subject<'_>) -> Option<LiveView>;
}

/// A measurement that is about to begin.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Name of the target, with its mode.
    pub target: &'a str,
    /// Name of the link.
    pub link: &'a str,
    /// Place in the experiment.
    pub position: RunPosition,
    /// The load.
    pub plan: &'a Plan,
    /// CPUs of the guest and of the measuring thread; `None` where the scheduler chooses.
    pub cpus: Option<Cpus>,
    /// The measuring thread.
    pub thread: Pid,
}

/// A stage of an experiment that takes a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Boot of a machine, from the start of QEMU until the guest is ready.
    Boot,
    /// A measurement, from the wait for a quiet host to the last reply.
    Measurement,
}

/// Receiver of the progress of one stage. Calls come on the thread that measures, so they must be short.
pub trait StageMonitor {
    /// Receives word that the stage goes on; called every few milliseconds.
    fn wait(&mut self);

    /// Receives an event of a boot.
    fn boot_event(&mut self, event: &BootEvent);

    /// Receives word that the load begins: warm-up first.
    fn load_begins(&mut self);

    /// Receives the progress of the load of `plan`; called about every millisecond.
    fn load(&mut self, plan: &Plan, progress: &Progress);
}

/// A monitor that ignores everything.
#[cfg(test)]
#[derive(Clone, Copy, Debug)]
pub struct Silent;

#[cfg(test)]
impl Monitor for Silent {
    fn message(&self, _: &dyn Display) {}

    fn begin(&self, _: Stage) -> Box<dyn StageMonitor + '_> {
        Box::new(Self)
    }

    fn relay(&self) -> Option<SnapshotRelay> {
        None
    }

    fn run_check(&self, _: &Plan) -> Option<Box<dyn RunCheck>> {
        None
    }

    fn subject(&self, _: &Subject<'_>) -> Option<LiveView> {
        None
    }
}

#[cfg(test)]
impl StageMonitor for Silent {
    fn wait(&mut self) {}

    fn boot_event(&mut self, _: &BootEvent) {}

    fn load_begins(&mut self) {}

    fn load(&mut self, _: &Plan, _: &Progress) {}
}
