//! The first stage: the code in the disk's first sector, which reads the second stage and jumps to it.
//!
//! A BIOS jumps to 0x7c00 with the number of the drive in `dl`; nothing else is certain, not even the code segment. The
//! code is at most 440 bytes long, because a partition table follows. It uses the BIOS's disk calls with extensions
//! (int 13h, ah 42h; Phoenix's EDD 1.1), which take a sector's number as it is, and which every BIOS since 1998 has. On an
//! error it prints a line and stands still: there is nothing to go back to.

#![cfg_attr(target_arch = "x86", no_std, no_main)]

#[cfg(target_arch = "x86")]
mod stage {
    use core::arch::global_asm;
    use core::panic::PanicInfo;

    global_asm!(
        ".pushsection .mbr, \"ax\"",
        ".code16",
        ".global mbr",
        "mbr:",
        // Some BIOSes jump to 07c0:0000. A far jump to 0000:1f makes that one.
        ".byte 0xea",
        ".word 1f, 0",
        "1: cli",
        "cld",
        "xor ax, ax",
        "mov ds, ax",
        "mov es, ax",
        "mov ss, ax",
        "mov sp, 0x7c00",
        "sti",
        // Are there extensions for this drive?
        "push dx",
        "mov ah, 0x41",
        "mov bx, 0x55aa",
        "int 0x13",
        "pop dx",
        "mov si, offset .Lno_extensions",
        "jc .Lfail",
        "cmp bx, 0xaa55",
        "jne .Lfail",
        // The second stage, up to three times: floppy-like drives fail at first.
        "mov cx, 3",
        ".Lread: pusha",
        "mov si, offset .Lpacket",
        "mov ah, 0x42",
        "int 0x13",
        "popa",
        "jnc .Lcheck",
        "pusha",
        "xor ax, ax",
        "int 0x13",
        "popa",
        "loop .Lread",
        "mov si, offset .Lread_error",
        "jmp .Lfail",
        // It is ours if the name is there that the disk's writer looks for.
        ".Lcheck: mov si, offset .Lno_stage2",
        "cmp dword ptr [0x8008], 0x4d485446", // FTHM
        "jne .Lfail",
        // With the drive in dl.
        ".byte 0xea",
        ".word 0x8000, 0",
        //
        ".Lfail: lodsb",
        "test al, al",
        "jz .Lhalt",
        "mov ah, 0x0e",
        "mov bx, 7",
        "int 0x10",
        "jmp .Lfail",
        ".Lhalt: hlt",
        "jmp .Lhalt",
        //
        ".Lno_extensions: .asciz \"FATHOM FATAL the BIOS can't read this disk by sector number\\r\\n\"",
        ".Lread_error: .asciz \"FATHOM FATAL the disk can't be read\\r\\n\"",
        ".Lno_stage2: .asciz \"FATHOM FATAL the boot code is damaged; make the disk again\\r\\n\"",
        // Size of the packet, sectors, offset and segment of the memory, number of the first sector.
        ".balign 4",
        ".Lpacket: .byte 16, 0",
        ".word 30, 0x8000, 0",
        ".quad 34",
        ".popsection",
    );

    #[panic_handler]
    fn panic(_: &PanicInfo) -> ! {
        loop {}
    }
}

/// Elsewhere it is compiled for lints only.
#[cfg(not(target_arch = "x86"))]
fn main() {}
