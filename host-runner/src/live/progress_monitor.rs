//! Progress on standard error: messages, and a bar where standard error is a terminal.
//!
//! Drawing costs system calls on the measuring thread, so it is done seldom, and between requests where that is
//! possible.

use std::fmt::Display;

use crate::experiment::progress::{Monitor, Stage, StageMonitor, Subject};
use crate::load::{Phase, Plan, Progress};
use crate::machine::BootEvent;
use crate::record::run::LiveView;
use crate::stats::run_check::RunCheck;
use crate::stats::snapshot::SnapshotRelay;
use crate::terminal::progress_line::ProgressLine;
use crate::terminal::say;

/// Interval between drawings while nothing is in flight, in nanoseconds.
const QUIET_INTERVAL_NS: u64 = 200_000_000;

/// Interval between drawings in any case, in nanoseconds.
const BUSY_INTERVAL_NS: u64 = 1_000_000_000;

/// Longest time that drawing may take, in nanoseconds.
const DRAWING_NS: u64 = 1_000_000;

/// The monitor of a command without a live view: messages are lines on standard error, and each stage has a bar there.
#[derive(Clone, Copy, Debug)]
pub struct ProgressMonitor;

impl Monitor for ProgressMonitor {
    fn message(&self, text: &dyn Display) {
        say(text);
    }

    fn begin(&self, stage: Stage) -> Box<dyn StageMonitor + '_> {
        let message = match stage {
            Stage::Boot => "starting QEMU",
            Stage::Measurement => "waiting until the host is quiet",
        };
        Box::new(ProgressLine::new(message))
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

impl StageMonitor for ProgressLine {
    fn wait(&mut self) {
        if self.is_time(QUIET_INTERVAL_NS) {
            self.spin();
        }
    }

    fn boot_event(&mut self, event: &BootEvent) {
        match event {
            BootEvent::Starting { accel } => {
                self.set_message(format_args!("booting on {accel}"));
            }
            BootEvent::FellBack { reason } => {
                self.print_above(format_args!("KVM did not do: {reason}"));
            }
            BootEvent::Ready { .. } => self.set_message("ready"),
        }
    }

    fn load_begins(&mut self) {
        self.begin_bar("warming up");
    }

    fn load(&mut self, plan: &Plan, progress: &Progress) {
        let interval_ns = if progress.is_idle {
            QUIET_INTERVAL_NS
        } else {
            BUSY_INTERVAL_NS
        };
        if !may_draw(progress) || !self.is_time(interval_ns) {
            return;
        }
        let message = match progress.phase {
            Phase::WarmUp => "warming up".to_owned(),
            Phase::Measuring => format!("{} sent, {} lost", progress.sent, progress.lost),
            Phase::Draining => "waiting for the last replies".to_owned(),
        };
        self.set_message(message);
        self.set_share(progress.share_of(plan));
    }
}

/// Returns true if drawing, which takes time of the thread that measures, makes no request late.
fn may_draw(progress: &Progress) -> bool {
    progress.phase == Phase::WarmUp || progress.due_in_ns.is_none_or(|ns| ns >= DRAWING_NS)
}

#[cfg(test)]
mod tests;
