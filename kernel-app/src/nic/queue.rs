//! A split virtqueue of frame buffers.
//!
//! Wraps `virtio-drivers`' queue so that buffers cannot be misused: one goes in by its id and comes
//! out when the device is done with it, and nobody has the id in between. What the device writes
//! into the ring is checked against our own [`Ledger`]. Unsafe here: lending the bytes to the queue
//! and taking them back.

use core::sync::atomic::{Ordering, fence};

use virtio_drivers::Hal;
use virtio_drivers::queue::VirtQueue;
use virtio_drivers::transport::Transport;

use crate::nic::ledger::{Ledger, Lent, QUEUE_SIZE};
use crate::nic::pool::{BufferId, Pool};

/// `receiveq1` and `transmitq1` (virtio 1.2 §5.1.2).
pub const RECEIVE: u16 = 0;
/// See [`RECEIVE`].
pub const TRANSMIT: u16 = 1;

/// Tells the device that there is something new in a queue.
pub trait Doorbell {
    /// Rings for queue number `queue`: [`RECEIVE`] or [`TRANSMIT`].
    fn ring(&self, queue: u16);
}

/// One queue, and the buffers that lie with the device through it.
pub struct Queue<H: Hal> {
    number: u16,
    ring: VirtQueue<H, QUEUE_SIZE>,
    ledger: Ledger,
}

impl<H: Hal> Queue<H> {
    /// Sets up queue `number`, [`RECEIVE`] or [`TRANSMIT`], without interrupts.
    ///
    /// # Errors
    ///
    /// The device has no such queue or one too small, or there is no memory for it.
    pub fn new(transport: &mut impl Transport, number: u16) -> virtio_drivers::Result<Self> {
        let mut ring = VirtQueue::new(transport, number, false, false)?;
        ring.set_dev_notify(false);
        Ok(Self {
            number,
            ring,
            ledger: Ledger::new(),
        })
    }

    /// Lends the device the first `len` bytes of a buffer: on the receive queue to write to, on
    /// the transmit queue to read from. Gives the buffer back if the ring is full.
    pub fn post(&mut self, pool: &Pool, mut buffer: BufferId, len: usize) -> Result<(), BufferId> {
        let bytes = &mut pool.bytes_mut(&mut buffer)[..len];
        let token = match self.number {
            // SAFETY: the id goes into the ledger and comes out when the token is reclaimed; until
            // then nobody can reach the bytes. They are in a static, so they stay where they are.
            RECEIVE => unsafe { self.ring.add(&[], &mut [bytes]) },
            // SAFETY: the same.
            _ => unsafe { self.ring.add(&[bytes], &mut []) },
        };
        match token {
            Ok(token) => {
                self.ledger.lend(token, Lent { buffer, len });
                Ok(())
            }
            Err(_) => Err(buffer),
        }
    }

    /// Rings the doorbell unless the device has said that it polls.
    pub fn notify(&self, doorbell: &impl Doorbell) {
        // The device clears its flag and then looks at the ring once more; we write to the ring and
        // then look at the flag. Only if neither can be reordered does one see the other (virtio
        // 1.2 §2.7.13.4.1), and x86 does reorder a store with a later load.
        fence(Ordering::SeqCst);
        if self.ring.should_notify() {
            doorbell.ring(self.number);
        }
    }

    /// Takes back a buffer and how many bytes the device says it wrote to it; `None` if there is
    /// none. Fails with the token if nothing was lent under it.
    pub fn reclaim(&mut self, pool: &Pool) -> Result<Option<(BufferId, usize)>, u16> {
        let Some(token) = self.ring.peek_used() else {
            return Ok(None);
        };
        let Lent { mut buffer, len } = self.ledger.settle(token).ok_or(token)?;
        let bytes = &mut pool.bytes_mut(&mut buffer)[..len];
        let written = match self.number {
            // SAFETY: these are the bytes that were posted under `token`, by the ledger.
            RECEIVE => unsafe { self.ring.pop_used(token, &[], &mut [bytes]) },
            // SAFETY: the same.
            _ => unsafe { self.ring.pop_used(token, &[bytes], &mut []) },
        };
        // It fails only if the device has changed the entry since it was peeked at.
        let written = written.map_err(|_| token)?;
        Ok(Some((buffer, written as usize)))
    }
}
