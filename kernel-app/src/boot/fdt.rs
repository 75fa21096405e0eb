//! Writes the flattened device tree from which Hermit learns memory, arguments and ACPI.
//!
//! Format: Devicetree Specification 0.4, chapter 5: a header, a memory reservation block, a
//! structure block of tokens and a strings block, every integer big-endian. Hermit reads
//! `/memory@…` (`reg`), `/chosen` (`bootargs`), `/hermit,rsdp@…` (`reg`) and `/hermit,tsc` (`khz`).
//!
//! It writes into a buffer of fixed size, because it runs before there is an allocator.
#![forbid(unsafe_code)]

use core::fmt::Write as _;
use core::num::NonZeroU64;
use core::ops::Range;

/// Room for the device tree, in bytes: fits a command line of a page, the longest there is.
pub const CAPACITY: usize = 5 * 1024;

const MAGIC: u32 = 0xd00d_feed;
const VERSION: u32 = 17;
const LAST_COMPATIBLE_VERSION: u32 = 16;
const HEADER_LEN: usize = 40;
const RESERVATION_LEN: usize = 16;

const TOKEN_BEGIN_NODE: u32 = 1;
const TOKEN_END_NODE: u32 = 2;
const TOKEN_PROPERTY: u32 = 3;
const TOKEN_END: u32 = 9;

/// Hermit's own arguments end here; what follows reaches the application.
const ARGUMENT_SEPARATOR: &str = "--";

/// The property names in use, as the strings block holds them.
const STRINGS: &[u8] =
    b"#address-cells\0#size-cells\0compatible\0reg\0bootargs\0device_type\0khz\0";

/// The device tree did not fit its buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge;

/// Memory for a device tree, aligned as the specification wants it.
#[repr(C, align(8))]
pub struct Buffer {
    bytes: [u8; CAPACITY],
    len: usize,
}

impl Buffer {
    /// An empty buffer.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            bytes: [0; CAPACITY],
            len: 0,
        }
    }

    /// Returns the physical address of the device tree.
    #[must_use]
    pub fn address(&self) -> u64 {
        self.bytes.as_ptr().expose_provenance() as u64
    }

    /// The device tree written last.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), TooLarge> {
        let end = self.len + bytes.len();
        self.bytes
            .get_mut(self.len..end)
            .ok_or(TooLarge)?
            .copy_from_slice(bytes);
        self.len = end;
        Ok(())
    }

    fn put_u32(&mut self, value: u32) -> Result<(), TooLarge> {
        self.put(&value.to_be_bytes())
    }

    fn align(&mut self) -> Result<(), TooLarge> {
        let padding = self.len.next_multiple_of(4) - self.len;
        self.put(&[0; 3][..padding])
    }

    fn begin_node(&mut self, name: core::fmt::Arguments<'_>) -> Result<(), TooLarge> {
        self.put_u32(TOKEN_BEGIN_NODE)?;
        self.write_fmt(name).map_err(|_| TooLarge)?;
        self.put(&[0])?;
        self.align()
    }

    fn end_node(&mut self) -> Result<(), TooLarge> {
        self.put_u32(TOKEN_END_NODE)
    }

    fn property(&mut self, name: &str, parts: &[&[u8]]) -> Result<(), TooLarge> {
        let len: usize = parts.iter().map(|part| part.len()).sum();
        self.put_u32(TOKEN_PROPERTY)?;
        self.put_u32(u32::try_from(len).map_err(|_| TooLarge)?)?;
        self.put_u32(string_offset(name))?;
        parts.iter().try_for_each(|part| self.put(part))?;
        self.align()
    }

    fn region(&mut self, name: &str, address: u64, size: u64) -> Result<(), TooLarge> {
        self.begin_node(format_args!("{name}@{address:x}"))?;
        if name == "memory" {
            self.property("device_type", &[b"memory\0"])?;
        }
        self.property("reg", &[&address.to_be_bytes(), &size.to_be_bytes()])?;
        self.end_node()
    }
}

impl Default for Buffer {
    fn default() -> Self {
        Self::new()
    }
}

impl core::fmt::Write for Buffer {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        self.put(text.as_bytes())
            .map_err(|TooLarge| core::fmt::Error)
    }
}

/// Returns the offset of `name` in [`STRINGS`].
fn string_offset(name: &str) -> u32 {
    let mut offset = 0;
    for string in STRINGS.split_inclusive(|&byte| byte == 0) {
        if string.strip_suffix(&[0]) == Some(name.as_bytes()) {
            return offset;
        }
        offset += string.len() as u32;
    }
    unreachable!("every property in use is in STRINGS")
}

/// Writes a device tree with the ranges of usable `memory` that are not empty, the boot arguments,
/// the ACPI root pointer and the time stamp counter's frequency into `buffer`.
///
/// A command line without a `--` of its own gets one in front: all of it is for the application.
/// `kernel_arguments`, each with a space behind it, come before everything: they are for Hermit.
///
/// # Errors
///
/// [`TooLarge`] if it takes more than [`CAPACITY`] bytes.
pub fn write(
    buffer: &mut Buffer,
    memory: &[Range<u64>],
    kernel_arguments: &str,
    command_line: &str,
    rsdp: Option<NonZeroU64>,
    tsc_khz: u32,
) -> Result<(), TooLarge> {
    const STRUCTURE_OFFSET: usize = HEADER_LEN + RESERVATION_LEN;
    buffer.len = STRUCTURE_OFFSET;

    buffer.begin_node(format_args!(""))?;
    buffer.property("#address-cells", &[&2_u32.to_be_bytes()])?;
    buffer.property("#size-cells", &[&2_u32.to_be_bytes()])?;
    // Required: Hermit tells a UEFI boot by it.
    buffer.property("compatible", &[b"hermit,pvh\0"])?;
    for range in memory.iter().filter(|range| !range.is_empty()) {
        buffer.region("memory", range.start, range.end - range.start)?;
    }
    if let Some(rsdp) = rsdp {
        buffer.region("hermit,rsdp", rsdp.get(), 1)?;
    }
    buffer.begin_node(format_args!("hermit,tsc"))?;
    buffer.property("khz", &[&tsc_khz.to_be_bytes()])?;
    buffer.end_node()?;
    buffer.begin_node(format_args!("chosen"))?;
    let has_separator = command_line
        .split_ascii_whitespace()
        .any(|word| word == ARGUMENT_SEPARATOR);
    let separator: &[u8] = if has_separator { b"" } else { b"-- " };
    let boot_arguments = [
        kernel_arguments.as_bytes(),
        separator,
        command_line.as_bytes(),
        b"\0",
    ];
    buffer.property("bootargs", &boot_arguments)?;
    buffer.end_node()?;
    buffer.end_node()?;
    buffer.put_u32(TOKEN_END)?;

    let strings_offset = buffer.len;
    buffer.put(STRINGS)?;
    let total = buffer.len;

    let header = [
        MAGIC,
        total as u32,
        STRUCTURE_OFFSET as u32,
        strings_offset as u32,
        HEADER_LEN as u32,
        VERSION,
        LAST_COMPATIBLE_VERSION,
        0, // boot CPU
        STRINGS.len() as u32,
        (strings_offset - STRUCTURE_OFFSET) as u32,
    ];
    for (slot, value) in buffer.bytes.chunks_exact_mut(4).zip(header) {
        slot.copy_from_slice(&value.to_be_bytes());
    }
    buffer.bytes[HEADER_LEN..STRUCTURE_OFFSET].fill(0);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMORY: &[Range<u64>] = &[0x20_0000..0x1fe_0000, 0..0, 0x220_0000..0x400_0000];

    #[test]
    fn a_reader_finds_what_was_written() {
        let mut buffer = Buffer::new();
        let rsdp = NonZeroU64::new(0xf_5ad0);
        write(
            &mut buffer,
            MEMORY,
            "",
            "ip=dhcp port=9000",
            rsdp,
            2_600_000,
        )
        .unwrap();
        let tree = fdt::Fdt::new(buffer.as_bytes()).unwrap();

        let memory: Vec<_> = tree
            .find_all_nodes("/memory")
            .map(|node| node.reg().unwrap().next().unwrap())
            .map(|region| {
                (
                    region.starting_address.addr() as u64,
                    region.size.unwrap() as u64,
                )
            })
            .collect();
        assert_eq!(memory, [(0x20_0000, 0x1de_0000), (0x220_0000, 0x1e0_0000)]);
        assert_eq!(tree.chosen().bootargs(), Some("-- ip=dhcp port=9000"));
        let rsdp = tree
            .find_node("/hermit,rsdp")
            .unwrap()
            .reg()
            .unwrap()
            .next()
            .unwrap();
        assert_eq!(rsdp.starting_address.addr(), 0xf_5ad0);
        // As the kernel reads it.
        let tsc = tree.find_node("/hermit,tsc").unwrap();
        assert_eq!(tsc.property("khz").unwrap().as_usize(), Some(2_600_000));
    }

    #[test]
    fn a_separator_of_the_users_own_is_kept() {
        let mut buffer = Buffer::new();
        write(
            &mut buffer,
            MEMORY,
            "",
            "-freq 2300 -- ip=dhcp",
            None,
            2_600_000,
        )
        .unwrap();
        let tree = fdt::Fdt::new(buffer.as_bytes()).unwrap();
        assert_eq!(tree.chosen().bootargs(), Some("-freq 2300 -- ip=dhcp"));
        assert!(tree.find_node("/hermit,rsdp").is_none());
    }

    #[test]
    fn arguments_for_the_kernel_come_first() {
        for (command_line, expected) in [
            ("port=9000", "-ip 10.0.2.15 -- port=9000"),
            (
                "-freq 2300 -- port=9000",
                "-ip 10.0.2.15 -freq 2300 -- port=9000",
            ),
        ] {
            let mut buffer = Buffer::new();
            let ours = "-ip 10.0.2.15 ";
            write(&mut buffer, MEMORY, ours, command_line, None, 2_600_000).unwrap();
            let tree = fdt::Fdt::new(buffer.as_bytes()).unwrap();
            assert_eq!(tree.chosen().bootargs(), Some(expected));
        }
    }

    #[test]
    fn an_oversized_device_tree_is_refused() {
        let mut buffer = Buffer::new();
        let long = "x".repeat(CAPACITY);
        assert_eq!(
            write(&mut buffer, MEMORY, "", &long, None, 2_600_000),
            Err(TooLarge)
        );
        // The longest that a loader may leave.
        let longest = "x".repeat(4095);
        assert_eq!(
            write(&mut buffer, MEMORY, "", &longest, None, 2_600_000),
            Ok(())
        );
    }
}
