//! Problems with a device's registers. No unsafe code.
#![forbid(unsafe_code)]

use virtio_drivers::transport::mmio::MmioError;
use virtio_drivers::transport::pci::VirtioPciError;

use crate::arch::device_memory::MapError;

/// Problem with a device's registers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegisterProblem {
    /// As [`VirtioPciError`] says.
    #[error("{0}")]
    Pci(VirtioPciError),
    /// As [`MmioError`] says.
    #[error("{0}")]
    Mmio(MmioError),
    /// The firmware gave the registers no address.
    #[error("BAR {0} has no address: the firmware did not assign it")]
    BarUnassigned(u8),
    /// A capability says that the registers lie where they cannot.
    #[error("a capability points outside BAR {0}")]
    OutOfBar(u8),
    /// No capability has this virtio type.
    #[error("virtio capability {0} is missing: a legacy device? use disable-modern=off")]
    MissingCapability(u8),
    /// The list of capabilities is a ring.
    #[error("its list of capabilities has no end")]
    EndlessCapabilities,
    /// Registers that can't be made accessible.
    #[error("{0}")]
    Unmapped(#[from] MapError),
}
