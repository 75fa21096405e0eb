//! The unikernel's ELF file: its loadable segments and its PVH entry point.
//!
//! ELF-64 object file format 1.5, chapters 2 (header) and 5 (program header); the entry is the note
//! `XEN_ELFNOTE_PHYS32_ENTRY`. A loader may hold no more of the file than its beginning: headers and notes
//! are expected there, contents anywhere.

use core::ops::Range;

use crate::array;

/// Most loadable segments that a file may have. The unikernel has three.
pub const MAX_SEGMENTS: usize = 8;

/// First address that a segment may have: below 1 MiB lie the firmware's tables and the loader itself.
const LOWEST_ADDRESS: u64 = 0x10_0000;

const MAGIC: [u8; 4] = *b"\x7fELF";
const CLASS_64: u8 = 2;
const LITTLE_ENDIAN: u8 = 1;
const MACHINE_X86_64: u16 = 62;
const PROGRAM_HEADER_LEN: usize = 56;
const PT_LOAD: u32 = 1;
const PT_NOTE: u32 = 4;
const NOTE_HEADER_LEN: usize = 12;
const XEN_ELFNOTE_PHYS32_ENTRY: u32 = 18;

/// Part of the file that belongs into memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    /// First byte in the file.
    pub file_offset: u32,
    /// Number of bytes that the file has of it.
    pub file_len: u32,
    /// Physical address of the first byte.
    pub address: u32,
    /// Number of bytes in memory; those that the file does not have are zero.
    pub memory_len: u32,
}

impl Segment {
    /// The addresses that the segment occupies.
    #[must_use]
    pub const fn memory(&self) -> Range<u64> {
        let start = self.address as u64;
        start..start + self.memory_len as u64
    }

    /// Returns which bytes of the segment lie in `file`, a range of the file: their range in the file.
    #[must_use]
    pub fn file_part(&self, file: Range<u32>) -> Range<u32> {
        let end = self.file_offset + self.file_len;
        let start = file.start.clamp(self.file_offset, end);
        start..file.end.clamp(start, end)
    }
}

/// Reason that a file can't be loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElfError {
    /// Not a 64-bit little-endian ELF file for x86-64.
    Format,
    /// A header says something that the file contradicts.
    Damaged,
    /// No note says where the PVH entry is, or the entry lies in no segment.
    Entry,
}

impl ElfError {
    /// Says what is wrong, for the firmware's console.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::Format => "the unikernel is no ELF file for x86-64",
            Self::Damaged => "the unikernel's ELF file is damaged",
            Self::Entry => "the unikernel's ELF file has no PVH entry",
        }
    }
}

/// Addresses of the contents of an ELF file, and of its entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    segments: [Segment; MAX_SEGMENTS],
    segment_count: usize,
    /// The address to jump to, in 32-bit protected mode.
    pub entry: u32,
}

impl Layout {
    /// Reads the headers of a file of `file_len` bytes that starts with `head`.
    ///
    /// # Errors
    ///
    /// [`ElfError`] if the file is no ELF file that can be loaded, or its notes do not lie in `head`.
    pub fn read(head: &[u8], file_len: u32) -> Result<Self, ElfError> {
        let byte = |offset| array::<1>(head, offset).map(|[byte]| byte);
        if array(head, 0) != Some(MAGIC)
            || byte(4) != Some(CLASS_64)
            || byte(5) != Some(LITTLE_ENDIAN)
            || array(head, 18).map(u16::from_le_bytes) != Some(MACHINE_X86_64)
        {
            return Err(ElfError::Format);
        }
        Self::read_program_headers(head, file_len)
            .ok_or(ElfError::Damaged)
            .and_then(|(layout, entry)| {
                let entry = entry.ok_or(ElfError::Entry)?;
                let holds = |segment: &Segment| segment.memory().contains(&u64::from(entry));
                if !layout.segments().iter().any(holds) {
                    return Err(ElfError::Entry);
                }
                Ok(Self { entry, ..layout })
            })
    }

    fn read_program_headers(head: &[u8], file_len: u32) -> Option<(Self, Option<u32>)> {
        let u16_at = |offset| array(head, offset).map(u16::from_le_bytes);
        let u64_at = |offset| array(head, offset).map(u64::from_le_bytes);
        let table = usize::try_from(u64_at(32)?).ok()?;
        let entry_len = usize::from(u16_at(54)?);
        let count = usize::from(u16_at(56)?);
        if entry_len < PROGRAM_HEADER_LEN {
            return None;
        }
        let mut layout = Self {
            segments: [Segment::default(); MAX_SEGMENTS],
            segment_count: 0,
            entry: 0,
        };
        let mut entry = None;
        for index in 0..count {
            let header = table.checked_add(index.checked_mul(entry_len)?)?;
            let kind = u32::from_le_bytes(array(head, header)?);
            if kind != PT_LOAD && kind != PT_NOTE {
                continue;
            }
            let field = |offset| u64_at(header.checked_add(offset)?);
            let file_offset = u32::try_from(field(8)?).ok()?;
            let file_bytes = u32::try_from(field(32)?).ok()?;
            if file_offset.checked_add(file_bytes)? > file_len {
                return None;
            }
            if kind == PT_NOTE {
                let start = usize::try_from(file_offset).ok()?;
                let end = start.checked_add(usize::try_from(file_bytes).ok()?)?;
                entry = entry.or(pvh_entry(head.get(start..end)?));
                continue;
            }
            let segment = Segment {
                file_offset,
                file_len: file_bytes,
                address: u32::try_from(field(24)?).ok()?,
                memory_len: u32::try_from(field(40)?).ok()?,
            };
            if segment.memory_len < segment.file_len
                || segment.memory().start < LOWEST_ADDRESS
                || segment.memory().end > u64::from(u32::MAX)
            {
                return None;
            }
            *layout.segments.get_mut(layout.segment_count)? = segment;
            layout.segment_count += 1;
        }
        (layout.segment_count > 0).then_some((layout, entry))
    }

    /// The segments, in the file's order.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        self.segments.get(..self.segment_count).unwrap_or_default()
    }

    /// The addresses from the first segment's first byte to the last one's last.
    #[must_use]
    pub fn memory(&self) -> Range<u64> {
        let all = self.segments().iter().map(Segment::memory);
        all.reduce(|whole, part| whole.start.min(part.start)..whole.end.max(part.end))
            .unwrap_or_default()
    }
}

/// Finds the PVH entry among notes: sizes of name and descriptor, type, then both padded to four bytes.
fn pvh_entry(mut notes: &[u8]) -> Option<u32> {
    loop {
        let word = |offset| array(notes, offset).map(u32::from_le_bytes);
        let padded = |len: u32| usize::try_from(len.checked_next_multiple_of(4)?).ok();
        let (name_len, descriptor_len) = (word(0)?, word(4)?);
        let descriptor = NOTE_HEADER_LEN.checked_add(padded(name_len)?)?;
        if word(8)? == XEN_ELFNOTE_PHYS32_ENTRY
            && name_len == 4
            && array(notes, NOTE_HEADER_LEN) == Some(*b"Xen\0")
            && descriptor_len >= 4
        {
            return word(descriptor);
        }
        notes = notes.get(descriptor.checked_add(padded(descriptor_len)?)?..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program_header(kind: u32, offset: u64, address: u64, file: u64, memory: u64) -> Vec<u8> {
        let mut header = [kind.to_le_bytes(), 0u32.to_le_bytes()].concat();
        for field in [offset, address, address, file, memory, 4] {
            header.extend(field.to_le_bytes());
        }
        header
    }

    fn note(name: &[u8; 4], kind: u32, descriptor: &[u8]) -> Vec<u8> {
        let mut note = Vec::new();
        for field in [4, descriptor.len() as u32, kind] {
            note.extend(field.to_le_bytes());
        }
        note.extend(name);
        note.extend(descriptor);
        note.resize(note.len().next_multiple_of(4), 0);
        note
    }

    /// A file of 0x300 bytes with two segments and a note for an entry at 0x200010.
    fn file(notes: &[u8], headers: &[Vec<u8>]) -> Vec<u8> {
        let mut file = vec![0; 0x300];
        file[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
        file[18..20].copy_from_slice(&62u16.to_le_bytes());
        file[32..40].copy_from_slice(&64u64.to_le_bytes());
        file[54..56].copy_from_slice(&56u16.to_le_bytes());
        file[56..58].copy_from_slice(&(headers.len() as u16).to_le_bytes());
        let table = headers.concat();
        file[64..64 + table.len()].copy_from_slice(&table);
        file[0x200..0x200 + notes.len()].copy_from_slice(notes);
        file
    }

    fn notes() -> Vec<u8> {
        [
            note(b"GNU\0", 18, &[9; 5]),
            note(b"Xen\0", 18, &0x20_0010u32.to_le_bytes()),
        ]
        .concat()
    }

    fn headers() -> Vec<Vec<u8>> {
        vec![
            program_header(4, 0x200, 0, notes().len() as u64, 0),
            program_header(1, 0x200, 0x20_0000, 0x80, 0x80),
            program_header(1, 0x280, 0x20_1000, 0x40, 0x2000),
            program_header(0x6474_e551, u64::MAX, 0, u64::MAX, 0),
        ]
    }

    #[test]
    fn segments_and_entry_are_read() {
        let layout = Layout::read(&file(&notes(), &headers()), 0x300).unwrap();
        assert_eq!(layout.entry, 0x20_0010);
        assert_eq!(layout.memory(), 0x20_0000..0x20_3000);
        let [text, data] = layout.segments() else {
            panic!("{layout:?}")
        };
        assert_eq!((text.file_offset, text.file_len), (0x200, 0x80));
        assert_eq!((data.address, data.memory_len), (0x20_1000, 0x2000));
        assert_eq!(data.file_part(0..0x290), 0x280..0x290);
        assert_eq!(data.file_part(0x290..0x1000), 0x290..0x2c0);
        assert_eq!(data.file_part(0..0x100).len(), 0);
        assert_eq!(data.file_part(0x2c0..0x2d0).len(), 0);
    }

    #[test]
    fn unloadable_files_are_refused() {
        let good = file(&notes(), &headers());
        assert_eq!(Layout::read(b"MZ", 0x300), Err(ElfError::Format));
        let mut other_machine = good.clone();
        other_machine[18] = 3;
        assert_eq!(Layout::read(&other_machine, 0x300), Err(ElfError::Format));
        // Segments that the file is too short for.
        assert_eq!(Layout::read(&good, 0x2bf), Err(ElfError::Damaged));
        // A program header table that is not all there.
        assert_eq!(Layout::read(&good[..200], 0x300), Err(ElfError::Damaged));
        assert_eq!(
            Layout::read(&file(&note(b"GNU\0", 1, &[]), &headers()), 0x300),
            Err(ElfError::Entry)
        );
        let elsewhere = note(b"Xen\0", 18, &0x10u32.to_le_bytes());
        assert_eq!(
            Layout::read(&file(&elsewhere, &headers()), 0x300),
            Err(ElfError::Entry)
        );
    }

    #[test]
    fn segments_outside_of_what_a_loader_may_write_are_refused() {
        for (address, file_bytes, memory) in [
            (0x9_0000, 0x80, 0x80),
            (0xffff_f000, 0x80, 0x2000),
            (0x1_0000_0000, 0x80, 0x80),
            (0x20_0000, 0x80, 0x40),
            (0x20_0000, 0x80, u64::MAX),
        ] {
            let mut headers = headers();
            headers[1] = program_header(1, 0x200, address, file_bytes, memory);
            let read = Layout::read(&file(&notes(), &headers), 0x300);
            assert_eq!(read, Err(ElfError::Damaged), "{address:#x}");
        }
        let many = vec![program_header(1, 0x200, 0x20_0000, 0, 0); MAX_SEGMENTS + 1];
        let mut long = file(&[], &[]);
        long.resize(0x1000, 0);
        long[56] = many.len() as u8;
        long[64..64 + many.concat().len()].copy_from_slice(&many.concat());
        assert_eq!(Layout::read(&long, 0x1000), Err(ElfError::Damaged));
    }

    #[test]
    fn no_byte_of_a_file_makes_it_panic() {
        let good = file(&notes(), &headers());
        for at in 0..0x230 {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut spoilt = good.clone();
                spoilt[at] = value;
                let _ = Layout::read(&spoilt, 0x300);
            }
        }
    }
}
