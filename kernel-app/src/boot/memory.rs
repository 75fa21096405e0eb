//! Physical memory as firmware tables are read from it: by address, each access checked.
//!
//! Tables hold addresses and lengths that somebody else wrote. Everything that follows them
//! goes through [`Memory`], so that it cannot read outside what is mapped, and is tested on the host with tables
//! that lie. No unsafe code.
#![forbid(unsafe_code)]

use core::ffi::CStr;

/// Longest text that a loader may leave, in bytes with its terminating zero: a page, QEMU's own limit.
pub const MAX_TEXT: usize = 4096;

/// Readable physical memory.
pub trait Memory {
    /// Returns the `len` bytes at `address`; `None` if not all of them can be read.
    fn bytes(&self, address: u64, len: usize) -> Option<&[u8]>;

    /// Returns the NUL-terminated text at `address`, without its NUL; `None` if it is longer than
    /// [`MAX_TEXT`] or can't be read.
    fn text(&self, address: u64) -> Option<&[u8]> {
        // A piece at a time: what lies behind the text may not be readable.
        const PIECE: usize = 64;
        let mut len = 0;
        while len < MAX_TEXT {
            let to_boundary = PIECE - (address.wrapping_add(len as u64) % PIECE as u64) as usize;
            let piece = self.bytes(address.checked_add(len as u64)?, to_boundary)?;
            if let Ok(end) = CStr::from_bytes_until_nul(piece) {
                return self.bytes(address, len + end.count_bytes());
            }
            len += to_boundary;
        }
        None
    }
}

/// Fields of a table: little-endian integers at offsets; `None` outside of it.
pub trait Fields {
    /// Returns the `N` bytes at `offset`.
    fn array<const N: usize>(&self, offset: usize) -> Option<[u8; N]>;

    /// Returns the 16-bit integer at `offset`.
    fn u16(&self, offset: usize) -> Option<u16> {
        self.array(offset).map(u16::from_le_bytes)
    }

    /// Returns the 32-bit integer at `offset`.
    fn u32(&self, offset: usize) -> Option<u32> {
        self.array(offset).map(u32::from_le_bytes)
    }

    /// Returns the 64-bit integer at `offset`.
    fn u64(&self, offset: usize) -> Option<u64> {
        self.array(offset).map(u64::from_le_bytes)
    }
}

impl Fields for [u8] {
    fn array<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        let end = offset.checked_add(N)?;
        self.get(offset..end)?.try_into().ok()
    }
}

/// Returns the sum of `bytes`, which is 0 for an intact table of SMBIOS or ACPI.
#[must_use]
pub fn checksum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, &byte| sum.wrapping_add(byte))
}

#[cfg(test)]
pub mod fake {
    //! Physical memory for tests.

    use super::Memory;

    /// Memory of a few pieces at addresses of their own.
    #[derive(Debug, Default)]
    pub struct FakeMemory(Vec<(u64, Vec<u8>)>);

    impl FakeMemory {
        /// Puts `bytes` at `address`.
        pub fn put(&mut self, address: u64, bytes: &[u8]) -> &mut Self {
            self.0.push((address, bytes.to_vec()));
            self
        }

        /// Returns the piece that was put at `address`, to be changed.
        pub fn piece(&mut self, address: u64) -> &mut Vec<u8> {
            let piece = self.0.iter_mut().find(|(at, _)| *at == address);
            &mut piece.expect("it was put there").1
        }
    }

    impl Memory for FakeMemory {
        fn bytes(&self, address: u64, len: usize) -> Option<&[u8]> {
            self.0.iter().rev().find_map(|(at, bytes)| {
                let from = usize::try_from(address.checked_sub(*at)?).ok()?;
                bytes.get(from..from.checked_add(len)?)
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fake::FakeMemory;
    use super::*;

    #[test]
    fn a_text_ends_with_its_zero_or_is_none() {
        let mut memory = FakeMemory::default();
        // Aligned, so that the last piece ends with the memory.
        memory.put(0x1000, &[b'x'; 64]);
        memory.put(0x2000, &[vec![b'y'; 100], vec![0; 28]].concat());
        memory.put(0x10000, &[b'z'; 2 * MAX_TEXT]);
        assert_eq!(memory.text(0x1000), None);
        assert_eq!(memory.text(0x2000), Some(&[b'y'; 100][..]));
        assert_eq!(memory.text(0x2001), Some(&[b'y'; 99][..]));
        assert_eq!(memory.text(0x2064), Some(&[][..]));
        assert_eq!(memory.text(0x10000), None);
        assert_eq!(memory.text(0x3000), None);
        assert_eq!(memory.text(u64::MAX), None);
    }

    #[test]
    fn fields_outside_a_table_are_none() {
        let table: &[u8] = &[1, 2, 3, 4, 5, 6, 7, 8];
        assert_eq!(table.u16(6), Some(0x0807));
        assert_eq!(table.u32(5), None);
        assert_eq!(table.u64(0), Some(0x0807_0605_0403_0201));
        assert_eq!(table.u16(usize::MAX), None);
        assert_eq!(checksum(&[0xff, 1]), 0);
    }
}
