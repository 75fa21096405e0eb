//! The version, as an ELF note: `fathom image show` and `readelf -n` read it from a file that is not running.

use core::arch::global_asm;

global_asm!(
    // Name size, descriptor size, type (1, the only one of this owner's), name, descriptor.
    ".pushsection .note.Fathom, \"a\", @note",
    ".balign 4",
    ".long 7, 3f - 2f, 1",
    ".asciz \"Fathom\"",
    ".balign 4",
    concat!("2: .asciz \"", env!("CARGO_PKG_VERSION"), "\""),
    "3: .balign 4",
    ".popsection",
);
