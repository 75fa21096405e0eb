//! Fuzz target: memory maps. The memory that the kernel gets is usable, in one piece with the image, never more than
//! there may be, and never twice.
//!
//! An input is a byte of settings, the image's start and length in pages, the most memory in pages, and entries as
//! they lie in memory.

use std::ops::Range;

use fuzz_harness::{Input, Target};
use kernel_app::boot::firmware::MemoryMap;

/// The target.
pub const TARGET: Target = Target {
    name: "memory_maps",
    run,
    seeds,
};

const PAGE: u64 = 4096;
const LARGE_PAGE: u64 = 2 << 20;

/// More entries than any loader passes on.
const MAX_ENTRIES: usize = 128;

fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let entry_len = [20, 24][usize::from(input.u8() & 1)];
    let start = u64::from(input.u16()) * PAGE;
    let image = start..start + u64::from(input.u16()) * PAGE;
    // As much as the image at least.
    let max_len = (u64::from(input.u16()) * PAGE).max(image.end - image.start);
    let entries = input.take(MAX_ENTRIES * entry_len);
    let map = MemoryMap::new(entries, entry_len);
    let usable = usable(entries, entry_len);
    let is_usable = |range: &Range<u64>| covers(&usable, range);
    let end = map.end_of_ram_from(&image);
    assert_eq!(
        end.is_some(),
        is_usable(&image),
        "{image:x?} of {usable:x?}"
    );
    assert!(end.is_none_or(|end| end >= image.end && is_usable(&(image.start..end))));
    assert!(usable.iter().all(|range| range.end <= map.end_of_ram()));
    let Some([first, second]) = map.for_kernel(&image, max_len) else {
        assert!(!is_usable(&image));
        return;
    };
    assert_eq!(first.start, image.start);
    assert!(
        first.end >= image.end,
        "{first:x?} without all of {image:x?}"
    );
    assert!(
        is_usable(&first) && is_usable(&second),
        "{first:x?} {second:x?} of {usable:x?}"
    );
    assert!(
        second.is_empty() || second.start >= first.end,
        "{first:x?} {second:x?}"
    );
    let len = |range: &Range<u64>| range.end.saturating_sub(range.start);
    assert!(len(&first) + len(&second) <= max_len);
    assert_eq!(
        (second.start % LARGE_PAGE, len(&second) % LARGE_PAGE),
        (0, 0)
    );
}

/// Returns the usable memory, sorted, where ranges that touch are one.
fn usable(entries: &[u8], entry_len: usize) -> Vec<Range<u64>> {
    let mut ranges: Vec<Range<u64>> = entries
        .chunks_exact(entry_len)
        .filter_map(|entry| {
            let mut entry = Input::new(entry);
            let (start, len, kind) = (entry.u64(), entry.u64(), entry.u32());
            let range = start..start.saturating_add(len);
            (kind == 1 && !range.is_empty()).then_some(range)
        })
        .collect();
    ranges.sort_by_key(|range| range.start);
    let mut merged: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

/// Returns whether all of `range` is in one of `usable`.
fn covers(usable: &[Range<u64>], range: &Range<u64>) -> bool {
    let is_within = |usable: &Range<u64>| usable.start <= range.start && range.end <= usable.end;
    range.is_empty() || usable.iter().any(is_within)
}

fn seeds() -> Vec<Vec<u8>> {
    let seed = |ranges: &[(u64, u64, u32)]| {
        let mut input = vec![0];
        input.extend(
            [0x200_u16, 0x400, 0x4000]
                .map(u16::to_le_bytes)
                .as_flattened(),
        );
        for (start, end, kind) in ranges {
            input.extend([*start, end - start].map(u64::to_le_bytes).as_flattened());
            input.extend(kind.to_le_bytes());
        }
        input
    };
    vec![
        seed(&[(0, 0x9_fc00, 1), (0x10_0000, 0x1fe_0800, 1)]),
        seed(&[(0x10_0000, 0xc000_0000, 1), (1 << 32, 2 << 32, 1)]),
        seed(&[
            (0, 0xa_0000, 1),
            (0x10_0000, 0x80_6000, 1),
            (0x80_6000, 0x80_8000, 4),
            (0x81_0000, 0x90_0000, 4),
            (0x90_0000, 0x500_0000, 1),
        ]),
        seed(&[(0x10_0000, 0x30_0000, 1), (0x20_0000, 0x70_0000, 1)]),
        seed(&[(0, u64::MAX, 1)]),
    ]
}
