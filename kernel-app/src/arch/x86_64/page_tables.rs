//! The page tables that the image boots with, and then the kernel: an identity mapping.
//!
//! Memory is in 2 MiB pages, because Hermit's own identity mapping accepts those and no larger ones; its first
//! 2 MiB are in 4 KiB pages, because Hermit remaps single pages there when it looks for the MP tables. Format:
//! Intel SDM volume 3, 4.5. What is above [`KEPT`] is mapped for the boot code alone, which reads firmware's
//! tables there. The assembly of the entry code fills them in.
//!
//! Unsafe here: changing page tables in use.

/// First address that the entry code does not map.
pub const MAPPED: u64 = 4 << 30;

/// First address that is not mapped any more when the kernel starts.
const KEPT: u64 = 1 << 30;

/// P4, P3, four P2 and P1, one page each.
#[repr(C, align(4096))]
pub struct PageTables([[u64; 512]; 7]);

/// Written by the entry code and by [`map_firmware`], then owned by the kernel. Not in what is zeroed, for
/// they are in use then.
#[unsafe(link_section = ".bss.entry")]
pub static mut PAGE_TABLES: PageTables = PageTables([[0; 512]; 7]);

/// Maps what is between [`KEPT`] and [`MAPPED`] to itself, or nothing there, whatever was mapped before.
///
/// # Safety
///
/// Nothing else runs, nor will anything use an address there that does not lead where it leads then.
pub unsafe fn map_firmware(is_mapped: bool) {
    const PRESENT_WRITABLE: u64 = 3;
    let tables = (&raw mut PAGE_TABLES).cast::<[u64; 512]>();
    for gib in (KEPT >> 30) as usize..(MAPPED >> 30) as usize {
        // SAFETY: inside the array; by the contract nobody else uses it.
        unsafe {
            let table = tables.add(2 + gib).expose_provenance() as u64;
            let entry = if is_mapped {
                table | PRESENT_WRITABLE
            } else {
                0
            };
            (&raw mut (*tables.add(1))[gib]).write_volatile(entry);
        }
    }
    let (root, flags) = x86_64::registers::control::Cr3::read();
    // SAFETY: the same page tables; what it is for is that the processor forgets what it has of them.
    unsafe { x86_64::registers::control::Cr3::write(root, flags) };
}
