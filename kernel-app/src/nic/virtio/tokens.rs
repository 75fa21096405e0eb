//! The driver as smoltcp sees it: a [`phy::Device`] whose tokens are buffers of its pool.
//!
//! A received frame is read where the device put it, and a frame to send is written where the
//! device takes it from. No unsafe code.

use smoltcp::phy::{self, DeviceCapabilities, Medium};
use smoltcp::time::Instant;
use virtio_drivers::Hal;
use virtio_drivers::transport::Transport;

use super::{Frame, HEADER, Outbound, VirtioNic};
use crate::frames::MAX_FRAME;
use crate::nic::ledger::QUEUE_SIZE;
use crate::nic::pool::{BufferId, Pool};
use crate::nic::queue::Doorbell;

impl<H: Hal, T: Transport, B: Doorbell> phy::Device for VirtioNic<H, T, B> {
    type RxToken<'a>
        = Received<'a>
    where
        Self: 'a;
    type TxToken<'a>
        = Transmit<'a, H, B>
    where
        Self: 'a;

    /// The frame that was kept, if there is one, and room for an answer to it. Without room the
    /// frame is dropped: waiting would hold up those behind it.
    fn receive(&mut self, _now: Instant) -> Option<(Received<'_>, Transmit<'_, H, B>)> {
        self.recycle_shown();
        let frame = self.kept.take().or_else(|| self.take_frame())?;
        let Some(buffer) = self.take_free() else {
            self.counts.dropped_transmit += 1;
            self.recycle(frame.buffer);
            return None;
        };
        let Frame { buffer: shown, len } = self.shown.insert(frame);
        let received = Received(&self.pool.bytes(shown)[HEADER..][..*len]);
        let transmit = Transmit {
            out: &mut self.out,
            pool: &self.pool,
            doorbell: &self.doorbell,
            buffer: Some(buffer),
        };
        Some((received, transmit))
    }

    fn transmit(&mut self, _now: Instant) -> Option<Transmit<'_, H, B>> {
        let buffer = self.take_free()?;
        Some(Transmit {
            out: &mut self.out,
            pool: &self.pool,
            doorbell: &self.doorbell,
            buffer: Some(buffer),
        })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = MAX_FRAME;
        capabilities.max_burst_size = Some(QUEUE_SIZE);
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
pub struct Transmit<'a, H: Hal, B> {
    out: &'a mut Outbound<H>,
    pool: &'a Pool,
    doorbell: &'a B,
    /// Where to write it; none once it is sent.
    buffer: Option<BufferId>,
}

impl<H: Hal, B: Doorbell> phy::TxToken for Transmit<'_, H, B> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(mut self, len: usize, write: F) -> R {
        let mut buffer = self.buffer.take().expect("a token is consumed once");
        let result = write(&mut self.pool.bytes_mut(&mut buffer)[HEADER..][..len]);
        // There is room: every buffer that is not in the ring has a descriptor free for it.
        self.out.send(self.pool, self.doorbell, buffer, len);
        result
    }
}

impl<H: Hal, B> Drop for Transmit<'_, H, B> {
    fn drop(&mut self) {
        if let Some(buffer) = self.buffer.take() {
            self.out.free.put(buffer);
        }
    }
}
