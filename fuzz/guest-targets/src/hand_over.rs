//! Fuzz target: what a loader leaves in memory, read by address: PVH's start info, Linux' boot parameters, the SMBIOS
//! and ACPI tables, and the texts that configure the service. Nothing outside of the memory is read, and all that is
//! found can be handed on to the kernel.
//!
//! An input is the address of the hand-over and of the root pointers, in units of 16 bytes, then pieces of memory:
//! an address in the same units, and counted bytes. A piece at `MENDED` or more lies that much lower, and has its
//! checksums made right.

use std::num::NonZeroU64;

use fuzz_harness::{Input, Target, put_counted};
use kernel_app::arch::x86_64::{linux, pvh};
use kernel_app::args::Args;
use kernel_app::boot::acpi::Power;
use kernel_app::boot::channels::Texts;
use kernel_app::boot::fdt;
use kernel_app::boot::firmware::{Firmware, FirmwareError};
use kernel_app::boot::memory::{Memory, checksum};
use kernel_app::boot::smbios;

/// The target.
pub const TARGET: Target = Target {
    name: "hand_over",
    run,
    seeds,
};

/// Length of an address's unit, and of all memory, in bytes: what the searches of a PC's BIOS go through.
const UNIT: usize = 16;
const MEMORY: usize = 1 << 20;

/// Added to the address of a piece whose checksums are to be right, in units.
const MENDED: u32 = 1 << 31;

/// The image, somewhere in memory, and how much of that the kernel gets.
const IMAGE: std::ops::Range<u64> = 0x2_0000..0x4_0000;
const MAX_LEN: u64 = 64 << 20;

/// Memory from address 0 on.
struct Flat(Vec<u8>);

impl Memory for Flat {
    fn bytes(&self, address: u64, len: usize) -> Option<&[u8]> {
        let start = usize::try_from(address).ok()?;
        self.0.get(start..start.checked_add(len)?)
    }
}

fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let unit = |number: u32| u64::from(number) * UNIT as u64;
    let address = unit(input.u32());
    let (rsdp, entry_point) = (unit(input.u32()), unit(input.u32()));
    let mut memory = vec![0; MEMORY];
    while !input.is_empty() {
        let place = input.u32();
        let bytes = input.counted();
        let start = (place & !MENDED) as usize % (MEMORY / UNIT) * UNIT;
        let len = bytes.len().min(MEMORY - start);
        let piece = &mut memory[start..start + len];
        piece.copy_from_slice(&bytes[..len]);
        if place & MENDED != 0 {
            mend(piece);
        }
    }
    let memory = Flat(memory);
    for entry_point in [None, Some(entry_point)] {
        for string in smbios::strings(&memory, entry_point) {
            assert!(string.len() < MEMORY);
        }
    }
    for rsdp in [None, NonZeroU64::new(rsdp)] {
        let power = Power::find(&memory, rsdp);
        assert_eq!(power, Power::find(&memory, rsdp));
    }
    read(pvh::firmware(&memory, address), &memory);
    read(linux::firmware(&memory, address), &memory);
}

/// Does with a hand-over what the image does.
fn read(firmware: Result<Firmware<'_>, FirmwareError>, memory: &Flat) {
    let firmware = match firmware {
        Ok(firmware) => firmware,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let mut texts = Box::new(Texts::new());
    match texts.keep(&firmware, memory) {
        Ok(()) => {
            if let Err(error) = Args::parse(texts.iter()) {
                assert!(!error.to_string().is_empty());
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    let Some(given) = firmware.memory_map.for_kernel(&IMAGE, MAX_LEN) else {
        return;
    };
    let mut buffer = fdt::Buffer::new();
    let arguments = firmware.command_line;
    let written = fdt::write(&mut buffer, &given, "", arguments, firmware.rsdp, 2_600_000);
    written.expect("the longest command line fits");
}

/// Makes the checksums of a table right, where it is one that has some: SMBIOS' entry points (DSP0134 §5.2), ACPI's
/// root pointer and tables (ACPI 6.5 §5.2.5, §5.2.6).
fn mend(piece: &mut [u8]) {
    let fields: &[(usize, usize)] = match piece {
        [b'R', b'S', b'D', b' ', ..] => &[(8, 20), (32, 36)],
        [b'_', b'S', b'M', b'3', _, _, len, ..] => &[(5, usize::from(*len))],
        [b'_', b'S', b'M', b'_', _, len, ..] => &[(4, usize::from(*len).max(0x1f))],
        [_, _, _, _, l0, l1, ..] => &[(9, usize::from(u16::from_le_bytes([*l0, *l1])))],
        _ => &[],
    };
    for &(at, len) in fields {
        if at < len
            && let Some(table) = piece.get_mut(..len)
        {
            table[at] = 0;
            table[at] = checksum(table).wrapping_neg();
        }
    }
}

/// Appends a piece of memory at `address` whose checksums are made right.
fn put(input: &mut Vec<u8>, address: u32, bytes: &[u8]) {
    input.extend((MENDED + address / UNIT as u32).to_le_bytes());
    put_counted(input, bytes);
}

fn seeds() -> Vec<Vec<u8>> {
    let mut by_pvh = Vec::new();
    by_pvh.extend(
        [0x7000_u32, 0xe_0000, 0xf_0000]
            .map(|at| (at / 16).to_le_bytes())
            .as_flattened(),
    );
    let mut by_linux = by_pvh.clone();
    put(&mut by_pvh, 0x7000, &start_info());
    put(&mut by_pvh, 0x8000, &map_entry(24));
    put(
        &mut by_pvh,
        0x9000,
        b"-freq 2300 -- ip=10.0.2.15/24 log=info\0",
    );
    put(&mut by_pvh, 0xa000, &modules());
    put(&mut by_pvh, 0xb000, b"smbios\0");
    put(&mut by_pvh, 0xc000, b"\xef\xbb\xbfport=9001\r\n");
    put(&mut by_linux, 0x7000, &boot_params());
    put(&mut by_linux, 0x9000, b"pci=off ip=dhcp\0");
    put(&mut by_linux, 0xc000, b"echo=on\n");
    for seed in [&mut by_pvh, &mut by_linux] {
        smbios_tables(seed);
        acpi_tables(seed);
    }
    vec![by_pvh, by_linux]
}

/// Returns words as they lie in memory.
fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// `hvm_start_info` of version 1.
fn start_info() -> Vec<u8> {
    words(&[
        0x336e_c578,
        1,
        0,
        2,
        0xa000,
        0,
        0x9000,
        0,
        0xe_0000,
        0,
        0x8000,
        0,
        1,
        0,
    ])
}

fn map_entry(len: usize) -> Vec<u8> {
    let mut entry = words(&[0x1_0000, 0, 0x400_0000, 0, 1]);
    entry.resize(len, 0);
    entry
}

/// Two of `hvm_modlist_entry`: a configuration file, and the SMBIOS entry point.
fn modules() -> Vec<u8> {
    words(&[
        0xc000, 0, 14, 0, 0, 0, 0, 0, 0xf_0000, 0, 0, 0, 0xb000, 0, 0, 0,
    ])
}

fn boot_params() -> Vec<u8> {
    let mut params = vec![0; 4096];
    let mut put = |at: usize, bytes: &[u8]| params[at..at + bytes.len()].copy_from_slice(bytes);
    put(0x1fe, &0xaa55_u16.to_le_bytes());
    put(0x202, b"HdrS");
    put(0x218, &words(&[0xc000, 8]));
    put(0x228, &words(&[0x9000]));
    put(0x70, &words(&[0xe_0000]));
    put(0x1e8, &[1]);
    put(0x2d0, &map_entry(20));
    params
}

fn smbios_tables(seed: &mut Vec<u8>) {
    let table = b"\x0b\x05\0\0\x02fathom:log=info\0other\0\0\x7f\x04\0\0\0\0";
    let mut entry_point = b"_SM3_\0\x18\x03\x07\0\x01\0".to_vec();
    entry_point.extend(words(&[table.len() as u32, 0xf_1000, 0]));
    entry_point.resize(32, 0);
    put(seed, 0xf_0000, &entry_point);
    put(seed, 0xf_1000, table);
}

/// Root pointer, root table, FADT and DSDT with `_S5_`.
fn acpi_tables(seed: &mut Vec<u8>) {
    let table = |signature: &[u8; 4], content: &[u8]| {
        let mut table = signature.to_vec();
        table.extend(words(&[36 + content.len() as u32]));
        table.resize(36, 0);
        table.extend(content);
        table
    };
    let mut root = b"RSD PTR \0FATHOM\x02".to_vec();
    root.extend(words(&[0xe_1000, 36, 0xe_1000, 0, 0]));
    let mut fadt = vec![0; 240];
    fadt[4..8].copy_from_slice(&0xe_3000_u32.to_le_bytes());
    fadt[20..24].copy_from_slice(&0x600_u32.to_le_bytes());
    fadt[28..32].copy_from_slice(&0x604_u32.to_le_bytes());
    fadt[52] = 4;
    put(seed, 0xe_0000, &root);
    put(seed, 0xe_1000, &table(b"XSDT", &words(&[0xe_2000, 0])));
    put(seed, 0xe_2000, &table(b"FACP", &fadt));
    put(
        seed,
        0xe_3000,
        &table(b"DSDT", b"\x08_S5_\x12\x06\x04\x0a\x05\x0a\x05\0\0"),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(seed: &[u8]) -> Flat {
        let mut input = Input::new(&seed[12..]);
        let mut memory = vec![0; MEMORY];
        while !input.is_empty() {
            let at = (input.u32() & !MENDED) as usize * UNIT;
            let bytes = input.counted();
            memory[at..at + bytes.len()].copy_from_slice(bytes);
            mend(&mut memory[at..at + bytes.len()]);
        }
        Flat(memory)
    }

    /// The seeds are of something: all that can be read is found in them.
    #[test]
    fn the_seeds_hold_what_there_is_to_find() {
        let [by_pvh, by_linux] = <[_; 2]>::try_from(seeds()).unwrap();
        let memory_of_pvh = memory(&by_pvh);
        let firmware = pvh::firmware(&memory_of_pvh, 0x7000).unwrap();
        let mut texts = Texts::new();
        texts.keep(&firmware, &memory_of_pvh).unwrap();
        assert_eq!(texts.iter().count(), 3, "command line, SMBIOS, file");
        assert!(firmware.memory_map.for_kernel(&IMAGE, MAX_LEN).is_some());
        assert_eq!(
            smbios::strings(&memory_of_pvh, None).next(),
            Some(&b"log=info"[..])
        );
        assert!(Power::find(&memory_of_pvh, firmware.rsdp).off.is_some());
        let memory_of_linux = memory(&by_linux);
        let firmware = linux::firmware(&memory_of_linux, 0x7000).unwrap();
        assert_eq!(
            (firmware.command_line, firmware.file),
            ("pci=off ip=dhcp", Some(&b"echo=on\n"[..]))
        );
    }
}
