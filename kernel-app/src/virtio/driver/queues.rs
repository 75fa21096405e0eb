//! Our side of both queues, with the buffers on them. No unsafe code.

use super::{RECEIVE_SIZE, TRANSMIT_SIZE};
use crate::virtio::in_flight::InFlight;
use crate::virtio::pool::{BufferId, FreeList, HEADER, Pool, ReceiveId, StackId};
use crate::virtio::ring::{Doorbell, OWN, Ring};

/// The way in.
pub struct Inbound {
    pub ring: Ring<RECEIVE_SIZE>,
    pub in_flight: InFlight,
    /// Buffers were posted, and the device was not notified of them. It is as soon as no frame is waiting: a
    /// device that needs the notification has no buffers left, and so sends no more frames.
    pub notify_pending: bool,
}

impl Inbound {
    /// Gives the device a buffer to receive into.
    #[inline(always)]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the device has it from now on"
    )]
    pub fn post(&mut self, buffer: ReceiveId) {
        self.ring.post(self.in_flight.mark_in_flight(&buffer));
        self.notify_pending = true;
    }

    /// Gives the device a buffer for the first time: its descriptor stands for the first `room` bytes from now on.
    #[inline(never)]
    pub fn post_first(&mut self, pool: &Pool, buffer: ReceiveId, room: u16) {
        let address = || pool.address(&buffer);
        self.ring.describe(buffer.number(), OWN, room, address);
        self.post(buffer);
    }
}

/// The way out, and the stack's buffers that are not on it.
pub struct Outbound {
    pub ring: Ring<TRANSMIT_SIZE>,
    pub in_flight: InFlight,
    pub free: FreeList,
    /// Number of frames on the ring up to which an idle poll leaves those there that the device has sent.
    pub left_there: u16,
    pub sent: u64,
    pub doorbells: u64,
}

impl Outbound {
    /// Returns whether the queue has no room for another frame.
    pub const fn is_full(&self) -> bool {
        self.ring.in_flight() as usize == TRANSMIT_SIZE
    }

    /// Sends an answer: the first `len` bytes of a buffer's frame.
    ///
    /// # Errors
    ///
    /// Returns the buffer if a frame of the stack's has its descriptor.
    #[inline(always)]
    pub fn answer(
        &mut self,
        pool: &Pool,
        doorbell: &impl Doorbell,
        buffer: ReceiveId,
        len: usize,
    ) -> Result<(), ReceiveId> {
        let Some(id) = self.in_flight.try_mark_in_flight(&buffer) else {
            return Err(buffer);
        };
        self.post(id, OWN, pool, doorbell, buffer, len);
        Ok(())
    }

    /// Sends a frame of the stack's: the first `len` bytes of a buffer's frame.
    ///
    /// # Errors
    ///
    /// Returns the buffer if the queue is full.
    pub fn send(
        &mut self,
        pool: &Pool,
        doorbell: &impl Doorbell,
        buffer: StackId,
        len: usize,
    ) -> Result<(), StackId> {
        let Some(id) = self.in_flight.try_mark_stack_in_flight(&buffer) else {
            return Err(buffer);
        };
        let whose = OWN + 1 + u16::from(buffer.number());
        self.post(id, whose, pool, doorbell, buffer, len);
        Ok(())
    }

    /// Gives the device a buffer by the descriptor that it is in flight with.
    #[inline(always)]
    pub fn post<const FIRST: usize>(
        &mut self,
        id: u8,
        whose: u16,
        pool: &Pool,
        doorbell: &impl Doorbell,
        mut buffer: BufferId<FIRST>,
        len: usize,
    ) {
        pool.clear_header(&mut buffer);
        let address = || pool.address(&buffer);
        self.ring
            .describe(id, whose, (HEADER + len) as u16, address);
        self.ring.post(id);
        self.sent += 1;
        self.doorbells += self.ring.notify(doorbell);
    }
}
