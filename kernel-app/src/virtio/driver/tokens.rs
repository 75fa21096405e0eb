//! The driver as smoltcp sees it: a [`phy::Device`] whose tokens are buffers of its pool.
//!
//! A received frame is read where the device put it, and a frame to send is written where the
//! device takes it from. No unsafe code.

use smoltcp::phy::{self, DeviceCapabilities, Medium};
use smoltcp::time::Instant;

use super::{Outbound, Pending, VirtioNic};
use crate::frame_device::MAX_FRAME;
use crate::virtio::pool::{Pool, STACK_BUFFERS, StackId};
use crate::virtio::ring::Doorbell;

impl<R: Doorbell> phy::Device for VirtioNic<R> {
    type RxToken<'a>
        = Received<'a>
    where
        Self: 'a;
    type TxToken<'a>
        = Transmit<'a, R>
    where
        Self: 'a;

    /// The frame that was kept, if there is one, and room for an answer to it. Without room the
    /// frame is dropped: waiting would hold up those behind it.
    fn receive(&mut self, _now: Instant) -> Option<(Received<'_>, Transmit<'_, R>)> {
        let frame = self.next_frame()?;
        let Some(buffer) = self.take_free() else {
            self.counts.dropped_transmit += 1;
            self.inbound.post(frame.into_buffer());
            return None;
        };
        self.pending = Pending::WithStack(frame);
        let Pending::WithStack(frame) = &self.pending else {
            unreachable!("it was set the line before");
        };
        let received = Received(self.pool.frame(frame));
        let transmit = Transmit {
            out: &mut self.out,
            pool: &self.pool,
            doorbell: &self.registers,
            buffer: Some(buffer),
        };
        Some((received, transmit))
    }

    fn transmit(&mut self, _now: Instant) -> Option<Transmit<'_, R>> {
        let buffer = self.take_free()?;
        Some(Transmit {
            out: &mut self.out,
            pool: &self.pool,
            doorbell: &self.registers,
            buffer: Some(buffer),
        })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = self.negotiated.max_frame.unwrap_or(MAX_FRAME);
        capabilities.max_burst_size = Some(STACK_BUFFERS / self.pool.span());
        capabilities
    }
}

/// A received frame, for the stack to look at.
pub struct Received<'a>(&'a [u8]);

impl phy::RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, look: F) -> R {
        look(self.0)
    }
}

/// The right to send one frame.
pub struct Transmit<'a, B> {
    out: &'a mut Outbound,
    pool: &'a Pool,
    doorbell: &'a B,
    /// Buffer to write it to; none once it is sent.
    buffer: Option<StackId>,
}

impl<B: Doorbell> phy::TxToken for Transmit<'_, B> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(mut self, len: usize, write: F) -> R {
        let mut buffer = self.buffer.take().expect("a token is consumed once");
        let result = write(&mut self.pool.room_mut(&mut buffer)[..len]);
        let sent = self.out.send(self.pool, self.doorbell, buffer, len);
        assert!(sent.is_ok(), "there was room when the token was made");
        result
    }
}

impl<B> Drop for Transmit<'_, B> {
    fn drop(&mut self) {
        if let Some(buffer) = self.buffer.take() {
            self.out.free.put(buffer);
        }
    }
}
