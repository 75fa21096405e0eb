//! The memory that survives the firmware: the program's last instructions, the start info, and a copy of the ELF.
//!
//! One block, below 1 GiB, because the unikernel maps that much of memory before it reads its start info, and away
//! from the addresses that the unikernel is linked to:
//!
//! | offset | what | after the jump |
//! |---|---|---|
//! | 0 | last instructions, descriptor table, list of copies | kept, for it is not worth a range of its own |
//! | 0x1000 | start info and what it points to | kept |
//! | 0x4000 | the ELF file | free |
//!
//! Unsafe here: the block as bytes by its address.

use core::ops::Range;

use handover::PAGE_SIZE;
use handover::elf::{Layout, MAX_SEGMENTS};
use handover::memory_map::MemoryMap;
use handover::start_info::{self, Handover};
use uefi::boot::{self, AllocateType, MemoryAttribute, MemoryType};
use uefi::proto::security::MemoryProtection;

use crate::LoadError;
use crate::jump::{self, CODE_ROOM, Copy};

/// End of the memory that the block may lie in.
const LIMIT: u64 = 1 << 30;

const START_INFO_OFFSET: usize = PAGE_SIZE as usize;
const ELF_OFFSET: usize = START_INFO_OFFSET + start_info::MAX_LEN;

/// The block, allocated and never freed.
#[derive(Debug)]
pub struct Block {
    address: u32,
    bytes: &'static mut [u8],
}

impl Block {
    /// Takes a block for `elf` from `free` memory and fills in all but the start info.
    ///
    /// # Errors
    ///
    /// [`LoadError::NoMemory`] if there is no room.
    pub fn allocate(free: &MemoryMap, layout: &Layout, elf: &[u8]) -> Result<Self, LoadError> {
        let len = (ELF_OFFSET + elf.len()).next_multiple_of(PAGE_SIZE as usize);
        let place = free.place(len as u64, LIMIT, &layout.memory());
        let place = place.ok_or(LoadError::NoMemory)?;
        // Code, because firmware may forbid to execute any other kind.
        let pages = boot::allocate_pages(
            AllocateType::Address(place),
            MemoryType::LOADER_CODE,
            len / PAGE_SIZE as usize,
        )
        .map_err(|_| LoadError::NoMemory)?;
        let address = u32::try_from(place).map_err(|_| LoadError::NoMemory)?;
        allow_execution(place..place + PAGE_SIZE);
        // SAFETY: the pages were just allocated, are never freed, and nobody else knows of them. Any bytes will do.
        let bytes = unsafe { core::slice::from_raw_parts_mut(pages.as_ptr(), len) };
        bytes[..ELF_OFFSET].fill(0);
        bytes[ELF_OFFSET..ELF_OFFSET + elf.len()].copy_from_slice(elf);
        let mut copies = [Copy::default(); MAX_SEGMENTS];
        for (copy, segment) in copies.iter_mut().zip(layout.segments()) {
            *copy = Copy {
                from: address + ELF_OFFSET as u32 + segment.file_offset,
                to: segment.address,
                len: segment.file_len,
                zeros: segment.memory_len - segment.file_len,
            };
        }
        jump::prepare(&mut bytes[..CODE_ROOM], address, &copies);
        Ok(Self { address, bytes })
    }

    /// The addresses that the unikernel has to leave alone.
    #[must_use]
    pub fn kept(&self) -> Range<u64> {
        let start = u64::from(self.address);
        start..start + ELF_OFFSET as u64
    }

    /// Writes the start info and enters the unikernel. The boot services have ended.
    pub fn hand_over(&mut self, handover: &Handover, entry: u32) -> ! {
        let start_info = self.address + START_INFO_OFFSET as u32;
        let room = &mut self.bytes[START_INFO_OFFSET..ELF_OFFSET];
        // The room is for the largest there can be.
        let written = handover.write(room, start_info);
        assert!(written.is_some());
        // SAFETY: the block was prepared; the boot services have ended, so that the segments' addresses are free.
        unsafe { jump::jump(self.address, start_info, entry) }
    }
}

/// Makes the pages executable on firmware that says it forbids that (UEFI 2.10, 37.5); others have no such protocol.
fn allow_execution(pages: Range<u64>) {
    let Ok(handle) = boot::get_handle_for_protocol::<MemoryProtection>() else {
        return;
    };
    if let Ok(protection) = boot::open_protocol_exclusive::<MemoryProtection>(handle) {
        let _ = protection.clear_memory_attributes(
            pages,
            MemoryAttribute::EXECUTE_PROTECT | MemoryAttribute::READ_ONLY,
        );
    }
}
