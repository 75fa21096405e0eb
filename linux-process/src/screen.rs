//! Settings of the terminal on standard error: changed for a full-screen view, and put back however the process ends.
//!
//! [`give_back`] is called by whoever shows the view when that ends, by a panic hook, and by the handlers of signals that
//! end the process at once ([`give_back_on_second`], [`give_back_before_default`]). It takes no lock, allocates nothing
//! and makes system calls only that signal-safety(7) lists, so it may run anywhere.
//!
//! The terminal stays in its canonical mode (termios(3)): Ctrl-C and Ctrl-Z are the kernel's to turn into signals. Only
//! the echo of what is typed is off, which would be written over the view.
//!
//! Unsafe here: handlers of signals, which signal-hook has a caller vouch for.
#![expect(unsafe_code, reason = "handlers of signals")]

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::stdio::stderr;
use rustix::termios::{
    LocalModes, OptionalActions, QueueSelector, Termios, tcflush, tcgetattr, tcgetpgrp, tcsetattr,
};
use signal_hook::low_level;

/// Begins the alternate screen, empties it, and hides the cursor (xterm's control sequences; DEC private modes 1049 and
/// 25).
const BEGIN: &[u8] = b"\x1b[?1049h\x1b[2J\x1b[?25l";

/// Ends colours, shows the cursor, and ends the alternate screen, which brings back what was there before.
const END: &[u8] = b"\x1b[0m\x1b[?25h\x1b[?1049l";

/// Settings before the first [`take`].
static SETTINGS: OnceLock<Termios> = OnceLock::new();

/// True between [`take`] and [`give_back`].
static IS_TAKEN: AtomicBool = AtomicBool::new(false);

/// Begins the alternate screen, without a cursor and without echo.
///
/// # Errors
///
/// If standard error is no terminal (ENOTTY), or one that this process may not change because it runs in the background.
pub fn take() -> io::Result<()> {
    let terminal = stderr();
    if !is_in_foreground() {
        return Err(io::Error::other("another process has the terminal"));
    }
    let settings = tcgetattr(terminal)?;
    let mut silent = settings.clone();
    silent.local_modes -= LocalModes::ECHO;
    SETTINGS.get_or_init(|| settings);
    IS_TAKEN.store(true, Ordering::SeqCst);
    tcsetattr(terminal, OptionalActions::Now, &silent)?;
    rustix::io::write(terminal, BEGIN)?;
    Ok(())
}

/// Ends the alternate screen and puts the settings back, unless that is done already. Input that nobody has seen is
/// discarded.
pub fn give_back() {
    if !IS_TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    let terminal = stderr();
    // Nothing can be done about a terminal that is gone, and none that is stopped (Ctrl-S) is waited for.
    if is_writable() {
        let _ = rustix::io::write(terminal, END);
    }
    let _ = tcflush(terminal, QueueSelector::IFlush);
    if let Some(settings) = SETTINGS.get() {
        let _ = tcsetattr(terminal, OptionalActions::Now, settings);
    }
}

/// Returns whether a short text can be written without waiting.
fn is_writable() -> bool {
    let terminal = stderr();
    let mut events = [PollFd::new(&terminal, PollFlags::OUT)];
    let at_once = Timespec::default();
    poll(&mut events, Some(&at_once)).is_ok_and(|ready| ready > 0)
}

/// Returns whether the alternate screen is shown.
#[must_use]
pub fn is_taken() -> bool {
    IS_TAKEN.load(Ordering::SeqCst)
}

/// Returns whether the terminal shows what is typed, as it does if a shell has had it since [`take`].
#[must_use]
pub fn has_echo() -> bool {
    tcgetattr(stderr()).is_ok_and(|settings| settings.local_modes.contains(LocalModes::ECHO))
}

/// Returns whether this process may change the terminal on standard error: its group is in the foreground.
#[must_use]
pub fn is_in_foreground() -> bool {
    tcgetpgrp(stderr()).is_ok_and(|group| group == rustix::process::getpgrp())
}

/// Gives the terminal back when `signal` comes while `was_first` is set: what is registered for the signal afterwards may
/// end the process at once.
///
/// # Errors
///
/// Those of sigaction(2).
pub fn give_back_on_second(signal: i32, was_first: Arc<AtomicBool>) -> io::Result<()> {
    let handler = move || {
        if was_first.load(Ordering::SeqCst) {
            give_back();
        }
    };
    // SAFETY: the handler reads a flag and calls `give_back`, which is as the module says.
    unsafe { low_level::register(signal, handler) }?;
    Ok(())
}

/// Gives the terminal back when `signal` comes, and does then what the system does by default.
///
/// # Errors
///
/// Those of sigaction(2).
pub fn give_back_before_default(signal: i32) -> io::Result<()> {
    let handler = move || {
        give_back();
        let _ = low_level::emulate_default_handler(signal);
    };
    // SAFETY: `give_back` is as the module says, and signal-hook says the same of `emulate_default_handler`.
    unsafe { low_level::register(signal, handler) }?;
    Ok(())
}
