//! The machine as the BIOS left it: memory above one MiB, what there is of it, and where ACPI's tables are.

use core::arch::asm;

use handover::memory_map::MemoryMap;

use crate::Message;
use crate::acpi;
use crate::call::{Registers, offset};
use crate::e820::{self, ENTRY_LEN};

/// `SMAP`, by which caller and BIOS assure each other that they mean the memory map.
const SMAP: u32 = 0x534d_4150;

/// Most entries that are asked for. A BIOS whose list never ends is cut off.
const MAX_ENTRIES: u32 = 256;

/// Free memory that the BIOS leaves to whoever boots, and the same place one MiB up.
const LOW: usize = 0x500;
const HIGH: usize = LOW + 0x10_0000;

/// System control port A: bit 1 opens the 21st address line, bit 0 resets the machine.
const SYSTEM_CONTROL: u16 = 0x92;

/// Opens the address line A20. Closed, for the sake of programs for the 8086, it makes odd MiBs even ones.
///
/// # Errors
///
/// A message if the line stays closed.
pub fn open_a20() -> Result<(), Message> {
    if is_a20_open() {
        return Ok(());
    }
    let mut registers = Registers {
        eax: 0x2401,
        ..Registers::default()
    };
    // SAFETY: the call opens the line, and writes to no memory.
    unsafe { registers.call(0x15) };
    if is_a20_open() {
        return Ok(());
    }
    // SAFETY: a chipset's port; without one, nothing happens.
    unsafe {
        asm!(
            "in al, dx",
            "or al, 2",
            "and al, 0xfe",
            "out dx, al",
            in("dx") SYSTEM_CONTROL,
            out("al") _,
        );
    }
    if is_a20_open() {
        return Ok(());
    }
    Err("the memory above 1 MiB can't be reached (A20)")
}

fn is_a20_open() -> bool {
    let low = core::ptr::with_exposed_provenance_mut::<u32>(LOW);
    let high = core::ptr::with_exposed_provenance_mut::<u32>(HIGH);
    // SAFETY: free memory, both, where nothing of ours lies.
    unsafe {
        low.write_volatile(1);
        high.write_volatile(2);
        low.read_volatile() == 1
    }
}

/// Asks the BIOS for the memory map.
///
/// # Errors
///
/// A message if the BIOS has none.
pub fn memory_map() -> Result<MemoryMap, Message> {
    let mut map = MemoryMap::EMPTY;
    let mut next = 0;
    for _ in 0..MAX_ENTRIES {
        let mut entry = [0; ENTRY_LEN];
        let mut registers = Registers {
            eax: 0xe820,
            ebx: next,
            ecx: ENTRY_LEN as u32,
            edx: SMAP,
            edi: offset(&raw mut entry),
            ..Registers::default()
        };
        // SAFETY: the call writes the entry.
        unsafe { registers.call(0x15) };
        if registers.carry() || registers.eax != SMAP {
            break;
        }
        // SAFETY: any bytes are an entry. The compiler does not see that they have changed.
        let entry = unsafe { (&raw const entry).read_volatile() };
        if let Some((range, kind)) = e820::range(&entry, registers.ecx as usize) {
            map.add(range, kind);
        }
        next = registers.ebx;
        if next == 0 {
            break;
        }
    }
    if map.entries().is_empty() {
        return Err("the BIOS does not tell its memory map");
    }
    Ok(map)
}

/// Returns the address of the ACPI root pointer, or 0: in the first KiB of the BIOS's extended data, then in its
/// read-only memory.
#[must_use]
pub fn root_pointer() -> u64 {
    let segment = core::ptr::with_exposed_provenance::<u16>(0x40e);
    // SAFETY: the BIOS's data area.
    let extended = usize::from(unsafe { segment.read_volatile() }) << 4;
    for (start, len) in [(extended, 0x400), (0xe_0000, 0x2_0000)] {
        if !(0x500..0x10_0000 - 0x400).contains(&start) {
            continue;
        }
        // SAFETY: below 1 MiB everything can be read, and nobody writes there now.
        let area =
            unsafe { core::slice::from_raw_parts(core::ptr::with_exposed_provenance(start), len) };
        if let Some(found) = acpi::root_pointer(area) {
            return (start + found) as u64;
        }
    }
    0
}
