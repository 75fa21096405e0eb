//! A split virtqueue (virtio 1.2 §2.7), polled: what both sides write, and our position in it.
//!
//! The queue of `virtio-drivers` is general, and costs some hundred instructions per buffer. This
//! one is for one descriptor per buffer, and as a rule each descriptor has a buffer of its own: the
//! [table of buffers in flight](crate::virtio::in_flight) says where another is in its place, so a descriptor is written once, and
//! there is no list of free ones.
//!
//! Each cache line that changes here has to travel to the device's processor and costs a frame as
//! much as a hundred instructions do. So nothing is written that is there already: buffers that go
//! round in the same order leave the ring's entries as they are, and frames of the same length
//! leave the descriptors. What was written is remembered on our side; the device's side is never
//! read back. Per frame there remain the index and the frame itself.
//!
//! A notification (a write to the device's doorbell) is left out where the device has said that it
//! polls, and sent later where it turns out that the device does not: see
//! [`Ring::is_notification_due`].
//!
//! Shared memory is atomics, so there is no unsafe code: the device can write what it likes here,
//! and it means nothing until the [table of buffers in flight](crate::virtio::in_flight) has confirmed it. The order of
//! its loads and stores is checked by loom (`ring-model`), with `cfg(loom)`.
#![forbid(unsafe_code)]

#[cfg(not(loom))]
use core::sync::atomic::{AtomicU16, AtomicU32, AtomicU64, Ordering, fence};
#[cfg(loom)]
use loom::sync::atomic::{AtomicU16, AtomicU32, AtomicU64, Ordering, fence};

use virtio_drivers::transport::Transport;

use crate::frame_device::IndexJump;

/// `receiveq1` and `transmitq1` (virtio 1.2 §5.1.2).
pub const RECEIVE: u16 = 0;
/// See [`RECEIVE`].
pub const TRANSMIT: u16 = 1;

/// `VIRTQ_DESC_F_WRITE`: the device writes to the buffer.
const WRITE: u16 = 2;
/// `VIRTQ_AVAIL_F_NO_INTERRUPT`.
const NO_INTERRUPT: u16 = 1;
/// `VIRTQ_USED_F_NO_NOTIFY`.
const NO_NOTIFY: u16 = 1;

/// An entry that is no descriptor's, and so is written before it is used.
const NEVER_WRITTEN: u16 = u16::MAX;

/// A descriptor's own buffer: see [`Ring::describe`].
pub const OWN: u16 = 0;

/// Tells the device that there is something new in a queue.
pub trait Doorbell {
    /// Rings for queue number `queue`: [`RECEIVE`] or [`TRANSMIT`].
    fn ring(&self, queue: u16);
}

/// `struct virtq_desc`
#[derive(Debug)]
#[repr(C, align(16))]
struct Descriptor {
    address: AtomicU64,
    len: AtomicU32,
    flags: AtomicU16,
    next: AtomicU16,
}

/// `struct virtq_avail`, on cache lines of its own: pairs of them, as processors fetch them.
#[derive(Debug)]
#[repr(C, align(128))]
struct Avail<const SIZE: usize> {
    flags: AtomicU16,
    index: AtomicU16,
    ring: [AtomicU16; SIZE],
}

/// `struct virtq_used`, likewise.
#[derive(Debug)]
#[repr(C, align(128))]
struct UsedRing<const SIZE: usize> {
    flags: AtomicU16,
    index: AtomicU16,
    ring: [UsedEntry; SIZE],
}

/// `struct virtq_used_elem`
#[derive(Debug)]
#[repr(C)]
struct UsedEntry {
    id: AtomicU32,
    len: AtomicU32,
}

/// A queue's memory, to be put in a static.
#[derive(Debug)]
#[repr(C, align(4096))]
pub struct RingMemory<const SIZE: usize> {
    descriptors: [Descriptor; SIZE],
    avail: Avail<SIZE>,
    used: UsedRing<SIZE>,
}

#[cfg(not(loom))]
impl<const SIZE: usize> RingMemory<SIZE> {
    /// Memory, zeroed.
    #[must_use]
    pub const fn new() -> Self {
        // The standard wants a power of two, and free-running 16-bit indices need one.
        const { assert!(SIZE.is_power_of_two() && SIZE <= 1 << 15) };
        Self {
            descriptors: [const {
                Descriptor {
                    address: AtomicU64::new(0),
                    len: AtomicU32::new(0),
                    flags: AtomicU16::new(0),
                    next: AtomicU16::new(0),
                }
            }; SIZE],
            avail: Avail {
                flags: AtomicU16::new(0),
                index: AtomicU16::new(0),
                ring: [const { AtomicU16::new(0) }; SIZE],
            },
            used: UsedRing {
                flags: AtomicU16::new(0),
                index: AtomicU16::new(0),
                ring: [const {
                    UsedEntry {
                        id: AtomicU32::new(0),
                        len: AtomicU32::new(0),
                    }
                }; SIZE],
            },
        }
    }
}

#[cfg(not(loom))]
impl<const SIZE: usize> Default for RingMemory<SIZE> {
    fn default() -> Self {
        Self::new()
    }
}

/// A completion, as the device tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Used {
    /// Descriptor of the buffer.
    pub id: u32,
    /// Number of bytes that the device wrote to it.
    pub len: u32,
}

/// Our side of a queue.
#[derive(Debug)]
pub struct Ring<const SIZE: usize> {
    memory: &'static RingMemory<SIZE>,
    number: u16,
    /// Number of buffers posted.
    posted: u64,
    /// Number of buffers posted when the device was last notified.
    notified: u64,
    /// Number of buffers that came back, modulo 2¹⁶.
    reclaimed: u16,
    /// Copy of the ring's entries.
    entries: [u16; SIZE],
    /// Copy of the descriptors: whose buffer and its length, see [`described`].
    descriptions: [u32; SIZE],
}

impl<const SIZE: usize> Ring<SIZE> {
    /// Creates queue `number`, [`RECEIVE`] or [`TRANSMIT`], in `memory` of its own. It has no device yet:
    /// [`Ring::register`].
    #[must_use]
    pub const fn new(number: u16, memory: &'static RingMemory<SIZE>) -> Self {
        Self {
            memory,
            number,
            posted: 0,
            notified: 0,
            reclaimed: 0,
            entries: [NEVER_WRITTEN; SIZE],
            descriptions: [0; SIZE],
        }
    }

    /// Gives the queue, empty and without interrupts, to a device that was reset.
    ///
    /// # Errors
    ///
    /// [`virtio_drivers::Error`] if the device has no such queue, one too small, or one in use.
    pub fn register(&mut self, transport: &mut impl Transport) -> virtio_drivers::Result<()> {
        let Self { number, memory, .. } = *self;
        if transport.queue_used(number) {
            return Err(virtio_drivers::Error::AlreadyUsed);
        }
        if (transport.max_queue_size(number) as usize) < SIZE {
            return Err(virtio_drivers::Error::InvalidParam);
        }
        (self.posted, self.notified, self.reclaimed) = (0, 0, 0);
        self.entries.fill(NEVER_WRITTEN);
        self.descriptions.fill(0);
        let flags = if number == RECEIVE { WRITE } else { 0 };
        for descriptor in &memory.descriptors {
            descriptor.flags.store(flags, Ordering::Relaxed);
        }
        memory.avail.flags.store(NO_INTERRUPT, Ordering::Relaxed);
        for left in [&memory.avail.index, &memory.used.flags, &memory.used.index] {
            left.store(0, Ordering::Relaxed);
        }
        transport.queue_set(
            number,
            SIZE as u32,
            physical(&memory.descriptors),
            physical(&memory.avail),
            physical(&memory.used),
        );
        Ok(())
    }

    /// Returns the number of buffers in flight.
    #[inline(always)]
    #[must_use]
    pub const fn in_flight(&self) -> u16 {
        self.avail_index().wrapping_sub(self.reclaimed)
    }

    /// Returns true if the device has completed nothing new.
    #[inline(always)]
    #[must_use]
    pub fn has_no_completions(&self) -> bool {
        // Relaxed: whoever goes on to take a completion looks again.
        self.memory.used.index.load(Ordering::Relaxed) == self.reclaimed
    }

    /// Has descriptor `id`, which the device does not have, stand for the first `len` bytes, at least one, of
    /// its own buffer, [`OWN`], or of another, whose number is above that. `address` returns where that is.
    #[inline(always)]
    pub fn describe(&mut self, id: u8, whose: u16, len: u16, address: impl FnOnce() -> u64) {
        let at = usize::from(id) % SIZE;
        let description = described(whose, len);
        if self.descriptions[at] != description {
            self.descriptions[at] = description;
            let descriptor = &self.memory.descriptors[at];
            descriptor.address.store(address(), Ordering::Relaxed);
            descriptor.len.store(len.into(), Ordering::Relaxed);
        }
    }

    /// Makes descriptor `id` available to the device, which sees it at once.
    ///
    /// There is room: by the caller's [table](crate::virtio::in_flight) each descriptor is in flight once.
    #[inline(always)]
    pub fn post(&mut self, id: u8) {
        let id = u16::from(id);
        let slot = self.posted as usize % SIZE;
        if self.entries[slot] != id {
            self.entries[slot] = id;
            self.memory.avail.ring[slot].store(id, Ordering::Relaxed);
        }
        self.posted += 1;
        // Release: frame, descriptor and entry are there before the index says so.
        self.memory
            .avail
            .index
            .store(self.avail_index(), Ordering::Release);
    }

    /// Returns the avail ring's index: the number of buffers posted, modulo 2¹⁶.
    #[inline(always)]
    const fn avail_index(&self) -> u16 {
        self.posted as u16
    }

    /// The next buffer that the device is done with, if there is one.
    ///
    /// # Errors
    ///
    /// [`IndexJump`] if the device completed more buffers than are in flight; the ring can't be used any more.
    #[inline(always)]
    pub fn reclaim(&mut self) -> Result<Option<Used>, IndexJump> {
        // Acquire: entry and frame are read after the index says that they are there.
        let index = self.memory.used.index.load(Ordering::Acquire);
        if index == self.reclaimed {
            return Ok(None);
        }
        let completed = index.wrapping_sub(self.reclaimed);
        if completed > self.in_flight() {
            return Err(IndexJump {
                completed,
                lent: self.in_flight(),
            });
        }
        let entry = &self.memory.used.ring[usize::from(self.reclaimed) % SIZE];
        self.reclaimed = self.reclaimed.wrapping_add(1);
        Ok(Some(Used {
            id: entry.id.load(Ordering::Relaxed),
            len: entry.len.load(Ordering::Relaxed),
        }))
    }

    /// Notifies the device of what was posted, unless it has said that it polls. Returns the number
    /// of notifications.
    ///
    /// A device that says so may be about to go to sleep: what it is not notified of here it may
    /// have to be notified of later, see [`Ring::is_notification_due`].
    #[inline(always)]
    pub fn notify(&mut self, doorbell: &impl Doorbell) -> u64 {
        // The device clears its flag and then looks at the ring once more; we write to the ring and
        // then look at the flag. Only if neither can be reordered does one see the other (virtio
        // 1.2 §2.7.13.4.1), and x86 does reorder a store with a later load. On hardware, and so
        // under KVM, the fence sees to that. TCG does not keep it: of the locked instruction that
        // the compiler makes of it, QEMU makes a barrier only for machines that may have several
        // processors, and never under -icount.
        fence(Ordering::SeqCst);
        if self.polls() {
            return 0;
        }
        self.ring_doorbell(doorbell)
    }

    /// Returns whether a notification that was left out is due after all: the device polled then,
    /// polls no more, and has not completed everything, so that it may have gone to sleep without
    /// having seen the last buffers. For the loop that polls: with a device that polls, the check
    /// is one load, and it needs no barrier, since the next check finds what this one misses.
    #[inline(always)]
    #[must_use]
    pub fn is_notification_due(&self) -> bool {
        // The flag comes first: what the device took while it polled it had completed by then.
        !self.polls() && self.notified != self.posted && {
            fence(Ordering::Acquire);
            self.memory.used.index.load(Ordering::Relaxed) != self.avail_index()
        }
    }

    /// Sends a notification that was left out, if it is due. Returns the number of notifications.
    /// For a poll that finds nothing else to do: as long as buffers are posted, notifying of the
    /// later ones does for the earlier.
    #[inline(always)]
    pub fn notify_if_due(&mut self, doorbell: &impl Doorbell) -> u64 {
        if self.is_notification_due() {
            self.ring_doorbell(doorbell)
        } else {
            0
        }
    }

    /// Returns whether the device says that it need not be notified.
    #[inline(always)]
    fn polls(&self) -> bool {
        self.memory.used.flags.load(Ordering::Relaxed) & NO_NOTIFY != 0
    }

    /// Notifies the device of what it has, whether that is due or not. Returns the number of notifications.
    #[inline(always)]
    pub fn ring_doorbell(&mut self, doorbell: &impl Doorbell) -> u64 {
        self.notified = self.posted;
        doorbell.ring(self.number);
        1
    }
}

/// Returns the id of the buffer in a descriptor and its length, in one number, which is never 0: no buffer is in
/// flight without a byte. For the descriptor's own buffer, that is the length alone.
#[inline(always)]
const fn described(whose: u16, len: u16) -> u32 {
    (whose as u32) << 16 | len as u32
}

/// Returns the physical address of `memory`: the same, by the identity mapping.
fn physical<T>(memory: &T) -> u64 {
    core::ptr::from_ref(memory).expose_provenance() as u64
}

#[cfg(loom)]
#[path = "ring/model.rs"]
pub mod model;
#[cfg(test)]
mod tests;
