//! What to do between polls: the boot argument `idle=`.
//!
//! `spin` polls again at once. It does *not* execute PAUSE between polls: under TCG that
//! instruction leaves the translated code and the emulator's loop (it is how QEMU lets another
//! virtual processor run), which costs microseconds that the next frame would wait for; under KVM
//! it can exit to the host by pause-loop exiting. There is no sibling thread of ours to be polite to.
//!
//! `nap` polls like that too, until nothing has come for [`QUIET_NS`]; then it sleeps in naps of
//! [`NAP_US`], polling in between, so that a frame which comes in a quiet spell waits for about one
//! nap at most, and those that follow it do not wait.
//!
//! Pure policy: the caller says what time it is and how to sleep.

use crate::args::IdlePolicy;

/// How long nothing must have come before the service naps, in nanoseconds.
pub const QUIET_NS: u64 = 10_000_000;

/// How long a nap is, in microseconds: the shortest for which Hermit's `sys_usleep` sets a timer
/// and halts the processor. Any shorter sleep it spends in a busy loop.
pub const NAP_US: u64 = 10_000;

/// The state of the idle policy.
#[derive(Clone, Copy, Debug)]
pub struct Idle {
    policy: IdlePolicy,
    quiet_since_ns: Option<u64>,
}

impl Idle {
    /// An idle policy that has seen nothing yet.
    #[must_use]
    pub const fn new(policy: IdlePolicy) -> Self {
        Self {
            policy,
            quiet_since_ns: None,
        }
    }

    /// To be called after every poll, with whether it did anything. `now_ns` reads a clock and
    /// `nap` sleeps for so many microseconds; under [`IdlePolicy::Spin`] neither is called.
    pub fn after_poll(&mut self, busy: bool, now_ns: impl FnOnce() -> u64, nap: impl FnOnce(u64)) {
        if self.policy == IdlePolicy::Spin {
            return;
        }
        if busy {
            self.quiet_since_ns = None;
            return;
        }
        let now_ns = now_ns();
        let since_ns = *self.quiet_since_ns.get_or_insert(now_ns);
        if now_ns.saturating_sub(since_ns) >= QUIET_NS {
            nap(NAP_US);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn naps(idle: &mut Idle, busy: bool, now_ns: u64) -> bool {
        let mut napped = false;
        idle.after_poll(
            busy,
            || now_ns,
            |us| {
                assert_eq!(us, NAP_US);
                napped = true;
            },
        );
        napped
    }

    #[test]
    fn spin_never_naps_nor_reads_the_clock() {
        let mut idle = Idle::new(IdlePolicy::Spin);
        idle.after_poll(false, || panic!("clock"), |_| panic!("nap"));
    }

    #[test]
    fn nap_waits_for_a_quiet_spell() {
        let mut idle = Idle::new(IdlePolicy::Nap);
        assert!(!naps(&mut idle, false, 5));
        assert!(!naps(&mut idle, false, 5 + QUIET_NS - 1));
        assert!(naps(&mut idle, false, 5 + QUIET_NS));
        assert!(naps(&mut idle, false, 6 + QUIET_NS));
    }

    #[test]
    fn a_busy_poll_ends_the_spell() {
        let mut idle = Idle::new(IdlePolicy::Nap);
        assert!(!naps(&mut idle, false, 0));
        assert!(!naps(&mut idle, true, QUIET_NS));
        assert!(!naps(&mut idle, false, 2 * QUIET_NS));
        assert!(naps(&mut idle, false, 3 * QUIET_NS));
    }
}
