//! The virtio-net driver (virtio 1.2 §5.1) with polled queues.
//!
//! Two split queues, one buffer per descriptor, no interrupts, no offloads. The network driver of
//! `virtio-drivers` is not used, for three reasons: it negotiates `VIRTIO_F_EVENT_IDX`, under which
//! it cannot turn interrupts off; it decides about the doorbell without the full barrier which that
//! takes; and it ties a buffer to one queue, where an answer should go out in the buffer its
//! question came in.
//!
//! Latency comes first. An answer is posted, and only then is the buffer of an earlier one, which
//! the device has sent meanwhile, put back on the receive ring: one for each answer, so that every
//! echo costs the same, and while the device is busy with the answer, so that it costs no time.
//! While nothing comes, one index is read, and the flag of a ring whose device was last left alone
//! because it polled; nothing is written.
//!
//! The device is not trusted. A frame of impossible length is dropped and counted. An id
//! that stands for no buffer, more completions than there can be, or more bytes than fit are counted too, and
//! nothing more is taken from that device before it is reset: what else it says cannot be relied on either.
//!
//! - `queues`: our side of them, with the buffers on them;
//! - `setup`: the device's registers, at the start and after a reset;
//! - `restart`: faults that the device tells of, its link, and its reset;
//! - `features`: those that are taken;
//! - `tokens`: the device as smoltcp sees it.
//!
//! No unsafe code.
#![cfg_attr(not(test), forbid(unsafe_code))]

use virtio_drivers::transport::Transport;
use wire::Mac;

use crate::frame_device::{
    Action, DeviceCounts, DeviceFault, Disposition, FrameDevice, Link, MAX_FRAME,
};
use crate::virtio::in_flight::DESCRIPTORS;
use crate::virtio::pool::{
    BUFFER_LEN, HEADER, Pool, RECEIVE_BUFFERS, ReceiveId, ReceivedFrame, StackId,
};
use crate::virtio::ring::Doorbell;

mod features;
mod queues;
mod restart;
mod setup;
mod tokens;

pub use features::Features;
use queues::{Inbound, Outbound};
use restart::Observed;
use setup::Negotiated;
pub use setup::{NicMemory, SetupError, read_mac};

/// Descriptors of the receive queue: one for each buffer to receive into.
pub const RECEIVE_SIZE: usize = DESCRIPTORS;

/// Descriptors of the transmit queue: QEMU has no more. Each is an answer's own, and a frame of the
/// stack's may have it meanwhile: an answer that finds it there is copied to a buffer of the stack's.
pub const TRANSMIT_SIZE: usize = DESCRIPTORS;

const _: () = assert!(DESCRIPTORS == RECEIVE_BUFFERS);

/// With more than this share of all receive buffers on the transmit ring, an idle poll takes back those that the device
/// has sent, so that the next burst finds nearly all buffers on the receive ring.
const LEFT_THERE_DIVISOR: usize = 8;

/// A frame that the stack may send fits the least of buffers.
const _: () = assert!(MAX_FRAME + HEADER <= BUFFER_LEN);

/// A virtio network device, set up; `R` for its registers, of which the doorbells alone are used as long as all is well.
pub struct VirtioNic<R> {
    registers: R,
    pool: Pool,
    inbound: Inbound,
    out: Outbound,
    pending: Pending,
    negotiated: Negotiated,
    counts: DeviceCounts,
    fault: Option<DeviceFault>,
    observed: Observed,
}

/// The last frame that was offered and passed on to the stack.
enum Pending {
    Nothing,
    /// The stack has not taken it yet.
    Waiting(ReceivedFrame),
    /// The stack is reading it, or has read it.
    WithStack(ReceivedFrame),
}

impl<R: Doorbell> VirtioNic<R> {
    /// Takes the oldest frame from the receive ring; skips those of impossible length, of which
    /// there can be as many as there are buffers before one of them comes round again.
    #[inline(always)]
    fn take_frame(&mut self) -> Option<ReceivedFrame> {
        for _ in 0..RECEIVE_SIZE {
            if self.fault.is_some() {
                return None;
            }
            let used = match self.inbound.ring.reclaim() {
                Ok(used) => used?,
                Err(jump) => {
                    self.fail(DeviceFault::ReceiveJump(jump));
                    return None;
                }
            };
            let Some(buffer) = self.inbound.in_flight.complete(used.id) else {
                self.fail(DeviceFault::Receive(used.id));
                return None;
            };
            self.counts.frames_received += 1;
            match self.pool.received(buffer, used.len) {
                Ok(frame) => return Some(frame),
                Err(buffer) => self.refuse(buffer, used.len),
            }
        }
        None
    }

    /// Drops a frame of impossible length: one that is none, or that is longer than its buffer.
    #[cold]
    fn refuse(&mut self, buffer: ReceiveId, len: u32) {
        self.inbound.post(buffer);
        if len as usize > self.pool.buffer_len() {
            self.fail(DeviceFault::Overlong(len));
        } else {
            self.counts.faults += 1;
        }
    }

    /// Recycles one buffer that the device has sent. Returns false if there was none.
    #[inline(always)]
    fn reclaim_sent(&mut self) -> bool {
        let used = match self.out.ring.reclaim() {
            Ok(None) => return false,
            Ok(Some(used)) => used,
            Err(jump) => {
                self.fail(DeviceFault::TransmitJump(jump));
                return false;
            }
        };
        match self.out.in_flight.complete(used.id) {
            Some(buffer) => {
                self.inbound.post(buffer);
                true
            }
            None => self.reclaim_stack(used.id),
        }
    }

    /// Recycles a buffer that is not a reply's: one of the stack's. Any other is a fault.
    #[cold]
    fn reclaim_stack(&mut self, id: u32) -> bool {
        match self.out.in_flight.complete_stack(id) {
            Some(buffer) => {
                self.out.free.put(buffer);
                true
            }
            None => {
                self.fail(DeviceFault::Transmit(id));
                false
            }
        }
    }

    /// Does what can wait until no frame does: takes back sent buffers of a burst, and notifies.
    #[inline(always)]
    fn idle_work(&mut self) {
        if self.out.ring.in_flight() > self.out.left_there {
            self.refill();
        }
        if self.inbound.notify_pending {
            self.inbound.notify_pending = false;
            self.out.doorbells += self.inbound.ring.notify(&self.registers);
        }
        self.out.doorbells += self.inbound.ring.notify_if_due(&self.registers);
        self.out.doorbells += self.out.ring.notify_if_due(&self.registers);
    }

    #[cold]
    fn refill(&mut self) {
        while self.fault.is_none() && self.reclaim_sent() {}
    }

    /// A buffer for a frame of the stack's, if one is left, and room for it, once the device has given
    /// back those it has sent. A device that failed has none.
    fn take_free(&mut self) -> Option<StackId> {
        if self.out.free.is_empty() || self.out.is_full() {
            self.refill();
        }
        if self.fault.is_some() || self.out.is_full() {
            return None;
        }
        self.out.free.take()
    }

    /// Sends the first `len` bytes of a frame from one of the stack's buffers, because a frame of the
    /// stack's has the descriptor of its own.
    #[cold]
    fn answer_by_copy(&mut self, mut buffer: ReceiveId, len: usize) -> Disposition {
        let copy = self.take_free();
        let sent = copy.map(|mut copy| {
            let answer = &self.pool.room_mut(&mut buffer)[..len];
            self.pool.room_mut(&mut copy)[..len].copy_from_slice(answer);
            self.out.send(&self.pool, &self.registers, copy, len)
        });
        self.inbound.post(buffer);
        match sent {
            Some(sent) => {
                assert!(sent.is_ok(), "there was room when the buffer was taken");
                Disposition::Sent
            }
            None => Disposition::TxFull,
        }
    }

    #[cold]
    fn fail(&mut self, fault: DeviceFault) {
        self.counts.faults += 1;
        self.fault = Some(fault);
    }

    /// Recycles the buffer of a frame that the stack has read, and returns a frame that it has not.
    #[cold]
    fn take_pending(&mut self) -> Option<ReceivedFrame> {
        match core::mem::replace(&mut self.pending, Pending::Nothing) {
            Pending::Nothing => None,
            Pending::Waiting(frame) => Some(frame),
            Pending::WithStack(frame) => {
                self.inbound.post(frame.into_buffer());
                None
            }
        }
    }

    #[inline(always)]
    fn next_frame(&mut self) -> Option<ReceivedFrame> {
        if !matches!(self.pending, Pending::Nothing)
            && let Some(frame) = self.take_pending()
        {
            return Some(frame);
        }
        self.take_frame()
    }
}

impl<R: Doorbell + Transport> FrameDevice for VirtioNic<R> {
    fn mac(&self) -> Mac {
        self.negotiated.mac
    }

    #[inline(always)]
    fn offer(&mut self, visit: impl FnOnce(&mut [u8]) -> Action) -> Disposition {
        let Some(mut frame) = self.next_frame() else {
            self.idle_work();
            return Disposition::NoFrame;
        };
        self.pool.prefetch_for_write(&mut frame);
        match visit(self.pool.frame_mut(&mut frame)) {
            Action::Tx(len) => {
                let len = len.min(frame.len());
                let buffer = frame.into_buffer();
                let answered = self.out.answer(&self.pool, &self.registers, buffer, len);
                let offered = match answered {
                    Ok(()) => Disposition::Sent,
                    Err(buffer) => self.answer_by_copy(buffer, len),
                };
                self.reclaim_sent();
                offered
            }
            Action::Drop => {
                self.inbound.post(frame.into_buffer());
                Disposition::Dropped
            }
            Action::Pass => {
                self.pending = Pending::Waiting(frame);
                Disposition::Passed
            }
        }
    }

    #[inline(always)]
    fn is_idle(&self) -> bool {
        self.inbound.ring.has_no_completions()
            && !self.inbound.notify_pending
            && self.out.ring.in_flight() <= self.out.left_there
            && !self.inbound.ring.is_notification_due()
            && !self.out.ring.is_notification_due()
    }

    fn counts(&self) -> DeviceCounts {
        DeviceCounts {
            frames_sent: self.out.sent,
            doorbells: self.out.doorbells,
            ..self.counts
        }
    }

    #[inline(always)]
    fn fault(&self) -> Option<DeviceFault> {
        self.fault
    }

    fn check(&mut self) -> Option<Link> {
        self.observe()
    }

    fn restart(&mut self) -> bool {
        match self.set_up_again() {
            Ok(()) => true,
            Err(problem) => {
                log::warn!("network device: {problem}");
                false
            }
        }
    }
}

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;
