//! The guest's memory, as the front end shares it: regions of files, mapped.
//!
//! The guest writes to it whenever it likes, so nothing here makes a reference to what is in it:
//! everything is copied out, or read and written one word at a time. An address is checked against
//! the regions' bounds each time it is used.

use std::fs::File;
use std::sync::Arc;

use vhost::vhost_user::message::VhostUserMemoryRegion;
use vm_memory::{MmapRegion, VolatileMemory, VolatileSlice};

/// An address range that is not, or not wholly, in one region of the guest's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutsideMemory;

/// A part of the guest's memory that stays mapped as long as it is held.
#[derive(Clone, Debug)]
pub struct Part {
    mapping: Arc<MmapRegion>,
    offset: usize,
    len: usize,
}

impl Part {
    /// The memory itself.
    pub fn slice(&self) -> VolatileSlice<'_> {
        self.mapping
            .get_slice(self.offset, self.len)
            .expect("a part is made only within its mapping, which never changes")
    }

    /// Whether it starts at a multiple of `alignment` bytes, a power of two up to a page.
    pub const fn is_aligned_to(&self, alignment: usize) -> bool {
        // Mappings start on a page.
        self.offset.is_multiple_of(alignment)
    }
}

#[derive(Debug)]
struct Region {
    /// Where it starts in the guest's physical memory.
    guest_address: u64,
    /// Where it starts in the front end's own memory: queue addresses are given in these.
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
    /// Those of mapping, or that a file is shorter than its region.
    pub fn map(
        descriptions: &[VhostUserMemoryRegion],
        files: Vec<File>,
    ) -> Result<Self, vhost::vhost_user::Error> {
        let regions = descriptions.iter().zip(files).map(|(description, file)| {
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
    #[inline]
    pub fn slice(&self, address: u64, len: usize) -> Result<VolatileSlice<'_>, OutsideMemory> {
        for region in &self.regions {
            // An address under the region's start wraps round, and is beyond its end.
            let offset = address.wrapping_sub(region.guest_address);
            if offset < region.mapping.size() as u64 {
                return region
                    .mapping
                    .get_slice(offset as usize, len)
                    .map_err(|_| OutsideMemory);
            }
        }
        Err(OutsideMemory)
    }

    /// `len` bytes at `address` of the front end's memory.
    pub fn part_at_user_address(&self, address: u64, len: usize) -> Result<Part, OutsideMemory> {
        for region in &self.regions {
            let offset = address.wrapping_sub(region.user_address);
            if offset < region.mapping.size() as u64 {
                let offset = offset as usize;
                let mapping = &region.mapping;
                mapping.get_slice(offset, len).map_err(|_| OutsideMemory)?;
                return Ok(Part {
                    mapping: Arc::clone(mapping),
                    offset,
                    len,
                });
            }
        }
        Err(OutsideMemory)
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
    fn queue_addresses_are_the_front_ends_own() {
        let memory = memory();
        let part = memory.part_at_user_address(0x9010, 4).unwrap();
        part.slice().copy_from(&[1_u8, 2, 3, 4]);
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
