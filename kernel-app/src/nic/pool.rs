//! The frame buffers.
//!
//! A buffer is named by a [`BufferId`], which can be neither copied nor made up: who holds it owns
//! the buffer, be it the free list, a ledger or a frame being looked at. That is what makes the
//! accesses sound; the device's writes are outside Rust's view, so no reference to a buffer exists
//! while the device has it. Unsafe here: turning an id into a reference.

use core::cell::UnsafeCell;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, Ordering};

use crate::nic::ledger::QUEUE_SIZE;

/// One buffer's size, in bytes: a frame and its virtio header, with room to spare.
pub const BUFFER_LEN: usize = 2048;

/// How many buffers there are: enough to fill both rings.
pub const BUFFERS: usize = 2 * QUEUE_SIZE;

/// The right to use one buffer.
#[derive(Debug, PartialEq, Eq)]
pub struct BufferId(u8);

impl BufferId {
    /// Which buffer it is.
    #[must_use]
    pub const fn index(&self) -> usize {
        self.0 as usize
    }
}

const _: () = assert!(BUFFERS <= u8::MAX as usize);

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

    /// The pool in this memory, and the ids of all its buffers; once.
    pub fn take(&'static self) -> Option<(Pool, FreeList)> {
        if self.is_taken.swap(true, Ordering::Relaxed) {
            return None;
        }
        let base = NonNull::new(self.bytes.get().cast())?;
        Some((Pool { base }, FreeList::full()))
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
    /// The bytes of a buffer, to read.
    #[must_use]
    pub fn bytes<'a>(&'a self, id: &'a BufferId) -> &'a [u8; BUFFER_LEN] {
        // SAFETY: the index is below `BUFFERS`, by how ids are made. Ids are unique, and this one
        // stays borrowed, so that nobody, the device included, writes to the buffer meanwhile.
        unsafe { self.base.add(id.index()).as_ref() }
    }

    /// The bytes of a buffer, to read and write.
    #[must_use]
    pub fn bytes_mut<'a>(&'a self, id: &'a mut BufferId) -> &'a mut [u8; BUFFER_LEN] {
        // SAFETY: as for `bytes`; and the id is borrowed mutably, so that nobody reads either.
        unsafe { self.base.add(id.index()).as_mut() }
    }
}

/// Buffers that nobody uses.
#[derive(Debug)]
pub struct FreeList {
    ids: [Option<BufferId>; BUFFERS],
    len: usize,
}

impl FreeList {
    /// A list of all buffers. Not public: a second list would be a second owner.
    pub(super) fn full() -> Self {
        Self {
            ids: core::array::from_fn(|index| Some(BufferId(index as u8))),
            len: BUFFERS,
        }
    }

    /// Takes a buffer, the one last put back: its bytes are the likeliest to be in the cache.
    pub fn take(&mut self) -> Option<BufferId> {
        self.len = self.len.checked_sub(1)?;
        self.ids[self.len].take()
    }

    /// Puts a buffer back.
    pub fn put(&mut self, id: BufferId) {
        self.ids[self.len] = Some(id);
        self.len += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hands_out_each_buffer_once() {
        let mut free = FreeList::full();
        let mut seen = [false; BUFFERS];
        while let Some(id) = free.take() {
            assert!(!core::mem::replace(&mut seen[id.index()], true));
        }
        assert_eq!(seen, [true; BUFFERS]);
    }

    #[test]
    fn hands_out_again_what_was_put_back_last() {
        let mut free = FreeList::full();
        let (first, second) = (free.take().unwrap(), free.take().unwrap());
        let index = first.index();
        free.put(second);
        free.put(first);
        assert_eq!(free.take().unwrap().index(), index);
    }

    #[test]
    fn memory_is_taken_once_and_buffers_do_not_overlap() {
        static MEMORY: PoolMemory = PoolMemory::new();
        let (pool, mut free) = MEMORY.take().unwrap();
        assert!(MEMORY.take().is_none());
        let (mut a, mut b) = (free.take().unwrap(), free.take().unwrap());
        pool.bytes_mut(&mut a).fill(1);
        pool.bytes_mut(&mut b).fill(2);
        assert_eq!(pool.bytes(&a), &[1; BUFFER_LEN]);
    }
}
