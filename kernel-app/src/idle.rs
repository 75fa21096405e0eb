//! The idle policy between polls: the boot argument `idle=`.
//!
//! `spin` polls again at once. It does *not* execute PAUSE between polls: under TCG that
//! instruction leaves the translated code and the emulator's loop (it is how QEMU lets another
//! virtual processor run), which costs microseconds that the next frame would wait for; under KVM
//! it can exit to the host by pause-loop exiting. There is no sibling thread of ours to be polite to.
//!
//! `nap` polls like that too, until nothing has come for a while ([`Naps::quiet_us`]); then it
//! sleeps in naps of [`Naps::nap_us`], polling in between, so that a frame which comes in a quiet
//! spell waits for about one nap at most, and those that follow it do not wait.
//!
//! Pure policy: the caller says what time it is and how to sleep.
#![forbid(unsafe_code)]

use crate::args::{IdlePolicy, Naps};

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
    /// Returns whether it was.
    #[inline(always)]
    pub fn after_poll(
        &mut self,
        busy: bool,
        now_ns: impl FnOnce() -> u64,
        nap: impl FnOnce(u64),
    ) -> bool {
        let IdlePolicy::Nap(Naps { quiet_us, nap_us }) = self.policy else {
            return false;
        };
        if busy {
            self.quiet_since_ns = None;
            return false;
        }
        let now_ns = now_ns();
        let since_ns = *self.quiet_since_ns.get_or_insert(now_ns);
        let naps = now_ns.saturating_sub(since_ns) >= quiet_us * 1000;
        if naps {
            nap(nap_us);
        }
        naps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAPS: Naps = Naps {
        quiet_us: 300,
        nap_us: 700,
    };
    const QUIET_NS: u64 = 300_000;

    fn naps(idle: &mut Idle, busy: bool, now_ns: u64) -> bool {
        let mut napped = false;
        let said = idle.after_poll(
            busy,
            || now_ns,
            |us| {
                assert_eq!(us, NAPS.nap_us);
                napped = true;
            },
        );
        assert_eq!(said, napped);
        napped
    }

    #[test]
    fn spin_never_naps_nor_reads_the_clock() {
        let mut idle = Idle::new(IdlePolicy::Spin);
        assert!(!idle.after_poll(false, || panic!("clock"), |_| panic!("nap")));
    }

    #[test]
    fn nap_waits_for_a_quiet_spell() {
        let mut idle = Idle::new(IdlePolicy::Nap(NAPS));
        assert!(!naps(&mut idle, false, 5));
        assert!(!naps(&mut idle, false, 5 + QUIET_NS - 1));
        assert!(naps(&mut idle, false, 5 + QUIET_NS));
        assert!(naps(&mut idle, false, 6 + QUIET_NS));
    }

    #[test]
    fn a_busy_poll_ends_the_spell() {
        let mut idle = Idle::new(IdlePolicy::Nap(NAPS));
        assert!(!naps(&mut idle, false, 0));
        assert!(!naps(&mut idle, true, QUIET_NS));
        assert!(!naps(&mut idle, false, 2 * QUIET_NS));
        assert!(naps(&mut idle, false, 3 * QUIET_NS));
    }
}
