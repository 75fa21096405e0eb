//! The little of ACPI (6.5) that the image uses: how the machine is switched off, its power button, its timer.
//!
//! No interpreter: the fixed hardware's registers are in the FADT, and the sleep type that means off is a
//! package of constants in the DSDT. Everything is checked, lengths and sums, and what is not there is `None`. No
//! unsafe code: all is read through [`Memory`].

use core::num::NonZeroU64;

use super::memory::{Fields, Memory, checksum};

/// Where the root pointer is if nobody says (5.2.5.1), and its alignment.
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
mod tests {
    use proptest::prelude::*;

    use super::super::memory::fake::FakeMemory;
    use super::*;

    const RSDP: u64 = 0xf_5a00;
    const RSDT: u64 = 0x7f_0000;
    const XSDT: u64 = 0x7f_1000;
    const FADT: u64 = 0x7f_2000;
    const DSDT: u64 = 0x7f_3000;

    fn sealed(mut bytes: Vec<u8>, at: usize) -> Vec<u8> {
        bytes[at] = 0;
        bytes[at] = checksum(&bytes).wrapping_neg();
        bytes
    }

    fn table(signature: &[u8; 4], body: &[u8]) -> Vec<u8> {
        let mut bytes = signature.to_vec();
        bytes.extend(((HEADER_LEN + body.len()) as u32).to_le_bytes());
        bytes.resize(HEADER_LEN, 0);
        bytes.extend(body);
        sealed(bytes, 9)
    }

    fn root_pointer(revision: u8) -> Vec<u8> {
        let mut bytes = b"RSD PTR \0BOCHS ".to_vec();
        bytes.push(revision);
        bytes.extend((RSDT as u32).to_le_bytes());
        let mut bytes = sealed(bytes, 8);
        bytes.extend(36_u32.to_le_bytes());
        bytes.extend(XSDT.to_le_bytes());
        bytes.extend([0; 4]);
        sealed(bytes, 32)
    }

    fn fadt(flags: u32) -> Vec<u8> {
        let mut body = vec![0; 276 - HEADER_LEN];
        let mut put = |at: usize, bytes: &[u8]| {
            body[at - HEADER_LEN..at - HEADER_LEN + bytes.len()].copy_from_slice(bytes);
        };
        put(fadt::DSDT, &(DSDT as u32).to_le_bytes());
        put(fadt::PM1A_EVENT, &0x600_u32.to_le_bytes());
        put(fadt::PM1A_CONTROL, &0x604_u32.to_le_bytes());
        put(fadt::PM1_EVENT_LEN, &[4]);
        put(fadt::FLAGS, &flags.to_le_bytes());
        put(fadt::SLEEP_CONTROL, &[SYSTEM_MEMORY, 8, 0, 0]);
        put(fadt::SLEEP_CONTROL + 4, &0xfea0_0200_u64.to_le_bytes());
        table(b"FACP", &body)
    }

    /// Code with a mention of the name, then its definition.
    fn dsdt(definition: &[u8]) -> Vec<u8> {
        table(b"DSDT", &[b"\x10\x05_S5_\x5b", definition].concat())
    }

    fn machine(revision: u8, fadt: &[u8], dsdt: &[u8]) -> FakeMemory {
        let mut area = vec![0; 0x2_0000];
        let at = (RSDP - SEARCHED.start) as usize;
        area[at..at + 36].copy_from_slice(&root_pointer(revision));
        let pointers = [(DSDT as u32).to_le_bytes(), (FADT as u32).to_le_bytes()].concat();
        let pointers_64 = [DSDT.to_le_bytes(), FADT.to_le_bytes()].concat();
        let mut memory = FakeMemory::default();
        memory
            .put(SEARCHED.start, &area)
            .put(RSDT, &table(b"RSDT", &pointers))
            .put(XSDT, &table(b"XSDT", &pointers_64))
            .put(FADT, fadt)
            .put(DSDT, dsdt);
        memory
    }

    /// QEMU's, SeaBIOS's and others' ways to write it.
    const PACKAGES: [(&[u8], [u8; 2]); 4] = [
        (b"\x08_S5_\x12\x06\x04\x00\x00\x00\x00", [0, 0]),
        (b"\x08\\_S5_\x12\x0a\x04\x0a\x05\x0a\x07\x00\x00", [5, 7]),
        (b"\x08_S5_\x12\x40\x01\x02\x01\x0b\x06\x00", [1, 6]),
        (b"\x08_S5_\x12\x04\x01\x0a\x05", [5, 5]),
    ];

    #[test]
    fn finds_registers_and_sleep_types() {
        for revision in [0, 2] {
            for (package, [a, _]) in PACKAGES {
                let memory = machine(revision, &fadt(0), &dsdt(package));
                let value = u16::from(a) << 10 | 1 << 13;
                let expected = Power {
                    off: Some(Off::Control([Some((0x604, value)), None])),
                    button: Some((0x600, 0x602)),
                };
                assert_eq!(Power::find(&memory, NonZeroU64::new(RSDP)), expected);
                assert_eq!(Power::find(&memory, None), expected, "searched for");
                // What the loader says is not there: the BIOS's is.
                assert_eq!(Power::find(&memory, NonZeroU64::new(0x1234)), expected);
            }
        }
    }

    #[test]
    fn reduced_hardware_has_a_register_of_its_own() {
        let memory = machine(2, &fadt(HARDWARE_REDUCED), &dsdt(PACKAGES[1].0));
        let expected = Power {
            off: Some(Off::Sleep(Register::Memory(0xfea0_0200), 5 << 2 | 1 << 5)),
            button: None,
        };
        assert_eq!(Power::find(&memory, None), expected);
        let memory = machine(2, &fadt(NO_FIXED_BUTTON), &dsdt(PACKAGES[1].0));
        let power = Power::find(&memory, None);
        assert_eq!(power.button, None);
        assert!(power.off.is_some());
    }

    #[test]
    fn what_is_not_intact_is_not_believed() {
        assert_eq!(Power::find(&FakeMemory::default(), None), Power::UNKNOWN);
        let intact = (fadt(0), dsdt(PACKAGES[0].0));
        for at in [0, 5, 9, 60, 200] {
            let mut damaged = intact.0.clone();
            damaged[at] ^= 1;
            let memory = machine(2, &damaged, &intact.1);
            assert_eq!(
                Power::find(&memory, None),
                Power::UNKNOWN,
                "FADT, byte {at}"
            );
        }
        let mut damaged = intact.1.clone();
        damaged[40] ^= 1;
        let memory = machine(2, &intact.0, &damaged);
        let power = Power::find(&memory, None);
        assert_eq!((power.off, power.button), (None, Some((0x600, 0x602))));
        for package in [
            &b"\x08_S5_"[..],
            b"\x08_S5_\x12",
            b"\x08_S5_\x12\xc0\x01",
            b"\x08_S5_\x12\x06\x04",
            b"\x08_S5_\x12\x06\x04\x0a",
            b"_S5_\x12\x06\x04\x00\x00",
        ] {
            let memory = machine(2, &intact.0, &dsdt(package));
            assert_eq!(Power::find(&memory, None).off, None, "{package:x?}");
        }
    }

    proptest! {
        #[test]
        fn no_code_is_too_strange(code in prop::collection::vec(any::<u8>(), 0..64), at in 0_usize..64) {
            let mut code = code;
            let at = at.min(code.len());
            code.splice(at..at, *b"\x08_S5_\x12");
            let memory = machine(2, &fadt(0), &dsdt(&code));
            let _ = Power::find(&memory, None);
        }
    }
}
