//! QEMU's filter of its own system calls (seccomp(2)), which QEMU may have been built without.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicBool, Ordering};

/// Value of `-sandbox`: after its start QEMU executes no program, gains no privileges, makes no obsolete system call and
/// leaves affinity and priority of its threads to others (QEMU's manual, `-sandbox`).
pub(super) const FILTER: &str =
    "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny";

/// True once a QEMU has refused the option.
static IS_REFUSED: AtomicBool = AtomicBool::new(false);

/// Returns false if a QEMU of this process's has refused the option.
pub(super) fn is_known() -> bool {
    !IS_REFUSED.load(Ordering::Relaxed)
}

/// Returns true if `stderr` is that of a QEMU that knows no filter, or runs on a kernel without any, and leaves the
/// option out from now on.
pub(super) fn is_refused(stderr: &str) -> bool {
    let is_refused = says_so(stderr);
    if is_refused {
        IS_REFUSED.store(true, Ordering::Relaxed);
    }
    is_refused
}

fn says_so(stderr: &str) -> bool {
    let mut lines = stderr.lines();
    lines.any(|line| line.contains("-sandbox") || line.contains("seccomp"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn qemus_words_for_a_filter_that_it_has_not_are_known() {
        for stderr in [
            "qemu-system-x86_64: -sandbox support is not enabled in this QEMU binary",
            "qemu-system-x86_64: -sandbox on,spawn=deny: Invalid parameter 'spawn'",
            "qemu-system-x86_64: failed to install seccomp syscall filter in the kernel",
        ] {
            assert!(says_so(stderr), "{stderr}");
        }
        assert!(!says_so(
            "qemu-system-x86_64: failed to initialize kvm: No such device"
        ));
    }
}
