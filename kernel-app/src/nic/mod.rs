//! virtio-net on PCI: from finding the device to frames.
//!
//! - [`virtio`]: the device driver, as a [`crate::frames::FrameDevice`];
//! - [`ring`]: its polled queues;
//! - [`ledger`]: which buffers lie with the device;
//! - [`pool`]: the frame buffers;
//! - [`dma`]: what the transport of `virtio-drivers` asks of the platform;
//! - [`pci`]: finding the device and its registers in PCI configuration space;
//! - `ports`, `map`, `bare`: the last steps to the hardware, on bare metal only.
//!
//! All unsafe code of the crate but the clock's instructions is below this module. It rests on one fact: the
//! image is identity-mapped, so that a static's address is also its physical address.

use virtio_drivers::transport::pci::VirtioPciError;

pub mod dma;
pub mod ledger;
pub mod pci;
pub mod pool;
pub mod ring;
pub mod virtio;

#[cfg(target_os = "none")]
mod bare;
#[cfg(target_os = "none")]
mod map;
#[cfg(target_os = "none")]
mod ports;

#[cfg(target_os = "none")]
pub use bare::Nic;

/// Why there is no network device to serve on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NicError {
    /// The PCI buses hold no virtio network device.
    #[error(
        "no network device: no virtio-net device on PCI; give the machine one, such as -device virtio-net-pci"
    )]
    NotFound,
    /// The device's registers cannot be used.
    #[error("network device at {at}: {problem}")]
    Pci {
        /// Where the device is.
        at: pci::Address,
        /// What is wrong.
        #[source]
        problem: PciProblem,
    },
    /// The device was found, but does not work with this driver.
    #[error("network device: {0}")]
    Virtio(#[from] virtio::SetupError),
}

/// What is wrong with a device's registers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PciProblem {
    /// As [`VirtioPciError`] says.
    #[error("{0}")]
    Transport(VirtioPciError),
    /// The firmware gave the registers no address.
    #[error("BAR {0} has no address: the firmware did not assign it")]
    BarUnassigned(u8),
    /// A capability says that the registers lie where they cannot.
    #[error("a capability points outside BAR {0}")]
    OutOfBar(u8),
    /// There is no capability of this virtio type.
    #[error("virtio capability {0} is missing: a legacy device? use disable-modern=off")]
    MissingCapability(u8),
    /// The list of capabilities is a ring.
    #[error("its list of capabilities has no end")]
    EndlessCapabilities,
    /// The registers' address is used for something else.
    #[error("registers at {0:#x} cannot be mapped: something else is there")]
    AddressTaken(u64),
    /// The pool for page tables is used up.
    #[error("registers at {0:#x} cannot be mapped: no page left for a page table")]
    NoPageTable(u64),
}
