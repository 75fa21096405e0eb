//! The little of ACPI (6.5) that the image uses: how the machine is switched off, its power button, its timer.
//!
//! No interpreter: the fixed hardware's registers are in the FADT, and the sleep type that means off is a
//! package of constants in the DSDT. Everything is checked, lengths and sums, and what is not there is `None`. No
//! unsafe code: all is read through [`Memory`].
#![forbid(unsafe_code)]

use core::num::NonZeroU64;

use super::memory::{Fields, Memory, checksum};

/// Area that is searched for the root pointer if the loader names none (5.2.5.1), and its alignment.
const SEARCHED: core::ops::Range<u64> = 0xe_0000..0x10_0000;
const ALIGNMENT: usize = 16;

/// Length of a table's header (5.2.6).
const HEADER_LEN: usize = 36;

/// More than any table has that matters here.
const MAX_TABLE_LEN: usize = 1 << 20;

/// Offsets in the FADT (5.2.9).
mod fadt {
    pub const DSDT: usize = 40;
    pub const PM1A_EVENT: usize = 56;
    pub const PM1A_CONTROL: usize = 64;
    pub const PM1B_CONTROL: usize = 68;
    pub const PM1_EVENT_LEN: usize = 88;
    pub const FLAGS: usize = 112;
    pub const X_DSDT: usize = 140;
    pub const SLEEP_CONTROL: usize = 244;
}

/// FADT flags: the power button is no fixed feature; there is no fixed hardware at all.
const NO_FIXED_BUTTON: u32 = 1 << 4;
const HARDWARE_REDUCED: u32 = 1 << 20;

/// The power button's bit in the PM1 status and enable registers (4.8.3.1).
pub const POWER_BUTTON: u16 = 1 << 8;

/// Address spaces of a generic address (5.2.3.2).
const SYSTEM_MEMORY: u8 = 0;
const SYSTEM_IO: u8 = 1;

/// A register of eight bits or more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Register {
    /// At a physical address.
    Memory(u64),
    /// At a port.
    Port(u16),
}

/// Writes that switch the machine off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Off {
    /// The fixed hardware's PM1 control registers, with what to write to each.
    Control([Option<(u16, u16)>; 2]),
    /// The sleep control register of hardware-reduced ACPI, and what to write.
    Sleep(Register, u8),
}

/// Power management as the tables describe it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Power {
    /// Writes that switch it off.
    pub off: Option<Off>,
    /// Ports of the PM1 status and enable registers, if the power button is in them.
    pub button: Option<(u16, u16)>,
}

impl Power {
    /// Nothing is known.
    pub const UNKNOWN: Self = Self {
        off: None,
        button: None,
    };

    /// Reads the tables, from the root pointer at `rsdp` or else the one that the BIOS left.
    #[must_use]
    pub fn find(memory: &impl Memory, rsdp: Option<NonZeroU64>) -> Self {
        let fadt = rsdp
            .and_then(|address| root_table(memory, address.get()))
            .or_else(|| search(memory))
            .and_then(|root| find_table(memory, &root, b"FACP"));
        fadt.map_or(Self::UNKNOWN, |fadt| Self::of_fadt(memory, fadt))
    }

    fn of_fadt(memory: &impl Memory, fadt: &[u8]) -> Self {
        let flags = fadt.u32(fadt::FLAGS).unwrap_or(0);
        let port = |offset| fadt.u32(offset).and_then(port);
        let dsdt = fadt
            .u64(fadt::X_DSDT)
            .filter(|&address| address != 0)
            .or_else(|| fadt.u32(fadt::DSDT).map(u64::from))
            .and_then(|address| table(memory, address, b"DSDT"));
        let types = dsdt.and_then(sleep_types_of_s5);
        let off = if flags & HARDWARE_REDUCED != 0 {
            let register = fadt.get(fadt::SLEEP_CONTROL..).and_then(generic_address);
            // SLP_TYP at bit 2, SLP_EN (4.8.3.7).
            types
                .zip(register)
                .map(|([kind, _], register)| Off::Sleep(register, kind << 2 | 1 << 5))
        } else {
            let control = |offset, kind: u8| {
                // SLP_TYP at bit 10, SLP_EN (4.8.3.2).
                port(offset).map(|port| (port, u16::from(kind) << 10 | 1 << 13))
            };
            types
                .map(|[a, b]| {
                    [
                        control(fadt::PM1A_CONTROL, a),
                        control(fadt::PM1B_CONTROL, b),
                    ]
                })
                .filter(|[a, _]| a.is_some())
                .map(Off::Control)
        };
        // Half of the event block is status, the other half enable.
        let half = fadt.get(fadt::PM1_EVENT_LEN).map_or(0, |len| len / 2);
        let button = port(fadt::PM1A_EVENT)
            .filter(|_| flags & (NO_FIXED_BUTTON | HARDWARE_REDUCED) == 0 && half >= 2)
            .and_then(|status| Some((status, status.checked_add(half.into())?)));
        Self { off, button }
    }
}

fn port(address: u32) -> Option<u16> {
    u16::try_from(address).ok().filter(|&port| port != 0)
}

fn generic_address(bytes: &[u8]) -> Option<Register> {
    let address = bytes.u64(4).filter(|&address| address != 0)?;
    match *bytes.first()? {
        SYSTEM_MEMORY => Some(Register::Memory(address)),
        SYSTEM_IO => u16::try_from(address).ok().map(Register::Port),
        _ => None,
    }
}

/// The table of tables, and the length of an address in it.
struct Root<'m> {
    entries: &'m [u8],
    address_len: usize,
}

fn search(memory: &impl Memory) -> Option<Root<'_>> {
    let len = (SEARCHED.end - SEARCHED.start) as usize;
    let area = memory.bytes(SEARCHED.start, len)?;
    let mut paragraphs = area.chunks_exact(ALIGNMENT).enumerate();
    paragraphs.find_map(|(index, paragraph)| {
        if !paragraph.starts_with(b"RSD PTR ") {
            return None;
        }
        root_table(memory, SEARCHED.start + (index * ALIGNMENT) as u64)
    })
}

/// Returns the table that the root pointer at `address` leads to (5.2.5.3).
fn root_table(memory: &impl Memory, address: u64) -> Option<Root<'_>> {
    let first = memory.bytes(address, 20)?;
    if !first.starts_with(b"RSD PTR ") || checksum(first) != 0 {
        return None;
    }
    if first[15] >= 2
        && let Some(whole) = memory.bytes(address, 36).filter(|all| checksum(all) == 0)
        && let Some(entries) = whole
            .u64(24)
            .and_then(|address| table(memory, address, b"XSDT"))
    {
        return Some(Root {
            entries: &entries[HEADER_LEN..],
            address_len: 8,
        });
    }
    let entries = table(memory, first.u32(16)?.into(), b"RSDT")?;
    Some(Root {
        entries: &entries[HEADER_LEN..],
        address_len: 4,
    })
}

fn find_table<'m>(
    memory: &'m impl Memory,
    root: &Root<'_>,
    signature: &[u8; 4],
) -> Option<&'m [u8]> {
    let mut entries = root.entries.chunks_exact(root.address_len);
    entries.find_map(|entry| {
        let address = match root.address_len {
            8 => entry.u64(0)?,
            _ => entry.u32(0)?.into(),
        };
        table(memory, address, signature)
    })
}

/// Returns the table at `address` if it has that signature and is intact.
fn table<'m>(memory: &'m impl Memory, address: u64, signature: &[u8; 4]) -> Option<&'m [u8]> {
    let header = memory.bytes(address, HEADER_LEN)?;
    let len = header.u32(4)? as usize;
    if !header.starts_with(signature) || !(HEADER_LEN..=MAX_TABLE_LEN).contains(&len) {
        return None;
    }
    memory
        .bytes(address, len)
        .filter(|table| checksum(table) == 0)
}

/// Returns the two sleep types of the package `\_S5` in the DSDT (7.4.2): which stands there as constants, since
/// it has to be known before there is an interpreter.
fn sleep_types_of_s5(dsdt: &[u8]) -> Option<[u8; 2]> {
    /// NameOp, PackageOp, and the prefix of a name at the root (20.2).
    const NAME: u8 = 0x08;
    const PACKAGE: u8 = 0x12;
    const ROOT: u8 = b'\\';

    let mut from = HEADER_LEN;
    loop {
        let at = from
            + dsdt
                .get(from..)?
                .windows(4)
                .position(|name| name == b"_S5_")?;
        from = at + 4;
        let is_name = matches!(dsdt[..at], [.., NAME] | [.., NAME, ROOT]);
        if !is_name || dsdt.get(from) != Some(&PACKAGE) {
            continue;
        }
        // The package's length, of as many more bytes as its two highest bits say (20.2.4), and its number of elements.
        let length_len = 1 + usize::from(dsdt.get(from + 1)? >> 6);
        let mut elements = dsdt.get(from + 1 + length_len + 1..)?;
        let a = constant(&mut elements)?;
        let b = constant(&mut elements).unwrap_or(a);
        return Some([a, b]);
    }
}

/// Takes a constant off the front of `code` (20.2.3); those of a sleep type have three bits.
fn constant(code: &mut &[u8]) -> Option<u8> {
    let (value, len) = match **code {
        [0x00, ..] => (0, 1),
        [0x01, ..] => (1, 1),
        [0x0a, value, ..] => (value, 2),
        [0x0b, low, _, ..] => (low, 3),
        [0x0c, low, _, _, _, ..] => (low, 5),
        _ => return None,
    };
    *code = &code[len..];
    Some(value & 7)
}

#[cfg(test)]
mod tests;
