//! Children that cannot outlive the test, and a way to see who descends from whom.
//!
//! Its unsafety is the call of `pre_exec` here and the calls of `signal`: the standard library has no safe
//! way to do something in the child between `fork` and `exec`, and none to change what a signal does. The
//! harness has one other, in [`crate::small_disk`].

use std::env;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::sys::signal::{self, SigHandler};
use rustix::io::FdFlags;
use rustix::process::{Pid, Signal};
use suite::Capability;

/// Signals that tests send. `nohup`, and a shell for what it starts in the background, have a program ignore
/// some of them, and every child inherits that.
const SENT: [signal::Signal; 3] = [
    signal::Signal::SIGHUP,
    signal::Signal::SIGINT,
    signal::Signal::SIGTERM,
];

/// Has the kernel kill the child of `command` when the thread that spawns it ends, has it begin with the
/// default action of each signal that tests send, whatever this process ignores, and lets it inherit
/// `inherited` under their own numbers. They are closed here when `command` is dropped.
pub fn tie_to_this_thread(command: &mut Command, inherited: Vec<OwnedFd>) {
    let prepare = move || prepare(&inherited);
    // SAFETY: the closure runs in the forked child, where only async-signal-safe calls are allowed.
    // It makes the system calls prctl, rt_sigaction and fcntl, and neither allocates nor locks.
    unsafe { command.pre_exec(prepare) };
}

fn prepare(inherited: &[OwnedFd]) -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    for signal in SENT {
        // SAFETY: the default action runs no code of this process.
        unsafe { signal::signal(signal, SigHandler::SigDfl) }?;
    }
    for fd in inherited {
        rustix::io::fcntl_setfd(fd, FdFlags::empty())?;
    }
    Ok(())
}

/// Returns whether `program` is on the path; skips the calling test, which lacks `capability`, if not.
#[must_use]
#[track_caller]
pub fn is_installed(program: &str, capability: Capability) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let is_installed = env::split_paths(&path).any(|directory| directory.join(program).is_file());
    if !is_installed {
        suite::skip(
            capability,
            format_args!("no program {program} is installed"),
        );
    }
    is_installed
}

/// Returns whether a process of `group` is running; zombies don't.
#[must_use]
pub fn is_in_group(group: Pid) -> bool {
    let mut entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.any(|entry| {
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // After the name in brackets: state, parent, group.
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        let mut fields = fields.split_whitespace();
        let state = fields.next();
        let own = fields.nth(1).and_then(|own| own.parse().ok());
        state != Some("Z") && own == Some(group.as_raw_nonzero().get())
    })
}

/// A process that is not ours to wait for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Number.
    pub pid: Pid,
    /// Name, as the kernel has it: at most 15 bytes.
    pub name: String,
}

impl Process {
    /// Sends it `signal`; one that has ended already is none the worse for it.
    pub fn signal(&self, signal: Signal) {
        let _ = rustix::process::kill_process(self.pid, signal);
    }
}

/// The processes that run with `variable` in their environment, set or inherited, in the order of
/// their numbers. Those that have ended and wait to be collected are none.
#[must_use]
pub fn running_with(variable: &str) -> Vec<Process> {
    let mut found: Vec<Process> = fs::read_dir("/proc")
        .expect("/proc is mounted")
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let pid = Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)?;
            let environment = fs::read(entry.path().join("environ")).ok()?;
            let has_it = environment
                .split(|&byte| byte == 0)
                .any(|field| field == variable.as_bytes());
            let name = fs::read_to_string(entry.path().join("comm")).ok()?;
            has_it.then(|| Process {
                pid,
                name: name.trim().to_owned(),
            })
        })
        .collect();
    found.sort_by_key(|process| process.pid.as_raw_nonzero());
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_ignores_no_signal_that_tests_send_even_under_nohup() {
        // SAFETY: a signal that is ignored runs no code of this process.
        let before = unsafe { signal::signal(signal::Signal::SIGHUP, SigHandler::SigIgn) };
        let mut command = Command::new("cat");
        command.arg("/proc/self/status");
        let inherits = command.output().expect("there is a cat");
        tie_to_this_thread(&mut command, Vec::new());
        let tied = command.output().expect("there is a cat");
        // SAFETY: this is what it was before.
        let ours = unsafe { signal::signal(signal::Signal::SIGHUP, before.expect("it has one")) };
        assert!(matches!(ours, Ok(SigHandler::SigIgn)), "{ours:?}");
        let ignored = |status: &[u8]| {
            let status = String::from_utf8_lossy(status);
            let mask = status
                .lines()
                .find_map(|line| line.strip_prefix("SigIgn:\t"));
            u64::from_str_radix(mask.expect("the kernel tells"), 16).expect("it is a number")
        };
        let hangup = 1 << (signal::Signal::SIGHUP as i32 - 1);
        assert_eq!(ignored(&inherits.stdout) & hangup, hangup);
        let sent = SENT
            .iter()
            .fold(0, |mask, &sent| mask | 1 << (sent as i32 - 1));
        assert_eq!(ignored(&tied.stdout) & sent, 0);
    }
}
