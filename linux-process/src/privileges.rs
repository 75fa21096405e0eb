//! Privileges that a thread gives up for good (credentials(7), capabilities(7)).
//!
//! Each function makes system calls for the calling thread alone: it neither allocates nor locks, and may be
//! called between fork(2) and execve(2). A process with several threads calls it in each, or before it has them.
#![forbid(unsafe_code)]

use std::io;

use rustix::io::Errno;
use rustix::thread::{CapabilitySets, capabilities, set_capabilities, set_no_new_privs};
use rustix::thread::{remove_capability_from_bounding_set, set_thread_groups};
use rustix::thread::{set_thread_res_gid, set_thread_res_uid};

pub use rustix::thread::{CapabilitySet, Gid, Uid};

/// Identity of an ordinary user's process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// User.
    pub user: Uid,
    /// Group.
    pub group: Gid,
    /// Supplementary groups.
    pub groups: Vec<Gid>,
}

impl Identity {
    /// Makes it the calling thread's identity, real, effective and saved, without a way back. A thread that was root's
    /// loses all capabilities by it, and its parent-death signal (`PR_SET_PDEATHSIG`).
    ///
    /// # Errors
    ///
    /// EPERM without CAP_SETUID and CAP_SETGID; EINVAL if a number is none of the user namespace's.
    pub fn assume(&self) -> io::Result<()> {
        let (user, group) = (Some(self.user), Some(self.group));
        set_thread_groups(&self.groups)?;
        set_thread_res_gid(group, group, group)?;
        set_thread_res_uid(user, user, user)?;
        Ok(())
    }
}

/// Keeps execve(2) in the calling thread and its children from giving privileges: set-user-ID programs and file
/// capabilities have no effect (`PR_SET_NO_NEW_PRIVS`).
///
/// # Errors
///
/// EINVAL for a kernel older than Linux 3.5.
pub fn forbid_new() -> io::Result<()> {
    Ok(set_no_new_privs(true)?)
}

/// Drops all capabilities but those in `kept` from the calling thread's bounding set, which limits what execve(2) can
/// give. Without CAP_SETPCAP nothing changes: an ordinary user's thread has none to gain but by [`forbid_new`].
///
/// # Errors
///
/// Those of `PR_CAPBSET_DROP` but EPERM.
pub fn bound(kept: CapabilitySet) -> io::Result<()> {
    for bit in 0..u64::BITS {
        let capability = CapabilitySet::from_bits_retain(1 << bit);
        if kept.contains(capability) {
            continue;
        }
        match remove_capability_from_bounding_set(capability) {
            Ok(()) => {}
            // The kernel knows no more of them; or the thread may not.
            Err(Errno::INVAL | Errno::PERM) => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Drops all capabilities but those in `kept` from the calling thread, and from its bounding set as [`bound`] does.
///
/// # Errors
///
/// Those of [`bound`] and of capset(2), which refuses nothing that only drops capabilities.
pub fn keep_only(kept: CapabilitySet) -> io::Result<()> {
    bound(kept)?;
    let now = capabilities(None)?;
    set_capabilities(
        None,
        CapabilitySets {
            effective: now.effective & kept,
            permitted: now.permitted & kept,
            inheritable: CapabilitySet::empty(),
        },
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::thread;

    use super::*;

    /// Returns a field of the calling thread's status (proc(5)).
    fn status(field: &str) -> String {
        let text = fs::read_to_string("/proc/thread-self/status").unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(field));
        line.unwrap().trim().to_owned()
    }

    /// Runs `test` on a thread of its own, whose privileges nobody needs afterwards.
    fn on_a_thread(test: impl FnOnce() + Send + 'static) {
        thread::spawn(test).join().unwrap();
    }

    #[test]
    fn dropped_capabilities_are_gone_and_kept_ones_are_not() {
        on_a_thread(|| {
            let before = u64::from_str_radix(&status("CapPrm:"), 16).unwrap();
            let kept = CapabilitySet::KILL | CapabilitySet::SYS_NICE;
            keep_only(kept).unwrap();
            let expected = format!("{:016x}", before & kept.bits());
            for field in ["CapPrm:", "CapEff:"] {
                assert_eq!(status(field), expected, "{field}");
            }
            if before & CapabilitySet::SETPCAP.bits() != 0 {
                assert_eq!(status("CapBnd:"), expected);
            }
            keep_only(CapabilitySet::empty()).unwrap();
            assert_eq!(status("CapPrm:"), "0000000000000000");
        });
    }

    #[test]
    fn no_new_privileges_stay_forbidden() {
        on_a_thread(|| {
            forbid_new().unwrap();
            assert_eq!(status("NoNewPrivs:"), "1");
        });
    }

    #[test]
    fn root_becomes_an_ordinary_user_without_capabilities() {
        on_a_thread(|| {
            let identity = Identity {
                user: Uid::from_raw(65534),
                group: Gid::from_raw(65533),
                groups: vec![Gid::from_raw(65532)],
            };
            let is_root = rustix::process::geteuid().is_root();
            match identity.assume() {
                Ok(()) => {
                    assert_eq!(status("Uid:"), ["65534"; 4].join("\t"));
                    assert_eq!(status("Gid:"), ["65533"; 4].join("\t"));
                    assert_eq!(status("Groups:"), "65532");
                    assert_eq!(status("CapEff:"), "0000000000000000");
                    assert!(set_thread_res_uid(Uid::ROOT, Uid::ROOT, Uid::ROOT).is_err());
                }
                Err(error) => {
                    assert!(!is_root, "{error}");
                    assert_eq!(error.raw_os_error(), Some(Errno::PERM.raw_os_error()));
                }
            }
        });
    }
}
