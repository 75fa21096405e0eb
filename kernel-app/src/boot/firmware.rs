//! Hand-over by a loader, whichever protocol it speaks: memory, command line, tables, files.
//!
//! Each protocol's reader in [`arch`](crate::arch) makes a [`Firmware`] out of what it finds in memory. No unsafe
//! code.
#![forbid(unsafe_code)]

use core::fmt;
use core::num::NonZeroU64;
use core::ops::Range;

use super::memory::{Fields, Memory};

/// Type of usable memory in a memory map, PVH's and the BIOS's alike.
const TYPE_RAM: u32 = 1;

/// More entries than any firmware reports; a larger number is not believed.
pub const MAX_ENTRIES: u32 = 128;

/// A memory map as it lies in memory: entries that begin with a 64-bit address, a 64-bit length and a 32-bit
/// type, which `hvm_memmap_table_entry` and the BIOS's e820 entries both do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryMap<'m> {
    entries: &'m [u8],
    entry_len: usize,
}

impl<'m> MemoryMap<'m> {
    /// A map of entries of `entry_len` bytes each.
    #[must_use]
    pub const fn new(entries: &'m [u8], entry_len: usize) -> Self {
        Self { entries, entry_len }
    }

    /// Usable memory, in the map's order.
    fn ram(&self) -> impl Iterator<Item = Range<u64>> + Clone + 'm {
        self.entries
            .chunks_exact(self.entry_len)
            .filter_map(|entry| {
                let (start, len) = (entry.u64(0)?, entry.u64(8)?);
                (entry.u32(16)? == TYPE_RAM).then(|| start..start.saturating_add(len))
            })
    }

    /// Returns the memory to give to the kernel, `max_len` bytes at most: what begins with the image, and where
    /// that is less, the longest that lies behind it, in whole pages of 2 MiB. UEFI firmware may keep some of what
    /// follows the image, as OVMF does at 8 MiB. `None` if some of the image itself is in no usable memory.
    #[must_use]
    pub fn for_kernel(&self, image: &Range<u64>, max_len: u64) -> Option<[Range<u64>; 2]> {
        const LARGE_PAGE: u64 = 2 << 20;
        let end = self.end_of_ram_from(image)?.min(image.start + max_len);
        let first = image.start..end & !0xfff;
        let rest = max_len - (end - image.start);
        let behind = self.ram().filter(|range| range.start > end);
        let whole = behind.filter_map(|range| {
            let end = self.end_of_ram_from(&(range.start..range.start))?;
            let start = range.start.checked_next_multiple_of(LARGE_PAGE)?;
            let len = end.checked_sub(start)?.min(rest) & !(LARGE_PAGE - 1);
            Some(start..start + len)
        });
        // The first of those that are equally long.
        let second = whole.max_by_key(|range| (range.end - range.start, u64::MAX - range.start));
        Some([first, second.unwrap_or_default()])
    }

    /// Returns the first address after the highest usable memory.
    #[must_use]
    pub fn end_of_ram(&self) -> u64 {
        self.ram().map(|range| range.end).max().unwrap_or(0)
    }

    /// Returns where the usable memory ends that begins with the image: entries that touch or overlap are one,
    /// in whatever order they come. `None` if some of the image itself is in no usable memory.
    #[must_use]
    pub fn end_of_ram_from(&self, image: &Range<u64>) -> Option<u64> {
        let mut end = image.start;
        loop {
            let further = self
                .ram()
                .filter(|range| range.start <= end && range.end > end)
                .map(|range| range.end)
                .max();
            match further {
                Some(further) => end = further,
                None => return (end >= image.end).then_some(end),
            }
        }
    }
}

/// Hand-over that the loader left for the image, borrowed from where it lies.
#[derive(Clone, Copy, Debug)]
pub struct Firmware<'m> {
    /// The physical memory map.
    pub memory_map: MemoryMap<'m>,
    /// The kernel command line.
    pub command_line: &'m str,
    /// Physical address of the ACPI root pointer, if the loader knows it.
    pub rsdp: Option<NonZeroU64>,
    /// Physical address of the SMBIOS entry point, if the loader knows it.
    pub smbios: Option<u64>,
    /// The configuration file, as it was read.
    pub file: Option<&'m [u8]>,
}

/// Reason that a loader's hand-over can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirmwareError {
    /// PVH's structure is not there, or has not the magic number.
    Magic,
    /// Linux's structure is not there, or has not the magic numbers.
    BootParams,
    /// Version 0 has no memory map.
    Version(u32),
    /// No memory map, or an absurdly long one.
    MemoryMap(u32),
    /// The command line is not UTF-8.
    CommandLineEncoding,
    /// The command line has no end, or lies outside of memory.
    CommandLineUnreadable,
    /// More modules than there can be, or they lie outside of memory.
    Modules(u32),
}

impl fmt::Display for FirmwareError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Magic => f.write_str("not booted by PVH: ebx points to no hvm_start_info"),
            Self::BootParams => f.write_str(
                "not booted as Linux is: rsi points to no boot_params of version 2.00 or later",
            ),
            Self::Version(version) => {
                write!(f, "PVH start info version {version} has no memory map")
            }
            Self::MemoryMap(entries) => write!(f, "memory map of {entries} entries"),
            Self::CommandLineEncoding => f.write_str("the boot arguments are not UTF-8"),
            Self::CommandLineUnreadable => f.write_str(
                "the boot arguments are too long, or cannot be read: expected 4095 bytes at most",
            ),
            Self::Modules(count) => write!(f, "{count} boot modules that cannot be read"),
        }
    }
}

/// Reads the command line at `address`, which is 0 if there is none.
///
/// # Errors
///
/// [`FirmwareError`] if it is too long, outside of memory, or not UTF-8.
pub fn command_line(memory: &impl Memory, address: u64) -> Result<&str, FirmwareError> {
    if address == 0 {
        return Ok("");
    }
    let text = memory
        .text(address)
        .ok_or(FirmwareError::CommandLineUnreadable)?;
    str::from_utf8(text).map_err(|_| FirmwareError::CommandLineEncoding)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(ranges: &[(u64, u64, u32)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (start, end, kind) in ranges {
            bytes.extend(start.to_le_bytes());
            bytes.extend((end - start).to_le_bytes());
            bytes.extend(kind.to_le_bytes());
        }
        bytes
    }

    fn end(ranges: &[(u64, u64, u32)], image: Range<u64>) -> Option<u64> {
        MemoryMap::new(&map(ranges), 20).end_of_ram_from(&image)
    }

    #[test]
    fn the_memory_of_the_image_is_all_that_touches_it() {
        const IMAGE: Range<u64> = 0x20_0000..0x60_0000;
        let plain = [(0, 0x9_fc00, 1), (0x10_0000, 0x200_0000, 1)];
        assert_eq!(end(&plain, IMAGE), Some(0x200_0000));
        // As UEFI reports it, in pieces, in any order, some of them reserved.
        let pieces = [
            (0x90_0000, 0x100_0000, 1),
            (0x10_0000, 0x30_0000, 1),
            (0x100_0000, 0x110_0000, 2),
            (0x30_0000, 0x90_0000, 1),
            (0x110_0000, 0x4000_0000, 1),
        ];
        assert_eq!(end(&pieces, IMAGE), Some(0x100_0000));
        let overlapping = [(0x10_0000, 0x30_0000, 1), (0x20_0000, 0x70_0000, 1)];
        assert_eq!(end(&overlapping, IMAGE), Some(0x70_0000));
        // The image over a hole, or over nothing.
        for bad in [
            &[(0x10_0000, 0x50_0000, 1), (0x51_0000, 0x100_0000, 1)][..],
            &[(0x10_0000, 0x100_0000, 2)],
            &[(0x30_0000, 0x100_0000, 1)],
            &[],
        ] {
            assert_eq!(end(bad, IMAGE), None, "{bad:x?}");
        }
        let endless = [(0, u64::MAX, 1)];
        assert_eq!(end(&endless, IMAGE), Some(u64::MAX));
    }

    #[test]
    fn the_kernel_has_the_longest_memory_beside_that_of_the_image() {
        const IMAGE: Range<u64> = 0x20_0000..0x60_0000;
        const MAX: u64 = 64 << 20;
        let given = |ranges: &[_]| MemoryMap::new(&map(ranges), 20).for_kernel(&IMAGE, MAX);
        let plain = [(0, 0x9_fc00, 1), (0x10_0000, 0x1fe_0800, 1)];
        assert_eq!(given(&plain), Some([0x20_0000..0x1fe_0000, 0..0]));
        let large = [(0x10_0000, 0xc000_0000, 1), (1 << 32, 2 << 32, 1)];
        assert_eq!(
            given(&large),
            Some([0x20_0000..0x420_0000, 1 << 32..1 << 32])
        );
        // OVMF's, on a machine of 128 MiB.
        let ovmf = [
            (0, 0xa_0000, 1),
            (0x10_0000, 0x80_6000, 1),
            (0x80_6000, 0x80_8000, 4),
            (0x80_8000, 0x81_0000, 1),
            (0x81_0000, 0x90_0000, 4),
            (0x6ba_2000, 0x74e_c000, 1),
            (0x90_0000, 0x500_0000, 1),
            (0x500_0000, 0x6aa_0000, 1),
        ];
        let behind = 0xa0_0000..0x420_0000;
        assert_eq!(given(&ovmf), Some([0x20_0000..0x80_6000, behind]));
        // Nothing behind it that holds a large page.
        assert_eq!(given(&ovmf[..4]), Some([0x20_0000..0x80_6000, 0..0]));
        assert_eq!(given(&ovmf[4..]), None);
        let highest = [(0x10_0000, 0x80_0000, 1), (u64::MAX - 0xfff, u64::MAX, 1)];
        assert_eq!(given(&highest), Some([0x20_0000..0x80_0000, 0..0]));
    }

    #[test]
    fn the_highest_usable_memory_counts() {
        let bytes = map(&[
            (0x1_0000_0000, 0x1_8000_0000, 1),
            (0x10_0000, 0xc000_0000, 1),
            (0xfd_0000_0000, 0x100_0000_0000, 2),
        ]);
        assert_eq!(MemoryMap::new(&bytes, 20).end_of_ram(), 0x1_8000_0000);
        assert_eq!(MemoryMap::new(&[], 20).end_of_ram(), 0);
    }
}
