//! The part of a loader that needs no hardware: shared by the UEFI program and the BIOS boot code, and
//! tested on the host.
//!
//! - [`elf`]: which bytes of the unikernel's ELF file belong where in memory, and its PVH entry;
//! - [`memory_map`]: the firmware's memory map, sorted, merged and short enough for the unikernel;
//! - [`start_info`]: the PVH start info and everything it points to, as bytes for a given address;
//! - [`text`]: configuration and command line as they are found on a disk and in UEFI's load options.
//!
//! A loader's job ends where PVH begins (Xen x86/HVM direct boot ABI): the ELF's segments at their
//! addresses, the processor in 32-bit protected mode without paging, `ebx` the address of an
//! `hvm_start_info`. The unikernel then cannot tell a disk from `qemu -kernel`.
//!
//! Loaders of our own rather than GRUB: its core images for both firmwares (2.06, with what it takes to find, read and
//! start a file) are longer than the unikernel itself, change with each package of a distribution, and ask for a
//! kernel in another protocol. These here take some 32 KB, and cargo alone decides their bytes.
//!
//! No allocation, no formatting, no unsafe code: the BIOS boot code has 15 KiB for everything.

#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

pub mod elf;
pub mod memory_map;
pub mod start_info;
pub mod text;

/// Prefix of the line that says why the unikernel can't be started: as the unikernel's own does, which `fathom` and
/// others look for on the serial port.
pub const FATAL_PREFIX: &str = "FATHOM FATAL ";

/// Page size that allocations and reservations are rounded to, in bytes.
pub const PAGE_SIZE: u64 = 4096;

/// Returns the `N` bytes at `offset`; `None` outside of `bytes`.
fn array<const N: usize>(bytes: &[u8], offset: usize) -> Option<[u8; N]> {
    bytes.get(offset..offset.checked_add(N)?)?.try_into().ok()
}
