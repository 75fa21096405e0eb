//! The first instructions of the image, and its page tables.
//!
//! The firmware jumps to `pvh_entry` in 32-bit protected mode, paging off, with the physical
//! address of `hvm_start_info` in `ebx` (Xen x86/HVM direct boot ABI, "PVH"). The code builds an
//! identity mapping of the first GiB, switches to long mode and calls
//! [`start`](super::start::start).
//!
//! The mapping: low memory in 2 MiB pages, because Hermit's own identity mapping of the rest
//! accepts those and no larger ones; its first 2 MiB in 4 KiB pages, because Hermit remaps single
//! pages there when it looks for the MP tables. Page table format: Intel SDM volume 3, 4.5.
//!
//! All of this module is unsafe by nature: there is nothing yet that could be safe.

use core::arch::global_asm;

global_asm!(
    // XEN_ELFNOTE_PHYS32_ENTRY: name size, descriptor size, type, name, address.
    ".pushsection .note.Xen, \"a\", @note",
    ".balign 4",
    ".long 4, 4, 18",
    ".asciz \"Xen\"",
    ".long pvh_entry",
    ".popsection",
    //
    ".pushsection .text.pvh_entry, \"ax\", @progbits",
    ".code32",
    ".global pvh_entry",
    "pvh_entry:",
    "cli",
    "cld",
    // The boot time counts from here.
    "rdtsc",
    "mov [{entry_tsc}], eax",
    "mov [{entry_tsc} + 4], edx",
    // P4[0] -> P3[0] -> P2, all present and writable (3).
    "mov eax, offset {tables} + 0x1003",
    "mov [{tables}], eax",
    "add eax, 0x1000",
    "mov [{tables} + 0x1000], eax",
    // P2[0] -> P1; P2[1..512]: 2 MiB pages (bit 7).
    "add eax, 0x1000",
    "mov [{tables} + 0x2000], eax",
    "mov eax, 0x200083",
    "mov ecx, 1",
    ".Lpvh_large: mov [{tables} + 0x2000 + ecx * 8], eax",
    "add eax, 0x200000",
    "inc ecx",
    "cmp ecx, 512",
    "jne .Lpvh_large",
    // P1: 4 KiB pages.
    "mov eax, 3",
    "xor ecx, ecx",
    ".Lpvh_small: mov [{tables} + 0x3000 + ecx * 8], eax",
    "add eax, 0x1000",
    "inc ecx",
    "cmp ecx, 512",
    "jne .Lpvh_small",
    // Long mode: CR4.PAE, CR3, EFER.LME and NXE (Hermit maps its heap no-execute), CR0.PG.
    "mov eax, cr4",
    "or eax, 1 << 5",
    "mov cr4, eax",
    "mov eax, offset {tables}",
    "mov cr3, eax",
    "mov ecx, 0xc0000080",
    "rdmsr",
    "or eax, (1 << 8) | (1 << 11)",
    "wrmsr",
    "mov eax, cr0",
    "or eax, 1 << 31",
    "mov cr0, eax",
    "lgdt [.Lpvh_gdt_pointer]",
    // Far jump to a 64-bit code segment.
    "push 8",
    "mov eax, offset .Lpvh_long_mode",
    "push eax",
    "retf",
    //
    ".balign 8",
    ".Lpvh_gdt: .quad 0",
    ".quad 0x00af9a000000ffff", // code, 64-bit, present, ring 0
    ".quad 0x00cf92000000ffff", // data
    ".Lpvh_gdt_pointer: .word 23",
    ".long .Lpvh_gdt",
    //
    ".code64",
    ".Lpvh_long_mode:",
    "mov ax, 16",
    "mov ds, ax",
    "mov es, ax",
    "mov ss, ax",
    "xor eax, eax",
    "mov fs, ax",
    "mov gs, ax",
    "lea rsp, [rip + {stack} + {stack_size}]",
    "mov edi, ebx",
    "call {start}",
    "ud2",
    ".popsection",
    entry_tsc = sym super::start::ENTRY_TSC,
    tables = sym PAGE_TABLES,
    stack = sym super::start::BOOT_STACK,
    stack_size = const super::start::BOOT_STACK_SIZE,
    start = sym super::start::start,
);

/// P4, P3, P2 and P1, one page each; written by the entry code alone, then owned by the kernel.
#[repr(C, align(4096))]
struct PageTables([u8; 4 * 4096]);

static mut PAGE_TABLES: PageTables = PageTables([0; 4 * 4096]);
