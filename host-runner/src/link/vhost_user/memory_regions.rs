//! The guest's memory, as the front end shares it: regions of files, mapped.
//!
//! The guest writes to it whenever it likes, so nothing here makes a reference to what is in it:
//! everything is copied out, or read and written one word at a time. An address is checked against
//! the regions' bounds each time it is used.
//!
//! Unsafe here, and in `shared_copy` that it copies by: pointers into mappings that are held.

use std::fs::File;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU32, AtomicU64, Ordering};

use rustix::fs::SealFlags;
use vhost::vhost_user::message::VhostUserMemoryRegion;
use vm_memory::MmapRegion;

use super::shared_copy;

/// An address range that is not, or not wholly, in one region of the guest's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutsideMemory;

/// A cache line, in bytes, and how much of a buffer is fetched ahead: all of a short frame.
const LINE: usize = 64;
const PREFETCHED: usize = 2 * LINE;

/// Some of the guest's memory, to be read and written word by word or copied.
///
/// It does what `vm_memory`'s volatile slices do, but inlined: each access is an instruction or two,
/// which matters where a round trip takes less than a microsecond.
#[derive(Clone, Copy, Debug)]
pub struct Slice<'m> {
    start: *mut u8,
    len: usize,
    mapping: PhantomData<&'m MmapRegion>,
}

macro_rules! words {
    ($load:ident, $store:ident, $word:ty, $atomic:ty) => {
        /// The little-endian word `at` bytes from the start, which must be aligned and within.
        #[inline]
        #[must_use]
        pub fn $load(&self, at: usize, order: Ordering) -> $word {
            let word = self.word(at, size_of::<$word>());
            // SAFETY: `word` is aligned and in a live mapping; whoever else has that mapping, this
            // process touches such words as atomics only.
            <$word>::from_le(unsafe { <$atomic>::from_ptr(word.cast()) }.load(order))
        }

        /// Replaces the little-endian word `at` bytes from the start, likewise.
        #[inline]
        pub fn $store(&self, at: usize, value: $word, order: Ordering) {
            let word = self.word(at, size_of::<$word>());
            // SAFETY: as for reading.
            unsafe { <$atomic>::from_ptr(word.cast()) }.store(value.to_le(), order);
        }
    };
}

impl<'m> Slice<'m> {
    words!(load_u16, store_u16, u16, AtomicU16);
    words!(load_u32, store_u32, u32, AtomicU32);
    words!(load_u64, store_u64, u64, AtomicU64);

    /// Length in bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Returns whether it has no bytes.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the rest from `from` bytes after the start on; empty, if that is beyond the end.
    #[inline]
    #[must_use]
    pub fn behind(&self, from: usize) -> Self {
        let from = from.min(self.len);
        Self {
            // SAFETY: within the mapping, or one byte past its end.
            start: unsafe { self.start.add(from) },
            len: self.len - from,
            mapping: PhantomData,
        }
    }

    /// Fills `bytes` from the start.
    ///
    /// # Panics
    ///
    /// If it is shorter than that.
    #[inline]
    pub fn copy_to(&self, bytes: &mut [u8]) {
        assert!(bytes.len() <= self.len);
        // SAFETY: mapped for as long as that; there are no references to the guest's memory.
        unsafe { shared_copy::read(self.start, bytes) };
    }

    /// Replaces what is at the start by `bytes`.
    ///
    /// # Panics
    ///
    /// If it is shorter than that.
    #[inline]
    pub fn copy_from(&self, bytes: &[u8]) {
        assert!(bytes.len() <= self.len);
        // SAFETY: as for the other direction.
        unsafe { shared_copy::write(self.start, bytes) };
    }

    /// Fetches its first cache lines, to be written soon: nobody else has a copy of them then.
    #[inline]
    pub fn prefetch_for_writing(&self) {
        self.for_each_line(|line| {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a hint that changes no memory and never faults.
            unsafe {
                core::arch::x86_64::_mm_prefetch::<{ core::arch::x86_64::_MM_HINT_ET0 }>(line);
            }
            #[cfg(not(target_arch = "x86_64"))]
            let _ = line;
        });
    }

    /// Moves its first cache lines out to the cache that all cores share, where the other side's next
    /// read finds them sooner than in this core's own. A hint, and nothing on processors without it.
    #[inline]
    pub fn demote(&self) {
        self.for_each_line(|line| {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: CLDEMOTE changes no memory and never faults; older processors take it for a
            // NOP. (The standard library has no name for it yet.)
            unsafe {
                core::arch::asm!("cldemote [{}]", in(reg) line, options(nostack, preserves_flags));
            }
            #[cfg(not(target_arch = "x86_64"))]
            let _ = line;
        });
    }

    #[inline]
    fn for_each_line(&self, mut visit: impl FnMut(*const i8)) {
        for at in (0..self.len.min(PREFETCHED)).step_by(LINE) {
            visit(self.start.wrapping_add(at).cast_const().cast());
        }
    }

    #[inline]
    fn word(&self, at: usize, len: usize) -> *mut u8 {
        assert!(at <= self.len && len <= self.len - at);
        // SAFETY: within the mapping, as just checked.
        let word = unsafe { self.start.add(at) };
        assert!(word.addr().is_multiple_of(len), "words are aligned");
        word
    }
}

/// A part of the guest's memory that stays mapped as long as it is held.
#[derive(Clone, Debug)]
pub struct Part {
    start: *mut u8,
    len: usize,
    /// Mapping that `start` points into.
    mapping: Arc<MmapRegion>,
}

// SAFETY: the pointer is into a mapping that comes along, and what is there is touched as atomics
// or copied, from whatever thread.
unsafe impl Send for Part {}

impl Part {
    /// Some of a mapping; `None` if it is not that long.
    #[must_use]
    pub fn of(mapping: &Arc<MmapRegion>, offset: usize, len: usize) -> Option<Self> {
        let Slice { start, .. } = slice(mapping, offset, len)?;
        let mapping = Arc::clone(mapping);
        Some(Self {
            start,
            len,
            mapping,
        })
    }

    /// The memory itself.
    #[inline]
    #[must_use]
    pub const fn slice(&self) -> Slice<'_> {
        Slice {
            start: self.start,
            len: self.len,
            mapping: PhantomData,
        }
    }

    /// Returns whether it starts at a multiple of `alignment` bytes, a power of two up to a page.
    #[must_use]
    pub fn is_aligned_to(&self, alignment: usize) -> bool {
        debug_assert!(self.mapping.as_ptr() <= self.start);
        self.start.addr().is_multiple_of(alignment)
    }
}

/// Some of a mapping; `None` if it is not that long.
#[inline]
fn slice(mapping: &MmapRegion, offset: usize, len: usize) -> Option<Slice<'_>> {
    let is_within = offset.checked_add(len)? <= mapping.size();
    is_within.then(|| Slice {
        // SAFETY: within the mapping, as just checked.
        start: unsafe { mapping.as_ptr().add(offset) },
        len,
        mapping: PhantomData,
    })
}

#[derive(Debug)]
struct Region {
    /// Address of its start in the guest's physical memory.
    guest_address: u64,
    /// Address of its start in the front end's own memory: queue addresses are given in these.
    user_address: u64,
    mapping: Arc<MmapRegion>,
}

/// All of the guest's memory.
#[derive(Debug, Default)]
pub struct Memory {
    regions: Vec<Region>,
}

impl Memory {
    /// Maps `files` as `descriptions` say, one for each.
    ///
    /// # Errors
    ///
    /// Those of mapping; `InvalidParam` if a file is shorter than its region, or may be made so.
    pub fn map(
        descriptions: &[VhostUserMemoryRegion],
        files: Vec<File>,
    ) -> Result<Self, vhost::vhost_user::Error> {
        let regions = descriptions.iter().zip(files).map(|(description, file)| {
            check_len(description, &file)?;
            check_seal(&file)?;
            Ok(Region {
                guest_address: description.guest_phys_addr,
                user_address: description.user_addr,
                mapping: Arc::new(description.mmap_region(file)?),
            })
        });
        Ok(Self {
            regions: regions.collect::<Result<_, vhost::vhost_user::Error>>()?,
        })
    }

    /// The memory `mapping`, at address 0 for everybody.
    #[must_use]
    pub fn of(mapping: Arc<MmapRegion>) -> Self {
        Self {
            regions: vec![Region {
                guest_address: 0,
                user_address: 0,
                mapping,
            }],
        }
    }

    /// `len` bytes at `address` of the guest's physical memory.
    ///
    /// # Errors
    ///
    /// [`OutsideMemory`] if they are not all in one region.
    #[inline]
    pub fn slice(&self, address: u64, len: usize) -> Result<Slice<'_>, OutsideMemory> {
        for region in &self.regions {
            // An address under the region's start wraps round, and is beyond its end.
            let offset = address.wrapping_sub(region.guest_address);
            if offset < region.mapping.size() as u64 {
                return slice(&region.mapping, offset as usize, len).ok_or(OutsideMemory);
            }
        }
        Err(OutsideMemory)
    }

    /// `len` bytes at `address` of the front end's memory.
    ///
    /// # Errors
    ///
    /// [`OutsideMemory`] if they are not all in one region.
    pub fn part_at_user_address(&self, address: u64, len: usize) -> Result<Part, OutsideMemory> {
        for region in &self.regions {
            let offset = address.wrapping_sub(region.user_address);
            if offset < region.mapping.size() as u64 {
                return Part::of(&region.mapping, offset as usize, len).ok_or(OutsideMemory);
            }
        }
        Err(OutsideMemory)
    }
}

/// Beyond the end of a file there is a mapping, and a signal (SIGBUS) for whoever touches it.
fn check_len(
    description: &VhostUserMemoryRegion,
    file: &File,
) -> Result<(), vhost::vhost_user::Error> {
    let end = description.mmap_offset.checked_add(description.memory_size);
    let len = file
        .metadata()
        .map_err(vhost::vhost_user::Error::ReqHandlerError)?;
    if end.is_some_and(|end| end <= len.len()) {
        return Ok(());
    }
    Err(vhost::vhost_user::Error::InvalidParam)
}

/// Nor may it be made shorter later: the file must be sealed against that (fcntl(2), `F_SEAL_SHRINK`).
fn check_seal(file: &File) -> Result<(), vhost::vhost_user::Error> {
    match rustix::fs::fcntl_get_seals(file) {
        Ok(seals) if seals.contains(SealFlags::SHRINK) => Ok(()),
        _ => Err(vhost::vhost_user::Error::InvalidParam),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory() -> Memory {
        let region = |guest_address, user_address| Region {
            guest_address,
            user_address,
            mapping: Arc::new(MmapRegion::new(0x1000).unwrap()),
        };
        Memory {
            regions: vec![region(0x1000, 0x7000), region(0x2000, 0x9000)],
        }
    }

    #[test]
    fn a_range_lies_in_one_region_or_is_refused() {
        let memory = memory();
        let is_inside = |address, len| memory.slice(address, len).is_ok();
        assert!(is_inside(0x1000, 0x1000) && is_inside(0x2fff, 1) && is_inside(0x1fff, 0));
        assert!(!is_inside(0xfff, 1) && !is_inside(0x3000, 1) && !is_inside(0x3000, 0));
        // From one region into the next, and round the end of the address space.
        assert!(!is_inside(0x1fff, 2) && !is_inside(u64::MAX, 2) && !is_inside(0x1000, usize::MAX));
    }

    #[test]
    fn a_file_that_may_shrink_is_not_mapped() {
        let flags = rustix::fs::MemfdFlags::CLOEXEC | rustix::fs::MemfdFlags::ALLOW_SEALING;
        let file = File::from(rustix::fs::memfd_create("guest", flags).unwrap());
        file.set_len(0x1000).unwrap();
        let map = |len| {
            let region = VhostUserMemoryRegion::new(0, len, 0, 0);
            Memory::map(&[region], vec![file.try_clone().unwrap()])
        };
        assert!(map(0x1000).is_err());
        rustix::fs::fcntl_add_seals(&file, SealFlags::SHRINK).unwrap();
        assert!(map(0x1000).is_ok());
        assert!(map(0x1001).is_err(), "longer than the file");
        assert!(file.set_len(0).is_err());
    }

    #[test]
    fn queue_addresses_are_the_front_ends_own() {
        let memory = memory();
        let part = memory.part_at_user_address(0x9010, 4).unwrap();
        part.slice().copy_from(&[1, 2, 3, 4]);
        let mut seen = [0_u8; 4];
        memory.slice(0x2010, 4).unwrap().copy_to(&mut seen);
        assert_eq!(seen, [1, 2, 3, 4]);
        assert!(memory.part_at_user_address(0x2010, 4).is_err());
        assert!(memory.part_at_user_address(0x7ffe, 4).is_err());
        drop(memory);
        // What is held stays mapped.
        part.slice().copy_to(&mut seen);
        assert_eq!(seen, [1, 2, 3, 4]);
    }
}
