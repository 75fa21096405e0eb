//! The network device of the machine we run on.
//!
//! - `device_registers`: the registers of a device, on whichever bus it is.
//!
//! Unsafe here: vouching that the hardware is ours, and the doorbells.

use core::ops::Range;
use core::ptr::NonNull;

use virtio_drivers::transport::mmio::MmioTransport;
use virtio_drivers::transport::pci::PciTransport;
use virtio_drivers::transport::pci::bus::DeviceFunction;
use wire::Mac;
use wire::ready::NicPosition;

use crate::arch::{ConfigSpace, RegisterMapper, VIRTIO_MMIO};
use crate::virtio::dma::IdentityHal;
use crate::virtio::driver::{NicMemory, VirtioNic, read_mac};
use crate::virtio::error::NicError;
use crate::virtio::inventory::{Chosen, Inventory, Location};
use crate::virtio::mmio::{self, Identity, MalformedWord, Window};
use crate::virtio::pci::{Address, PciConfig, Registers, assign, enable, scan};
use crate::virtio::registers::RegisterProblem;
use crate::virtio::ring::{Doorbell, RECEIVE, TRANSMIT};

mod device_registers;

use device_registers::DeviceRegisters;

static MEMORY: NicMemory = NicMemory::new();

/// Fields of `virtio_pci_common_cfg` (virtio 1.2 §4.1.4.3), offsets in bytes.
const QUEUE_SELECT: usize = 0x16;
const QUEUE_NOTIFY_OFF: usize = 0x1e;

/// The machine's network device.
pub type Nic = VirtioNic<DeviceRegisters>;

impl Nic {
    /// Finds the machine's virtio network devices and sets up the first, or the one whose address is
    /// `wanted`. `words` are the command line's, some of which may say where there are devices; `own` is
    /// the address of a device that has none. Returns also which it is.
    ///
    /// # Errors
    ///
    /// [`NicError`] if the command line names a device in a way that can't be read, there is none to choose, its
    /// registers can't be made accessible, or it can't be set up.
    ///
    /// # Safety
    ///
    /// To be called once, in ring 0 on an identity-mapped image, whose page tables are identity-mapped too. For
    /// the duration of the call nothing else may use the PCI configuration ports or change the page
    /// tables, and nothing else may ever use the device.
    pub unsafe fn find(
        words: &mut dyn Iterator<Item = &'static str>,
        wanted: Option<Mac>,
        own: Mac,
    ) -> Result<(Self, NicPosition), NicError> {
        // SAFETY: the caller vouches for the page tables, and for this being the one time.
        let mut mapper = unsafe { RegisterMapper::new() };
        // SAFETY: the caller leaves configuration space to us.
        let config = unsafe { ConfigSpace::find(&mut mapper) };
        let mut machine = Machine {
            free: config.as_ref().map_or(0..0, ConfigSpace::unassigned),
            pci: config.map(PciConfig::new),
            mapper,
        };
        let in_setup = |at| move |problem| NicError::Setup { at, problem };
        let inventory = machine.inventory(words)?;
        let Chosen { location, position } = inventory.choose(wanted, |at| {
            read_mac(&mut machine.open(at)?, own).map_err(in_setup(at))
        })?;
        let nic = Self::new(machine.open(location)?, &MEMORY, own);
        Ok((nic.map_err(in_setup(location))?, position))
    }
}

/// The machine, as far as its network devices and their registers go.
struct Machine {
    pci: Option<PciConfig<ConfigSpace>>,
    mapper: RegisterMapper,
    /// Addresses to be given to devices; empty where the firmware has given them.
    free: Range<u64>,
}

impl Machine {
    /// Looks for network devices.
    #[cfg_attr(target_os = "none", optimize(size))]
    #[inline(never)]
    fn inventory(
        &mut self,
        words: &mut dyn Iterator<Item = &'static str>,
    ) -> Result<Inventory, MalformedWord> {
        let mut inventory = Inventory::default();
        if let Some(pci) = &self.pci {
            scan(pci, |at, info| inventory.add_pci(at, info));
        }
        for window in words.filter_map(Window::of_word) {
            let window = window?;
            inventory.add_mmio(window, self.identify(window));
        }
        // Last, because the addresses may be those of something else. Nothing is lost then: without a
        // device there is no service.
        if inventory.is_empty() {
            for window in mmio::windows(&VIRTIO_MMIO) {
                inventory.add_mmio(window, self.identify(window));
            }
        }
        Ok(inventory)
    }

    /// Returns what is in a window.
    fn identify(&mut self, window: Window) -> Identity {
        if self.mapper.map(&window.registers()).is_err() {
            return Identity::Nothing;
        }
        window.identify(|address| {
            let register = core::ptr::with_exposed_provenance::<u32>(address as usize);
            // SAFETY: it is mapped and aligned. If it is memory, it is read; if it is a register of
            // something else, that is not in use.
            unsafe { register.read_volatile() }
        })
    }

    /// Makes a device's registers accessible.
    fn open(&mut self, at: Location) -> Result<DeviceRegisters, NicError> {
        match at {
            Location::Pci(Address(address)) => self.open_pci(address),
            Location::Mmio(window) => self.open_mmio(window),
        }
        .map_err(|problem| NicError::Registers { at, problem })
    }

    #[cfg_attr(target_os = "none", optimize(size))]
    #[inline(never)]
    fn open_pci(&mut self, at: DeviceFunction) -> Result<DeviceRegisters, RegisterProblem> {
        let config = self.pci.as_mut().expect("the device was found there");
        if !self.free.is_empty() {
            assign(config, at, &mut self.free)?;
        }
        enable(config, at);
        let registers = Registers::locate(config, at)?;
        for region in registers.regions() {
            self.mapper.map(&region)?;
        }
        let doorbells = Doorbells::of_pci(&registers)?;
        let transport = PciTransport::new::<IdentityHal, _>(&mut config.root, at)
            .map_err(RegisterProblem::Pci)?;
        Ok(DeviceRegisters::of_pci(transport, doorbells))
    }

    #[cfg_attr(target_os = "none", optimize(size))]
    #[inline(never)]
    fn open_mmio(&mut self, window: Window) -> Result<DeviceRegisters, RegisterProblem> {
        let registers = window.registers();
        self.mapper.map(&registers)?;
        let address = |address: u64| {
            NonNull::new(core::ptr::with_exposed_provenance_mut(address as usize))
                .expect("no window is at address 0")
        };
        let header = address(registers.start).cast();
        // SAFETY: the registers are mapped, aligned, of that length and nobody else's.
        let transport = unsafe { MmioTransport::new(header, window.used() as usize) }
            .map_err(RegisterProblem::Mmio)?;
        let notify = address(registers.start + mmio::QUEUE_NOTIFY);
        let doorbells = Doorbells {
            registers: [notify; 2],
            is_wide: true,
        };
        Ok(DeviceRegisters::of_mmio(transport, doorbells))
    }
}

/// The doorbells' addresses, found once. The PCI transport's own `notify` asks the device for the
/// address each time: two register accesses more, and each leaves the virtual machine.
#[derive(Debug)]
pub struct Doorbells {
    registers: [NonNull<u16>; 2],
    /// True if they are of 32 bits (virtio 1.2 §4.2.2) and not of 16.
    is_wide: bool,
}

impl Doorbells {
    /// Asks a device on PCI, whose registers must be mapped, for its doorbells' addresses.
    fn of_pci(registers: &Registers) -> Result<Self, RegisterProblem> {
        let common: *mut u8 =
            core::ptr::with_exposed_provenance_mut(registers.common.start as usize);
        let outside = RegisterProblem::MissingCapability(
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
            (Some(receive), Some(transmit)) => Ok(Self {
                registers: [receive, transmit],
                is_wide: false,
            }),
            _ => Err(outside),
        }
    }
}

impl Doorbell for Doorbells {
    /// One register write: the queue's number (virtio 1.2 §4.1.5.2, §4.2.3.3).
    ///
    /// Not inlined: a device that polls is not notified, and each echo would pay for the choice of the width
    /// in registers of the processor.
    #[inline(never)]
    fn ring(&self, queue: u16) {
        let register = self.registers[usize::from(queue)];
        // SAFETY: the address is that of a mapped and aligned register of that width, which only
        // tells the device to look at its queue.
        unsafe {
            if self.is_wide {
                register.cast::<u32>().write_volatile(queue.into());
            } else {
                register.write_volatile(queue);
            }
        }
    }
}
