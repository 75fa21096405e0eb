//! The virtio-net driver (virtio 1.2 §5.1) with polled queues.
//!
//! Two split queues, one buffer per descriptor chain, no interrupts, no offloads. The network
//! driver of `virtio-drivers` is not used, for three reasons: it negotiates `VIRTIO_F_EVENT_IDX`,
//! under which it cannot turn interrupts off; it decides about the doorbell without the full
//! barrier which that takes; and it ties a buffer to one queue, where an answer should go out in
//! the buffer its question came in.
//!
//! What the device says is not believed. A frame of impossible length is dropped and counted. A
//! token that stands for no buffer is counted too, and nothing more is taken from that device:
//! what else it says cannot be relied on either. No unsafe code.

use smoltcp::wire::EthernetAddress;
use virtio_drivers::Hal;
use virtio_drivers::transport::{DeviceStatus, Transport};

use crate::frames::{DeviceCounts, DeviceFault, Fate, FrameDevice, MAX_FRAME, Offered};
use crate::nic::ledger::QUEUE_SIZE;
use crate::nic::pool::{BUFFER_LEN, BufferId, FreeList, Pool};
use crate::nic::queue::{Doorbell, Queue, RECEIVE, TRANSMIT};

mod tokens;

/// The header in front of every frame (virtio 1.2 §5.1.6): 12 bytes, all zero without offloads.
const HEADER: usize = 12;

/// Feature bits (virtio 1.2 §5.1.3, §6).
const F_MAC: u64 = 1 << 5;
const F_VERSION_1: u64 = 1 << 32;
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
    /// Its Ethernet address is not one host's.
    #[error("its Ethernet address is a group's or zero: {0:02x?}")]
    Mac([u8; 6]),
}

/// A virtio network device: `T` for its registers, `B` for its doorbells, `H` for its memory.
pub struct VirtioNic<H: Hal, T: Transport, B> {
    /// Resets the device when it is dropped.
    _transport: T,
    doorbell: B,
    pool: Pool,
    receive: Queue<H>,
    out: Outbound<H>,
    /// The frame that was offered and kept.
    kept: Option<Frame>,
    /// The frame that the stack is looking at, or has looked at.
    shown: Option<Frame>,
    mac: [u8; 6],
    counts: DeviceCounts,
    fault: Option<DeviceFault>,
}

/// The way out: the transmit queue, and the buffers that are in no queue.
struct Outbound<H: Hal> {
    queue: Queue<H>,
    free: FreeList,
    sent: u64,
}

impl<H: Hal> Outbound<H> {
    /// A buffer to send from or to receive into, if one is left once the device has given back
    /// those it has sent.
    fn take_free(&mut self, pool: &Pool) -> Result<Option<BufferId>, DeviceFault> {
        while let Some((buffer, _)) = self.queue.reclaim(pool).map_err(DeviceFault::Transmit)? {
            self.free.put(buffer);
        }
        Ok(self.free.take())
    }

    /// Sends the first `len` bytes of a buffer's frame. Returns whether there was room.
    fn send(
        &mut self,
        pool: &Pool,
        doorbell: &impl Doorbell,
        mut buffer: BufferId,
        len: usize,
    ) -> bool {
        pool.bytes_mut(&mut buffer)[..HEADER].fill(0);
        match self.queue.post(pool, buffer, HEADER + len) {
            Ok(()) => {
                self.queue.notify(doorbell);
                self.sent += 1;
                true
            }
            Err(buffer) => {
                self.free.put(buffer);
                false
            }
        }
    }
}

/// A received frame: its buffer, and its length without the virtio header.
struct Frame {
    buffer: BufferId,
    len: usize,
}

impl<H: Hal, T: Transport, B: Doorbell> VirtioNic<H, T, B> {
    /// Sets the device up (virtio 1.2 §3.1.1) with all the receive buffers it can hold.
    ///
    /// # Errors
    ///
    /// [`SetupError`]; the device is then reset.
    pub fn new(
        mut transport: T,
        doorbell: B,
        (pool, free): (Pool, FreeList),
    ) -> Result<Self, SetupError> {
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
        let receive = Queue::new(&mut transport, RECEIVE).map_err(SetupError::Virtio)?;
        let transmit = Queue::new(&mut transport, TRANSMIT).map_err(SetupError::Virtio)?;
        transport.set_status(status | DeviceStatus::DRIVER_OK);
        let mut nic = Self {
            _transport: transport,
            doorbell,
            pool,
            receive,
            out: Outbound {
                queue: transmit,
                free,
                sent: 0,
            },
            kept: None,
            shown: None,
            mac,
            counts: DeviceCounts::default(),
            fault: None,
        };
        for _ in 0..QUEUE_SIZE {
            if let Some(buffer) = nic.out.free.take() {
                nic.post_receive(buffer);
            }
        }
        nic.receive.notify(&nic.doorbell);
        Ok(nic)
    }

    /// Posts a receive buffer; the caller rings.
    fn post_receive(&mut self, buffer: BufferId) {
        if let Err(buffer) = self.receive.post(&self.pool, buffer, BUFFER_LEN) {
            self.out.free.put(buffer);
        }
    }

    /// Gives a receive buffer back to the device.
    fn recycle(&mut self, buffer: BufferId) {
        self.post_receive(buffer);
        self.receive.notify(&self.doorbell);
    }

    /// Takes the oldest frame from the receive ring; skips those of impossible length, of which
    /// there can be as many as there are buffers before one of them comes round again.
    fn take_frame(&mut self) -> Option<Frame> {
        for _ in 0..QUEUE_SIZE {
            if self.fault.is_some() {
                return None;
            }
            match self.receive.reclaim(&self.pool) {
                Ok(None) => return None,
                Ok(Some((buffer, written))) => {
                    self.counts.frames_received += 1;
                    match written.checked_sub(HEADER) {
                        Some(len) if len <= MAX_FRAME => return Some(Frame { buffer, len }),
                        _ => {
                            self.counts.faults += 1;
                            self.recycle(buffer);
                        }
                    }
                }
                Err(token) => self.fail(DeviceFault::Receive(token)),
            }
        }
        None
    }

    /// As [`Outbound::take_free`]; a device that failed has none.
    fn take_free(&mut self) -> Option<BufferId> {
        if self.fault.is_some() {
            return None;
        }
        self.out.take_free(&self.pool).unwrap_or_else(|fault| {
            self.fail(fault);
            None
        })
    }

    fn fail(&mut self, fault: DeviceFault) {
        self.counts.faults += 1;
        self.fault = Some(fault);
    }

    /// Sends a received frame's buffer and puts another in its place on the receive ring, unless
    /// there is none.
    fn send_back(&mut self, buffer: BufferId, len: usize) -> Offered {
        let Some(spare) = self.take_free() else {
            self.recycle(buffer);
            return Offered::Full;
        };
        let is_sent = self.out.send(&self.pool, &self.doorbell, buffer, len);
        self.recycle(spare);
        if is_sent {
            Offered::Sent
        } else {
            Offered::Full
        }
    }

    /// Takes back the buffer of the frame that the stack has looked at.
    fn recycle_shown(&mut self) {
        if let Some(frame) = self.shown.take() {
            self.recycle(frame.buffer);
        }
    }
}

impl<H: Hal, T: Transport, B: Doorbell> FrameDevice for VirtioNic<H, T, B> {
    fn mac(&self) -> [u8; 6] {
        self.mac
    }

    fn offer(&mut self, visit: impl FnOnce(&mut [u8]) -> Fate) -> Offered {
        self.recycle_shown();
        let Some(mut frame) = self.kept.take().or_else(|| self.take_frame()) else {
            return Offered::Nothing;
        };
        let bytes = &mut self.pool.bytes_mut(&mut frame.buffer)[HEADER..][..frame.len];
        match visit(bytes) {
            Fate::SendBack(len) => self.send_back(frame.buffer, len.min(frame.len)),
            Fate::Drop => {
                self.recycle(frame.buffer);
                Offered::Dropped
            }
            Fate::Keep => {
                self.kept = Some(frame);
                Offered::Kept
            }
        }
    }

    fn counts(&self) -> DeviceCounts {
        DeviceCounts {
            frames_sent: self.out.sent,
            ..self.counts
        }
    }

    fn fault(&self) -> Option<DeviceFault> {
        self.fault
    }
}

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;
