//! The frame buffers.
//!
//! A buffer is named by a [`BufferId`] of its kind, which can be neither copied nor made up: who holds it owns
//! the buffer, be it the free list, a table of those in flight or a frame being looked at. That is what makes the
//! accesses sound; the device's writes are outside Rust's view, so no reference to a buffer exists
//! while the device has it. Unsafe here: turning an id into a reference.
//!
//! An id is of its own pool alone. That needs no mark in the id: a pool and its ids are made together, for one
//! [`VirtioNic`](super::driver::VirtioNic), which keeps both to itself, and nothing outside of the drivers sees this module.

use core::cell::UnsafeCell;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, Ordering};

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

/// One buffer's size, in bytes: a frame and its virtio header. Whole cache lines, and an odd number
/// of them: the first lines of all buffers, the ones that most frames are, then fall on different
/// sets of a cache instead of crowding each other out of two.
pub const BUFFER_LEN: usize = 25 * LINE;

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

impl ReceiveId {
    /// The ids of all buffers to receive into. Not public: a second set would be a second owner.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        (0..=u8::MAX).map(Self)
    }
}

impl StackId {
    /// The ids of all buffers of the stack's. Not public: as above.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        (0..STACK_BUFFERS as u8).map(Self)
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

    /// The pool in this memory, and the ids of all its buffers: those to receive into, and the stack's;
    /// once.
    pub fn take(
        &'static self,
    ) -> Option<(
        Pool,
        impl Iterator<Item = ReceiveId>,
        impl Iterator<Item = StackId>,
    )> {
        if self.is_taken.swap(true, Ordering::Relaxed) {
            return None;
        }
        let base = NonNull::new(self.bytes.get().cast())?;
        Some((Pool { base }, ReceiveId::all(), StackId::all()))
    }
}

impl Default for PoolMemory {
    fn default() -> Self {
        Self::new()
    }
}

/// The buffers' bytes.
#[derive(Debug)]
pub struct Pool {
    /// The first of [`BUFFERS`] buffers in a static.
    base: NonNull<[u8; BUFFER_LEN]>,
}

impl Pool {
    /// Returns where the device finds a buffer: at the same address, by the identity mapping.
    #[must_use]
    pub fn address<const FIRST: usize>(&self, id: &BufferId<FIRST>) -> u64 {
        let base = self.base.as_ptr().expose_provenance();
        (base + id.index() * BUFFER_LEN) as u64
    }

    /// The bytes of a buffer, to read.
    #[inline(always)]
    #[must_use]
    pub fn bytes<'a, const FIRST: usize>(
        &'a self,
        id: &'a BufferId<FIRST>,
    ) -> &'a [u8; BUFFER_LEN] {
        // SAFETY: the index is below `BUFFERS`, by how ids are made. Ids are unique, and this one
        // stays borrowed, so that nobody, the device included, writes to the buffer meanwhile.
        unsafe { self.base.add(id.index()).as_ref() }
    }

    /// Prefetches the cache lines of a short frame of `len` bytes, header included, for writing, by storing to
    /// two bytes that do not matter: in the virtio header, which the device needs no more, and after the frame in
    /// its last line.
    ///
    /// A reply is written where the request stands. Read first and written later, each of its lines would be
    /// fetched from the device's processor, and then requested again for ownership.
    #[inline(always)]
    pub fn prefetch_for_write(&self, id: &mut ReceiveId, len: usize) {
        let bytes = self.bytes_mut(id).as_mut_ptr();
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

    /// The bytes of a buffer, to read and write.
    #[inline(always)]
    #[must_use]
    pub fn bytes_mut<'a, const FIRST: usize>(
        &'a self,
        id: &'a mut BufferId<FIRST>,
    ) -> &'a mut [u8; BUFFER_LEN] {
        // SAFETY: as for `bytes`; and the id is borrowed mutably, so that nobody reads either.
        unsafe { self.base.add(id.index()).as_mut() }
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
mod tests {
    use super::*;

    #[test]
    fn each_buffer_has_one_id() {
        let mut seen = [false; BUFFERS];
        let receive = ReceiveId::all().map(|id| id.index());
        for index in receive.chain(StackId::all().map(|id| id.index())) {
            assert!(!core::mem::replace(&mut seen[index], true));
        }
        assert_eq!(seen, [true; BUFFERS]);
    }

    #[test]
    fn hands_out_again_what_was_put_back_last() {
        let mut free = FreeList::new();
        assert_eq!(free.take(), None);
        StackId::all().take(2).for_each(|id| free.put(id));
        let (last, first) = (free.take().unwrap(), free.take().unwrap());
        assert_eq!([first.number(), last.number()], [0, 1]);
        assert_eq!(free.take(), None);
    }

    #[test]
    fn memory_is_taken_once_and_buffers_do_not_overlap() {
        static MEMORY: PoolMemory = PoolMemory::new();
        let (pool, receive, mut stack) = MEMORY.take().unwrap();
        assert!(MEMORY.take().is_none());
        let (mut a, mut b) = (receive.last().unwrap(), stack.next().unwrap());
        pool.bytes_mut(&mut a).fill(1);
        pool.bytes_mut(&mut b).fill(2);
        assert_eq!(pool.bytes(&a), &[1; BUFFER_LEN]);
        assert_eq!(pool.bytes(&a).as_ptr() as u64, pool.address(&a));
        assert_eq!(pool.bytes(&b).as_ptr() as u64, pool.address(&b));
    }
}
