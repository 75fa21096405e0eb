//! Calls of the BIOS from 32-bit code, and the second stage's first instructions.
//!
//! The BIOS runs in 16-bit real mode, the second stage in 32-bit protected mode with flat segments. A call goes there and
//! back (Intel SDM volume 3, 10.9): 16-bit segments, protection off, a far jump that loads a real-mode code
//! segment; then the call; then the table of segments anew, because the BIOS may have used its own, protection on, and
//! a far jump into the flat code segment. Interrupts are on only while the BIOS runs: there is no handler for any here.
//!
//! Stack, code and registers lie below 64 KiB, so that their addresses are the same in both modes with segment 0.

use core::arch::global_asm;

use crate::Message;
use crate::parameters::{FIELDS, Parameters};

global_asm!(
    // What the first stage jumps to, at 0x8000, with the drive in dl and all segments 0.
    ".pushsection .entry, \"awx\"",
    ".code16",
    ".global stage2, bios_call, bios_parameters",
    "stage2: jmp .Lenter",
    ".balign 8",
    ".ascii \"FTHMBOOT\"",
    "bios_parameters: .fill {fields}, 4, 0",
    ".Lenter: cli",
    "lgdt [.Lgdt_pointer]",
    "mov eax, cr0",
    "or al, 1",
    "mov cr0, eax",
    ".byte 0xea",
    ".word 2f, 0x08",
    ".code32",
    "2: mov eax, 0x10",
    "mov ds, eax",
    "mov es, eax",
    "mov ss, eax",
    "mov esp, 0x7c00",
    "mov edi, offset __bss_start",
    "mov ecx, offset __bss_end",
    "sub ecx, edi",
    "xor eax, eax",
    "rep stosb",
    "movzx edx, dl",
    "push edx",
    "call {main}",
    "ud2",
    //
    // bios_call(number, registers)
    "bios_call:",
    "pushad",
    "mov eax, [esp + 36]",
    "mov [.Lnumber], al",
    "mov eax, [esp + 40]",
    "mov [.Lregisters], eax",
    "lidt [.Lreal_idt]",
    ".byte 0xea",
    ".long 3f",
    ".word 0x18",
    ".code16",
    "3: mov eax, 0x20",
    "mov ds, eax",
    "mov es, eax",
    "mov ss, eax",
    "mov eax, cr0",
    "and al, 0xfe",
    "mov cr0, eax",
    ".byte 0xea",
    ".word 4f, 0",
    "4: xor ax, ax",
    "mov ds, ax",
    "mov es, ax",
    "mov ss, ax",
    // The call's registers: eax, ebx, ecx, edx, esi, edi, flags.
    "mov si, [.Lregisters]",
    "mov eax, [si]",
    "mov ebx, [si + 4]",
    "mov ecx, [si + 8]",
    "mov edx, [si + 12]",
    "mov edi, [si + 20]",
    "mov esi, [si + 16]",
    "sti",
    // Another int for each call: the number is written into the instruction.
    ".byte 0xcd",
    ".Lnumber: .byte 0",
    "cli",
    "pushfd",
    "pushad",
    "xor ax, ax",
    "mov ds, ax",
    "mov si, [.Lregisters]",
    "pop dword ptr [si + 20]",
    "pop dword ptr [si + 16]",
    "pop eax", // ebp
    "pop eax", // esp
    "pop dword ptr [si + 4]",
    "pop dword ptr [si + 12]",
    "pop dword ptr [si + 8]",
    "pop dword ptr [si]",
    "pop dword ptr [si + 24]",
    "lgdt [.Lgdt_pointer]",
    "mov eax, cr0",
    "or al, 1",
    "mov cr0, eax",
    ".byte 0xea",
    ".word 5f, 0x08",
    ".code32",
    "5: mov eax, 0x10",
    "mov ds, eax",
    "mov es, eax",
    "mov ss, eax",
    "popad",
    "cld",
    "ret",
    //
    ".balign 8",
    ".Lgdt: .quad 0",
    ".quad 0x00cf9a000000ffff", // 0x08: code, 32-bit, to 4 GiB
    ".quad 0x00cf92000000ffff", // 0x10: data, to 4 GiB
    ".quad 0x00009a000000ffff", // 0x18: code, 16-bit, to 64 KiB
    ".quad 0x000092000000ffff", // 0x20: data, to 64 KiB
    ".Lgdt_pointer: .word 39",
    ".long .Lgdt",
    // The real mode's table of interrupts.
    ".Lreal_idt: .word 0x3ff",
    ".long 0",
    ".balign 4",
    ".Lregisters: .long 0",
    ".popsection",
    fields = const FIELDS,
    main = sym entered,
);

unsafe extern "C" {
    static bios_parameters: [u32; FIELDS];
    fn bios_call(number: u8, registers: *mut Registers);
    /// The second stage's program.
    safe fn stage2_main(drive: u8) -> !;
}

extern "C" fn entered(drive: u8) -> ! {
    stage2_main(drive)
}

/// Returns the numbers that the disk's writer put into the second stage.
///
/// # Errors
///
/// A message if it put none there.
pub fn parameters() -> Result<Parameters, Message> {
    // SAFETY: the table above. Its bytes are not what was compiled, so they are not to be assumed.
    let fields = unsafe { (&raw const bios_parameters).read_volatile() };
    Parameters::new(fields).ok_or("the disk was not finished: make it by `fathom image new`")
}

/// Registers before a call, and then after it.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Registers {
    /// Function, in `ah` or `eax`.
    pub eax: u32,
    /// First parameter, by custom.
    pub ebx: u32,
    /// Count, by custom.
    pub ecx: u32,
    /// Drive, in `dl`.
    pub edx: u32,
    /// Offset of what is read, in segment 0.
    pub esi: u32,
    /// Offset of what is written, in segment 0.
    pub edi: u32,
    /// After the call only.
    pub flags: u32,
}

impl Registers {
    /// Returns true if the call says by the carry flag that it failed.
    #[must_use]
    pub const fn carry(&self) -> bool {
        self.flags & 1 != 0
    }

    /// Calls the BIOS by interrupt `number`.
    ///
    /// # Safety
    ///
    /// The call writes to no memory that anybody else uses.
    pub unsafe fn call(&mut self, number: u8) {
        // SAFETY: the caller's contract; the registers are on the stack, below 64 KiB.
        unsafe { bios_call(number, self) }
    }
}

/// Returns the offset in segment 0 of something on the stack or among the variables.
pub fn offset<T>(of: *const T) -> u32 {
    of.expose_provenance() as u32
}
