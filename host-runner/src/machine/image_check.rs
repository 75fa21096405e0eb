//! The image, looked at before QEMU is started: a file that can't boot, or can't boot in so little
//! memory, is worth more than a guest that says nothing until the deadline.
//!
//! It reads the ELF header and the program headers (System V ABI, chapters 4 and 5) and nothing
//! else; all numbers in them are checked, for the file may be anything.
#![forbid(unsafe_code)]

use std::io::{self, Read};
use std::path::Path;

use super::error::MachineError;
use crate::files;

/// Number of bytes of the file that are read: its headers stand at its beginning.
const HEAD_LEN: u64 = 4096;

/// The ELF header of a 64-bit file, in bytes.
const ELF_HEADER_LEN: usize = 64;

/// One program header of a 64-bit file, in bytes.
const PROGRAM_HEADER_LEN: usize = 56;

/// Program header type: to be loaded.
const PT_LOAD: u32 = 1;

/// Machine: x86-64.
const EM_X86_64: u16 = 62;

/// Checks that the image at `path` is one and that its segments fit into `memory_mib`.
pub(super) fn check(path: &Path, memory_mib: u32) -> Result<(), MachineError> {
    let head = read_head(path).map_err(|source| MachineError::ImageMissing {
        path: path.to_owned(),
        source,
    })?;
    let end = end_in_memory(&head).ok_or_else(|| MachineError::NotAnImage {
        path: path.to_owned(),
    })?;
    if end > u64::from(memory_mib) << 20 {
        return Err(MachineError::TooLittleMemory { memory_mib });
    }
    Ok(())
}

fn read_head(path: &Path) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    files::open(path)?.take(HEAD_LEN).read_to_end(&mut head)?;
    Ok(head)
}

/// The physical address behind the last byte that is loaded, if `head` begins a 64-bit,
/// little-endian x86-64 ELF file.
fn end_in_memory(head: &[u8]) -> Option<u64> {
    let header = head.get(..ELF_HEADER_LEN)?;
    let is_image = header.starts_with(b"\x7fELF\x02\x01") && u16_at(header, 18)? == EM_X86_64;
    if !is_image || usize::from(u16_at(header, 54)?) != PROGRAM_HEADER_LEN {
        return None;
    }
    let start = usize::try_from(u64_at(header, 32)?).ok()?;
    let len = usize::from(u16_at(header, 56)?) * PROGRAM_HEADER_LEN;
    let program_headers = head.get(start..start.checked_add(len)?)?;
    let mut end = 0;
    for segment in program_headers.chunks_exact(PROGRAM_HEADER_LEN) {
        if u32::from_le_bytes(*segment.first_chunk()?) == PT_LOAD {
            let (physical, size) = (u64_at(segment, 24)?, u64_at(segment, 40)?);
            end = end.max(physical.checked_add(size)?);
        }
    }
    Some(end)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An image whose one segment lies at `physical` and takes `size` bytes of memory.
    pub fn elf(physical: u64, size: u64) -> Vec<u8> {
        let mut elf = vec![0; ELF_HEADER_LEN + PROGRAM_HEADER_LEN];
        elf[..6].copy_from_slice(b"\x7fELF\x02\x01");
        elf[18..20].copy_from_slice(&EM_X86_64.to_le_bytes());
        elf[32..40].copy_from_slice(&(ELF_HEADER_LEN as u64).to_le_bytes());
        elf[54..56].copy_from_slice(&(PROGRAM_HEADER_LEN as u16).to_le_bytes());
        elf[56..58].copy_from_slice(&1_u16.to_le_bytes());
        let segment = &mut elf[ELF_HEADER_LEN..];
        segment[..4].copy_from_slice(&PT_LOAD.to_le_bytes());
        segment[24..32].copy_from_slice(&physical.to_le_bytes());
        segment[40..48].copy_from_slice(&size.to_le_bytes());
        elf
    }

    #[test]
    fn an_image_ends_where_its_last_segment_does() {
        assert_eq!(end_in_memory(&elf(2 << 20, 3 << 20)), Some(5 << 20));
    }

    #[test]
    fn other_files_are_no_images() {
        assert_eq!(end_in_memory(b""), None);
        assert_eq!(end_in_memory(&[0; 4096]), None);
        let mut arm = elf(0, 0);
        arm[18] = 183;
        assert_eq!(end_in_memory(&arm), None);
        let cut = elf(0, 0);
        assert_eq!(end_in_memory(&cut[..cut.len() - 1]), None);
        assert_eq!(end_in_memory(&elf(u64::MAX, 1)), None);
    }

    proptest! {
        #[test]
        fn any_headers_are_taken(junk: [u8; 32], at in 6_usize..88) {
            let mut elf = elf(0, 0);
            elf[at..at + 32].copy_from_slice(&junk);
            let _ = end_in_memory(&elf);
        }
    }
}
