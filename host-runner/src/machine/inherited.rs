//! The files of a machine, which QEMU inherits as descriptors: it opens nothing by a name that its user could not.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

use linux_process::privileges::Identity;
use rustix::fs::fchown;
use rustix::process::{getegid, geteuid};

use super::error::MachineError;
use super::guest_memory::GuestMemory;
use super::machine_config::{Config, Netdev};
use super::{sealed, vhost};
use crate::files::Destination;

/// Descriptors for one QEMU.
#[derive(Debug)]
pub(super) struct Inherited {
    monitor: OwnedFd,
    memory: OwnedFd,
    image: OwnedFd,
    initrd: Option<OwnedFd>,
    network: Option<OwnedFd>,
    vhost: Option<OwnedFd>,
    capture: Option<OwnedFd>,
}

/// The numbers that QEMU finds them under.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbers {
    /// The monitor's socket.
    pub monitor: RawFd,
    /// The guest's memory.
    pub memory: RawFd,
    /// The image, or a Linux kernel.
    pub image: RawFd,
    /// A Linux kernel's initial file system.
    pub initrd: Option<RawFd>,
    /// Peer of the network device, with [`Netdev::Unix`], [`Netdev::Tap`] and [`Netdev::VhostUser`].
    pub network: Option<RawFd>,
    /// The host kernel's device that serves the guest's rings, if it does.
    pub vhost: Option<RawFd>,
    /// The file of a capture, if QEMU is to write one.
    pub capture: Option<RawFd>,
}

impl Inherited {
    /// Opens and makes what `config` names.
    ///
    /// # Errors
    ///
    /// [`MachineError::Setup`] names the file that can't be had.
    pub fn of(
        config: &Config,
        monitor: UnixStream,
        memory: &GuestMemory,
    ) -> Result<Self, MachineError> {
        let setup = |what| move |source| MachineError::Setup { what, source };
        let (network, has_vhost) = match &config.netdev {
            // A copy: a second attempt needs it again.
            Netdev::Unix { socket: fd } | Netdev::VhostUser { socket: fd } => {
                (Some(fd.try_clone()), false)
            }
            Netdev::Tap { device, vhost, .. } => (Some(device.try_clone()), *vhost),
            Netdev::User { .. } | Netdev::None => (None, false),
        };
        let vhost = has_vhost.then(vhost::open).transpose();
        let initrd = config.initrd.as_deref().map(sealed::copy).transpose();
        // Made here, so that QEMU follows no link and truncates no file of others.
        let capture = config
            .netdev
            .capture_path()
            .map(|path| Destination::from(path).create().map(OwnedFd::from))
            .transpose();
        Ok(Self {
            monitor: monitor.into(),
            memory: memory.descriptor().map_err(setup("the guest's memory"))?,
            image: sealed::copy(&config.image).map_err(setup("a copy of the image"))?,
            initrd: initrd.map_err(setup("a copy of the initial file system"))?,
            network: network.transpose().map_err(setup("a network socket"))?,
            vhost: vhost.map_err(setup("vhost-net"))?,
            capture: capture.map_err(setup("a capture file"))?,
        })
    }

    /// Returns their numbers.
    pub fn numbers(&self) -> Numbers {
        let number = |file: &Option<OwnedFd>| file.as_ref().map(|file| file.as_raw_fd());
        Numbers {
            monitor: self.monitor.as_raw_fd(),
            memory: self.memory.as_raw_fd(),
            image: self.image.as_raw_fd(),
            initrd: number(&self.initrd),
            network: number(&self.network),
            vhost: number(&self.vhost),
            capture: number(&self.capture),
        }
    }

    /// Makes the files that QEMU opens anew, by `/proc/self/fd`, those of `identity`, until what is returned is dropped.
    ///
    /// # Errors
    ///
    /// Those of fchown(2).
    pub fn lend(&self, identity: &Identity) -> io::Result<Option<Lent>> {
        let Some(capture) = &self.capture else {
            return Ok(None);
        };
        let lent = Lent(capture.try_clone()?.into());
        fchown(&lent.0, Some(identity.user), Some(identity.group))?;
        Ok(Some(lent))
    }

    /// Returns all descriptors.
    pub fn into_vec(self) -> Vec<OwnedFd> {
        let needed = [self.monitor, self.memory, self.image];
        let others = [self.initrd, self.network, self.vhost, self.capture];
        needed
            .into_iter()
            .chain(others.into_iter().flatten())
            .collect()
    }
}

/// A file of this process's user that is another's for a while.
#[derive(Debug)]
pub(super) struct Lent(File);

impl Drop for Lent {
    fn drop(&mut self) {
        // It is still open to everybody for reading, and the user's to remove.
        let _ = fchown(&self.0, Some(geteuid()), Some(getegid()));
    }
}
