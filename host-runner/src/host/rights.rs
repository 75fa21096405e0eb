//! The rights of this process: capabilities (capabilities(7)) and limits (getrlimit(2)).

use std::io;

use linux_process::privileges::{self, CapabilitySet};
use rustix::process::{Resource, getrlimit};

use super::tree::Tree;

/// The device that makes tap devices (Linux, Documentation/networking/tuntap.rst).
pub const TUN_DEVICE: &str = "/dev/net/tun";

/// A capability, by its number (`linux/capability.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capability(u32);

/// Networks may be changed.
pub const NET_ADMIN: Capability = Capability(12);
/// Memory may be locked without a limit.
pub const IPC_LOCK: Capability = Capability(14);
/// Much else.
pub const SYS_ADMIN: Capability = Capability(21);
/// Threads may go first.
pub const SYS_NICE: Capability = Capability(23);

/// Use of capabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CapabilityUse {
    /// Reads and writes files.
    Files,
    /// Measures what runs already.
    Measuring,
    /// Starts what is measured: QEMU, the service on Linux, their networks.
    Starting,
    /// Measures what it has started, and ends it.
    Started,
    /// Waits for QEMU's end, or brings it about.
    Supervising,
    /// Maps a guest's memory.
    SharingMemory,
}

const FILES: CapabilitySet = CapabilitySet::CHOWN // a file keeps its owner
    .union(CapabilitySet::DAC_OVERRIDE) // results in another user's directory
    .union(CapabilitySet::DAC_READ_SEARCH)
    .union(CapabilitySet::FOWNER);

/// With all sockets open.
const OBSERVING: CapabilitySet = FILES
    .union(CapabilitySet::IPC_LOCK)
    .union(CapabilitySet::SYS_NICE)
    .union(CapabilitySet::SYS_PTRACE) // other processes in /proc
    .union(CapabilitySet::SYS_RESOURCE)
    .union(CapabilitySet::PERFMON);

const MEASURING: CapabilitySet = OBSERVING
    .union(CapabilitySet::NET_BIND_SERVICE) // a source port below 1024
    .union(CapabilitySet::NET_ADMIN)
    .union(CapabilitySet::NET_RAW);

/// For QEMU, which is another user's.
const ENDING: CapabilitySet = CapabilitySet::KILL;

const STARTING: CapabilitySet = MEASURING
    .union(ENDING)
    .union(CapabilitySet::SETGID)
    .union(CapabilitySet::SETUID)
    .union(CapabilitySet::SETPCAP)
    .union(CapabilitySet::SYS_ADMIN)
    .union(CapabilitySet::BPF);

impl CapabilityUse {
    const fn capabilities(self) -> CapabilitySet {
        match self {
            Self::Files => FILES,
            Self::Measuring => MEASURING,
            Self::Starting => STARTING,
            Self::Started => OBSERVING.union(ENDING),
            Self::Supervising => ENDING,
            // mmap(2) locks what it maps, after mlockall(2).
            Self::SharingMemory => CapabilitySet::IPC_LOCK,
        }
    }
}

/// Gives up for good the capabilities that `needed` has no use for, and the right to gain privileges. No command
/// keeps those to load modules, to set the clock and to reach the hardware. To be called while there is one thread.
///
/// # Errors
///
/// Those of prctl(2) and capset(2).
pub fn keep_only(needed: CapabilityUse) -> io::Result<()> {
    privileges::keep_only(needed.capabilities())?;
    privileges::forbid_new()
}

/// As [`keep_only`], for the calling thread and those that it starts. Others of the process keep theirs: no memory is out
/// of their reach, but what this thread has the system do is done without.
///
/// capset(2) refuses nothing that only drops capabilities; where there is no capset(2), the thread goes on with what it
/// has.
pub fn keep_in_this_thread(needed: CapabilityUse) {
    let _ = privileges::keep_only(needed.capabilities());
}

/// Returns whether the effective capabilities in `status`, which is `/proc/self/status`, have this one.
#[must_use]
pub fn has(status: Option<&str>, capability: Capability) -> Option<bool> {
    let line = status?
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))?;
    let capabilities = u64::from_str_radix(line.trim(), 16).ok()?;
    Some(capabilities >> capability.0 & 1 == 1)
}

/// Returns the text of `/proc/self/status`.
#[must_use]
pub fn status(tree: &Tree) -> Option<String> {
    tree.read("proc/self/status")
}

/// Returns the highest real-time priority without a capability; `None` for no limit.
#[must_use]
pub fn realtime_limit() -> Option<u64> {
    getrlimit(Resource::Rtprio).current
}

/// Returns how much memory may be locked without a capability, in bytes; `None` for no limit.
#[must_use]
pub fn memory_lock_limit() -> Option<u64> {
    getrlimit(Resource::Memlock).current
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_bits_of_a_number() {
        let status = Some("Name:\tfathom\nCapEff:\t0000000000004000\n");
        assert_eq!(has(status, IPC_LOCK), Some(true));
        assert_eq!(has(status, SYS_NICE), Some(false));
        assert_eq!(has(Some("Name:\tfathom\n"), IPC_LOCK), None);
        assert_eq!(has(None, IPC_LOCK), None);
    }
}
