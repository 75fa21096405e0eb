//! A line on standard error that shows progress; nothing where standard error is no terminal.

use std::fmt::Display;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::escape;
use crate::clock;

/// Length of the bar, of which a share is done.
const BAR_LENGTH: u64 = 10_000;

/// A line of progress, which goes when it is dropped: a spinner with a message, and later a bar.
///
/// Drawing costs system calls on the calling thread (a thread of its own would take a CPU from QEMU), so it is
/// done when the caller says so.
#[derive(Debug)]
pub struct ProgressLine {
    bar: ProgressBar,
    last_drawn_ns: u64,
}

impl ProgressLine {
    /// Draws a spinner with `message`.
    #[must_use]
    pub fn new(message: &'static str) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(5));
        bar.set_style(style("{spinner} {msg} ({elapsed})"));
        bar.set_message(message);
        bar.tick();
        Self {
            bar,
            last_drawn_ns: 0,
        }
    }

    /// Returns true if the last drawing is `interval_ns` ago, and takes the next for done.
    pub fn is_time(&mut self, interval_ns: u64) -> bool {
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

    /// Draws the next state of the spinner.
    pub fn spin(&self) {
        self.bar.tick();
    }

    /// Draws the line with another message.
    pub fn set_message(&self, message: impl Display) {
        self.bar.set_message(shown(message));
    }

    /// Prints `message` above the line, which stays; nothing where no line is shown.
    pub fn print_above(&self, message: impl Display) {
        self.bar.println(shown(message));
    }

    /// Draws a bar with `message` in place of the spinner; none of it is done.
    pub fn begin_bar(&self, message: &'static str) {
        self.bar.set_style(style("{bar:30} {msg} ({elapsed})"));
        self.bar.set_length(BAR_LENGTH);
        self.bar.set_message(message);
    }

    /// Draws the bar with a share of it done, from 0 to 1.
    pub fn set_share(&self, share: f64) {
        self.bar.set_position((share * BAR_LENGTH as f64) as u64);
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Returns a message as a terminal may have it.
fn shown(message: impl Display) -> String {
    escape(&message.to_string()).into_owned()
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_message_of_others_moves_no_cursor() {
        assert_eq!(super::shown("KVM: \x1b[2J"), "KVM: \\x1b[2J");
    }
}
