//! The boot of a disk under a PC BIOS, in two stages.
//!
//! A BIOS knows no files. It reads the disk's first sector to 0x7c00, and jumps there in 16-bit real mode, which
//! reaches one MiB of memory. On our disk, which has a GUID partition table, this is where things lie:
//!
//! | sector | what |
//! |---|---|
//! | 0 | the first stage, 440 bytes, and a protective partition table |
//! | 1 to 33 | the GUID partition table |
//! | 34 to 63 | the second stage, at most 15 KiB |
//! | from 64 | the EFI system partition: FAT12, with `EFI/BOOT/BOOTX64.EFI` and `FATHOM.CFG` |
//!
//! The **first stage** (`bin/mbr`) reads the second. The **second stage** (`bin/stage2`) goes to 32-bit protected mode,
//! reads the unikernel's ELF out of `BOOTX64.EFI`, so that there is one copy for both firmwares, and `FATHOM.CFG`,
//! and enters the unikernel as PVH demands. It returns to real mode for each call of the BIOS ([`call`]): BIOSes
//! are 16-bit programs.
//!
//! The disk's writer knows where the ELF lies, for no file system is needed to find what never moves, and writes it
//! into the second stage ([`parameters`]). The configuration is found by its name ([`fat`]): a tool that edits it may
//! put it elsewhere.
//!
//! Memory, all of it below the 640 KiB that any PC has:
//!
//! | address | what |
//! |---|---|
//! | up to 0x7c00 | the stack of both stages, and of the BIOS's calls |
//! | 0x7c00 | the first stage |
//! | 0x8000 to 0xffff | the second stage and its variables |
//! | 0x10000 to 0x17fff | sectors as they are read, 32 KiB at a time |
//! | 0x20000 to 0x22fff | the PVH start info and what it points to |
//!
//! [`fat`], [`parameters`], [`e820`] and [`acpi`] need no hardware and are tested on the host. Unsafe: [`call`], and
//! what uses it.

#![cfg_attr(not(test), no_std)]

pub mod acpi;
pub mod e820;
pub mod fat;
pub mod parameters;

#[cfg(target_arch = "x86")]
pub mod call;
#[cfg(target_arch = "x86")]
pub mod console;
#[cfg(target_arch = "x86")]
pub mod disk;
#[cfg(target_arch = "x86")]
pub mod machine;
#[cfg(target_arch = "x86")]
mod panic;

/// Length of a disk's sector, in bytes.
pub const SECTOR_LEN: usize = 512;

/// Reason that the unikernel can't be started, for the screen and the serial port.
pub type Message = &'static str;
