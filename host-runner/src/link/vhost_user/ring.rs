//! The device's side of a split virtqueue (virtio 1.2 §2.7), in memory that the driver can write to
//! at any time.
//!
//! Nothing that the driver writes is believed: indices, descriptor numbers, flags, addresses and
//! lengths are each read once, checked and only then used. What the device itself has to remember
//! it keeps for itself and never reads back. No unsafe code.
//!
//! A cache line that changes has to travel to the guest's core, which costs more than most of what is
//! done here. So nothing is written that stands there already: where buffers go round in the same
//! order and frames are of one length, the used ring's elements stay as they are.

use std::num::Wrapping;
use std::sync::atomic::{Ordering, fence};

use super::memory_regions::{Memory, OutsideMemory, Part, Slice};

/// The most descriptors in a ring (virtio 1.2 §2.7).
pub const MAX_SIZE: u16 = 32_768;

/// The header in front of every frame (virtio 1.2 §5.1.6), in bytes.
pub const HEADER: usize = 12;

/// The header of a frame without offloads: all zero but the number of buffers, one.
const PLAIN_HEADER: [u8; HEADER] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0];

/// Length of a descriptor and of an element of the used ring, in bytes.
pub(super) const DESCRIPTOR: usize = 16;
pub(super) const USED_ELEMENT: usize = 8;

/// Offsets of the fields of the avail and the used ring, in bytes (virtio 1.2 §2.7.6, §2.7.8).
pub(super) const FLAGS: usize = 0;
pub(super) const INDEX: usize = 2;
pub(super) const ELEMENTS: usize = 4;

/// Flags of a descriptor (virtio 1.2 §2.7.5).
const NEXT: u16 = 1;
pub(super) const WRITE: u16 = 2;
const INDIRECT: u16 = 4;

/// The flag of the avail ring by which the driver says that it polls (virtio 1.2 §2.7.6).
pub(super) const NO_INTERRUPT: u16 = 1;

/// The flag of the used ring by which the device does (virtio 1.2 §2.7.8).
const NO_NOTIFY: u16 = 1;

/// Violation of virtio by a driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Made more buffers available at once than the ring has room for.
    #[error("its avail index jumped by {jump}, and the ring has {size} entries")]
    IndexJump {
        /// By how much the index moved since it was last read.
        jump: u16,
        /// Entries in the ring.
        size: u16,
    },
    /// A descriptor number beyond the table.
    #[error("it named descriptor {index}, and the table has {size}")]
    NoSuchDescriptor {
        /// The number.
        index: u16,
        /// Descriptors in the table.
        size: u16,
    },
    /// A chain longer than the table, so that it must be a loop.
    #[error("the chain of descriptor {head} is a loop")]
    Loop {
        /// Index of the chain's first descriptor.
        head: u16,
    },
    /// A buffer that is not in the guest's memory.
    #[error("it gave a buffer of {len} bytes at {address:#x}, which is not in its memory")]
    OutsideMemory {
        /// The buffer's guest-physical address.
        address: u64,
        /// Length in bytes.
        len: u32,
    },
    /// A buffer to be read on the receive queue, or to be written on the transmit queue.
    #[error("descriptor {index} is for the other direction")]
    Direction {
        /// The descriptor.
        index: u16,
    },
    /// An indirect descriptor, which was not negotiated.
    #[error("descriptor {index} is indirect, which was not negotiated")]
    Indirect {
        /// The descriptor.
        index: u16,
    },
    /// A frame shorter than its header, or longer than any that a link carries.
    #[error("it sent a frame of {len} bytes, header included")]
    FrameLength {
        /// Length, as far as it was followed.
        len: usize,
    },
}

/// Outcome of a frame for the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// In a receive buffer, which is complete and not published yet.
    Delivered,
    /// Not taken: the driver has no receive buffer.
    NoBuffer,
    /// To be dropped: the next receive buffer has room for no more than `len` bytes, header included. The buffer
    /// remains for the frame after it.
    TooLong {
        /// Room, in bytes.
        len: usize,
    },
}

/// A virtqueue, from the device's side.
#[derive(Debug)]
pub struct Ring {
    size: u16,
    descriptors: Part,
    avail: Part,
    used: Part,
    /// The next entry of the avail ring to be taken.
    next_avail: Wrapping<u16>,
    /// The avail index as it was last read.
    seen_avail: Wrapping<u16>,
    /// The next entry of the used ring to be written.
    next_used: Wrapping<u16>,
    /// The used index as the driver sees it.
    published: Wrapping<u16>,
    /// Content of the used ring: head and length of each element.
    elements: Box<[(u32, u32)]>,
}

/// Content of an element of the used ring that this device has not written yet: unknown.
const UNKNOWN: (u32, u32) = (u32::MAX, u32::MAX);

/// Returns the lengths of the three parts of a ring of `size` entries, in bytes: descriptor table,
/// avail ring, used ring (virtio 1.2 §2.7). Without event indices, which are not negotiated.
#[must_use]
pub const fn lengths(size: u16) -> (usize, usize, usize) {
    let size = size as usize;
    (
        size * DESCRIPTOR,
        ELEMENTS + size * 2,
        ELEMENTS + size * USED_ELEMENT,
    )
}

impl Ring {
    /// A ring of `size` entries, a power of two up to [`MAX_SIZE`], in parts as long as
    /// [`lengths`] says and aligned to 16, 2 and 4 bytes (virtio 1.2 §2.7). It goes on where a
    /// device stopped that had taken `base` buffers, and tells the driver that it need not ring.
    pub fn new(size: u16, base: u16, descriptors: Part, avail: Part, used: Part) -> Self {
        let base = Wrapping(base);
        let ring = Self {
            size,
            descriptors,
            avail,
            used,
            next_avail: base,
            seen_avail: base,
            next_used: base,
            published: base,
            elements: vec![UNKNOWN; size.into()].into(),
        };
        ring.used().store_u16(FLAGS, NO_NOTIFY, Ordering::Relaxed);
        ring
    }

    /// Returns the index at which a device that takes over has to go on.
    pub const fn base(&self) -> u16 {
        self.next_avail.0
    }

    /// Number of completed buffers that the driver has not been told of.
    pub const fn unpublished(&self) -> u16 {
        self.next_used.0.wrapping_sub(self.published.0)
    }

    /// Takes a frame from a transmit queue into `frame`, and returns its length without the virtio header.
    ///
    /// # Errors
    ///
    /// [`Fault`] if the driver broke virtio's rules, or if the frame is longer than `frame` or empty.
    #[inline]
    pub fn take(&mut self, memory: &Memory, frame: &mut [u8]) -> Result<Option<usize>, Fault> {
        let Some(head) = self.pop()? else {
            return Ok(None);
        };
        let mut taken = 0;
        self.walk(head, memory, false, |buffer| {
            // How much of the header is in this buffer, and where the frame goes on behind it.
            let header = HEADER.saturating_sub(taken).min(buffer.len());
            let at = taken.saturating_sub(HEADER);
            taken += buffer.len();
            let room = frame.get_mut(at..at + buffer.len() - header);
            let room = room.ok_or(Fault::FrameLength { len: taken })?;
            buffer.behind(header).copy_to(room);
            Ok(())
        })?;
        let len = taken.checked_sub(HEADER).filter(|&len| len > 0);
        let len = len.ok_or(Fault::FrameLength { len: taken })?;
        self.complete(head, 0);
        Ok(Some(len))
    }

    /// Puts a frame into a buffer of a receive queue, if there is one that it fits.
    ///
    /// Without mergeable buffers a frame has one (virtio 1.2 §5.1.6.4.1), and a driver whose network has longer frames
    /// than its buffers breaks no rule.
    ///
    /// # Errors
    ///
    /// [`Fault`] if the driver broke virtio's rules.
    #[inline]
    pub fn give(&mut self, memory: &Memory, frame: &[u8]) -> Result<Given, Fault> {
        let Some(head) = self.pop()? else {
            return Ok(Given::NoBuffer);
        };
        let total = HEADER + frame.len();
        let mut given = 0;
        self.walk(head, memory, true, |buffer| {
            // What of the header and of the frame goes into this buffer.
            let header = &PLAIN_HEADER[given.min(HEADER)..];
            let header = &header[..header.len().min(buffer.len())];
            let rest = &frame[given.saturating_sub(HEADER)..];
            let rest = &rest[..rest.len().min(buffer.len() - header.len())];
            buffer.copy_from(header);
            buffer.behind(header.len()).copy_from(rest);
            buffer.demote();
            given += header.len() + rest.len();
            Ok(())
        })?;
        if given < total {
            self.next_avail -= 1;
            return Ok(Given::TooLong { len: given });
        }
        self.complete(head, total as u32);
        Ok(Given::Delivered)
    }

    /// Fetches what the next [`Ring::give`] will write to, for a receive queue whose next buffer is
    /// known.
    #[inline]
    pub fn prepare(&self, memory: &Memory) {
        if self.seen_avail == self.next_avail {
            return;
        }
        let slot = usize::from(self.next_avail.0 % self.size);
        let head = self
            .avail()
            .load_u16(ELEMENTS + slot * 2, Ordering::Relaxed);
        if head >= self.size {
            return;
        }
        let descriptors = self.descriptors.slice();
        let at = usize::from(head) * DESCRIPTOR;
        let address = descriptors.load_u64(at, Ordering::Relaxed);
        let len = descriptors.load_u64(at + 8, Ordering::Relaxed) as u32;
        if let Ok(buffer) = memory.slice(address, len as usize) {
            buffer.prefetch_for_writing();
        }
    }

    /// Lets the driver see what was completed. Returns whether it wants an interrupt for it.
    pub fn publish(&mut self) -> bool {
        self.published = self.next_used;
        let used = self.used();
        used.store_u16(INDEX, self.published.0, Ordering::Release);
        // The driver first allows interrupts and then looks at the index once more; here it is the
        // other way round. With a full barrier on both sides one of them sees the other's write
        // (virtio 1.2 §2.7.7.1).
        fence(Ordering::SeqCst);
        self.avail().load_u16(FLAGS, Ordering::Relaxed) & NO_INTERRUPT == 0
    }

    /// The head of the next chain that the driver has made available.
    #[inline]
    fn pop(&mut self) -> Result<Option<u16>, Fault> {
        let size = self.size;
        if self.seen_avail == self.next_avail {
            // Acquire: what the driver wrote before the index is read after it.
            let index = Wrapping(self.avail().load_u16(INDEX, Ordering::Acquire));
            let jump = (index - self.next_avail).0;
            if jump == 0 {
                return Ok(None);
            }
            if jump > size {
                return Err(Fault::IndexJump { jump, size });
            }
            self.seen_avail = index;
        }
        let slot = usize::from(self.next_avail.0 % size);
        let head = self
            .avail()
            .load_u16(ELEMENTS + slot * 2, Ordering::Relaxed);
        self.next_avail += 1;
        Ok(Some(head))
    }

    /// Shows `visit` each buffer of the chain that starts at `head`.
    #[inline]
    fn walk(
        &self,
        head: u16,
        memory: &Memory,
        to_be_written: bool,
        mut visit: impl FnMut(Slice<'_>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let size = self.size;
        let descriptors = self.descriptors.slice();
        let mut index = head;
        for _ in 0..size {
            if index >= size {
                return Err(Fault::NoSuchDescriptor { index, size });
            }
            let at = usize::from(index) * DESCRIPTOR;
            let address = descriptors.load_u64(at, Ordering::Relaxed);
            // The rest of the descriptor in one word: length, flags, next.
            let rest = descriptors.load_u64(at + 8, Ordering::Relaxed);
            let (len, flags, next) = (rest as u32, (rest >> 32) as u16, (rest >> 48) as u16);
            if flags & INDIRECT != 0 {
                return Err(Fault::Indirect { index });
            }
            if (flags & WRITE != 0) != to_be_written {
                return Err(Fault::Direction { index });
            }
            let buffer = memory
                .slice(address, len as usize)
                .map_err(|OutsideMemory| Fault::OutsideMemory { address, len })?;
            visit(buffer)?;
            if flags & NEXT == 0 {
                return Ok(());
            }
            index = next;
        }
        Err(Fault::Loop { head })
    }

    /// Gives a chain back, of which `written` bytes were written; not published yet.
    #[inline]
    fn complete(&mut self, head: u16, written: u32) {
        let slot = usize::from(self.next_used.0 % self.size);
        let element = (u32::from(head), written);
        if self.elements[slot] != element {
            self.elements[slot] = element;
            let at = ELEMENTS + slot * USED_ELEMENT;
            let used = self.used();
            used.store_u32(at, element.0, Ordering::Relaxed);
            used.store_u32(at + 4, element.1, Ordering::Relaxed);
        }
        self.next_used += 1;
    }

    #[inline]
    fn avail(&self) -> Slice<'_> {
        self.avail.slice()
    }

    #[inline]
    fn used(&self) -> Slice<'_> {
        self.used.slice()
    }
}

#[cfg(test)]
mod tests;
