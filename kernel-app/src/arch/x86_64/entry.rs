//! The first instructions of the image, and its page tables.
//!
//! A loader enters in one of two ways, and tells by where it jumps to:
//!
//! - **PVH** (Xen x86/HVM direct boot ABI), the address in the ELF note: 32-bit protected mode, paging off,
//!   the physical address of `hvm_start_info` in `ebx`;
//! - **Linux** (Documentation/arch/x86/boot.rst, "64-bit boot protocol"), the ELF file's entry point: long mode,
//!   memory identity-mapped, the physical address of `boot_params` in `rsi`. It goes back to protected mode
//!   and on as the other does. A loader that jumps to the ELF file's entry point as PVH has it is
//!   recognized by its mode, and is as welcome.
//!
//! Either way the code builds an identity mapping of the first 4 GiB ([`page_tables`]), switches to long mode, zeroes `.bss`,
//! which QEMU's loader does and others don't, and calls [`start`](start::start).
//!
//! All of this module is unsafe by nature: there is nothing yet that could be safe.

use core::arch::global_asm;

use super::start::protocol;
use super::{page_tables, stamps, start};

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
    ".global elf_entry",
    ".global pvh_entry",
    ".code32",
    "elf_entry:",
    // In long mode 0x40 is a prefix without effect here, in protected mode it is `inc eax`.
    "xor eax, eax",
    ".byte 0x40",
    "nop",
    "test eax, eax",
    "jnz pvh_entry",
    ".code64",
    "cli",
    "cld",
    // To a 32-bit code segment, then out of long mode: CR0.PG, EFER.LME (Intel SDM volume 3, 9.8.5.4).
    "mov ebx, esi",
    "lgdt [rip + .Lentry_gdt_pointer]",
    "lea rsp, [rip + {stack} + {stack_size}]",
    "push 24",
    "lea rax, [rip + .Lentry_compatibility]",
    "push rax",
    "retfq",
    ".code32",
    ".Lentry_compatibility:",
    "mov eax, 16",
    "mov ds, eax",
    "mov es, eax",
    "mov ss, eax",
    "mov eax, cr0",
    "and eax, 0x7fffffff",
    "mov cr0, eax",
    "mov ecx, 0xc0000080",
    "rdmsr",
    "and eax, ~(1 << 8)",
    "wrmsr",
    "mov ebp, {linux}",
    "jmp .Lentry_protected",
    //
    "pvh_entry:",
    "cli",
    "cld",
    "mov ebp, {pvh}",
    ".Lentry_protected:",
    "mov esp, offset {stack} + {stack_size}",
    // The boot time counts from here.
    "rdtsc",
    "mov [{entry_tsc}], eax",
    "mov [{entry_tsc} + 4], edx",
    // Without long mode no line of Rust will run, so it is said here.
    "mov esi, ebx",
    "mov eax, 0x80000000",
    "cpuid",
    "cmp eax, 0x80000001",
    "jb .Lentry_no_long_mode",
    "mov eax, 0x80000001",
    "cpuid",
    "mov ebx, esi",
    "bt edx, 29",
    "jnc .Lentry_no_long_mode",
    "mov esi, edx",
    // The tables are not zeroed yet.
    "mov edi, offset {tables}",
    "xor eax, eax",
    "mov ecx, {tables_len} / 4",
    "rep stosd",
    // P4[0] -> P3; P3[0..4] -> four P2, all present and writable (3).
    "mov eax, offset {tables} + 0x1003",
    "mov [{tables}], eax",
    "xor ecx, ecx",
    ".Lentry_directory: add eax, 0x1000",
    "mov [{tables} + 0x1000 + ecx * 8], eax",
    "inc ecx",
    "cmp ecx, 4",
    "jne .Lentry_directory",
    // P2[1..2048]: 2 MiB pages (bit 7).
    "mov eax, 0x200083",
    "mov ecx, 1",
    ".Lentry_large: mov [{tables} + 0x2000 + ecx * 8], eax",
    "add eax, 0x200000",
    "inc ecx",
    "cmp ecx, 2048",
    "jne .Lentry_large",
    // P2[0] -> P1: 4 KiB pages.
    "mov eax, offset {tables} + 0x6003",
    "mov [{tables} + 0x2000], eax",
    "mov eax, 3",
    "xor ecx, ecx",
    ".Lentry_small: mov [{tables} + 0x6000 + ecx * 8], eax",
    "add eax, 0x1000",
    "inc ecx",
    "cmp ecx, 512",
    "jne .Lentry_small",
    // CR4.PAE, and OSFXSR for what zeroes `.bss`; CR3.
    "mov eax, cr4",
    "or eax, (1 << 5) | (1 << 9)",
    "mov cr4, eax",
    "mov eax, offset {tables}",
    "mov cr3, eax",
    // EFER.LME, and NXE where it is (Hermit maps its heap no-execute; `start` refuses the rest).
    "mov ecx, 0xc0000080",
    "mov edi, esi",
    "shr edi, 9",
    "and edi, 1 << 11",
    "rdmsr",
    "or eax, 1 << 8",
    "or eax, edi",
    "wrmsr",
    // CR0: PG, and no emulation of the floating point unit, nor its trap (EM, TS).
    "mov eax, cr0",
    "and eax, ~((1 << 2) | (1 << 3))",
    "or eax, 1 << 31",
    "mov cr0, eax",
    "lgdt [.Lentry_gdt_pointer]",
    // Far jump to a 64-bit code segment.
    "push 8",
    "mov eax, offset .Lentry_long_mode",
    "push eax",
    "retf",
    //
    ".Lentry_no_long_mode:",
    "mov esi, offset .Lentry_no_long_mode_text",
    ".Lentry_character:",
    // What is too soon for the port is lost: there are no bounds to wait within without a clock.
    "mov ebx, 100000",
    ".Lentry_wait: mov edx, 0x3fd",
    "in al, dx",
    "test al, 0x20",
    "jnz .Lentry_send",
    "dec ebx",
    "jnz .Lentry_wait",
    ".Lentry_send: mov edx, 0x3f8",
    "lodsb",
    "out dx, al",
    "cmp esi, offset .Lentry_no_long_mode_end",
    "jne .Lentry_character",
    // QEMU's isa-debug-exit, where there is one.
    "mov edx, 0xf4",
    "xor eax, eax",
    "out dx, eax",
    ".Lentry_halt: hlt",
    "jmp .Lentry_halt",
    ".Lentry_no_long_mode_text: .ascii \"FATHOM FATAL the processor has no long mode: the service needs a 64-bit one (x86-64)\\r\\n\"",
    ".Lentry_no_long_mode_end:",
    //
    ".balign 8",
    ".Lentry_gdt: .quad 0",
    // Marked as accessed, which the processor would else do by writing to them.
    ".quad 0x00af9b000000ffff", // 8: code, 64-bit, present, ring 0
    ".quad 0x00cf93000000ffff", // 16: data
    ".quad 0x00cf9b000000ffff", // 24: code, 32-bit
    ".Lentry_gdt_pointer: .word 31",
    ".quad .Lentry_gdt",
    //
    ".code64",
    ".Lentry_long_mode:",
    "mov eax, 16",
    "mov ds, eax",
    "mov es, eax",
    "mov ss, eax",
    "xor eax, eax",
    "mov fs, eax",
    "mov gs, eax",
    // A page at a time; the linker script aligns both ends.
    "xorps xmm0, xmm0",
    "mov edi, offset __bss_start",
    "mov ecx, offset __image_end",
    ".Lentry_zero:",
    "movaps [rdi], xmm0",
    "movaps [rdi + 16], xmm0",
    "movaps [rdi + 32], xmm0",
    "movaps [rdi + 48], xmm0",
    "movaps [rdi + 64], xmm0",
    "movaps [rdi + 80], xmm0",
    "movaps [rdi + 96], xmm0",
    "movaps [rdi + 112], xmm0",
    "sub rdi, -128",
    "cmp rdi, rcx",
    "jb .Lentry_zero",
    "mov edi, ebx",
    "mov esi, ebp",
    "lea rsp, [rip + {stack} + {stack_size}]",
    "call {start}",
    "ud2",
    ".popsection",
    entry_tsc = sym stamps::ENTRY_TICKS,
    tables = sym page_tables::PAGE_TABLES,
    tables_len = const size_of::<page_tables::PageTables>(),
    stack = sym start::BOOT_STACK,
    stack_size = const start::BOOT_STACK_SIZE,
    start = sym start::start,
    pvh = const protocol::PVH,
    linux = const protocol::LINUX,
);

const _: () = assert!(matches!(
    wire::ready::FATAL_PREFIX.as_bytes(),
    b"FATHOM FATAL "
));
