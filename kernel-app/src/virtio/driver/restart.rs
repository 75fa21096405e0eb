//! Faults that the device tells of in its registers, the state of its link, and taking it up again after a reset.
//!
//! Nothing here is on the way of a frame. No unsafe code.

use virtio_drivers::transport::Transport;

use super::setup::{SetupError, is_running, set_up};
use super::{Features, Pending, VirtioNic};
use crate::frame_device::{DeviceFault, Link};
use crate::virtio::in_flight::DESCRIPTORS;
use crate::virtio::ring::Doorbell;

/// Offset of the link's status in the device's configuration, in bytes (virtio 1.2 §5.1.4).
const LINK_STATUS: usize = 6;
/// `VIRTIO_NET_S_LINK_UP`.
const LINK_UP: u16 = 1;

/// State of the device as it was when last looked at.
#[derive(Clone, Copy, Debug, Default)]
pub struct Observed {
    frames_received: u64,
    is_link_down: bool,
}

impl<R: Doorbell + Transport> VirtioNic<R> {
    /// Looks for a fault, and returns the link's state if that has changed.
    ///
    /// A device that delivers frames and sends them works, and has a link: its registers are left alone.
    #[cfg_attr(target_os = "none", optimize(size))]
    #[inline(never)]
    pub(super) fn observe(&mut self) -> Option<Link> {
        let frames = self.counts.frames_received;
        let is_receiving = core::mem::replace(&mut self.observed.frames_received, frames) != frames;
        let was_down = self.observed.is_link_down;
        let is_well = is_receiving && !self.out.is_full() && !was_down;
        if is_well || self.fault.is_some() {
            return None;
        }
        let status = self.registers.get_status();
        if !is_running(status) {
            self.fault = Some(DeviceFault::Status(status.bits()));
            return None;
        }
        let is_down = self.negotiated.features.contain(Features::STATUS)
            && self
                .registers
                .read_config_space(LINK_STATUS)
                .is_ok_and(|status: u16| status & LINK_UP == 0);
        self.observed.is_link_down = is_down;
        match (was_down, is_down) {
            (false, true) => Some(Link::Down),
            (true, false) => {
                // What is at the other end now was told of nothing yet.
                let registers = &self.registers;
                self.out.doorbells += self.inbound.ring.ring_doorbell(registers);
                self.out.doorbells += self.out.ring.ring_doorbell(registers);
                Some(Link::Up)
            }
            _ => None,
        }
    }

    /// Resets the device, and sets it up as it was.
    ///
    /// # Errors
    ///
    /// [`SetupError`] if it can't be driven any more. Then the buffers stay where they are: what was not reset may still
    /// write to them.
    #[cfg_attr(target_os = "none", optimize(size))]
    #[inline(never)]
    pub(super) fn set_up_again(&mut self) -> Result<(), SetupError> {
        let rings = [&mut self.inbound.ring, &mut self.out.ring];
        let negotiated = set_up(&mut self.registers, rings, self.negotiated.mac)?;
        if negotiated != self.negotiated {
            return Err(SetupError::Changed);
        }
        self.take_back();
        Ok(())
    }

    /// Takes all buffers back from queues that are empty since the device was reset, and gives it those to receive into.
    #[cfg_attr(target_os = "none", optimize(size))]
    #[inline(never)]
    pub(super) fn take_back(&mut self) {
        self.fault = None;
        // An honest device delivers no frame that a buffer has no room for.
        let room = self.negotiated.room() as u16;
        let Self {
            pool, inbound, out, ..
        } = self;
        for id in 0..DESCRIPTORS as u32 {
            // A buffer is on one queue at most.
            let buffer = inbound.in_flight.complete(id);
            if let Some(buffer) = buffer.or_else(|| out.in_flight.complete(id)) {
                inbound.post_first(pool, buffer, room);
            }
            if let Some(buffer) = out.in_flight.complete_stack(id) {
                out.free.put(buffer);
            }
        }
        let pending = core::mem::replace(&mut self.pending, Pending::Nothing);
        if let Pending::Waiting(frame) | Pending::WithStack(frame) = pending {
            self.inbound
                .post_first(&self.pool, frame.into_buffer(), room);
        }
        self.inbound.notify_pending = false;
        self.out.doorbells += self.inbound.ring.notify(&self.registers);
    }
}
