//! The network devices of a machine: those that there is a driver for, in order, and the others.
//!
//! No hardware and no unsafe code: others look at buses and registers, and report here.
#![forbid(unsafe_code)]

use core::fmt;

use heapless::Vec;
use virtio_drivers::transport::DeviceType;
use virtio_drivers::transport::pci::bus::{DeviceFunction, DeviceFunctionInfo};
use virtio_drivers::transport::pci::virtio_device_type;
use wire::Mac;
use wire::ready::NicPosition;

use super::mmio::{Identity, MODERN, Window};
use super::pci::Address;
use super::pci_id::PciId;

/// Number of devices that can be chosen from; further ones are only counted.
const DEVICES: usize = 16;

/// Number of their addresses that are named where none of them is the wanted one.
const NAMED: usize = 8;

/// Number of devices without driver that are named.
const OTHERS: usize = 4;

/// PCI's class of network controllers.
const NETWORK_CONTROLLER: u8 = 2;

/// Location of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location {
    /// On a PCI bus.
    Pci(Address),
    /// At an address of its own.
    Mmio(Window),
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pci(at) => at.fmt(f),
            Self::Mmio(window) => window.fmt(f),
        }
    }
}

/// Network devices that were found.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    devices: Vec<Location, DEVICES>,
    uncounted: u8,
    others: Others,
}

impl Inventory {
    /// Takes note of a function on a PCI bus.
    pub fn add_pci(&mut self, at: DeviceFunction, info: &DeviceFunctionInfo) {
        if virtio_device_type(info) == Some(DeviceType::Network) {
            self.add(Location::Pci(Address(at)));
        } else if info.class == NETWORK_CONTROLLER {
            let id = PciId {
                vendor: info.vendor_id,
                device: info.device_id,
            };
            // Those that do not fit go unnamed.
            let _ = self.others.pci.push(id);
        }
    }

    /// Takes note of what a window holds.
    pub fn add_mmio(&mut self, window: Window, identity: Identity) {
        match identity {
            Identity::Network { version: MODERN } => self.add(Location::Mmio(window)),
            Identity::Network { version } => self.others.mmio = Some((window, version)),
            Identity::Nothing | Identity::Other => {}
        }
    }

    fn add(&mut self, location: Location) {
        if !self.devices.contains(&location) && self.devices.push(location).is_err() {
            self.uncounted = self.uncounted.saturating_add(1);
        }
    }

    /// Returns true if no network device was found, with or without driver.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.devices.is_empty() && self.others == Others::default()
    }

    /// Chooses a device: the first, or the one whose address is `wanted`. `mac` reads a device's address.
    ///
    /// # Errors
    ///
    /// [`ChoiceError`] if there is no device, or none has the address `wanted`; else the error of `mac`, if the device
    /// that it came from may be the one.
    pub fn choose<E: From<ChoiceError>>(
        self,
        wanted: Option<Mac>,
        mut mac: impl FnMut(Location) -> Result<Mac, E>,
    ) -> Result<Chosen, E> {
        let count = (self.devices.len() as u8).saturating_add(self.uncounted);
        let chosen = |index: usize, location| Chosen {
            location,
            position: NicPosition {
                number: index as u8 + 1,
                count,
            },
        };
        let Some(&first) = self.devices.first() else {
            return Err(ChoiceError::NotFound(self.others).into());
        };
        let Some(wanted) = wanted else {
            return Ok(chosen(0, first));
        };
        let mut there = Macs(Vec::new());
        let mut failed = None;
        for (index, &location) in self.devices.iter().enumerate() {
            match mac(location) {
                Ok(mac) if mac == wanted => return Ok(chosen(index, location)),
                Ok(mac) => {
                    // Those that do not fit go unnamed.
                    let _ = there.0.push(mac);
                }
                // It may be the one, which nobody can tell; another may be.
                Err(error) => failed = Some(error),
            }
        }
        Err(failed.unwrap_or_else(|| ChoiceError::NoSuchMac { wanted, there }.into()))
    }
}

/// None of the machine's devices is the one to serve on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChoiceError {
    /// The machine has none that there is a driver for.
    #[error("no network device: {0}")]
    NotFound(Others),
    /// None has the address that was asked for.
    #[error("no network device has the address of nic={wanted}: there are {there}")]
    NoSuchMac {
        /// The address.
        wanted: Mac,
        /// Addresses of the devices that there are.
        there: Macs,
    },
}

/// The device that was chosen.
#[derive(Clone, Copy, Debug)]
pub struct Chosen {
    /// Location.
    pub location: Location,
    /// Number, and how many there are.
    pub position: NicPosition,
}

/// Addresses of the devices that there are, for a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Macs(Vec<Mac, NAMED>);

impl fmt::Display for Macs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, mac) in self.0.iter().enumerate() {
            let separator = if i == 0 { "" } else { ", " };
            write!(f, "{separator}{mac}")?;
        }
        Ok(())
    }
}

/// Network devices without driver.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Others {
    pci: Vec<PciId, OTHERS>,
    mmio: Option<(Window, u32)>,
}

impl fmt::Display for Others {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((window, version)) = self.mmio {
            return write!(
                f,
                "found {window} of version {version}, the legacy one, which it does not drive; give \
                 it version 2, such as -global virtio-mmio.force-legacy=false"
            );
        }
        if self.pci.is_empty() {
            f.write_str("no virtio-net device on PCI or virtio-mmio")?;
        }
        for (i, id) in self.pci.iter().enumerate() {
            let before = if i == 0 { "found " } else { ", " };
            write!(f, "{before}{id}")?;
        }
        if !self.pci.is_empty() {
            f.write_str(", which it does not drive")?;
        }
        f.write_str("; give the machine one, such as -device virtio-net-pci")
    }
}

#[cfg(test)]
mod tests;
