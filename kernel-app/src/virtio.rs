//! virtio-net on PCI and virtio-mmio: from finding the device to frames.
//!
//! - [`driver`]: virtio-net, as a [`crate::frame_device::FrameDevice`];
//! - [`ring`]: its polled queues;
//! - [`in_flight`]: the buffers that the device has;
//! - [`pool`]: the frame buffers;
//! - [`dma`]: the platform as the transport of `virtio-drivers` uses it;
//! - [`pci`]: PCI configuration space, and the addresses of a device's registers;
//! - [`mmio`]: finding devices that are on no bus;
//! - [`registers`]: problems with a device's registers;
//! - [`inventory`]: the devices that were found, and which of them it is;
//! - [`pci_id`]: identities of PCI devices, and names of those without a driver;
//! - [`mac`]: an Ethernet address for a device that has none;
//! - [`error`]: reasons that there is no device to serve on;
//! - `machine`: the devices of the machine that this runs on, on bare metal only.
//!
//! Unsafe here, in `pool`, `dma` and `machine`. It rests on one fact: the image is identity-mapped, so that a
//! static's address is also its physical address.

pub mod dma;
pub mod driver;
pub mod error;
mod in_flight;
pub mod inventory;
pub mod mac;
pub mod mmio;
pub mod pci;
pub mod pci_id;
mod pool;
pub mod registers;
pub mod ring;

#[cfg(target_os = "none")]
mod machine;

#[cfg(target_os = "none")]
pub use machine::Nic;
