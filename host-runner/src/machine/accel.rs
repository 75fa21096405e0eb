//! Choice of the accelerator to boot on: decisions without a look at the host, which is
//! [`probe_kvm`](crate::host::emulators::probe_kvm)'s.
//!
//! That `/dev/kvm` exists, or even opens, proves nothing: there are hosts whose KVM is nested and
//! emulates ring 0 thousands of times slower than TCG, or fails on an instruction. So `auto` gives
//! KVM a short trial with the real image, and nothing is remembered from one boot to the next.
#![forbid(unsafe_code)]

use super::machine_config::{Accel, AccelChoice};
use crate::host::emulators::Probe;

/// The accelerator to boot on first, and what to do if it fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// One accelerator and no other.
    Only {
        /// The one concerned.
        accel: Accel,
        /// Reason for this one.
        reason: String,
    },
    /// A short trial of KVM, then TCG.
    TryKvm,
    /// KVM was asked for and can't be had.
    Refuse {
        /// Reason why not.
        reason: String,
    },
}

/// Returns the accelerators to try, given the user's choice; `probe` is called only where it matters.
pub(super) fn plan(choice: AccelChoice, probe: impl FnOnce() -> Probe) -> Plan {
    match choice {
        AccelChoice::Tcg => Plan::Only {
            accel: Accel::Tcg,
            reason: "asked for".to_owned(),
        },
        AccelChoice::Kvm => match probe() {
            Ok(()) => Plan::Only {
                accel: Accel::Kvm,
                reason: "asked for".to_owned(),
            },
            Err(reason) => Plan::Refuse { reason },
        },
        AccelChoice::Auto => match probe() {
            Ok(()) => Plan::TryKvm,
            Err(reason) => Plan::Only {
                accel: Accel::Tcg,
                reason,
            },
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unasked() -> Probe {
        panic!("/dev/kvm is none of its business");
    }

    fn absent() -> Probe {
        Err("there is no /dev/kvm".to_owned())
    }

    #[test]
    fn tcg_does_not_look_at_kvm() {
        let expected = Plan::Only {
            accel: Accel::Tcg,
            reason: "asked for".to_owned(),
        };
        assert_eq!(plan(AccelChoice::Tcg, unasked), expected);
    }

    #[test]
    fn kvm_is_kvm_or_nothing() {
        let expected = Plan::Only {
            accel: Accel::Kvm,
            reason: "asked for".to_owned(),
        };
        assert_eq!(plan(AccelChoice::Kvm, || Ok(())), expected);
        let reason = "there is no /dev/kvm".to_owned();
        assert_eq!(plan(AccelChoice::Kvm, absent), Plan::Refuse { reason });
    }

    #[test]
    fn auto_tries_kvm_only_where_it_opens() {
        assert_eq!(plan(AccelChoice::Auto, || Ok(())), Plan::TryKvm);
        let expected = Plan::Only {
            accel: Accel::Tcg,
            reason: "there is no /dev/kvm".to_owned(),
        };
        assert_eq!(plan(AccelChoice::Auto, absent), expected);
    }
}
