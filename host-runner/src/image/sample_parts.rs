//! Parts of a disk for tests: of the right shape, and with no code in them.

use super::layout;

/// Offset of the patch area in the second stage.
pub const PATCH_AREA: usize = 700;

/// Parts that own their bytes.
#[derive(Clone)]
pub struct Parts {
    pub elf: Vec<u8>,
    pub efi: Vec<u8>,
    pub boot_sector: Vec<u8>,
    pub second_stage: Vec<u8>,
    pub config: Vec<u8>,
}

impl Parts {
    pub fn borrowed(&self) -> layout::Parts<'_> {
        layout::Parts {
            elf: &self.elf,
            efi: &self.efi,
            boot_sector: &self.boot_sector,
            second_stage: &self.second_stage,
            config: &self.config,
        }
    }
}

/// Returns parts of some 400 KB.
pub fn parts() -> Parts {
    let elf = elf(400_123);
    let mut second_stage = vec![0xf4; 1111];
    second_stage[PATCH_AREA..PATCH_AREA + 8].copy_from_slice(&layout::PATCH_MAGIC);
    Parts {
        efi: efi_with(&elf),
        elf,
        boot_sector: vec![0x90; 300],
        second_stage,
        config: b"ip=dhcp\n".to_vec(),
    }
}

/// Returns an ELF file of `len` bytes with PVH's note and that of version 1.2.3, and nothing that could run.
pub fn elf(len: usize) -> Vec<u8> {
    let mut elf: Vec<u8> = (0..len).map(|index| (index % 251) as u8 | 1).collect();
    let header: [u64; 8] = [
        // Magic, 64 bits, little-endian; executable for x86-64; entry; program headers; none of sections.
        0x0001_0102_464c_457f,
        0,
        0x0000_0001_003e_0002,
        0x0020_0000,
        64,
        0,
        0x0038_0040_0000_0000,
        0x0000_0000_0040_0001,
    ];
    let note_segment: [u64; 7] = [0x4_0000_0004, 0x200, 0x20_0200, 0x20_0200, 48, 48, 4];
    let word = u32::from_le_bytes;
    let note: [u32; 12] = [
        // Name size, descriptor size, type, name, descriptor.
        4,
        4,
        18,
        word(*b"Xen\0"),
        0x0020_0000,
        7,
        6,
        1,
        word(*b"Fath"),
        word(*b"om\0\0"),
        word(*b"1.2."),
        word(*b"3\0\0\0"),
    ];
    put(
        &mut elf,
        0,
        header.iter().flat_map(|word| word.to_le_bytes()),
    );
    put(
        &mut elf,
        64,
        note_segment.iter().flat_map(|word| word.to_le_bytes()),
    );
    put(
        &mut elf,
        0x200,
        note.iter().flat_map(|word| word.to_le_bytes()),
    );
    elf
}

/// Returns a PE file of no code that holds `elf`.
pub fn efi_with(elf: &[u8]) -> Vec<u8> {
    let mut efi = vec![0; 3 * 512];
    efi[..2].copy_from_slice(b"MZ");
    efi[0x3c] = 0x80;
    efi[0x80..0x84].copy_from_slice(b"PE\0\0");
    // x86-64; PE32+; the subsystem of EFI applications.
    efi[0x84..0x86].copy_from_slice(&[0x64, 0x86]);
    efi[0x98..0x9a].copy_from_slice(&[0x0b, 0x02]);
    efi[0x98 + 68] = 10;
    efi.extend(elf);
    efi.extend([0; 100]);
    efi
}

fn put(into: &mut [u8], at: usize, bytes: impl Iterator<Item = u8>) {
    for (place, byte) in into[at..].iter_mut().zip(bytes) {
        *place = byte;
    }
}
