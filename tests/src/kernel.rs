//! A kernel of a few instructions of the test's own, as an ELF file that QEMU boots by its PVH note.
#![forbid(unsafe_code)]

/// Address that the kernel is loaded to, and entered at, in 32-bit protected mode.
pub const ENTRY: u64 = 0x10_0000;

/// Returns an ELF file with `memory`, which begins with code, at [`ENTRY`].
#[must_use]
pub fn elf(memory: &[u8]) -> Vec<u8> {
    const NOTE_AT: u64 = 64 + 2 * 56;
    const NOTE_LEN: u64 = 24;
    const MEMORY_AT: u64 = NOTE_AT + NOTE_LEN;
    let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
    elf.resize(16, 0);
    // ET_EXEC, EM_X86_64, version.
    elf.extend([2, 0, 62, 0, 1, 0, 0, 0]);
    // Entry, program headers, no section headers; flags.
    [ENTRY, 64, 0]
        .iter()
        .for_each(|word| elf.extend(word.to_le_bytes()));
    elf.extend([0; 4]);
    // Sizes and numbers: this header, two program headers, no section header.
    [64_u16, 56, 2, 64, 0, 0]
        .iter()
        .for_each(|half| elf.extend(half.to_le_bytes()));
    for (kind, at, address, len) in [
        (1_u32, MEMORY_AT, ENTRY, memory.len() as u64),
        (4, NOTE_AT, 0, NOTE_LEN),
    ] {
        elf.extend(kind.to_le_bytes());
        // Readable and executable.
        elf.extend(5_u32.to_le_bytes());
        [at, address, address, len, len, 4]
            .iter()
            .for_each(|word| elf.extend(word.to_le_bytes()));
    }
    // XEN_ELFNOTE_PHYS32_ENTRY: lengths of name and value, type, name, value.
    [4_u32, 8, 18]
        .iter()
        .for_each(|word| elf.extend(word.to_le_bytes()));
    elf.extend(b"Xen\0");
    elf.extend(ENTRY.to_le_bytes());
    elf.extend(memory);
    elf
}
