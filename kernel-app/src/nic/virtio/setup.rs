//! Setting the device up: features, Ethernet address, queues and their memory. Once, before the first
//! frame. No unsafe code.

use smoltcp::wire::EthernetAddress;
use virtio_drivers::transport::{DeviceStatus, Transport};

use super::{Held, Inbound, Outbound, RECEIVE_SIZE, TRANSMIT_SIZE, VirtioNic};
use crate::frames::DeviceCounts;
use crate::nic::ledger::Ledger;
use crate::nic::pool::{FreeList, PoolMemory};
use crate::nic::ring::{Doorbell, RECEIVE, Ring, RingMemory, TRANSMIT};

/// Feature bits (virtio 1.2 §5.1.3, §6).
pub const F_MAC: u64 = 1 << 5;
pub const F_VERSION_1: u64 = 1 << 32;
const NEEDED: u64 = F_MAC | F_VERSION_1;

/// Why the device cannot be driven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    /// It does not offer what the driver cannot do without.
    #[error("it offers features {0:#x} and lacks some of {NEEDED:#x} (an own address, virtio 1)")]
    Features(u64),
    /// It does not accept a subset of the features it offered.
    #[error("it refused the features that it had offered")]
    Negotiation,
    /// Its configuration cannot be read, or a queue cannot be set up.
    #[error("{0}")]
    Virtio(virtio_drivers::Error),
    /// Its memory was given to a device before.
    #[error("already in use")]
    InUse,
    /// Its Ethernet address is not one host's.
    #[error("its Ethernet address is a group's or zero: {0:02x?}")]
    Mac([u8; 6]),
}

/// The memory that driver and device share, to be put in a static.
#[derive(Debug)]
pub struct NicMemory {
    receive: RingMemory<RECEIVE_SIZE>,
    transmit: RingMemory<TRANSMIT_SIZE>,
    buffers: PoolMemory,
}

impl NicMemory {
    /// Memory for one device, zeroed.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            receive: RingMemory::new(),
            transmit: RingMemory::new(),
            buffers: PoolMemory::new(),
        }
    }
}

impl Default for NicMemory {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Transport, B: Doorbell> VirtioNic<T, B> {
    /// Sets the device up (virtio 1.2 §3.1.1) with all the receive buffers it can hold.
    ///
    /// # Errors
    ///
    /// [`SetupError`]; the device is then reset.
    pub fn new(
        mut transport: T,
        doorbell: B,
        memory: &'static NicMemory,
    ) -> Result<Self, SetupError> {
        let (pool, receive_buffers, stack_buffers) =
            memory.buffers.take().ok_or(SetupError::InUse)?;
        transport.set_status(DeviceStatus::empty());
        let mut status = DeviceStatus::ACKNOWLEDGE | DeviceStatus::DRIVER;
        transport.set_status(status);
        let offered = transport.read_device_features();
        if offered & NEEDED != NEEDED {
            return Err(SetupError::Features(offered));
        }
        transport.write_driver_features(NEEDED);
        status |= DeviceStatus::FEATURES_OK;
        transport.set_status(status);
        if !transport.get_status().contains(DeviceStatus::FEATURES_OK) {
            return Err(SetupError::Negotiation);
        }
        let mac: [u8; 6] = transport.read_config_space(0).map_err(SetupError::Virtio)?;
        if !EthernetAddress(mac).is_unicast() || mac == [0; 6] {
            return Err(SetupError::Mac(mac));
        }
        let receive =
            Ring::new(&mut transport, RECEIVE, &memory.receive).map_err(SetupError::Virtio)?;
        let transmit =
            Ring::new(&mut transport, TRANSMIT, &memory.transmit).map_err(SetupError::Virtio)?;
        transport.set_status(status | DeviceStatus::DRIVER_OK);
        let mut nic = Self {
            _transport: transport,
            doorbell,
            pool,
            inbound: Inbound {
                ring: receive,
                ledger: Ledger::new(),
                owes_bell: false,
            },
            out: Outbound {
                ring: transmit,
                ledger: Ledger::new(),
                free: FreeList::new(),
                sent: 0,
                doorbells: 0,
            },
            held: Held::Nothing,
            mac,
            counts: DeviceCounts::default(),
            fault: None,
        };
        for buffer in receive_buffers {
            nic.inbound.post_first(&nic.pool, buffer);
        }
        for buffer in stack_buffers {
            nic.out.free.put(buffer);
        }
        nic.rest();
        Ok(nic)
    }
}
