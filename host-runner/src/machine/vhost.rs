//! vhost-net: the host's kernel serves the rings of a guest on a tap device, without QEMU between them.
//!
//! It is what a production host would have. Where it is not to be had, the frames go through QEMU.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags};

/// The kernel's device for it.
pub const DEVICE: &str = "/dev/vhost-net";

/// Choice of whether the host's kernel serves the guest's rings on a tap device. Docs of variants are `--help` text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum VhostChoice {
    /// If /dev/vhost-net can be opened
    #[default]
    Auto,
    /// Always, or an error
    On,
    /// Never: QEMU serves the device
    Off,
}

/// Decision whether the host's kernel serves the guest's rings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vhost {
    /// True if it does.
    pub is_on: bool,
    /// The reason, in words.
    pub reason: String,
}

/// Error: vhost-net was asked for, and is not to be had.
#[derive(Debug, thiserror::Error)]
#[error(
    "vhost-net was asked for, and {reason}; load the kernel's module (`modprobe vhost_net`), see that \
     {DEVICE} may be read and written by you, or use `--vhost auto` or `--vhost off`"
)]
pub struct NoVhost {
    /// Obstacle, in words.
    pub reason: String,
}

impl Vhost {
    /// Decides by `choice`, before the boot. `is_captured` is true if QEMU is to see every frame.
    ///
    /// # Errors
    ///
    /// [`NoVhost`] if it was asked for and can't be had.
    pub fn decide(choice: VhostChoice, is_captured: bool) -> Result<Self, NoVhost> {
        Self::decide_by(choice, is_captured, || open().map(drop))
    }

    fn decide_by(
        choice: VhostChoice,
        is_captured: bool,
        open: impl FnOnce() -> io::Result<()>,
    ) -> Result<Self, NoVhost> {
        if choice == VhostChoice::Off {
            return Ok(Self {
                is_on: false,
                reason: "asked for".to_owned(),
            });
        }
        let obstacle = if is_captured {
            Some("QEMU captures no frame that the host's kernel handles".to_owned())
        } else {
            let error = open().err();
            error.map(|error| format!("{DEVICE} can't be opened: {error}"))
        };
        match (choice, obstacle) {
            (VhostChoice::On, Some(reason)) => Err(NoVhost { reason }),
            (_, Some(reason)) => Ok(Self {
                is_on: false,
                reason,
            }),
            (_, None) => Ok(Self {
                is_on: true,
                reason: format!("{DEVICE} can be opened"),
            }),
        }
    }

    /// Corrects the decision by what QEMU says of the running device: it goes on by itself where the kernel
    /// refuses. `choice` is what was asked for.
    ///
    /// # Errors
    ///
    /// [`NoVhost`] if it was asked for and is not in use.
    pub fn confirm(self, choice: VhostChoice, has_started: Option<bool>) -> Result<Self, NoVhost> {
        if !self.is_on || has_started != Some(false) {
            return Ok(self);
        }
        let reason = "QEMU could not start it and serves the rings itself".to_owned();
        if choice == VhostChoice::On {
            return Err(NoVhost { reason });
        }
        Ok(Self {
            is_on: false,
            reason,
        })
    }
}

/// Opens the device, for QEMU.
///
/// # Errors
///
/// Those of open(2).
pub(super) fn open() -> io::Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::CLOEXEC;
    Ok(rustix::fs::open(DEVICE, flags, Mode::empty())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there() -> io::Result<()> {
        Ok(())
    }

    fn missing() -> io::Result<()> {
        Err(io::ErrorKind::NotFound.into())
    }

    #[test]
    fn it_is_used_where_it_is_available_unless_it_is_off() {
        let auto = |open: fn() -> io::Result<()>, is_captured| {
            Vhost::decide_by(VhostChoice::Auto, is_captured, open).unwrap()
        };
        assert!(auto(there, false).is_on);
        let without = auto(missing, false);
        assert!(
            !without.is_on && without.reason.contains(DEVICE),
            "{without:?}"
        );
        let captured = auto(there, true);
        assert!(!captured.is_on && captured.reason.contains("captures"));
        let off = Vhost::decide_by(VhostChoice::Off, false, there).unwrap();
        assert_eq!((off.is_on, off.reason.as_str()), (false, "asked for"));
        assert!(
            Vhost::decide_by(VhostChoice::On, false, there)
                .unwrap()
                .is_on
        );
    }

    #[test]
    fn vhost_on_demand_fails_with_the_obstacle_and_the_remedy() {
        let error = Vhost::decide_by(VhostChoice::On, false, missing).unwrap_err();
        let text = error.to_string();
        for part in [DEVICE, "modprobe vhost_net", "--vhost off", "not found"] {
            assert!(text.contains(part), "{text}");
        }
        assert!(Vhost::decide_by(VhostChoice::On, true, there).is_err());
    }

    #[test]
    fn vhost_is_not_claimed_where_qemu_could_not_start_it() {
        let on = Vhost::decide_by(VhostChoice::Auto, false, there).unwrap();
        let confirmed = |choice, has_started| on.clone().confirm(choice, has_started);
        assert!(confirmed(VhostChoice::Auto, Some(true)).unwrap().is_on);
        // A QEMU that can't be asked is believed.
        assert!(confirmed(VhostChoice::On, None).unwrap().is_on);
        assert!(!confirmed(VhostChoice::Auto, Some(false)).unwrap().is_on);
        assert!(confirmed(VhostChoice::On, Some(false)).is_err());
        let off = Vhost::decide_by(VhostChoice::Off, false, there).unwrap();
        assert_eq!(
            off.clone().confirm(VhostChoice::On, Some(false)).unwrap(),
            off
        );
    }
}
