//! Setting the device up: features, Ethernet address, queues and their memory. Before the first frame, and after
//! each reset. No unsafe code.

use virtio_drivers::transport::{DeviceStatus, Transport};
use wire::{MAX_MTU, Mac};

use super::{
    Features, Inbound, LEFT_THERE_DIVISOR, Observed, Outbound, Pending, RECEIVE_SIZE,
    TRANSMIT_SIZE, VirtioNic,
};
use crate::frame_device::{DeviceCounts, ETHERNET_HEADER};
use crate::virtio::in_flight::{DESCRIPTORS, InFlight};
use crate::virtio::pool::{BUFFER_LEN, FreeList, HEADER, PoolMemory, RECEIVE_BUFFERS};
use crate::virtio::ring::{Doorbell, RECEIVE, Ring, RingMemory, TRANSMIT};

/// Reads of the status that a reset may take. A program has reset its device at once; hardware takes
/// milliseconds, in which there is time for thousands.
const RESET_READS: u32 = 100_000;

/// Offset of the MTU in the device's configuration, in bytes (virtio 1.2 §5.1.4).
const MTU_OFFSET: usize = 10;

/// Least MTU that is obeyed, in bytes: that of every host (RFC 1122 §3.3.2).
const MIN_MTU: usize = 576;

/// Reason that the device cannot be driven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    /// Does not end its reset.
    #[error("it does not come out of its reset: its status stays {0:#x}")]
    Reset(u32),
    /// Has the legacy interface alone.
    #[error(
        "it does not offer VERSION_1, without which it is a legacy device; it offers {0}; use \
         disable-modern=off"
    )]
    Legacy(Features),
    /// Does not accept a subset of the features it offered.
    #[error(
        "it refuses to work with {} alone; this driver has none of the others that it offers: {}",
        .0.taken(),
        .0.left()
    )]
    Negotiation(Features),
    /// Configuration cannot be read, or a queue cannot be set up.
    #[error("{0}")]
    Virtio(virtio_drivers::Error),
    /// One of its queues is smaller than those of any device that is known.
    #[error("its queue {queue} has room for {size} buffers, and this driver needs {DESCRIPTORS}")]
    QueueSize {
        /// The queue's number.
        queue: u16,
        /// Size; 0 if there is no such queue.
        size: u32,
    },
    /// Set up, and did not start.
    #[error("it does not start: its status is {0:#x} after that")]
    NotStarted(u32),
    /// Memory was given to a device before.
    #[error("already in use")]
    InUse,
    /// Is another since it was reset: its features or its address differ.
    #[error("it came out of its reset as another device")]
    Changed,
    /// The Ethernet address is not one host's.
    #[error("its Ethernet address is a group's or zero: {0}")]
    Mac(Mac),
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

/// A device's status, which goes up bit by bit.
struct Status(DeviceStatus);

impl Status {
    /// Resets the device, and waits until it has done so (virtio 1.2 §2.4.2).
    fn reset(transport: &mut impl Transport) -> Result<Self, SetupError> {
        transport.set_status(DeviceStatus::empty());
        for _ in 0..RESET_READS {
            if transport.get_status().is_empty() {
                return Ok(Self(DeviceStatus::empty()));
            }
        }
        Err(SetupError::Reset(transport.get_status().bits()))
    }

    /// Adds one bit. Two at once Firecracker ignores, and the standard has them one after the other as
    /// well (virtio 1.2 §3.1.1).
    fn add(&mut self, transport: &mut impl Transport, bit: DeviceStatus) {
        self.0 |= bit;
        transport.set_status(self.0);
    }

    /// Resets the device, and says that there is a driver. Returns the features that the device offers.
    fn begin(transport: &mut impl Transport) -> Result<(Self, Features), SetupError> {
        let mut status = Self::reset(transport)?;
        status.add(transport, DeviceStatus::ACKNOWLEDGE);
        status.add(transport, DeviceStatus::DRIVER);
        let offered = Features(transport.read_device_features());
        Ok((status, offered))
    }
}

/// Reads the address of a device that offers one, else returns `own`.
fn mac(transport: &impl Transport, offered: Features, own: Mac) -> Result<Mac, SetupError> {
    if !offered.contain(Features::MAC) {
        return Ok(own);
    }
    let mut octets = [0_u8; 6];
    // By bytes, as the standard wants it (virtio 1.2 §4.1.3.1, §4.2.2.2).
    for (i, octet) in octets.iter_mut().enumerate() {
        *octet = transport.read_config_space(i).map_err(SetupError::Virtio)?;
    }
    let mac = Mac::new(octets);
    if mac.is_host() {
        Ok(mac)
    } else {
        Err(SetupError::Mac(mac))
    }
}

/// Returns the longest frame of a device that says what its network's MTU is, in bytes without the check sequence. `None`
/// if it does not say so, or the MTU is none that can be obeyed: the feature is then left (virtio 1.2 §5.1.4.2).
fn max_frame(
    transport: &impl Transport,
    offered: Features,
) -> Result<Option<usize>, virtio_drivers::Error> {
    if !offered.contain(Features::MTU) {
        return Ok(None);
    }
    let mtu: u16 = transport.read_config_space(MTU_OFFSET)?;
    let mtu = usize::from(mtu);
    Ok((MIN_MTU..=MAX_MTU)
        .contains(&mtu)
        .then_some(ETHERNET_HEADER + mtu))
}

/// Returns the address that a device would be driven by, `own` if it has none, and leaves it reset.
///
/// # Errors
///
/// [`SetupError`] if the device does not come out of its reset, is a legacy one, or has no host's address.
pub fn read_mac(transport: &mut impl Transport, own: Mac) -> Result<Mac, SetupError> {
    let (_, offered) = Status::begin(transport)?;
    let mac = mac(transport, offered, own);
    transport.set_status(DeviceStatus::empty());
    mac
}

/// Properties that a device keeps when it is reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Negotiated {
    pub mac: Mac,
    /// Those that were taken.
    pub features: Features,
    /// Longest frame that the network carries, in bytes, if the device says so and it is obeyed.
    pub max_frame: Option<usize>,
}

impl Negotiated {
    /// Returns the number of bytes that the device may write to a receive buffer, header included: for the longest frame
    /// of the network, or for as long a one as the least of buffers holds.
    pub fn room(&self) -> usize {
        self.max_frame.map_or(BUFFER_LEN, |len| HEADER + len)
    }
}

/// Sets the device's registers up (virtio 1.2 §3.1.1); it is then live, and the queues are empty. `own` is its address
/// if it has none.
///
/// # Errors
///
/// [`SetupError`] if the device can't be driven. Its status then has FAILED set (virtio 1.2 §2.1).
#[cfg_attr(target_os = "none", optimize(size))]
#[inline(never)]
pub fn set_up(
    transport: &mut impl Transport,
    rings: [&mut Ring<DESCRIPTORS>; 2],
    own: Mac,
) -> Result<Negotiated, SetupError> {
    let result = negotiate(transport, rings, own);
    if result.is_err() {
        transport.set_status(DeviceStatus::FAILED);
    }
    result
}

fn negotiate(
    transport: &mut impl Transport,
    rings: [&mut Ring<DESCRIPTORS>; 2],
    own: Mac,
) -> Result<Negotiated, SetupError> {
    let (mut status, offered) = Status::begin(transport)?;
    if !offered.contain(Features::VERSION_1) {
        return Err(SetupError::Legacy(offered));
    }
    let max_frame = max_frame(transport, offered).map_err(SetupError::Virtio)?;
    let features = match max_frame {
        Some(_) => offered.taken(),
        None => offered.taken().without(Features::MTU),
    };
    transport.write_driver_features(features.0);
    status.add(transport, DeviceStatus::FEATURES_OK);
    if !transport.get_status().contains(DeviceStatus::FEATURES_OK) {
        return Err(SetupError::Negotiation(offered));
    }
    let mac = mac(transport, offered, own)?;
    for queue in [RECEIVE, TRANSMIT] {
        let size = transport.max_queue_size(queue);
        if (size as usize) < DESCRIPTORS {
            return Err(SetupError::QueueSize { queue, size });
        }
    }
    for ring in rings {
        ring.register(transport).map_err(SetupError::Virtio)?;
    }
    status.add(transport, DeviceStatus::DRIVER_OK);
    // A device that ignored a step, or can't do its work, would be silent for ever.
    let started = transport.get_status();
    if !is_running(started) {
        return Err(SetupError::NotStarted(started.bits()));
    }
    Ok(Negotiated {
        mac,
        features,
        max_frame,
    })
}

/// Returns whether a device that was set up does its work, by its status.
pub const fn is_running(status: DeviceStatus) -> bool {
    status.contains(DeviceStatus::DRIVER_OK) && !status.contains(DeviceStatus::DEVICE_NEEDS_RESET)
}

impl<R: Doorbell + Transport> VirtioNic<R> {
    /// Sets the device up with all the receive buffers it can hold. `own` is its address if it has
    /// none.
    ///
    /// # Errors
    ///
    /// [`SetupError`] if the device can't be driven, or `memory` is in use. The device's status then has FAILED set
    /// (virtio 1.2 §2.1).
    #[inline(never)]
    pub fn new(mut registers: R, memory: &'static NicMemory, own: Mac) -> Result<Self, SetupError> {
        let buffers = memory.buffers.take().ok_or(SetupError::InUse)?;
        let mut receive = Ring::new(RECEIVE, &memory.receive);
        let mut transmit = Ring::new(TRANSMIT, &memory.transmit);
        let negotiated = set_up(&mut registers, [&mut receive, &mut transmit], own)?;
        let (pool, receive_buffers, stack_buffers) = buffers.divide(negotiated.room());
        let left_there = RECEIVE_BUFFERS / pool.span() / LEFT_THERE_DIVISOR;
        let mut nic = Self {
            registers,
            pool,
            inbound: Inbound {
                ring: receive,
                in_flight: InFlight::new(),
                notify_pending: false,
            },
            out: Outbound {
                ring: transmit,
                in_flight: InFlight::new(),
                free: FreeList::new(),
                left_there: left_there as u16,
                sent: 0,
                doorbells: 0,
            },
            pending: Pending::Nothing,
            negotiated,
            counts: DeviceCounts::default(),
            fault: None,
            observed: Observed::default(),
        };
        for buffer in stack_buffers {
            nic.out.free.put(buffer);
        }
        // From there they get to the device as after any other reset.
        for buffer in receive_buffers {
            nic.inbound.in_flight.mark_in_flight(&buffer);
        }
        nic.take_back();
        Ok(nic)
    }
}
