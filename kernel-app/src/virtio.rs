//! virtio-net on PCI and virtio-mmio: from finding the device to frames.
//!
//! - [`driver`]: virtio-net, as a [`crate::frame_device::FrameDevice`];
//! - [`ring`]: its polled queues;
//! - [`ledger`]: which buffers lie with the device;
//! - [`pool`]: the frame buffers;
//! - [`dma`]: what the transport of `virtio-drivers` asks of the platform;
//! - [`pci`]: what there is in PCI configuration space, and where a device's registers are;
//! - [`mmio`]: finding devices that are on no bus;
//! - [`inventory`]: the devices that were found, and which of them it is;
//! - [`mac`]: an Ethernet address for a device that has none;
//! - `ports`, `ecam`, `map`, `bare`: the last steps to the hardware, on bare metal only.
//!
//! All unsafe code of the crate but the clock's instructions is below this module. It rests on one fact: the
//! image is identity-mapped, so that a static's address is also its physical address.

use virtio_drivers::transport::mmio::MmioError;
use virtio_drivers::transport::pci::VirtioPciError;
use wire::Mac;

use inventory::{Location, Macs, Others};
use mmio::MalformedWord;

pub mod dma;
pub mod driver;
pub mod inventory;
pub mod ledger;
pub mod mac;
pub mod mmio;
mod names;
pub mod pci;
pub mod pool;
pub mod ring;

#[cfg(target_os = "none")]
mod bare;
#[cfg(target_os = "none")]
mod ecam;
#[cfg(target_os = "none")]
mod map;
#[cfg(target_os = "none")]
mod ports;

#[cfg(target_os = "none")]
pub use bare::Nic;

/// Why there is no network device to serve on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NicError {
    /// The machine has none that there is a driver for.
    #[error("no network device: {0}")]
    NotFound(Others),
    /// The command line does not say where a device is, but seems to.
    #[error("{0}")]
    Word(#[from] MalformedWord),
    /// None has the address that was asked for.
    #[error("no network device has the address of nic={wanted}: there are {there}")]
    NoSuchMac {
        /// The address.
        wanted: Mac,
        /// Those of the devices that there are.
        there: Macs,
    },
    /// The device's registers cannot be used.
    #[error("network device at {at}: {problem}")]
    Registers {
        /// Where the device is.
        at: Location,
        /// What is wrong.
        #[source]
        problem: RegisterProblem,
    },
    /// The device was found, but does not work with this driver.
    #[error("network device at {at}: {problem}")]
    Setup {
        /// Where the device is.
        at: Location,
        /// What is wrong.
        #[source]
        problem: driver::SetupError,
    },
}

/// What is wrong with a device's registers.
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
