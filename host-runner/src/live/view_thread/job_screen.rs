//! The full screen of a job that the shell can stop and continue: Ctrl-Z gives the terminal back, and `fg` takes it again.

use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use linux_process::screen;
use ratatui_core::buffer::Buffer;
use signal_hook::consts::{SIGCONT, SIGTSTP, SIGWINCH};
use signal_hook::{flag, low_level};

use super::wake_up::WakeUp;
use crate::host::signals::is_ignored;
use crate::terminal::full_screen::FullScreen;

/// A full screen, unless the job is stopped or in the background.
#[derive(Debug)]
pub struct JobScreen {
    screen: Option<FullScreen>,
    is_stopped: Arc<AtomicBool>,
    is_continued: Arc<AtomicBool>,
}

impl JobScreen {
    /// Begins it; signals wake the thread of `wake_up`, which is to call [`Self::follow_signals`].
    ///
    /// # Errors
    ///
    /// If the terminal can't be changed, or signals can't be handled.
    pub fn begin(wake_up: &WakeUp) -> io::Result<Self> {
        let screen = Self {
            screen: Some(FullScreen::begin()?),
            is_stopped: Arc::default(),
            is_continued: Arc::default(),
        };
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        // Where there is no job control Ctrl-Z does nothing, and is to do nothing.
        if !is_ignored(&status, SIGTSTP) {
            flag::register(SIGTSTP, Arc::clone(&screen.is_stopped))?;
            wake_up.on_signal(SIGTSTP)?;
        }
        flag::register(SIGCONT, Arc::clone(&screen.is_continued))?;
        wake_up.on_signal(SIGCONT)?;
        wake_up.on_signal(SIGWINCH)?;
        Ok(screen)
    }

    /// Does what signals since the last call ask for: stops this process after the terminal is given back, and takes it
    /// again once the process continues in the foreground.
    pub fn follow_signals(&mut self) {
        if self.is_stopped.swap(false, Ordering::SeqCst) {
            // What was printed since ended the view for good.
            if !screen::is_taken() {
                let _ = low_level::emulate_default_handler(SIGTSTP);
                return;
            }
            self.screen = None;
            let _ = low_level::emulate_default_handler(SIGTSTP);
        } else if self.is_continued.swap(false, Ordering::SeqCst)
            && screen::is_taken()
            && screen::has_echo()
        {
            // Stopped by a signal that nobody can handle: the shell has changed the terminal meanwhile.
            self.screen = None;
        }
        if self.screen.is_none() {
            // In the background, until the next call.
            self.screen = FullScreen::begin().ok();
        }
    }

    /// Draws what `render` makes, if the screen is there.
    pub fn draw(&mut self, render: impl FnOnce(&mut Buffer)) {
        if let Some(screen) = &mut self.screen {
            screen.draw(render);
        }
    }
}
