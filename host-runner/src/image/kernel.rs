//! The ELF file and the EFI program that holds it, as far as they say what they are.
//!
//! Both may be anybody's: the crate `object` checks each offset, and so does this.

use object::Endianness;
use object::elf::{EM_X86_64, FileHeader64, PT_NOTE};
use object::read::elf::{FileHeader as _, ProgramHeader as _, SectionHeader as _};

use super::partition::SECTOR;

/// Owner and type of the note with the entry for PVH. [Xen, `XEN_ELFNOTE_PHYS32_ENTRY`]
const PVH: (&[u8], u32) = (b"Xen", 18);

/// Owner and type of the note with the version.
const VERSION: (&[u8], u32) = (b"Fathom", 1);

/// Machine and subsystem of a PE file for x86-64 firmware.
const PE_X86_64: u16 = 0x8664;
const PE_EFI_APPLICATION: u16 = 10;

type Header = FileHeader64<Endianness>;

/// Facts about an ELF file that boots by PVH.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elf {
    /// Length in bytes: what its headers refer to.
    pub len: usize,
    /// Version, if it says so.
    pub version: Option<String>,
}

impl Elf {
    /// Reads the ELF file that `bytes` begin with.
    ///
    /// # Errors
    ///
    /// A message, if it is no 64-bit x86-64 ELF file, is truncated, or has no PVH entry.
    pub fn read(bytes: &[u8]) -> Result<Self, &'static str> {
        const TRUNCATED: &str = "it is truncated or damaged";
        const NOT_ELF: &str = "it is no 64-bit x86-64 ELF file";
        let header = Header::parse(bytes).map_err(|_| NOT_ELF)?;
        let endian = header.endian().map_err(|_| NOT_ELF)?;
        if header.e_machine(endian) != EM_X86_64 {
            return Err(NOT_ELF);
        }
        let segments = header
            .program_headers(endian, bytes)
            .map_err(|_| TRUNCATED)?;
        let mut len = 0;
        let mut has_pvh = false;
        let mut version = None;
        for segment in segments {
            let (offset, size) = segment.file_range(endian);
            len = len.max(offset.saturating_add(size));
            segment.data(endian, bytes).map_err(|()| TRUNCATED)?;
            let notes = match segment.p_type(endian) {
                PT_NOTE => segment.notes(endian, bytes).map_err(|_| TRUNCATED)?,
                _ => None,
            };
            let Some(mut notes) = notes else { continue };
            while let Ok(Some(note)) = notes.next() {
                let kind = (note.name(), note.n_type(endian).0);
                has_pvh |= kind == PVH;
                if kind == VERSION {
                    let text = String::from_utf8_lossy(note.desc());
                    version = Some(text.trim_end_matches('\0').to_owned());
                }
            }
        }
        if !has_pvh {
            return Err("it has no PVH entry");
        }
        let sections = header.section_headers(endian, bytes).unwrap_or_default();
        let of_table = u64::from(header.e_shentsize(endian)) * sections.len() as u64;
        len = len.max(header.e_shoff(endian).saturating_add(of_table));
        for section in sections {
            let (offset, size) = section.file_range(endian).unwrap_or_default();
            len = len.max(offset.saturating_add(size));
        }
        let len = usize::try_from(len).ok().filter(|&len| len <= bytes.len());
        Ok(Self {
            len: len.ok_or(TRUNCATED)?,
            version,
        })
    }
}

/// Checks that `bytes` are an EFI program for x86-64.
///
/// # Errors
///
/// A message, if they are none.
pub fn check_efi(bytes: &[u8]) -> Result<(), &'static str> {
    const NOT_EFI: &str = "it is no EFI program for x86-64";
    let field = |at: usize| Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
    let header = bytes
        .get(0x3c..)
        .and_then(|bytes| bytes.first_chunk())
        .map_or(usize::MAX, |offset| u32::from_le_bytes(*offset) as usize);
    let at = |by: usize| header.checked_add(by).and_then(field);
    let is_pe = bytes.starts_with(b"MZ")
        && bytes
            .get(header..)
            .is_some_and(|bytes| bytes.starts_with(b"PE\0\0"));
    // After the signature and the 20 bytes of the COFF header, the subsystem stands at 68.
    if is_pe && at(4) == Some(PE_X86_64) && at(24 + 68) == Some(PE_EFI_APPLICATION) {
        Ok(())
    } else {
        Err(NOT_EFI)
    }
}

/// Finds the ELF file in an EFI program: its place, and the facts about it.
#[must_use]
pub fn within(efi: &[u8]) -> Option<(usize, Elf)> {
    let is_elf = |offset: &usize| efi[*offset..].starts_with(b"\x7fELF");
    let mut offsets = (0..efi.len()).step_by(SECTOR).filter(is_elf);
    offsets.find_map(|offset| Some((offset, Elf::read(&efi[offset..]).ok()?)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::sample_parts;
    use super::*;

    #[test]
    fn an_elf_file_is_known_by_its_entry() {
        let elf = sample_parts::elf(5000);
        let read = Elf::read(&elf).unwrap();
        assert_eq!(read.version.as_deref(), Some("1.2.3"));
        assert!(read.len <= elf.len());
        let mut other = elf.clone();
        other[0x208] = 17;
        assert_eq!(Elf::read(&other), Err("it has no PVH entry"));
        other = elf.clone();
        other[18] = 183;
        assert_eq!(Elf::read(&other), Err("it is no 64-bit x86-64 ELF file"));
        assert_eq!(Elf::read(&elf[..0x210]), Err("it is truncated or damaged"));
        assert!(Elf::read(b"").is_err());
    }

    #[test]
    fn the_elf_file_in_an_efi_program_is_found() {
        let elf = sample_parts::elf(5000);
        let efi = sample_parts::efi_with(&elf);
        assert_eq!(check_efi(&efi), Ok(()));
        let (offset, found) = within(&efi).unwrap();
        assert_eq!(offset, 1536);
        assert_eq!(found, Elf::read(&elf).unwrap());
        assert!(check_efi(&elf).is_err());
        assert_eq!(within(&vec![0; 4096]), None);
        for len in 0..0x100 {
            assert!(check_efi(&efi[..len]).is_err() || len > 0x98 + 69);
        }
    }

    proptest! {
        #[test]
        fn no_change_makes_reading_panic(changes in proptest::collection::vec((0_usize..0x230, any::<u8>()), 1..6)) {
            let mut elf = sample_parts::elf(2000);
            for &(at, value) in &changes {
                elf[at] = value;
            }
            let _ = Elf::read(&elf);
            let mut efi = sample_parts::efi_with(&elf);
            for &(at, value) in &changes {
                efi[at] = value;
            }
            let _ = check_efi(&efi);
            let _ = within(&efi);
        }
    }
}
