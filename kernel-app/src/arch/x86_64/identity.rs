//! Physical memory while the image boots, through the entry code's page tables.
//!
//! Unsafe here: the one slice that is made of an address.

use super::page_tables::MAPPED;
use crate::boot::memory::Memory;

/// The machine's memory while the image boots: every address below [`MAPPED`] is mapped to itself.
#[derive(Debug)]
pub struct Identity(());

impl Identity {
    /// Physical memory through the entry code's page tables.
    ///
    /// # Safety
    ///
    /// Those page tables are in use as long as this or a slice from it is, and meanwhile nobody writes
    /// to what is read.
    pub const unsafe fn new() -> Self {
        Self(())
    }
}

impl Memory for Identity {
    fn bytes(&self, address: u64, len: usize) -> Option<&[u8]> {
        let end = address.checked_add(len as u64)?;
        if address == 0 || end > MAPPED {
            return None;
        }
        let start = core::ptr::with_exposed_provenance::<u8>(address as usize);
        // SAFETY: mapped, as was checked; unchanged, by the contract of `new`. What has no memory
        // behind it reads as all ones.
        Some(unsafe { core::slice::from_raw_parts(start, len) })
    }
}
