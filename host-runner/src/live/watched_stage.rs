//! Stages of an experiment as the view's thread hears of them, and as nobody does.

use super::live_snapshot::LiveStage;
use super::view_thread::Shared;
use crate::experiment::progress::StageMonitor;
use crate::load::{Phase, Plan, Progress};
use crate::machine::BootEvent;
use crate::terminal::say;

/// A stage that the view shows.
#[derive(Debug)]
pub struct WatchedStage<'a>(pub &'a Shared);

impl StageMonitor for WatchedStage<'_> {
    fn wait(&mut self) {}

    fn boot_event(&mut self, event: &BootEvent) {
        match event {
            BootEvent::Starting { accel } => self.0.set_message(format!("booting on {accel}")),
            BootEvent::FellBack { reason } => say(format_args!("KVM did not do: {reason}")),
            BootEvent::Ready { .. } => self.0.set_message("the guest is ready".to_owned()),
        }
    }

    fn load_begins(&mut self) {
        self.0.set_stage(LiveStage::WarmingUp);
    }

    fn load(&mut self, _: &Plan, progress: &Progress) {
        self.0.set_stage(match progress.phase {
            Phase::WarmUp => LiveStage::WarmingUp,
            Phase::Measuring => LiveStage::Measuring,
            Phase::Draining => LiveStage::Draining,
        });
    }
}

/// A stage that nobody watches.
#[derive(Clone, Copy, Debug)]
pub struct Silence;

impl StageMonitor for Silence {
    fn wait(&mut self) {}

    fn boot_event(&mut self, event: &BootEvent) {
        if let BootEvent::FellBack { reason } = event {
            say(format_args!("KVM did not do: {reason}"));
        }
    }

    fn load_begins(&mut self) {}

    fn load(&mut self, _: &Plan, _: &Progress) {}
}
