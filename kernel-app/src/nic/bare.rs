//! The network device of the machine we run on.
//!
//! Unsafe here: vouching that the hardware is ours, and the doorbells.

use core::ptr::NonNull;

use virtio_drivers::transport::pci::PciTransport;

use crate::nic::dma::IdentityHal;
use crate::nic::map::RegisterMapper;
use crate::nic::pci::{Address, PciConfig, Registers, enable, find_network_device};
use crate::nic::ports::ConfigPorts;
use crate::nic::ring::{Doorbell, RECEIVE, TRANSMIT};
use crate::nic::virtio::{NicMemory, VirtioNic};
use crate::nic::{NicError, PciProblem};

static MEMORY: NicMemory = NicMemory::new();

/// Fields of `virtio_pci_common_cfg` (virtio 1.2 §4.1.4.3), offsets in bytes.
const QUEUE_SELECT: usize = 0x16;
const QUEUE_NOTIFY_OFF: usize = 0x1e;

/// The machine's network device.
pub type Nic = VirtioNic<PciTransport, PciDoorbells>;

impl Nic {
    /// Finds the machine's first virtio network device on PCI and sets it up.
    ///
    /// # Errors
    ///
    /// [`NicError`]
    ///
    /// # Safety
    ///
    /// To be called once, in ring 0 on an identity-mapped image, whose page tables are identity-mapped too. For
    /// the duration of the call nothing else may use the PCI configuration ports or change the page
    /// tables, and nothing else may ever use the device.
    pub unsafe fn find() -> Result<Self, NicError> {
        // SAFETY: the caller leaves the ports to us.
        let mut config = PciConfig::new(unsafe { ConfigPorts::new() });
        let at = find_network_device(&config).ok_or(NicError::NotFound)?;
        let failed = |problem| NicError::Pci {
            at: Address(at),
            problem,
        };
        enable(&mut config, at);
        let registers = Registers::locate(&mut config, at).map_err(failed)?;
        // SAFETY: the caller vouches for the page tables, and for this being the one time.
        let mut mapper = unsafe { RegisterMapper::new() };
        for region in registers.regions() {
            mapper.map(&region).map_err(failed)?;
        }
        let doorbells = PciDoorbells::locate(&registers).map_err(failed)?;
        let transport = PciTransport::new::<IdentityHal, _>(&mut config.root, at)
            .map_err(|error| failed(PciProblem::Transport(error)))?;
        Ok(Self::new(transport, doorbells, &MEMORY)?)
    }
}

/// The doorbells' addresses, found once. The transport's own `notify` asks the device for the
/// address each time: two register accesses more, and each leaves the virtual machine.
#[derive(Debug)]
pub struct PciDoorbells([NonNull<u16>; 2]);

impl PciDoorbells {
    /// Asks the device, whose registers must be mapped, for its doorbells' addresses.
    fn locate(registers: &Registers) -> Result<Self, PciProblem> {
        let common: *mut u8 =
            core::ptr::with_exposed_provenance_mut(registers.common.start as usize);
        let outside = PciProblem::MissingCapability(
            virtio_drivers::transport::pci::VIRTIO_PCI_CAP_NOTIFY_CFG,
        );
        if registers.common.end - registers.common.start < QUEUE_NOTIFY_OFF as u64 + 2
            || !registers.common.start.is_multiple_of(2)
        {
            return Err(outside);
        }
        let locate = |queue: u16| {
            // SAFETY: both registers are mapped, aligned and inside the region, as just checked,
            // and there is no transport yet that they could be taken away from.
            let notify_off = unsafe {
                common.add(QUEUE_SELECT).cast::<u16>().write_volatile(queue);
                common.add(QUEUE_NOTIFY_OFF).cast::<u16>().read_volatile()
            };
            let address = registers.doorbell(notify_off)?;
            NonNull::new(core::ptr::with_exposed_provenance_mut(address as usize))
        };
        match (locate(RECEIVE), locate(TRANSMIT)) {
            (Some(receive), Some(transmit)) => Ok(Self([receive, transmit])),
            _ => Err(outside),
        }
    }
}

impl Doorbell for PciDoorbells {
    /// One register write: the queue's number (virtio 1.2 §4.1.5.2).
    fn ring(&self, queue: u16) {
        // SAFETY: the address is that of a mapped and aligned register, which only tells the
        // device to look at its queue.
        unsafe { self.0[usize::from(queue)].write_volatile(queue) };
    }
}
