//! The page tables that the image boots with, and then the kernel: an identity mapping.
//!
//! Memory is in 2 MiB pages, because Hermit's own identity mapping accepts those and no larger ones; its first
//! 2 MiB are in 4 KiB pages, because Hermit remaps single pages there when it looks for the MP tables. Format:
//! Intel SDM volume 3, 4.5. What is above [`KEPT`] is mapped for the boot code alone, which reads firmware's
//! tables there. The assembly of the entry code fills them in, everything writable and executable; when the boot code
//! has read what it needs, [`protect`] takes from each page what nobody has a use for.
//!
//! Unsafe here: changing page tables in use.

use core::ops::Range;

use x86_64::registers::control::{Cr0, Cr0Flags, Cr3};

/// First address that the entry code does not map.
pub const MAPPED: u64 = 4 << 30;

/// First address that is not mapped any more when the kernel starts.
const KEPT: u64 = 1 << 30;

/// Flags of an entry.
const PRESENT: u64 = 1;
const WRITABLE: u64 = 1 << 1;
const NO_EXECUTE: u64 = 1 << 63;

/// Sizes of pages, in bytes.
const SMALL: u64 = 4 << 10;
const LARGE: u64 = 2 << 20;

/// Positions of the tables in [`PageTables`].
const P3: usize = 1;
const P2: usize = 2;
const P1_LOW: usize = 6;
const P1_IMAGE: usize = 7;

/// P4, P3, four P2, P1 of the first 2 MiB and P1 of those with the image's text, one page each.
#[repr(C, align(4096))]
pub struct PageTables([[u64; 512]; 8]);

/// Written by the entry code and by this module, then owned by the kernel. Not in what is zeroed, for
/// they are in use then.
#[unsafe(link_section = ".bss.entry")]
pub static mut PAGE_TABLES: PageTables = PageTables([[0; 512]; 8]);

unsafe extern "C" {
    /// Bounds of the image's sections; the linker script sets them, and keeps each kind on pages of its own.
    static __text_start: u8;
    static __text_end: u8;
    static __rodata_start: u8;
    static __rodata_end: u8;
}

/// Maps what is between [`KEPT`] and [`MAPPED`] to itself, or nothing there, whatever was mapped before.
///
/// # Safety
///
/// Nothing else runs, nor will anything use an address there that does not lead where it leads then.
pub unsafe fn map_firmware(is_mapped: bool) {
    for gib in (KEPT >> 30) as usize..(MAPPED >> 30) as usize {
        let entry = if is_mapped {
            table(P2 + gib) | PRESENT | WRITABLE | NO_EXECUTE
        } else {
            0
        };
        // SAFETY: by the contract nobody else uses it.
        unsafe { entry_of(P3, gib).write_volatile(entry) };
    }
    forget_translations();
}

/// Leaves text executable and not writable, constants neither, and everything else writable and not executable, in what
/// is mapped below [`KEPT`]; has the processor heed that in ring 0 as well (CR0.WP); and maps nothing at page 0, so that
/// a null pointer is a page fault.
///
/// # Safety
///
/// Nothing else runs, nor will anything use page 0, write to text and constants, or execute anything but text.
pub unsafe fn protect() {
    let pages = |start: *const u8, end: *const u8| {
        let (start, end) = (start.addr() as u64, end.addr() as u64);
        start / SMALL..end.div_ceil(SMALL)
    };
    let text = pages(&raw const __text_start, &raw const __text_end);
    let constants = pages(&raw const __rodata_start, &raw const __rodata_end);
    // SAFETY: by the contract nobody else uses the tables, and what is written keeps every address that is used where it
    // leads. The text is executable all the while.
    unsafe {
        for index in 0..512 {
            let page = LARGE / SMALL + index as u64;
            entry_of(P1_IMAGE, index).write_volatile(page * SMALL | flags(page, &text, &constants));
            forbid_execution(entry_of(P1_LOW, index));
        }
        entry_of(P1_LOW, 0).write_volatile(0);
        entry_of(P2, 1).write_volatile(table(P1_IMAGE) | PRESENT | WRITABLE);
        for index in 2..512 {
            forbid_execution(entry_of(P2, index));
        }
        Cr0::write(Cr0::read() | Cr0Flags::WRITE_PROTECT);
    }
    forget_translations();
}

/// Returns the flags of a page of the image.
fn flags(page: u64, text: &Range<u64>, constants: &Range<u64>) -> u64 {
    if text.contains(&page) {
        PRESENT
    } else if constants.contains(&page) {
        PRESENT | NO_EXECUTE
    } else {
        PRESENT | WRITABLE | NO_EXECUTE
    }
}

/// Makes what an entry leads to not executable.
///
/// # Safety
///
/// It is an entry of the tables, which nobody else uses.
unsafe fn forbid_execution(entry: *mut u64) {
    // SAFETY: the caller's contract.
    unsafe { entry.write_volatile(entry.read_volatile() | NO_EXECUTE) };
}

/// Returns the address of a table: the image is identity-mapped.
fn table(index: usize) -> u64 {
    entry_of(index, 0).expose_provenance() as u64
}

/// Returns where an entry of a table is.
fn entry_of(table: usize, index: usize) -> *mut u64 {
    (&raw mut PAGE_TABLES)
        .cast::<u64>()
        .wrapping_add(table * 512 + index)
}

/// Has the processor forget what it has of the page tables.
fn forget_translations() {
    let (root, flags) = Cr3::read();
    // SAFETY: the same page tables.
    unsafe { Cr3::write(root, flags) };
}
