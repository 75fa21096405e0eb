//! PCI configuration space, by whichever mechanism the machine has, and the other places where its devices may be.
//!
//! Unsafe here: handing on the mechanisms' contracts.

use core::ops::Range;

use virtio_drivers::transport::pci::bus::{ConfigurationAccess, DeviceFunction};

use super::config_ports::ConfigPorts;
use super::ecam::{self, Ecam};
use super::register_mapper::RegisterMapper;

/// PCI configuration space, as the machine has it.
#[derive(Clone, Debug)]
pub enum ConfigSpace {
    /// Through the configuration ports.
    Ports(ConfigPorts),
    /// In memory.
    Memory(Ecam),
}

impl ConfigSpace {
    /// Finds configuration space, which `mapper` may have to make accessible.
    ///
    /// # Safety
    ///
    /// As for [`ConfigPorts::find`].
    pub unsafe fn find(mapper: &mut RegisterMapper) -> Option<Self> {
        // SAFETY: the caller's contract.
        let ports = unsafe { ConfigPorts::find() };
        ports.map(Self::Ports).or_else(|| {
            // SAFETY: the caller's contract; there are no ports.
            unsafe { Ecam::find(mapper) }.map(Self::Memory)
        })
    }

    /// Returns the addresses to be given to devices; none where the firmware has given them.
    pub const fn unassigned(&self) -> Range<u64> {
        match self {
            Self::Ports(_) => 0..0,
            Self::Memory(_) => ecam::WINDOW,
        }
    }
}

impl ConfigurationAccess for ConfigSpace {
    fn read_word(&self, at: DeviceFunction, register: u8) -> u32 {
        match self {
            Self::Ports(ports) => ports.read_word(at, register),
            Self::Memory(ecam) => ecam.read_word(at, register),
        }
    }

    fn write_word(&mut self, at: DeviceFunction, register: u8, word: u32) {
        match self {
            Self::Ports(ports) => ports.write_word(at, register, word),
            Self::Memory(ecam) => ecam.write_word(at, register, word),
        }
    }

    unsafe fn unsafe_clone(&self) -> Self {
        self.clone()
    }
}
