//! Signals that end this program: the first sets a flag, the second ends it at once.
//!
//! SIGTERM and a hangup, which is the end of the terminal or of its ssh session, count as one. The kernel ends QEMU with the
//! program, however that ends.

use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use linux_process::screen;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

/// Exit code on the second signal.
const EXIT_CODE: i32 = 1;

/// Watches for SIGINT, SIGTERM and SIGHUP from now on, which set `is_over`; a SIGHUP that `nohup` has this program ignore
/// stays ignored.
///
/// # Errors
///
/// The system's if it refuses to register a handler.
pub fn watch(is_over: &Arc<AtomicBool>) -> io::Result<()> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    watch_all(ending(&status), is_over)
}

/// Does as [`watch`], but SIGHUP sets `reload`: something is to be read again.
///
/// # Errors
///
/// As [`watch`].
pub fn watch_and_reload(is_over: &Arc<AtomicBool>, reload: &Arc<AtomicBool>) -> io::Result<()> {
    watch_all([SIGINT, SIGTERM].into_iter(), is_over)?;
    flag::register(SIGHUP, Arc::clone(reload)).map(drop)
}

fn watch_all(signals: impl Iterator<Item = i32>, is_over: &Arc<AtomicBool>) -> io::Result<()> {
    for signal in signals {
        // In this order: the first signal finds the flag unset, and then sets it. The second one ends the program.
        screen::give_back_on_second(signal, Arc::clone(is_over))?;
        flag::register_conditional_shutdown(signal, EXIT_CODE, Arc::clone(is_over))?;
        flag::register(signal, Arc::clone(is_over))?;
    }
    Ok(())
}

/// Returns the signals that end a measurement, for the process whose `/proc/PID/status` is `status`.
fn ending(status: &str) -> impl Iterator<Item = i32> {
    let survives_hangup = is_ignored(status, SIGHUP);
    [SIGINT, SIGTERM, SIGHUP]
        .into_iter()
        .filter(move |&signal| signal != SIGHUP || !survives_hangup)
}

/// Returns whether the process whose `/proc/PID/status` is `status` ignores `signal`: bit `signal` - 1 of `SigIgn` (proc(5)).
#[must_use]
pub fn is_ignored(status: &str, signal: i32) -> bool {
    let mask = |line: &str| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok();
    let ignored = status.lines().find_map(mask).unwrap_or(0);
    ignored >> (signal - 1) & 1 == 1
}

#[cfg(test)]
mod tests;
