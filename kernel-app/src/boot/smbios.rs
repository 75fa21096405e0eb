//! The OEM strings (type 11) of the SMBIOS tables (DMTF DSP0134 3.7), for the strings that configure the
//! service: those that start with `fathom:`.
//!
//! QEMU's `-smbios type=11,value=…`, libvirt's `<oemStrings>` and Cloud Hypervisor's `oem_strings` write
//! them. The entry point's address comes from the loader, or the entry point is searched for where the PC's BIOS
//! leaves it. Every length in the tables is checked. No unsafe code.
#![forbid(unsafe_code)]

use super::memory::{Fields, Memory, checksum};

/// Prefix of the strings that are for the service.
const PREFIX: &[u8] = b"fathom:";

/// Area that holds the entry point on a machine with a BIOS (section 5.2), and its alignment.
const SEARCHED: core::ops::Range<u64> = 0xf_0000..0x10_0000;
const ALIGNMENT: usize = 16;

/// Length of the longer entry point, in bytes.
const ENTRY_POINT_LEN: usize = 0x20;

/// More than any table takes; of a longer one the rest is not read.
const MAX_TABLE_LEN: usize = 64 * 1024;

/// Type of the structure of OEM strings, and of the last structure.
const OEM_STRINGS: u8 = 11;
const END_OF_TABLE: u8 = 127;

/// Length of a structure's header, in bytes: type, length, handle.
const HEADER_LEN: usize = 4;

/// Returns the strings for the service, without their prefix; none if there are no tables, or they are not
/// intact.
pub fn strings(memory: &impl Memory, entry_point: Option<u64>) -> impl Iterator<Item = &[u8]> {
    let found = match entry_point {
        Some(address) => table_of(memory, address),
        None => search(memory),
    };
    let structures = Structures {
        rest: found.unwrap_or_default(),
    };
    structures
        .filter(|structure| structure.kind == OEM_STRINGS)
        .flat_map(|structure| structure.strings.split(|&byte| byte == 0))
        .filter_map(|string| string.strip_prefix(PREFIX))
}

fn search(memory: &impl Memory) -> Option<&[u8]> {
    let len = (SEARCHED.end - SEARCHED.start) as usize;
    let area = memory.bytes(SEARCHED.start, len)?;
    let mut paragraphs = area.chunks_exact(ALIGNMENT).enumerate();
    paragraphs.find_map(|(index, paragraph)| {
        // Most fail here, without a call.
        if !paragraph.starts_with(b"_SM") {
            return None;
        }
        table_of(memory, SEARCHED.start + (index * ALIGNMENT) as u64)
    })
}

/// Returns the table that the entry point at `address` leads to.
fn table_of(memory: &impl Memory, address: u64) -> Option<&[u8]> {
    let entry_point = memory.bytes(address, ENTRY_POINT_LEN)?;
    let intact = |len: usize, least: usize| {
        (least..=ENTRY_POINT_LEN).contains(&len) && checksum(&entry_point[..len]) == 0
    };
    // Section 5.2.2 has the 64-bit entry point, 5.2.1 the 32-bit one.
    let (table, len) = if entry_point.starts_with(b"_SM3_") {
        intact(entry_point[6].into(), 0x18).then_some(())?;
        (entry_point.u64(0x10)?, entry_point.u32(0x0c)? as usize)
    } else if entry_point.starts_with(b"_SM_") {
        // SMBIOS 2.1 says 0x1e for its length of 0x1f.
        intact(entry_point[5].max(0x1f).into(), 0x1f).then_some(())?;
        let len = entry_point.u16(0x16)?;
        (entry_point.u32(0x18)?.into(), len.into())
    } else {
        return None;
    };
    memory.bytes(table, len.min(MAX_TABLE_LEN))
}

/// A structure of the table.
struct Structure<'t> {
    kind: u8,
    /// Strings, each but the last with its NUL.
    strings: &'t [u8],
}

/// The structures of a table, up to the first that does not fit.
struct Structures<'t> {
    rest: &'t [u8],
}

impl<'t> Iterator for Structures<'t> {
    type Item = Structure<'t>;

    fn next(&mut self) -> Option<Structure<'t>> {
        let &[kind, len, ..] = self.rest else {
            return None;
        };
        let len = usize::from(len);
        if kind == END_OF_TABLE || len < HEADER_LEN {
            return None;
        }
        // Two NULs end the strings, and stand there without any as well (section 6.1.3).
        let strings = self.rest.get(len..)?;
        let end = strings.windows(2).position(|pair| pair == [0, 0])?;
        self.rest = &strings[end + 2..];
        Some(Structure {
            kind,
            strings: &strings[..end],
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::boot::memory::fake::FakeMemory;

    const TABLE: u64 = 0x7f_0000;

    fn structure(kind: u8, strings: &[&str]) -> Vec<u8> {
        let mut bytes = vec![kind, 5, 0, 0, strings.len() as u8];
        for string in strings {
            bytes.extend(string.as_bytes());
            bytes.push(0);
        }
        bytes.extend(if strings.is_empty() {
            &[0, 0][..]
        } else {
            &[0]
        });
        bytes
    }

    fn table() -> Vec<u8> {
        [
            structure(0, &["SeaBIOS", "1.16"]),
            structure(1, &[]),
            structure(11, &["hello", "fathom:ip=10.0.0.7/24", "fathom:port=7000"]),
            structure(4, &["fathom:no"]),
            structure(11, &["fathom:"]),
            structure(127, &[]),
            structure(11, &["fathom:late"]),
        ]
        .concat()
    }

    fn sealed(mut entry_point: Vec<u8>, len: usize, at: usize) -> Vec<u8> {
        entry_point.resize(ENTRY_POINT_LEN, 0);
        entry_point[at] = checksum(&entry_point[..len]).wrapping_neg();
        entry_point
    }

    fn entry_point_64(len: u32) -> Vec<u8> {
        let mut bytes = b"_SM3_\0\x18\x03\x00\x00\x01\x00".to_vec();
        bytes.extend(len.to_le_bytes());
        bytes.extend(TABLE.to_le_bytes());
        sealed(bytes, 0x18, 5)
    }

    fn entry_point_32(len: u16, says: u8) -> Vec<u8> {
        let mut bytes = vec![b'_', b'S', b'M', b'_', 0, says];
        bytes.resize(0x10, 0);
        bytes.extend(b"_DMI_\0");
        bytes.extend(len.to_le_bytes());
        bytes.extend((TABLE as u32).to_le_bytes());
        sealed(bytes, 0x1f, 4)
    }

    fn found(memory: &FakeMemory, entry_point: Option<u64>) -> Vec<String> {
        let strings = strings(memory, entry_point);
        strings
            .map(|string| String::from_utf8_lossy(string).into_owned())
            .collect()
    }

    fn bios_area(entry_point: &[u8], at: usize) -> Vec<u8> {
        let mut area = vec![0; 0x1_0000];
        area[at..at + entry_point.len()].copy_from_slice(entry_point);
        area
    }

    #[test]
    fn finds_the_strings_by_either_entry_point() {
        let expected = ["ip=10.0.0.7/24", "port=7000", ""];
        let len = table().len();
        for entry_point in [
            entry_point_64(len as u32),
            entry_point_64(0x1_0000),
            entry_point_32(len as u16, 0x1f),
            entry_point_32(len as u16, 0x1e),
        ] {
            let mut memory = FakeMemory::default();
            let mut padded = table();
            padded.resize(0x1_0000, 0);
            memory.put(TABLE, &padded).put(0x5000, &entry_point);
            assert_eq!(found(&memory, Some(0x5000)), expected);
            // Not where a BIOS leaves it.
            assert!(found(&memory, None).is_empty());
            memory.put(0xf_0000, &bios_area(&entry_point, 0xf590));
            assert_eq!(found(&memory, None), expected);
        }
    }

    #[test]
    fn damaged_tables_are_not_read() {
        let mut memory = FakeMemory::default();
        let entry_point = entry_point_64(table().len() as u32);
        memory.put(TABLE, &table()).put(0x5000, &entry_point);
        assert_eq!(found(&memory, Some(0x5000)).len(), 3);
        for at in 0..0x18 {
            let mut memory = FakeMemory::default();
            let mut damaged = entry_point.clone();
            damaged[at] ^= 0x10;
            memory.put(TABLE, &table()).put(0x5000, &damaged);
            assert!(found(&memory, Some(0x5000)).is_empty(), "byte {at}");
        }
        for nowhere in [0, 1, 0xffff_ffff, u64::MAX] {
            assert!(found(&memory, Some(nowhere)).is_empty());
        }
    }

    #[test]
    fn lengths_beyond_the_table_end_it() {
        for (table, expected) in [
            (structure(11, &["fathom:a"]), 1),
            // No end of the strings.
            (structure(11, &["fathom:a"])[..13].to_vec(), 0),
            // A structure shorter than its header, which would be one without an end.
            (vec![0, 0, 0, 0, 0, 0, 0, 0], 0),
            (vec![11, 200, 0, 0], 0),
            (vec![], 0),
        ] {
            let mut memory = FakeMemory::default();
            memory.put(TABLE, &table);
            memory.put(0x5000, &entry_point_64(table.len() as u32));
            assert_eq!(found(&memory, Some(0x5000)).len(), expected, "{table:?}");
        }
    }

    proptest! {
        #[test]
        fn no_table_is_too_strange(table in prop::collection::vec(0_u8..16, 0..300)) {
            let mut memory = FakeMemory::default();
            memory.put(TABLE, &table);
            memory.put(0x5000, &entry_point_64(table.len() as u32));
            let strings: usize = strings(&memory, Some(0x5000)).map(<[u8]>::len).sum();
            prop_assert!(strings <= table.len());
        }
    }
}
