//! Rights that a process has, as the kernel tells them (proc_pid_status(5)).
#![forbid(unsafe_code)]

use std::fmt;

use serde::{Deserialize, Serialize};

/// Rights of QEMU's process while it ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ProcessRights {
    /// Number of its effective user.
    pub user: u32,
    /// Reason why that is fathom's own user; null if it is another.
    pub own_user_reason: Option<String>,
    /// Effective capabilities, a bit each, in hexadecimal (capabilities(7)).
    pub capabilities: String,
    /// True if execve(2) gives it no privileges (`PR_SET_NO_NEW_PRIVS`).
    pub no_new_privileges: bool,
    /// True if a filter limits its system calls (seccomp(2)).
    pub seccomp: bool,
    /// True if it is in a network namespace of its own, from which it does not reach the host's services.
    pub own_network: bool,
}

impl ProcessRights {
    /// Reads the rights from `status`, the process's `/proc/PID/status`; `None` if a line is missing.
    #[must_use]
    pub fn read(status: &str) -> Option<Self> {
        let field = |name: &str| {
            let mut lines = status.lines();
            let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            value.map(str::trim)
        };
        Some(Self {
            // Real, effective, saved and file system user.
            user: field("Uid")?.split_whitespace().nth(1)?.parse().ok()?,
            own_user_reason: None,
            capabilities: field("CapEff")?.to_owned(),
            no_new_privileges: field("NoNewPrivs")? == "1",
            seccomp: field("Seccomp")? == "2",
            own_network: false,
        })
    }

    /// Returns true if it has no capability at all.
    #[must_use]
    pub fn has_no_capabilities(&self) -> bool {
        self.capabilities.bytes().all(|digit| digit == b'0')
    }
}

impl fmt::Display for ProcessRights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "user {}", self.user)?;
        if let Some(reason) = &self.own_user_reason {
            write!(f, " ({reason})")?;
        }
        if self.has_no_capabilities() {
            f.write_str(", no capabilities")?;
        } else {
            write!(f, ", capabilities {}", self.capabilities)?;
        }
        for (is_so, what) in [
            (self.no_new_privileges, "no new privileges"),
            (self.seccomp, "seccomp filter"),
            (self.own_network, "network namespace of its own"),
        ] {
            if is_so {
                write!(f, ", {what}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "Name:\tqemu-system-x86\nUid:\t0\t65534\t0\t0\nCapInh:\t0000000000000001\n\
                          CapEff:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t1\n";

    #[test]
    fn rights_are_read_and_said() {
        let rights = ProcessRights::read(STATUS).unwrap();
        assert_eq!(rights.user, 65534);
        assert_eq!(
            rights.to_string(),
            "user 65534, no capabilities, no new privileges, seccomp filter"
        );
        let root = STATUS
            .replace("65534", "0")
            .replace("CapEff:\t0000000000000000", "CapEff:\t000001ffffffffff")
            .replace("NoNewPrivs:\t1", "NoNewPrivs:\t0")
            .replace("Seccomp:\t2", "Seccomp:\t0");
        let root = ProcessRights {
            own_user_reason: Some("fathom is not root".to_owned()),
            own_network: true,
            ..ProcessRights::read(&root).unwrap()
        };
        assert_eq!(
            root.to_string(),
            "user 0 (fathom is not root), capabilities 000001ffffffffff, network namespace of its own"
        );
        assert_eq!(ProcessRights::read("Name:\tzombie\n"), None);
    }
}
