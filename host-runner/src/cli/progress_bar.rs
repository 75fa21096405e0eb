//! Progress on standard error: messages, and a bar where standard error is a terminal.
//!
//! Drawing costs system calls on the measuring thread (a thread of its own would take a CPU from
//! QEMU), so it is done seldom, and between requests where that is possible.

use std::fmt::Display;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::say::say;
use crate::clock;
use crate::experiment::progress::{Monitor, Stage, StageMonitor};
use crate::load::{Phase, Plan, Progress};
use crate::machine::BootEvent;

/// Interval between drawings while nothing is in flight, in nanoseconds.
const QUIET_INTERVAL_NS: u64 = 200_000_000;

/// Interval between drawings in any case, in nanoseconds.
const BUSY_INTERVAL_NS: u64 = 1_000_000_000;

/// Longest time that drawing may take, in nanoseconds.
const DRAWING_NS: u64 = 1_000_000;

/// Length of the bar, of which a share is done.
const BAR_LENGTH: u64 = 10_000;

/// The terminal of a command: messages are lines on standard error, and each stage has a bar there.
#[derive(Clone, Copy, Debug)]
pub struct Terminal;

impl Monitor for Terminal {
    fn message(&self, text: &dyn Display) {
        say(text);
    }

    fn begin(&self, stage: Stage) -> Box<dyn StageMonitor + '_> {
        Box::new(Bar::new(stage))
    }
}

/// A line on the terminal that shows the progress of a stage.
#[derive(Debug)]
pub struct Bar {
    bar: ProgressBar,
    last_drawn_ns: u64,
}

impl Bar {
    /// Draws a bar with the name of `stage`.
    #[must_use]
    pub fn new(stage: Stage) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(5));
        bar.set_style(style("{spinner} {msg} ({elapsed})"));
        bar.set_message(match stage {
            Stage::Boot => "starting QEMU",
            Stage::Measurement => "waiting until the host is quiet",
        });
        bar.tick();
        Self {
            bar,
            last_drawn_ns: 0,
        }
    }

    /// Returns true if the last drawing is `interval_ns` ago, and takes the next for done.
    fn is_time(&mut self, interval_ns: u64) -> bool {
        if self.bar.is_hidden() {
            return false;
        }
        let now_ns = clock::now_ns();
        let is_time = now_ns.saturating_sub(self.last_drawn_ns) >= interval_ns;
        if is_time {
            self.last_drawn_ns = now_ns;
        }
        is_time
    }
}

impl StageMonitor for Bar {
    fn wait(&mut self) {
        if self.is_time(QUIET_INTERVAL_NS) {
            self.bar.tick();
        }
    }

    fn boot_event(&mut self, event: &BootEvent) {
        match event {
            BootEvent::Starting { accel } => {
                self.bar.set_message(format!("booting on {accel}"));
            }
            BootEvent::FellBack { reason } => {
                // A bar that is hidden prints nothing.
                self.bar.println(format!("KVM did not do: {reason}"));
            }
            BootEvent::Ready { .. } => self.bar.set_message("ready"),
        }
    }

    fn load_begins(&mut self) {
        let template = "{bar:30} {msg} ({elapsed})";
        self.bar.set_style(style(template));
        self.bar.set_length(BAR_LENGTH);
        self.bar.set_message("warming up");
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
        self.bar.set_message(message);
        self.bar
            .set_position((progress.share_of(plan) * BAR_LENGTH as f64) as u64);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Returns true if drawing, which takes time of the thread that measures, makes no request late.
fn may_draw(progress: &Progress) -> bool {
    progress.phase == Phase::WarmUp || progress.due_in_ns.is_none_or(|ns| ns >= DRAWING_NS)
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests;
