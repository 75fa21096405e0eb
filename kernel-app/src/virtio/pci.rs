//! PCI configuration space: the functions on its buses, and the addresses of a network device's registers.
//!
//! Works on any [`ConfigurationAccess`], so that the host can test it on a made-up space. No
//! unsafe code: it yields addresses, and others map and use them.
#![cfg_attr(not(test), forbid(unsafe_code))]

use core::fmt;
use core::ops::Range;

use virtio_drivers::transport::pci::bus::{
    BarInfo, CapabilityInfo, Command, ConfigurationAccess, DeviceFunction, DeviceFunctionInfo,
    HeaderType, PCI_CAP_ID_VNDR, PciRoot,
};
use virtio_drivers::transport::pci::{
    VIRTIO_PCI_CAP_COMMON_CFG, VIRTIO_PCI_CAP_DEVICE_CFG, VIRTIO_PCI_CAP_ISR_CFG,
    VIRTIO_PCI_CAP_NOTIFY_CFG, VirtioPciError,
};

use crate::virtio::registers::RegisterProblem;

/// Devices on a bus, and functions of a device.
const DEVICES: u8 = 32;
const FUNCTIONS: u8 = 8;

/// Words of the header (PCI 3.0 §6.1).
const ID: u8 = 0x00;
const CLASS: u8 = 0x08;
const HEADER_TYPE: u8 = 0x0c;

/// In the header type: the device has more than one function.
const HAS_MORE: u8 = 0x80;

/// The first BAR, and how many there are.
const BAR_0: u8 = 0x10;
const BARS: u8 = 6;

/// Secondary bus number of a bridge, in the word that holds all its bus numbers.
const BRIDGE_BUSES: u8 = 0x18;

/// Fields of `struct virtio_pci_cap` (virtio 1.2 §4.1.4) after its first word.
const CAP_BAR: u8 = 4;
const CAP_OFFSET: u8 = 8;
const CAP_LENGTH: u8 = 12;
const CAP_NOTIFY_OFF_MULTIPLIER: u8 = 16;

/// As many as fit behind the header in 256 bytes of configuration space, 4 bytes each.
const MAX_CAPABILITIES: usize = 48;

/// Location of a device: bus, device, function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address(pub DeviceFunction);

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PCI {}", self.0)
    }
}

/// Configuration space, for the transport, which owns its access, and for us.
#[derive(Debug)]
pub struct PciConfig<C: ConfigurationAccess> {
    /// Root of the buses, as the transport takes it.
    pub root: PciRoot<C>,
    access: C,
}

impl<C: ConfigurationAccess + Clone> PciConfig<C> {
    /// Configuration space that `access` leads to.
    pub fn new(access: C) -> Self {
        Self {
            root: PciRoot::new(access.clone()),
            access,
        }
    }

    fn read(&self, at: DeviceFunction, register: u8) -> u32 {
        self.access.read_word(at, register)
    }
}

/// Visits each function of each device: of bus 0, and of the buses that the firmware put behind bridges
/// there, and so on.
pub fn scan<C: ConfigurationAccess + Clone>(
    config: &PciConfig<C>,
    mut visit: impl FnMut(DeviceFunction, &DeviceFunctionInfo),
) {
    // Each bus is looked at once, whatever bridges say, so this ends.
    let mut is_reachable = [false; 256];
    let mut is_done = [false; 256];
    is_reachable[0] = true;
    while let Some(bus) =
        (0..=255).find(|&bus: &u8| is_reachable[usize::from(bus)] && !is_done[usize::from(bus)])
    {
        is_done[usize::from(bus)] = true;
        for device in 0..DEVICES {
            for function in 0..FUNCTIONS {
                let at = DeviceFunction {
                    bus,
                    device,
                    function,
                };
                let Some((info, has_more)) = function_info(config, at) else {
                    // There is no device without function 0 (PCI 3.0 §3.2.2.3.4). Most are not there, and
                    // each look costs two exits from the virtual machine.
                    if function == 0 {
                        break;
                    }
                    continue;
                };
                visit(at, &info);
                if info.header_type == HeaderType::PciPciBridge {
                    let [_, secondary, _, _] = config.read(at, BRIDGE_BUSES).to_le_bytes();
                    is_reachable[usize::from(secondary)] = true;
                }
                if function == 0 && !has_more {
                    break;
                }
            }
        }
    }
}

/// Reads what a function is, if it is there, and whether its device has more of them.
fn function_info<C: ConfigurationAccess + Clone>(
    config: &PciConfig<C>,
    at: DeviceFunction,
) -> Option<(DeviceFunctionInfo, bool)> {
    let id = config.read(at, ID);
    let vendor_id = id as u16;
    // Nothing reads as all ones, as it should, or as 0 where a machine monitor fills ports with that.
    if matches!(vendor_id, 0 | u16::MAX) {
        return None;
    }
    let [revision, prog_if, subclass, class] = config.read(at, CLASS).to_le_bytes();
    let [_, _, header_type, _] = config.read(at, HEADER_TYPE).to_le_bytes();
    let info = DeviceFunctionInfo {
        vendor_id,
        device_id: (id >> 16) as u16,
        class,
        subclass,
        prog_if,
        revision,
        header_type: HeaderType::from(header_type & !HAS_MORE),
    };
    Some((info, header_type & HAS_MORE != 0))
}

/// Lets the device answer at its register addresses and access memory, and stops it from raising
/// a legacy interrupt, which nobody here would take.
pub fn enable<C: ConfigurationAccess + Clone>(config: &mut PciConfig<C>, at: DeviceFunction) {
    let (_, command) = config.root.get_status_command(at);
    let wanted = Command::MEMORY_SPACE | Command::BUS_MASTER | Command::INTERRUPT_DISABLE;
    config.root.set_command(at, command | wanted);
}

/// Gives an address to each of a device's memory BARs that has none, the next ones of `free`. For a machine
/// whose firmware leaves that to the operating system.
///
/// # Errors
///
/// [`RegisterProblem::BarUnassigned`]: no address is left.
pub fn assign<C: ConfigurationAccess + Clone>(
    config: &mut PciConfig<C>,
    at: DeviceFunction,
    free: &mut Range<u64>,
) -> Result<(), RegisterProblem> {
    let mut bar = 0;
    while bar < BARS {
        let info = bar_info(config, at, bar)?;
        let is_wide = info.as_ref().is_some_and(BarInfo::takes_two_entries);
        if let Some((0, size)) = info.and_then(|info| info.memory_address_size())
            && size.is_power_of_two()
        {
            let start = free.start.next_multiple_of(size);
            if start >= free.end || size > free.end - start {
                return Err(RegisterProblem::BarUnassigned(bar));
            }
            free.start = start + size;
            let register = BAR_0 + 4 * bar;
            config.access.write_word(at, register, start as u32);
            if is_wide {
                let high = (start >> 32) as u32;
                config.access.write_word(at, register + 4, high);
            }
        }
        bar += 1 + u8::from(is_wide);
    }
    Ok(())
}

fn bar_info<C: ConfigurationAccess + Clone>(
    config: &mut PciConfig<C>,
    at: DeviceFunction,
    bar: u8,
) -> Result<Option<BarInfo>, RegisterProblem> {
    config
        .root
        .bar_info(at, bar)
        .map_err(|error| RegisterProblem::Pci(VirtioPciError::from(error)))
}

/// Physical addresses of a device's registers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registers {
    /// `virtio_pci_common_cfg` (virtio 1.2 §4.1.4.3).
    pub common: Range<u64>,
    /// The doorbells (virtio 1.2 §4.1.4.4).
    pub notify: Range<u64>,
    /// Distance of one `queue_notify_off` from the next, in bytes.
    pub notify_off_multiplier: u32,
    /// The interrupt status, read by nobody here but the transport.
    pub isr: Range<u64>,
    /// `virtio_net_config` (virtio 1.2 §5.1.4).
    pub device: Range<u64>,
}

impl Registers {
    /// Reads from the device's capabilities where its registers are.
    ///
    /// # Errors
    ///
    /// [`RegisterProblem`]: one is missing, or lies in no BAR that has an address.
    pub fn locate<C: ConfigurationAccess + Clone>(
        config: &mut PciConfig<C>,
        at: DeviceFunction,
    ) -> Result<Self, RegisterProblem> {
        // The transport walks the list too, and would not notice that it is a ring.
        if config.root.capabilities(at).nth(MAX_CAPABILITIES).is_some() {
            return Err(RegisterProblem::EndlessCapabilities);
        }
        let notify = capability(config, at, VIRTIO_PCI_CAP_NOTIFY_CFG)?;
        Ok(Self {
            common: region(config, at, VIRTIO_PCI_CAP_COMMON_CFG)?,
            notify: region(config, at, VIRTIO_PCI_CAP_NOTIFY_CFG)?,
            notify_off_multiplier: config.read(at, notify.offset + CAP_NOTIFY_OFF_MULTIPLIER),
            isr: region(config, at, VIRTIO_PCI_CAP_ISR_CFG)?,
            device: region(config, at, VIRTIO_PCI_CAP_DEVICE_CFG)?,
        })
    }

    /// The regions, to be mapped.
    #[must_use]
    pub fn regions(&self) -> [Range<u64>; 4] {
        [&self.common, &self.notify, &self.isr, &self.device].map(Range::clone)
    }

    /// The address of the doorbell with this `queue_notify_off`, if it lies where doorbells are.
    #[must_use]
    pub fn doorbell(&self, queue_notify_off: u16) -> Option<u64> {
        let offset = u64::from(queue_notify_off) * u64::from(self.notify_off_multiplier);
        let address = self.notify.start + offset;
        (address.is_multiple_of(2) && address + 2 <= self.notify.end).then_some(address)
    }
}

/// The first capability of virtio type `cfg_type`.
fn capability<C: ConfigurationAccess + Clone>(
    config: &PciConfig<C>,
    at: DeviceFunction,
    cfg_type: u8,
) -> Result<CapabilityInfo, RegisterProblem> {
    config
        .root
        .capabilities(at)
        .find(|found| found.id == PCI_CAP_ID_VNDR && (found.private_header >> 8) as u8 == cfg_type)
        .ok_or(RegisterProblem::MissingCapability(cfg_type))
}

/// The physical addresses that the capability of virtio type `cfg_type` stands for.
fn region<C: ConfigurationAccess + Clone>(
    config: &mut PciConfig<C>,
    at: DeviceFunction,
    cfg_type: u8,
) -> Result<Range<u64>, RegisterProblem> {
    let found = capability(config, at, cfg_type)?;
    let bar = config.read(at, found.offset + CAP_BAR) as u8;
    if bar >= BARS {
        return Err(RegisterProblem::OutOfBar(bar));
    }
    let offset = u64::from(config.read(at, found.offset + CAP_OFFSET));
    let length = u64::from(config.read(at, found.offset + CAP_LENGTH));
    let (base, size) = bar_info(config, at, bar)?
        .and_then(|info| info.memory_address_size())
        .ok_or(RegisterProblem::OutOfBar(bar))?;
    if base == 0 {
        return Err(RegisterProblem::BarUnassigned(bar));
    }
    if offset + length > size {
        return Err(RegisterProblem::OutOfBar(bar));
    }
    Ok(base + offset..base + offset + length)
}

#[cfg(test)]
mod tests;
