//! PCI configuration space in memory (PCI Express 6.0 §7.2.2), on machines without configuration ports:
//! QEMU's microvm with `pcie=on`.
//!
//! Its host bridge is always at the same addresses (QEMU, hw/i386/microvm.c), which ACPI tells as well, but for
//! the window in a language that takes an interpreter; so the bridge is recognised by what it says it is.
//! Its firmware gives devices no addresses. Unsafe here: the accesses to registers.

use core::ops::Range;

use virtio_drivers::transport::pci::bus::{ConfigurationAccess, DeviceFunction};

use super::register_mapper::RegisterMapper;

/// Configuration space of bus 0. There is no other, since nobody has set up a bridge.
const BUS_0: Range<u64> = 0xe000_0000..0xe010_0000;

/// Addresses that are the devices' to have.
pub const WINDOW: Range<u64> = 0xc000_0000..0xe000_0000;

/// Vendor and device of QEMU's host bridge.
const HOST_BRIDGE: u32 = 0x0008_1b36;

/// Configuration space of bus 0, mapped.
#[derive(Clone, Debug)]
pub struct Ecam(());

impl Ecam {
    /// Maps configuration space, if it is there.
    ///
    /// # Safety
    ///
    /// The machine has no configuration ports, and nothing else may use configuration space while this or
    /// a clone of it is in use.
    pub unsafe fn find(mapper: &mut RegisterMapper) -> Option<Self> {
        const PAGE: u64 = 4096;
        mapper.map(&(BUS_0.start..BUS_0.start + PAGE)).ok()?;
        let ecam = Self(());
        let host_bridge = DeviceFunction {
            bus: 0,
            device: 0,
            function: 0,
        };
        if ecam.read_word(host_bridge, 0) != HOST_BRIDGE {
            return None;
        }
        mapper.map(&BUS_0).ok()?;
        Some(ecam)
    }

    /// Returns where a register is, if it is on bus 0.
    fn register(at: DeviceFunction, register: u8) -> Option<*mut u32> {
        let function = u64::from(at.device) << 15 | u64::from(at.function) << 12;
        let address = BUS_0.start + function + u64::from(register & !3);
        (at.bus == 0).then(|| core::ptr::with_exposed_provenance_mut(address as usize))
    }
}

impl ConfigurationAccess for Ecam {
    fn read_word(&self, at: DeviceFunction, register: u8) -> u32 {
        match Self::register(at, register) {
            // SAFETY: all of bus 0 is mapped once `find` has returned, and its first page before it reads;
            // there is memory, or configuration space, which has no side effects.
            Some(register) => unsafe { register.read_volatile() },
            None => u32::MAX,
        }
    }

    fn write_word(&mut self, at: DeviceFunction, register: u8, word: u32) {
        if let Some(register) = Self::register(at, register) {
            // SAFETY: mapped, and configuration space, as `find` has seen. What is written are commands and
            // BARs of network devices, which are ours, and their BARs lie in the window.
            unsafe { register.write_volatile(word) };
        }
    }

    unsafe fn unsafe_clone(&self) -> Self {
        self.clone()
    }
}
