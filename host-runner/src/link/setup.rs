//! From the choice of a link to the link: before the boot, what QEMU needs of it; after the boot,
//! the link itself.

use std::path::PathBuf;

use crate::machine::{Machine, Netdev};

use super::{Link, LinkError};

/// The links that `--link` takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LinkKind {
    /// A UDP port forwarded by QEMU's user network.
    User,
    /// Ethernet frames over a Unix socket pair.
    #[default]
    Unix,
}

/// Which of the service's addresses to send to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    /// Its IPv4 address.
    #[default]
    V4,
    /// Its IPv6 address.
    V6,
}

/// A link to set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which link.
    pub kind: LinkKind,
    /// Which of the service's addresses.
    pub family: Family,
    /// The forwarded port on 127.0.0.1, for [`LinkKind::User`]; 0 picks a free one.
    pub host_port: u16,
    /// The service's UDP port.
    pub guest_port: u16,
    /// Where to capture every frame, if anywhere.
    pub pcap: Option<PathBuf>,
}

/// The half of a link that waits for its machine.
#[derive(Debug)]
pub struct Opener {
    options: Options,
}

/// Prepares a link: the network device for the machine's configuration, and what opens the link
/// when the machine is ready.
///
/// # Errors
///
/// [`LinkError`] if a socket or the capture file can't be had.
pub fn prepare(options: Options) -> Result<(Netdev, Opener), LinkError> {
    Ok((Netdev::None, Opener { options }))
}

impl Opener {
    /// Opens the link to the service on `machine`.
    ///
    /// # Errors
    ///
    /// [`LinkError`] if the service has no such address or can't be reached.
    pub fn open(self, machine: &Machine) -> Result<Box<dyn Link>, LinkError> {
        let _ = (self.options, machine);
        todo!()
    }
}
