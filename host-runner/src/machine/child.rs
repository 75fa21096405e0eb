//! Steps in the child between `fork` and `exec`.
//!
//! Unsafe are the calls of `pre_exec` here: the standard library has no safe way to run code there, and
//! none of the things below can be done elsewhere without a race.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::io::FdFlags;
use rustix::process::{Pid, Signal};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Lets the child of `command` inherit the descriptors `inherited` under their own numbers, and
/// has the kernel kill it when the *thread* that spawns it ends, whatever ends that.
///
/// The descriptors stay close-on-exec in this process, so no other child gets them; they are
/// closed here when `command` is dropped.
pub(crate) fn tie_to_this_thread(command: &mut Command, inherited: Vec<OwnedFd>) {
    let parent = rustix::process::getpid();
    let prepare = move || prepare(parent, &inherited);
    // SAFETY: the closure runs in the forked child of a threaded process, where only
    // async-signal-safe calls are allowed. It makes plain system calls (prctl, getppid, fcntl) and
    // neither allocates nor locks: the vector was allocated before the fork, and an io::Error made
    // of a raw error number is a number.
    unsafe { command.pre_exec(prepare) };
}

/// Has the child of `command` run in the network namespace that `namespace` is a descriptor of.
pub(crate) fn enter(command: &mut Command, namespace: OwnedFd) {
    let enter = move || {
        let kind = Some(LinkNameSpaceType::Network);
        Ok(move_into_link_name_space(namespace.as_fd(), kind)?)
    };
    // SAFETY: as above. The closure makes one plain system call (setns).
    unsafe { command.pre_exec(enter) };
}

fn prepare(parent: Pid, inherited: &[OwnedFd]) -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    // The parent may have died before the line above: then nobody would send the signal.
    if rustix::process::getppid() != Some(parent) {
        return Err(rustix::io::Errno::SRCH.into());
    }
    for fd in inherited {
        rustix::io::fcntl_setfd(fd, FdFlags::empty())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{PipeReader, Read};
    use std::os::fd::AsRawFd;
    use std::os::unix::process::ExitStatusExt;
    use std::thread;

    use super::*;

    #[test]
    fn the_child_dies_with_the_thread_that_spawned_it() {
        let spawner = thread::spawn(|| {
            let mut command = Command::new("sleep");
            command.arg("60");
            tie_to_this_thread(&mut command, Vec::new());
            command.spawn().unwrap()
        });
        let status = spawner.join().unwrap().wait().unwrap();
        assert_eq!(status.signal(), Some(Signal::KILL.as_raw()));
    }

    #[test]
    fn the_child_inherits_what_it_is_given_and_nothing_stays_open_here() {
        let (mut reader, writer): (PipeReader, _) = io::pipe().unwrap();
        let mut command = Command::new("sh");
        // By number, and through /proc: the shell takes only one digit after `>&`.
        let path = format!("/proc/self/fd/{}", writer.as_raw_fd());
        command.args(["-c", "echo inherited >\"$0\""]).arg(path);
        tie_to_this_thread(&mut command, vec![writer.into()]);
        assert!(command.status().unwrap().success());
        drop(command);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "inherited\n");
    }
}
