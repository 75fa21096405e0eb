//! The UEFI program `fathom.efi`: it holds the unikernel, and does for it what `qemu -kernel` does.
//!
//! Firmware that boots a disk reads `\EFI\BOOT\BOOTX64.EFI` from its EFI system partition into memory and calls
//! it, in 64-bit mode with paging on, as a function of the firmware's. The program
//!
//! 1. prints one line on the firmware's console, because the unikernel itself speaks on the serial port only;
//! 2. collects what the unikernel is to know ([`machine`]): the command line, `\FATHOM.CFG` from the volume that
//!    it was read from, and where the tables of ACPI and SMBIOS are;
//! 3. takes memory for a copy of the ELF, the PVH start info and the last instructions ([`block`]), away from the
//!    addresses that the unikernel is linked to: until the firmware is gone that memory may be in use;
//! 4. checks that the unikernel's addresses are memory that is free once the firmware has gone;
//! 5. ends the firmware's boot services, which gives the machine to the program, with the final memory map;
//! 6. jumps to a copy of its last instructions ([`jump`]), which turn paging and 64-bit mode off, copy the ELF's
//!    segments to their addresses and enter the unikernel.
//!
//! Everything that may fail is done before step 5: until then an error is a line on the console, and the firmware
//! goes on with its next boot entry.
//!
//! Unsafe here: the firmware's exit, and memory as bytes by its address.

#![no_std]

pub mod block;
pub mod console;
pub mod jump;
pub mod machine;

use handover::elf::{ElfError, Layout};
use handover::start_info::Handover;
use uefi::Status;
use uefi::boot::{self, MemoryType};
use uefi::mem::memory_map::MemoryMap as _;

use block::Block;
use machine::Machine;

/// Reason that the unikernel can't be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadError {
    /// The ELF inside the program.
    Elf(ElfError),
    /// The firmware keeps the memory that the unikernel is linked to.
    AddressesTaken,
    /// No free memory below 1 GiB for the copy.
    NoMemory,
    /// The configuration file is too long, or can't be read.
    Config(&'static str),
    /// The firmware does not answer a question that it has to.
    Firmware(&'static str),
}

impl LoadError {
    const fn message(self) -> &'static str {
        match self {
            Self::Elf(error) => error.message(),
            Self::AddressesTaken => {
                "the firmware keeps memory that the unikernel is linked to, from 2 MiB; \
                 the machine needs other firmware, or the BIOS"
            }
            Self::NoMemory => "no 1 MiB of free memory below 1 GiB; give the machine more memory",
            Self::Config(message) | Self::Firmware(message) => message,
        }
    }
}

/// Starts the unikernel `elf`; returns only if that can't be done.
pub fn start(elf: &[u8]) -> Status {
    console::say("continues on serial port 1");
    let Err(error) = load(elf);
    console::say_fatal(error.message());
    Status::LOAD_ERROR
}

fn load(elf: &[u8]) -> Result<core::convert::Infallible, LoadError> {
    let file_len = u32::try_from(elf.len()).map_err(|_| LoadError::Elf(ElfError::Damaged))?;
    let layout = Layout::read(elf, file_len).map_err(LoadError::Elf)?;
    let machine = Machine::read()?;
    let firmwares_map = boot::memory_map(MemoryType::LOADER_DATA)
        .map_err(|_| LoadError::Firmware("the firmware does not tell its memory map"))?;
    let after_exit = machine::memory_map(firmwares_map.entries(), machine::kind_after_exit);
    if !after_exit.is_ram(&layout.memory()) {
        return Err(LoadError::AddressesTaken);
    }
    let free = machine::memory_map(firmwares_map.entries(), machine::kind_before_exit);
    drop(firmwares_map);
    let mut block = Block::allocate(&free, &layout, elf)?;

    console::close();
    // SAFETY: nothing of the boot services is in use: all protocols are closed, the map above is dropped, and
    // the block is never freed.
    let firmwares_map = unsafe { boot::exit_boot_services(Some(MemoryType::LOADER_DATA)) };
    let mut memory_map = machine::memory_map(firmwares_map.entries(), machine::kind_after_exit);
    // What the unikernel is told has to outlive its first allocations.
    memory_map.add(block.kept(), handover::memory_map::Kind::Reserved);
    let handover = Handover {
        memory_map: &memory_map,
        command_line: machine.command_line.as_bytes(),
        config: machine.config(),
        rsdp: machine.rsdp,
        smbios: machine.smbios,
    };
    block.hand_over(&handover, layout.entry)
}
