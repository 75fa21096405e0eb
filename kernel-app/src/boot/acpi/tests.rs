//! Tables as machines have them, and damaged ones.

use proptest::prelude::*;

use super::*;
use crate::boot::memory::fake::FakeMemory;

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
fn damaged_tables_are_rejected() {
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
