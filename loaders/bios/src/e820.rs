//! Entries of the BIOS's memory map (ACPI 6.5, 15.1: int 15h, eax e820h).

use core::ops::Range;

use handover::memory_map::Kind;

/// Length of an entry as of ACPI 3.0, in bytes; older BIOSes leave out the last four.
pub const ENTRY_LEN: usize = 24;

/// Bit of the attributes: the entry counts.
const ENABLED: u32 = 1;

/// Reads an entry of which the BIOS wrote `len` bytes; `None` if it says nothing.
#[must_use]
pub fn range(entry: &[u8; ENTRY_LEN], len: usize) -> Option<(Range<u64>, Kind)> {
    let u64_at = |at: usize| {
        let bytes = entry
            .get(at..at + 8)
            .and_then(|bytes| bytes.try_into().ok());
        u64::from_le_bytes(bytes.unwrap_or_default())
    };
    let last = u64_at(16);
    let (kind, attributes) = (last as u32, (last >> 32) as u32);
    if len < 20 || len >= ENTRY_LEN && attributes & ENABLED == 0 {
        return None;
    }
    let kind = match kind {
        1 => Kind::Ram,
        3 => Kind::Acpi,
        4 => Kind::Nvs,
        5 => Kind::Unusable,
        _ => Kind::Reserved,
    };
    let start = u64_at(0);
    Some((start..start.saturating_add(u64_at(8)), kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(start: u64, len: u64, kind: u32, attributes: u32) -> [u8; ENTRY_LEN] {
        let last = u64::from(kind) | u64::from(attributes) << 32;
        let mut bytes = [0; ENTRY_LEN];
        for (place, field) in bytes.chunks_exact_mut(8).zip([start, len, last]) {
            place.copy_from_slice(&field.to_le_bytes());
        }
        bytes
    }

    #[test]
    fn entries_of_both_lengths_are_read() {
        let ram = entry(0x10_0000, 0x7f0_0000, 1, 1);
        let expected = Some((0x10_0000..0x800_0000, Kind::Ram));
        assert_eq!(range(&ram, 24), expected);
        assert_eq!(range(&ram, 20), expected);
        // What an older BIOS left behind its entry is no attribute.
        assert_eq!(range(&entry(0x10_0000, 0x7f0_0000, 1, 0), 20), expected);
        let reserved = range(&entry(u64::MAX, 2, 2, 1), 24);
        assert_eq!(reserved, Some((u64::MAX..u64::MAX, Kind::Reserved)));
        assert_eq!(range(&entry(0, 1, 77, 1), 24), Some((0..1, Kind::Reserved)));
    }

    #[test]
    fn entries_that_say_nothing_are_left_out() {
        assert_eq!(range(&entry(0, 0x1000, 1, 0), 24), None);
        assert_eq!(range(&entry(0, 0x1000, 1, 1), 19), None);
    }
}
