//! Signals that a process ignores.

/// Returns whether the process whose `/proc/PID/status` is `status` ignores `signal`: bit `signal` - 1 of `SigIgn` (proc(5)).
#[must_use]
pub fn is_ignored(status: &str, signal: i32) -> bool {
    let mask = |line: &str| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok();
    let ignored = status.lines().find_map(mask).unwrap_or(0);
    ignored >> (signal - 1) & 1 == 1
}
