//! PCI configuration space through the ports 0xCF8 and 0xCFC (PCI 3.0 §3.2.2.3.2, mechanism 1).
//!
//! Every PC has them; machines without PCI do not, nor does QEMU's microvm with PCI Express. Unsafe here: the port accesses.

use virtio_drivers::transport::pci::bus::{ConfigurationAccess, DeviceFunction};
use x86_64::instructions::port::Port;

const ADDRESS_PORT: u16 = 0xcf8;
const DATA_PORT: u16 = 0xcfc;
const ENABLE: u32 = 1 << 31;

/// The configuration ports. Not `Sync`: an access is two port accesses.
#[derive(Clone, Debug)]
pub struct ConfigPorts(());

impl ConfigPorts {
    /// The configuration ports, if the machine has them: the address port then reads as it was written.
    ///
    /// # Safety
    ///
    /// Nothing else may use the ports while this or a clone of it is in use.
    pub unsafe fn find() -> Option<Self> {
        let mut address = Port::<u32>::new(ADDRESS_PORT);
        // SAFETY: the ports choose what the data port means, or are nobody's: then writes are lost, and
        // reads yield 0 or all ones.
        let read_back = unsafe {
            address.write(ENABLE);
            address.read()
        };
        (read_back == ENABLE).then_some(Self(()))
    }

    fn select(at: DeviceFunction, register: u8) -> Port<u32> {
        let address = ENABLE
            | u32::from(at.bus) << 16
            | u32::from(at.device) << 11
            | u32::from(at.function) << 8
            | u32::from(register & !3);
        // SAFETY: writing the address port has no effect but to choose what the data port means,
        // and by the contract of `new` nobody else is in between.
        unsafe { Port::new(ADDRESS_PORT).write(address) };
        Port::new(DATA_PORT)
    }
}

impl ConfigurationAccess for ConfigPorts {
    fn read_word(&self, at: DeviceFunction, register: u8) -> u32 {
        let mut data = Self::select(at, register);
        // SAFETY: reading configuration space has no side effects.
        unsafe { data.read() }
    }

    fn write_word(&mut self, at: DeviceFunction, register: u8, word: u32) {
        let mut data = Self::select(at, register);
        // SAFETY: the transport writes only to commands and to BARs while it sizes them, of the
        // network device, which is ours; its memory accesses are confined to what we lend it.
        unsafe { data.write(word) };
    }

    unsafe fn unsafe_clone(&self) -> Self {
        self.clone()
    }
}
