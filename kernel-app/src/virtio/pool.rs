//! The frame buffers.
//!
//! A buffer is named by a [`BufferId`] of its kind, which can be neither copied nor made up: who holds it owns
//! the buffer, be it the free list, a table of those in flight or a frame being looked at. That is what makes the
//! accesses sound; the device's writes are outside Rust's view, so no reference to a buffer exists
//! while the device has it. Unsafe here: turning an id into a reference.
//!
//! The memory is divided once the network's MTU is known: into [`BUFFERS`] of [`BUFFER_LEN`] bytes or, for jumbo frames,
//! into fewer that each take several of those, and have the id of the first. Of the ways to receive long frames (virtio
//! 1.2 §5.1.6.3.1) this is the one that leaves a frame in one piece, to be answered in place by one descriptor. Chained
//! descriptors and mergeable buffers (VIRTIO_NET_F_MRG_RXBUF, §5.1.6.4) hold more short frames in as much memory,
//! but a frame in pieces is to be put together, and a short one, which has as many, would pay for the question.
//!
//! An id is of its own pool alone. That needs no mark in the id: a pool and its ids are made together, for one
//! [`VirtioNic`](super::driver::VirtioNic), which keeps both to itself, and nothing outside of the drivers sees this module.

use core::cell::UnsafeCell;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, Ordering};

use wire::MAX_MTU;

use crate::frame_device::ETHERNET_HEADER;

/// Buffers to receive into, and to answer from: an answer goes out in the buffer its question came
/// in, so no more than these can be on the way.
///
/// A burst of as many waits in them while the guest is off its processor. Every device that is known has
/// queues of at least 256.
pub const RECEIVE_BUFFERS: usize = 256;

const _: () = assert!(RECEIVE_BUFFERS == u8::MAX as usize + 1);

/// Buffers for frames of the stack's own.
pub const STACK_BUFFERS: usize = 64;

/// Number of buffers. Those for receiving come first.
pub const BUFFERS: usize = RECEIVE_BUFFERS + STACK_BUFFERS;

/// A cache line, in bytes.
const LINE: usize = 64;

/// The least size of a buffer, in bytes: a frame and its virtio header. Whole cache lines, and an odd number
/// of them: the first lines of all buffers, the ones that most frames are, then fall on different
/// sets of a cache instead of crowding each other out of two.
pub const BUFFER_LEN: usize = 25 * LINE;

/// The header in front of every frame (virtio 1.2 §5.1.6): 12 bytes, all zero without offloads.
pub const HEADER: usize = 12;

/// The most that a buffer can be asked to have room for, in bytes: the longest frame, and its header.
const MAX_ROOM: usize = HEADER + ETHERNET_HEADER + MAX_MTU;

const _: () = assert!(MAX_ROOM <= STACK_BUFFERS * BUFFER_LEN && MAX_ROOM <= u16::MAX as usize);

/// The right to use one buffer, of a kind that begins with the buffer at index `FIRST`.
#[derive(Debug, PartialEq, Eq)]
pub struct BufferId<const FIRST: usize>(u8);

/// The right to use a buffer to receive into. There is one for each value that a byte has.
pub type ReceiveId = BufferId<0>;

/// The right to use a buffer for a frame of the stack's own.
pub type StackId = BufferId<RECEIVE_BUFFERS>;

impl<const FIRST: usize> BufferId<FIRST> {
    /// Returns the buffer's number among those of its kind.
    #[inline(always)]
    #[must_use]
    pub const fn number(&self) -> u8 {
        self.0
    }

    /// Returns the buffer's place in the pool; below [`BUFFERS`].
    #[inline(always)]
    const fn index(&self) -> usize {
        FIRST + self.0 as usize
    }

    /// Returns the id of that number. Unchecked: it must have been marked in flight, or the buffer would have two
    /// owners.
    #[inline(always)]
    pub(super) const fn from_index_unchecked(number: u8) -> Self {
        Self(number)
    }
}

impl<const FIRST: usize> BufferId<FIRST> {
    /// The ids of all buffers among `count` of the least size, each of which takes `span` of those.
    fn each(count: usize, span: usize) -> impl Iterator<Item = Self> {
        (0..count / span).map(move |index| Self((index * span) as u8))
    }
}

impl ReceiveId {
    /// The ids of all buffers to receive into, each of which takes `span` of the least size. Not public: a second
    /// set would be a second owner.
    pub(super) fn all(span: usize) -> impl Iterator<Item = Self> {
        Self::each(RECEIVE_BUFFERS, span)
    }
}

impl StackId {
    /// The ids of all buffers of the stack's. Not public: as above.
    pub(super) fn all(span: usize) -> impl Iterator<Item = Self> {
        Self::each(STACK_BUFFERS, span)
    }
}

/// A received frame in its buffer, behind the virtio header. Its length was checked by [`Pool::received`], once.
#[derive(Debug)]
pub struct ReceivedFrame {
    buffer: ReceiveId,
    len: usize,
}

impl ReceivedFrame {
    /// Returns the frame's length, in bytes.
    #[inline(always)]
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Returns the buffer, and forgets the frame.
    #[inline(always)]
    #[must_use]
    pub fn into_buffer(self) -> ReceiveId {
        self.buffer
    }
}

/// Memory for a [`Pool`], to be put in a static.
#[derive(Debug)]
#[repr(C, align(4096))]
pub struct PoolMemory {
    bytes: UnsafeCell<[[u8; BUFFER_LEN]; BUFFERS]>,
    is_taken: AtomicBool,
}

// SAFETY: the bytes are reached only through the one `Pool` that `take` makes.
unsafe impl Sync for PoolMemory {}

impl PoolMemory {
    /// Memory, zeroed.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            bytes: UnsafeCell::new([[0; BUFFER_LEN]; BUFFERS]),
            is_taken: AtomicBool::new(false),
        }
    }

    /// Takes the memory, to be divided; once.
    pub fn take(&'static self) -> Option<UndividedPool> {
        if self.is_taken.swap(true, Ordering::Relaxed) {
            return None;
        }
        let base = NonNull::new(self.bytes.get().cast())?;
        Some(UndividedPool { base })
    }
}

impl Default for PoolMemory {
    fn default() -> Self {
        Self::new()
    }
}

/// Memory of a pool that is not divided into buffers yet.
#[derive(Debug)]
pub struct UndividedPool {
    base: NonNull<[u8; BUFFER_LEN]>,
}

impl UndividedPool {
    /// Divides the memory into buffers with room for `room` bytes, header included: at least a header, and no more than
    /// [`MAX_ROOM`]. Returns also the ids of all, those to receive into and the stack's.
    pub fn divide(
        self,
        room: usize,
    ) -> (
        Pool,
        impl Iterator<Item = ReceiveId>,
        impl Iterator<Item = StackId>,
    ) {
        let room = room.clamp(HEADER, MAX_ROOM);
        let span = room.div_ceil(BUFFER_LEN);
        let pool = Pool {
            base: self.base,
            max_frame: room - HEADER,
            span,
        };
        (pool, ReceiveId::all(span), StackId::all(span))
    }
}

/// The buffers' bytes.
#[derive(Debug)]
pub struct Pool {
    /// The first of [`BUFFERS`] buffers in a static.
    base: NonNull<[u8; BUFFER_LEN]>,
    /// The longest frame that there is room for, in bytes.
    max_frame: usize,
    /// Number of buffers of the least size that each takes. With it, ids below [`BUFFERS`] that are multiples of it, of
    /// either kind, never reach into each other's, nor over the end.
    span: usize,
}

impl Pool {
    /// Returns the size of each buffer, in bytes.
    #[must_use]
    pub const fn buffer_len(&self) -> usize {
        self.span * BUFFER_LEN
    }

    /// Returns the number of buffers of the least size that each takes.
    #[must_use]
    pub const fn span(&self) -> usize {
        self.span
    }

    /// Returns where the device finds a buffer: at the same address, by the identity mapping.
    #[must_use]
    pub fn address<const FIRST: usize>(&self, id: &BufferId<FIRST>) -> u64 {
        let base = self.base.as_ptr().expose_provenance();
        (base + id.index() * BUFFER_LEN) as u64
    }

    /// Returns the frame in a buffer to which the device says to have written `written` bytes, header included.
    ///
    /// # Errors
    ///
    /// Returns the buffer if that is less than a header, or more than there is room for.
    #[inline(always)]
    pub fn received(&self, buffer: ReceiveId, written: u32) -> Result<ReceivedFrame, ReceiveId> {
        let len = (written as usize).wrapping_sub(HEADER);
        if len <= self.max_frame {
            Ok(ReceivedFrame { buffer, len })
        } else {
            Err(buffer)
        }
    }

    /// The frame's bytes, to read.
    #[inline(always)]
    #[must_use]
    pub fn frame<'a>(&'a self, frame: &'a ReceivedFrame) -> &'a [u8] {
        let first = self.start(&frame.buffer).wrapping_add(HEADER);
        // SAFETY: the length was checked against the buffer's. Ids are unique, and this one
        // stays borrowed, so that nobody, the device included, writes to the buffer meanwhile.
        unsafe { core::slice::from_raw_parts(first, frame.len) }
    }

    /// The frame's bytes, to read and write.
    #[inline(always)]
    #[must_use]
    pub fn frame_mut<'a>(&'a self, frame: &'a mut ReceivedFrame) -> &'a mut [u8] {
        let first = self.start(&frame.buffer).wrapping_add(HEADER);
        // SAFETY: as for `frame`; and the id is borrowed mutably, so that nobody reads either.
        unsafe { core::slice::from_raw_parts_mut(first, frame.len) }
    }

    /// Prefetches the cache lines of a short frame for writing, by storing to
    /// two bytes that do not matter: in the virtio header, which the device needs no more, and after the frame in
    /// its last line.
    ///
    /// A reply is written where the request stands. Read first and written later, each of its lines would be
    /// fetched from the device's processor, and then requested again for ownership.
    #[inline(always)]
    pub fn prefetch_for_write(&self, frame: &mut ReceivedFrame) {
        let bytes = self.start(&frame.buffer);
        let len = HEADER + frame.len;
        let last = len.wrapping_sub(1) | (LINE - 1);
        if last < BUFFER_LEN && last >= len {
            // SAFETY: both are within the buffer, which the id gives us alone. Volatile: to be
            // written now, though it means nothing.
            unsafe {
                bytes.write_volatile(0);
                bytes.add(last).write_volatile(0);
            }
        }
    }

    /// Zeroes the header in front of a frame that is to be sent.
    #[inline(always)]
    pub fn clear_header<const FIRST: usize>(&self, id: &mut BufferId<FIRST>) {
        // SAFETY: no buffer is shorter than a header, and nobody else has this one, as for `frame_mut`.
        unsafe { self.start(id).cast::<[u8; HEADER]>().write([0; HEADER]) };
    }

    /// The bytes of a buffer behind the header, to write a frame to.
    #[inline(always)]
    #[must_use]
    pub fn room_mut<'a, const FIRST: usize>(&'a self, id: &'a mut BufferId<FIRST>) -> &'a mut [u8] {
        let first = self.start(id).wrapping_add(HEADER);
        // SAFETY: each buffer has room for a header and so many bytes, and nobody else has this one, as for `frame_mut`.
        unsafe { core::slice::from_raw_parts_mut(first, self.max_frame) }
    }

    /// Returns the address of a buffer's first byte. There are [`Pool::buffer_len`] bytes from there on, and they are
    /// no other buffer's.
    #[inline(always)]
    const fn start<const FIRST: usize>(&self, id: &BufferId<FIRST>) -> *mut u8 {
        self.base.as_ptr().wrapping_add(id.index()).cast()
    }
}

/// Buffers of the stack's that nobody uses.
#[derive(Debug)]
pub struct FreeList {
    ids: [Option<StackId>; STACK_BUFFERS],
    len: usize,
}

impl FreeList {
    /// No buffers.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            ids: [const { None }; STACK_BUFFERS],
            len: 0,
        }
    }

    /// Returns true if there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Takes a buffer, the one last put back: its bytes are the likeliest to be in the cache.
    pub fn take(&mut self) -> Option<StackId> {
        self.len = self.len.checked_sub(1)?;
        self.ids[self.len].take()
    }

    /// Puts a buffer back.
    pub fn put(&mut self, id: StackId) {
        self.ids[self.len] = Some(id);
        self.len += 1;
    }
}

impl Default for FreeList {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;
