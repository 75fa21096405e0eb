//! Fuzz target: the device tree that the image writes for its kernel. Whatever is in it, a reader that others
//! wrote (the crate `fdt`) finds what was written; only what is too much is refused.
//!
//! An input is the frequency, the root pointer's address, a number of ranges and the ranges, each a start and a
//! length; then the kernel's arguments, counted, and the command line.

use std::num::NonZeroU64;
use std::ops::Range;

use fuzz_harness::{Input, Target};
use kernel_app::boot::fdt::{Buffer, CAPACITY, TooLarge, write};

/// The target.
pub const TARGET: Target = Target {
    name: "device_tree",
    run,
    seeds,
};

/// The most ranges of memory; the image has two.
const MAX_RANGES: u8 = 4;

/// More than the tree takes beside its texts: ranges, nodes, names.
const BESIDE_TEXTS: usize = 1000;

fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let tsc_khz = input.u32();
    let rsdp = NonZeroU64::new(input.u64());
    let count = input.u8() % (MAX_RANGES + 1);
    let memory: Vec<Range<u64>> = (0..count)
        .map(|_| {
            let start = input.u64();
            start..start.saturating_add(input.u64())
        })
        .collect();
    let text = |bytes| String::from_utf8_lossy(bytes).replace('\0', " ");
    let for_kernel = text(input.counted());
    let command_line = text(input.rest());
    let mut buffer = Buffer::new();
    let written = write(
        &mut buffer,
        &memory,
        &for_kernel,
        &command_line,
        rsdp,
        tsc_khz,
    );
    let texts = for_kernel.len() + command_line.len();
    match written {
        Ok(()) => check(
            buffer.as_bytes(),
            &memory,
            &for_kernel,
            &command_line,
            rsdp,
            tsc_khz,
        ),
        Err(TooLarge) => assert!(
            texts + BESIDE_TEXTS > CAPACITY,
            "{texts} bytes are no reason"
        ),
    }
}

fn check(
    bytes: &[u8],
    memory: &[Range<u64>],
    for_kernel: &str,
    command_line: &str,
    rsdp: Option<NonZeroU64>,
    tsc_khz: u32,
) {
    assert!(bytes.len() <= CAPACITY);
    let tree = fdt::Fdt::new(bytes).expect("a device tree");
    assert_eq!(tree.total_size(), bytes.len());
    let mut found = tree.find_all_nodes("/memory").map(|node| {
        let region = node.reg().expect("a region").next().expect("one");
        (
            region.starting_address.addr() as u64,
            region.size.expect("a size") as u64,
        )
    });
    let mut expected = memory
        .iter()
        .filter(|range| !range.is_empty())
        .map(|range| (range.start, range.end - range.start));
    assert!(found.by_ref().eq(expected.by_ref()), "{memory:x?}");
    let arguments = tree.chosen().bootargs().expect("boot arguments");
    let rest = arguments
        .strip_prefix(for_kernel)
        .expect("the kernel's come first");
    assert!(
        [Some(command_line), None].contains(&Some(rest)) || rest == format!("-- {command_line}")
    );
    assert!(
        rest.split_ascii_whitespace().any(|word| word == "--"),
        "{rest}"
    );
    let pointer = tree.find_node("/hermit,rsdp").map(|node| {
        let region = node.reg().expect("a region").next().expect("one");
        region.starting_address.addr() as u64
    });
    assert_eq!(pointer, rsdp.map(NonZeroU64::get));
    let tsc = tree
        .find_node("/hermit,tsc")
        .and_then(|node| node.property("khz"));
    assert_eq!(tsc.and_then(|khz| khz.as_usize()), Some(tsc_khz as usize));
}

fn seeds() -> Vec<Vec<u8>> {
    let seed = |rsdp: u64, ranges: &[(u64, u64)], for_kernel: &str, command_line: &str| {
        let mut input = 2_600_000_u32.to_le_bytes().to_vec();
        input.extend(rsdp.to_le_bytes());
        input.push(ranges.len() as u8);
        for (start, len) in ranges {
            input.extend([start.to_le_bytes(), len.to_le_bytes()].as_flattened());
        }
        fuzz_harness::put_counted(&mut input, for_kernel.as_bytes());
        input.extend(command_line.as_bytes());
        input
    };
    let memory = [(0x20_0000, 0x1de_0000), (0x220_0000, 0x1e0_0000)];
    vec![
        seed(0xf_5ad0, &memory, "", "ip=dhcp port=9000"),
        seed(0, &memory[..1], "-ip 10.0.2.15 ", "-freq 2300 -- port=9000"),
        seed(u64::MAX, &[(u64::MAX, 1), (0, 0), (0, u64::MAX)], "", ""),
        seed(1, &memory, "", &"x".repeat(4095)),
    ]
}
