//! A device's registers, on PCI or MMIO: its transport and its doorbells.
//!
//! One type for both, so that what drives a device is compiled once. The transports' own, `SomeTransport`, has a third
//! kind, pKVM's, for which the image has no use and no room.
#![forbid(unsafe_code)]

use core::mem::ManuallyDrop;

use virtio_drivers::transport::mmio::MmioTransport;
use virtio_drivers::transport::pci::PciTransport;
use virtio_drivers::transport::{DeviceStatus, DeviceType, InterruptStatus, Transport};
use virtio_drivers::{PhysAddr, Result};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::Doorbells;
use crate::virtio::ring::Doorbell;

/// The registers of a device.
pub struct DeviceRegisters {
    transport: BusTransport,
    doorbells: Doorbells,
}

/// A transport. Not dropped: then the crate would reset the device, and wait for that without a bound.
enum BusTransport {
    Pci(ManuallyDrop<PciTransport>),
    Mmio(ManuallyDrop<MmioTransport<'static>>),
}

impl DeviceRegisters {
    /// Registers of a device on PCI.
    pub const fn of_pci(transport: PciTransport, doorbells: Doorbells) -> Self {
        Self {
            transport: BusTransport::Pci(ManuallyDrop::new(transport)),
            doorbells,
        }
    }

    /// Registers of a device at an address of its own.
    pub const fn of_mmio(transport: MmioTransport<'static>, doorbells: Doorbells) -> Self {
        Self {
            transport: BusTransport::Mmio(ManuallyDrop::new(transport)),
            doorbells,
        }
    }
}

impl Doorbell for DeviceRegisters {
    #[inline(always)]
    fn ring(&self, queue: u16) {
        self.doorbells.ring(queue);
    }
}

/// Evaluates an expression for either kind of transport.
macro_rules! either {
    ($self:expr, $transport:ident => $call:expr) => {
        match $self {
            BusTransport::Pci($transport) => $call,
            BusTransport::Mmio($transport) => $call,
        }
    };
}

impl Transport for DeviceRegisters {
    fn device_type(&self) -> DeviceType {
        either!(&self.transport, transport => transport.device_type())
    }

    fn read_device_features(&mut self) -> u64 {
        either!(&mut self.transport, transport => transport.read_device_features())
    }

    fn write_driver_features(&mut self, features: u64) {
        either!(&mut self.transport, transport => transport.write_driver_features(features));
    }

    fn max_queue_size(&mut self, queue: u16) -> u32 {
        either!(&mut self.transport, transport => transport.max_queue_size(queue))
    }

    fn notify(&mut self, queue: u16) {
        either!(&mut self.transport, transport => transport.notify(queue));
    }

    #[inline(never)]
    fn get_status(&self) -> DeviceStatus {
        either!(&self.transport, transport => transport.get_status())
    }

    #[inline(never)]
    fn set_status(&mut self, status: DeviceStatus) {
        either!(&mut self.transport, transport => transport.set_status(status));
    }

    fn set_guest_page_size(&mut self, size: u32) {
        either!(&mut self.transport, transport => transport.set_guest_page_size(size));
    }

    fn requires_legacy_layout(&self) -> bool {
        either!(&self.transport, transport => transport.requires_legacy_layout())
    }

    fn queue_set(
        &mut self,
        queue: u16,
        size: u32,
        descriptors: PhysAddr,
        driver_area: PhysAddr,
        device_area: PhysAddr,
    ) {
        either!(&mut self.transport, transport => transport.queue_set(queue, size, descriptors, driver_area, device_area));
    }

    fn queue_unset(&mut self, queue: u16) {
        either!(&mut self.transport, transport => transport.queue_unset(queue));
    }

    fn queue_used(&mut self, queue: u16) -> bool {
        either!(&mut self.transport, transport => transport.queue_used(queue))
    }

    fn ack_interrupt(&mut self) -> InterruptStatus {
        either!(&mut self.transport, transport => transport.ack_interrupt())
    }

    fn read_config_generation(&self) -> u32 {
        either!(&self.transport, transport => transport.read_config_generation())
    }

    fn read_config_space<T: FromBytes + IntoBytes>(&self, offset: usize) -> Result<T> {
        either!(&self.transport, transport => transport.read_config_space(offset))
    }

    fn write_config_space<T: IntoBytes + Immutable>(
        &mut self,
        offset: usize,
        value: T,
    ) -> Result<()> {
        either!(&mut self.transport, transport => transport.write_config_space(offset, value))
    }
}
