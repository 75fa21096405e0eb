//! Maps device registers into the kernel's page tables, at their physical addresses.
//!
//! The kernel identity-maps memory, not registers, whose addresses the firmware chose: just below
//! 4 GiB or, for 64-bit BARs, far above all memory. Unsafe here: changing the page tables that we
//! run on.

use core::cell::UnsafeCell;
use core::ops::Range;

use x86_64::registers::control::Cr3;
use x86_64::structures::paging::{
    FrameAllocator, Mapper, OffsetPageTable, Page, PageTable, PageTableFlags, PhysFrame, Size4KiB,
    Translate, mapper::MapToError,
};
use x86_64::{PhysAddr, VirtAddr};

use crate::arch::device_memory::MapError;

const PAGE: u64 = 4096;

/// Page tables for four regions far from everything else, at three levels each, and some to spare: where
/// the service's device is chosen by its address, the registers of others are looked at too.
const TABLES: usize = 16;

#[repr(C, align(4096))]
struct Tables(UnsafeCell<[PageTable; TABLES]>);

// SAFETY: the tables are handed out once each, by the one `RegisterMapper`, as raw addresses.
unsafe impl Sync for Tables {}

static TABLES_MEMORY: Tables = Tables(UnsafeCell::new([const { PageTable::new() }; TABLES]));

/// Hands out the page tables in the static pool.
struct TablePool {
    taken: usize,
}

// SAFETY: each frame is inside a static that nothing else uses, page-aligned, and, the image being
// identity-mapped, its address is a physical one. It is handed out once.
unsafe impl FrameAllocator<Size4KiB> for TablePool {
    fn allocate_frame(&mut self) -> Option<PhysFrame<Size4KiB>> {
        if self.taken == TABLES {
            return None;
        }
        let first = TABLES_MEMORY.0.get().expose_provenance() as u64;
        let frame = PhysFrame::containing_address(PhysAddr::new(first + self.taken as u64 * PAGE));
        self.taken += 1;
        Some(frame)
    }
}

/// Maps registers in the page tables in use.
pub struct RegisterMapper {
    tables: OffsetPageTable<'static>,
    pool: TablePool,
}

impl RegisterMapper {
    /// A mapper for the page tables in use.
    ///
    /// # Safety
    ///
    /// There may be one only, the page tables must be identity-mapped and writable, and nobody
    /// else may change them while it exists.
    pub unsafe fn new() -> Self {
        let (root, _) = Cr3::read();
        let root = core::ptr::with_exposed_provenance_mut::<PageTable>(
            root.start_address().as_u64() as usize,
        );
        // SAFETY: the processor uses this address as the top-level table, so there is one; by the
        // caller's promise it can be reached there, and is ours to change.
        let tables = unsafe { OffsetPageTable::new(&mut *root, VirtAddr::zero()) };
        Self {
            tables,
            pool: TablePool { taken: 0 },
        }
    }

    /// Makes the registers in `region` accessible at their physical addresses, uncached. Pages that
    /// are accessible there already stay as they are.
    ///
    /// # Errors
    ///
    /// [`MapError::AddressTaken`] if one of the addresses leads elsewhere, and
    /// [`MapError::NoPageTable`].
    pub fn map(&mut self, region: &Range<u64>) -> Result<(), MapError> {
        let mut address = region.start - region.start % PAGE;
        while address < region.end {
            self.map_page(address)?;
            address += PAGE;
        }
        Ok(())
    }

    fn map_page(&mut self, address: u64) -> Result<(), MapError> {
        let taken = || MapError::AddressTaken(address);
        let virt = VirtAddr::try_new(address).map_err(|_| taken())?;
        let phys = PhysAddr::try_new(address).map_err(|_| taken())?;
        match self.tables.translate_addr(virt) {
            Some(found) if found == phys => return Ok(()),
            Some(_) => return Err(taken()),
            None => {}
        }
        let flags = PageTableFlags::PRESENT
            | PageTableFlags::WRITABLE
            | PageTableFlags::NO_CACHE
            | PageTableFlags::WRITE_THROUGH
            | PageTableFlags::NO_EXECUTE;
        let parents = PageTableFlags::PRESENT | PageTableFlags::WRITABLE;
        let page = Page::<Size4KiB>::containing_address(virt);
        let frame = PhysFrame::containing_address(phys);
        // SAFETY: nothing was mapped there, so no reference can point there; the frame is a
        // device's registers, which only the transport and the doorbells use.
        let mapped = unsafe {
            self.tables
                .map_to_with_table_flags(page, frame, flags, parents, &mut self.pool)
        };
        match mapped {
            Ok(flush) => {
                flush.flush();
                Ok(())
            }
            Err(MapToError::FrameAllocationFailed) => Err(MapError::NoPageTable(address)),
            Err(_) => Err(taken()),
        }
    }
}
