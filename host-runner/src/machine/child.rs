//! Steps in the child between `fork` and `exec`.
//!
//! Unsafe are the calls of `pre_exec` here: the standard library has no safe way to run code there, and
//! none of the things below can be done elsewhere without a race.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use linux_process::privileges::{self, CapabilitySet, Identity};
use rustix::io::FdFlags;
use rustix::process::{Pid, Signal};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::own_network;

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

/// Leaves the child of `command` no more than it needs: a network namespace of its own by `network`, the identity of an
/// ordinary user, no privileges to gain. To be called before [`tie_to_this_thread`]: another identity undoes that.
pub(crate) fn confine(
    command: &mut Command,
    network: Option<own_network::Maker>,
    identity: Option<Identity>,
) {
    let confine = move || {
        if let Some(network) = &network {
            network.make()?;
        }
        privileges::bound(CapabilitySet::empty())?;
        if let Some(identity) = &identity {
            identity.assume()?;
        }
        privileges::forbid_new()
    };
    // SAFETY: as above. The closure makes plain system calls (unshare, socket, ioctl, sendmsg, prctl, setgroups,
    // setresgid, setresuid), and what it calls neither allocates nor locks.
    unsafe { command.pre_exec(confine) };
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

    /// Returns what a child that is left `identity` prints of its status, and the socket of its network.
    fn confined(identity: Option<Identity>) -> (String, Option<std::net::UdpSocket>) {
        let (socket, maker) = own_network::pair().unwrap();
        let mut command = Command::new("cat");
        command.arg("/proc/self/status");
        confine(&mut command, Some(maker), identity);
        tie_to_this_thread(&mut command, Vec::new());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        (String::from_utf8(output.stdout).unwrap(), socket.take())
    }

    #[test]
    fn a_confined_child_has_no_privileges_left_and_a_network_of_its_own() {
        let is_root = rustix::process::geteuid().is_root();
        let nobody = Identity {
            user: privileges::Uid::from_raw(65534),
            group: privileges::Gid::from_raw(65534),
            groups: Vec::new(),
        };
        let (status, socket) = confined(is_root.then_some(nobody));
        let rights = crate::host::process_rights::ProcessRights::read(&status).unwrap();
        assert!(
            rights.no_new_privileges && rights.has_no_capabilities(),
            "{rights}"
        );
        if !is_root {
            return;
        }
        assert_eq!(rights.user, 65534);
        assert!(status.contains("CapBnd:\t0000000000000000\n"), "{status}");
        let socket = socket.expect("root may make a namespace");
        let outside = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(outside.local_addr().unwrap()).unwrap();
        let _ = socket.send(b"ping");
        outside.set_nonblocking(true).unwrap();
        assert!(outside.recv(&mut [0; 8]).is_err(), "it is the same network");
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
