//! The machine's physical memory, as the unikernel is told of it: sorted, merged, without overlaps, and of
//! at most 128 ranges.
//!
//! BIOS (int 15h, e820) and UEFI both give lists in any order; UEFI's has 30 to 100 entries, most of them
//! neighbours that differ only in what the firmware did with them, and some BIOSes' overlap. Where kinds
//! overlap, memory that may not be used wins.

use core::ops::Range;

use crate::PAGE_SIZE;

/// Most ranges that the unikernel takes.
pub const MAX_RANGES: usize = 128;

/// `hvm_memmap_table_entry.type`, with the numbers of e820, which it took over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u32)]
pub enum Kind {
    /// Memory for the unikernel.
    Ram = 1,
    /// Not to be touched.
    #[default]
    Reserved = 2,
    /// ACPI tables, usable once they have been read.
    Acpi = 3,
    /// The firmware's, to be kept across sleep.
    Nvs = 4,
    /// Found to be faulty.
    Unusable = 5,
}

/// One range of physical memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// First byte.
    pub start: u64,
    /// First byte after it.
    pub end: u64,
    /// Use that may be made of it.
    pub kind: Kind,
}

/// Ranges of physical memory, in ascending order.
#[derive(Clone, Debug)]
pub struct MemoryMap {
    entries: [Entry; MAX_RANGES],
    len: usize,
}

impl MemoryMap {
    /// A map without memory.
    pub const EMPTY: Self = Self {
        entries: [Entry {
            start: 0,
            end: 0,
            kind: Kind::Reserved,
        }; MAX_RANGES],
        len: 0,
    };

    /// The ranges.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        self.entries.get(..self.len).unwrap_or_default()
    }

    /// Adds a range. If there are too many, the least useful is left out: what is not memory before what
    /// is, and the smaller before the larger.
    pub fn add(&mut self, range: Range<u64>, kind: Kind) {
        if kind != Kind::Ram {
            self.remove_ram(&range);
            self.insert(range, kind);
            return;
        }
        // What other kinds leave of the range. They are in order, so each piece ends where the next begins.
        let mut rest = range;
        while !rest.is_empty() {
            let mut others = self.entries().iter().filter(|other| {
                other.kind != Kind::Ram && other.start < rest.end && rest.start < other.end
            });
            let Some(&other) = others.next() else {
                self.insert(rest, Kind::Ram);
                return;
            };
            self.insert(rest.start..other.start, Kind::Ram);
            rest.start = other.end;
        }
    }

    /// Takes `range` out of all memory.
    fn remove_ram(&mut self, range: &Range<u64>) {
        let mut index = 0;
        while let Some(&entry) = self.entries().get(index) {
            if entry.kind == Kind::Ram && entry.start < range.end && range.start < entry.end {
                self.remove(index);
                // What is left no longer overlaps, so that neither piece is met again.
                self.insert(entry.start..range.start.min(entry.end), Kind::Ram);
                self.insert(range.end.max(entry.start)..entry.end, Kind::Ram);
                index = 0;
            } else {
                index += 1;
            }
        }
    }

    fn insert(&mut self, range: Range<u64>, kind: Kind) {
        if range.is_empty() {
            return;
        }
        let new = Entry {
            start: range.start,
            end: range.end,
            kind,
        };
        // Neighbours of the same kind become one.
        for index in 0..self.len {
            let entry = self.entries[index];
            if entry.kind == kind && entry.start <= new.end && new.start <= entry.end {
                self.remove(index);
                return self.insert(entry.start.min(new.start)..entry.end.max(new.end), kind);
            }
        }
        if self.len == MAX_RANGES {
            let usefulness = |entry: &Entry| (entry.kind == Kind::Ram, entry.end - entry.start);
            let mut least = 0;
            for index in 1..self.len {
                if usefulness(&self.entries[index]) < usefulness(&self.entries[least]) {
                    least = index;
                }
            }
            if usefulness(&new) <= usefulness(&self.entries[least]) {
                return;
            }
            self.remove(least);
        }
        let mut index = self.len;
        while index > 0 && self.entries[index - 1].start > new.start {
            self.entries[index] = self.entries[index - 1];
            index -= 1;
        }
        self.entries[index] = new;
        self.len += 1;
    }

    fn remove(&mut self, index: usize) {
        for after in index + 1..self.len {
            self.entries[after - 1] = self.entries[after];
        }
        self.len -= 1;
    }

    /// Returns true if all of `range` is memory.
    #[must_use]
    pub fn is_ram(&self, range: &Range<u64>) -> bool {
        let holds = |entry: &Entry| {
            entry.kind == Kind::Ram && entry.start <= range.start && range.end <= entry.end
        };
        self.entries().iter().any(holds)
    }

    /// Finds whole pages for `len` bytes: the highest that end at or before `limit` and do not touch `avoid`.
    #[must_use]
    pub fn place(&self, len: u64, limit: u64, avoid: &Range<u64>) -> Option<u64> {
        let len = len.checked_next_multiple_of(PAGE_SIZE)?;
        let fits = |range: Range<u64>| {
            let start = range.end.min(limit).checked_sub(len)? / PAGE_SIZE * PAGE_SIZE;
            // Not the first page either: address 0 means "none" in what points here.
            (start >= range.start && start != 0).then_some(start)
        };
        let ram = self.entries().iter().rev().filter(|e| e.kind == Kind::Ram);
        ram.filter_map(|entry| {
            let above = fits(entry.start.max(avoid.end)..entry.end);
            above.or_else(|| fits(entry.start..entry.end.min(avoid.start)))
        })
        .max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOWHERE: Range<u64> = 0..0;

    fn map(ranges: &[(Range<u64>, Kind)]) -> MemoryMap {
        let mut map = MemoryMap::EMPTY;
        for (range, kind) in ranges {
            map.add(range.clone(), *kind);
        }
        map
    }

    fn listed(map: &MemoryMap) -> Vec<(u64, u64, Kind)> {
        let all = map.entries().iter();
        all.map(|entry| (entry.start, entry.end, entry.kind))
            .collect()
    }

    #[test]
    fn neighbours_of_a_kind_become_one_range_in_whatever_order_they_come() {
        let pieces = [
            (0x10_0000..0x20_0000, Kind::Ram),
            (0..0xa_0000, Kind::Ram),
            (0x20_0000..0x80_0000, Kind::Ram),
            (0x81_0000..0x1000_0000, Kind::Ram),
            (0x80_0000..0x81_0000, Kind::Nvs),
        ];
        let expected = [
            (0, 0xa_0000, Kind::Ram),
            (0x10_0000, 0x80_0000, Kind::Ram),
            (0x80_0000, 0x81_0000, Kind::Nvs),
            (0x81_0000, 0x1000_0000, Kind::Ram),
        ];
        for rotation in 0..pieces.len() {
            let mut pieces = pieces.clone();
            pieces.rotate_left(rotation);
            assert_eq!(listed(&map(&pieces)), expected, "{rotation}");
        }
    }

    #[test]
    fn reserved_ranges_win_whichever_comes_first() {
        let ram = (0x1000..0x9000, Kind::Ram);
        let holes = [
            (0x2000..0x3000, Kind::Reserved),
            (0x5000..0x6000, Kind::Acpi),
            (0x8000..0xa000, Kind::Reserved),
        ];
        let expected = [
            (0x1000, 0x2000, Kind::Ram),
            (0x2000, 0x3000, Kind::Reserved),
            (0x3000, 0x5000, Kind::Ram),
            (0x5000, 0x6000, Kind::Acpi),
            (0x6000, 0x8000, Kind::Ram),
            (0x8000, 0xa000, Kind::Reserved),
        ];
        let mut ram_first = vec![ram.clone()];
        ram_first.extend(holes.clone());
        assert_eq!(listed(&map(&ram_first)), expected);
        let mut ram_last = holes.to_vec();
        ram_last.push(ram);
        assert_eq!(listed(&map(&ram_last)), expected);
    }

    #[test]
    fn too_many_ranges_leave_out_the_least_useful() {
        let mut map = MemoryMap::EMPTY;
        for index in 0..100 {
            let start = index * 0x10_0000;
            map.add(start..start + 0x1000, Kind::Reserved);
            map.add(start + 0x2000..start + 0x3000 + index * 0x100, Kind::Ram);
        }
        assert_eq!(map.entries().len(), MAX_RANGES);
        let ram = map.entries().iter().filter(|e| e.kind == Kind::Ram).count();
        assert_eq!(ram, 100);
        // Only memory, and too much of it: the smaller goes.
        let mut map = MemoryMap::EMPTY;
        for index in 0..200 {
            let start = index * 0x10_0000;
            map.add(start..start + 0x1000 + index * 0x100, Kind::Ram);
        }
        assert_eq!(map.entries().len(), MAX_RANGES);
        assert_eq!(map.entries()[0].start, 72 * 0x10_0000);
        assert!(map.entries().is_sorted_by_key(|entry| entry.start));
    }

    #[test]
    fn a_range_is_memory_only_as_a_whole() {
        let map = map(&[
            (0x10_0000..0x80_0000, Kind::Ram),
            (0x30_0000..0x30_1000, Kind::Reserved),
        ]);
        assert!(map.is_ram(&(0x20_0000..0x30_0000)));
        assert!(!map.is_ram(&(0x20_0000..0x30_0001)));
        assert!(!map.is_ram(&(0..0x20_0000)));
    }

    #[test]
    fn a_place_is_the_highest_that_is_free_and_allowed() {
        let map = map(&[
            (0..0x9_f000, Kind::Ram),
            (0x10_0000..0x40_0800, Kind::Ram),
            (0x100_0000..0x200_0000, Kind::Ram),
        ]);
        let image = 0x20_0000..0x30_0000;
        let place = |len, limit| map.place(len, limit, &image);
        assert_eq!(place(0x1000, u64::MAX), Some(0x1ff_f000));
        assert_eq!(place(0x1001, u64::MAX), Some(0x1ff_e000));
        assert_eq!(place(0x1000, 0x100_0000), Some(0x3f_f000));
        // Above the image there is too little.
        assert_eq!(place(0x10_1000, 0x100_0000), None);
        assert_eq!(place(0x10_0000, 0x100_0000), Some(0x30_0000));
        assert_eq!(place(0x8_0000, 0x38_0000), Some(0x30_0000));
        assert_eq!(place(0x8_0000, 0x37_0000), Some(0x18_0000));
        assert_eq!(place(0x1000, 0x10_0000), Some(0x9_e000));
        assert_eq!(map.place(0x9_f000, 0x9_f000, &NOWHERE), None);
        assert_eq!(place(u64::MAX, u64::MAX), None);
    }
}
