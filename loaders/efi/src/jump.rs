//! The program's last instructions: from UEFI's 64-bit mode to the unikernel's entry in 32-bit mode.
//!
//! They run from a copy in a page of the [block](super::block), for they overwrite memory that the program itself,
//! the firmware's page tables or its stack may lie in. That is also why the segments are copied here, last, and with
//! paging off: from then on nothing is needed but this page and the copy of the ELF.
//!
//! The order is that of Intel's SDM, volume 3, 10.8.5.4 (leaving IA-32e mode): a 32-bit code segment (compatibility
//! mode), paging off, EFER.LME off. Paging off makes every address physical; UEFI's mapping of memory is one to one,
//! so the next instruction is the same before and after. What PVH asks for beyond: flat segments, CR4 zero, CR0 with
//! protection alone, `ebx` the start info.
//!
//! Unsafe by nature: the jump does not come back.

use core::arch::global_asm;

/// Room for everything in this module, in bytes: the block's first page.
pub const CODE_ROOM: usize = 4096;

const GDT_OFFSET: usize = 0x800;
const GDT_POINTER_OFFSET: usize = GDT_OFFSET + 3 * 8;
const COPIES_OFFSET: usize = 0x900;

global_asm!(
    // jump(rdi = block, esi = start info, edx = entry)
    ".pushsection .text.fathom_jump, \"ax\"",
    ".code64",
    ".global fathom_jump_start, fathom_jump_end",
    "fathom_jump_start:",
    "cli",
    "cld",
    "lgdt [rdi + {gdt_pointer}]",
    "mov ebx, esi",
    "mov ebp, edx",
    "lea esi, [rdi + {copies}]",
    // A far return, which takes any address, into the 32-bit code segment.
    "lea rax, [rip + 2f]",
    "push 8",
    "push rax",
    "retfq",
    ".code32",
    "2: mov eax, 16",
    "mov ds, eax",
    "mov es, eax",
    "mov fs, eax",
    "mov gs, eax",
    "mov ss, eax",
    // Paging off, and with it 64-bit mode.
    "mov eax, cr0",
    "and eax, 0x7fffffff",
    "mov cr0, eax",
    // EFER.LME off.
    "mov ecx, 0xc0000080",
    "rdmsr",
    "and eax, 0xfffffeff",
    "wrmsr",
    "xor eax, eax",
    "mov cr4, eax",
    "inc eax",
    "mov cr0, eax",
    // Each copy: from, to, length, zeros behind it. One that leads to address 0 ends the list.
    "mov edx, esi",
    "3: mov esi, [edx]",
    "mov edi, [edx + 4]",
    "mov ecx, [edx + 8]",
    "test edi, edi",
    "jz 4f",
    "rep movsb",
    "mov ecx, [edx + 12]",
    "xor eax, eax",
    "rep stosb",
    "add edx, 16",
    "jmp 3b",
    "4: jmp ebp",
    "fathom_jump_end:",
    ".code64",
    ".popsection",
    gdt_pointer = const GDT_POINTER_OFFSET,
    copies = const COPIES_OFFSET,
);

unsafe extern "C" {
    static fathom_jump_start: u8;
    static fathom_jump_end: u8;
}

/// A segment's way from the copy of the ELF to its addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copy {
    /// Address of the first byte to copy.
    pub from: u32,
    /// Address to copy it to.
    pub to: u32,
    /// Number of bytes.
    pub len: u32,
    /// Number of zeros behind them.
    pub zeros: u32,
}

/// Writes instructions, descriptor table and list of copies to `page`, which lies at `address` and is zero.
pub fn prepare(page: &mut [u8], address: u32, copies: &[Copy]) {
    let start = &raw const fathom_jump_start;
    let len = (&raw const fathom_jump_end).addr() - start.addr();
    assert!(len <= GDT_OFFSET, "the instructions fit before the table");
    // SAFETY: the two symbols enclose the instructions above.
    page[..len].copy_from_slice(unsafe { core::slice::from_raw_parts(start, len) });
    // Nothing, code, data: both 32-bit, from 0 to 4 GiB.
    let descriptors = [0u64, 0x00cf_9a00_0000_ffff, 0x00cf_9200_0000_ffff];
    for (index, descriptor) in descriptors.iter().enumerate() {
        page[GDT_OFFSET + index * 8..][..8].copy_from_slice(&descriptor.to_le_bytes());
    }
    let limit = (size_of_val(&descriptors) - 1) as u16;
    let base = u64::from(address) + GDT_OFFSET as u64;
    page[GDT_POINTER_OFFSET..][..2].copy_from_slice(&limit.to_le_bytes());
    page[GDT_POINTER_OFFSET + 2..][..8].copy_from_slice(&base.to_le_bytes());
    // The page is zero behind the last.
    for (index, copy) in copies.iter().enumerate() {
        let fields = [copy.from, copy.to, copy.len, copy.zeros];
        for (field, value) in fields.iter().enumerate() {
            page[COPIES_OFFSET + index * 16 + field * 4..][..4]
                .copy_from_slice(&value.to_le_bytes());
        }
    }
}

/// Enters the unikernel.
///
/// # Safety
///
/// A page that was [prepared](prepare) lies at `block` and may be executed, the firmware's boot services have ended,
/// and the copies lead to memory that nobody needs.
pub unsafe fn jump(block: u32, start_info: u32, entry: u32) -> ! {
    let code = core::ptr::with_exposed_provenance::<()>(block as usize);
    // SAFETY: the caller's contract; the instructions take their arguments as the System V ABI passes them.
    let jump: extern "sysv64" fn(u64, u32, u32) -> ! = unsafe { core::mem::transmute(code) };
    jump(u64::from(block), start_info, entry)
}
