//! Hand-over by a loader of Linux's 64-bit boot protocol: `boot_params`, the "zero page".
//!
//! Layout from Documentation/arch/x86/zero-page.rst. It knows no modules but the initial RAM disk, which is
//! the configuration file here. No unsafe code: all is read through [`Memory`].
#![forbid(unsafe_code)]

use core::num::NonZeroU64;

use crate::boot::firmware::{Firmware, FirmwareError, MAX_ENTRIES, MemoryMap, command_line};
use crate::boot::memory::{Fields, Memory};

/// Offsets in `boot_params`, and its length in bytes. Addresses are in two parts, the upper ones of which
/// (`ext_…`) are 0 in what older loaders fill in.
mod boot_params {
    pub const RSDP: usize = 0x70;
    pub const EXT_RAMDISK_IMAGE: usize = 0xc0;
    pub const EXT_RAMDISK_SIZE: usize = 0xc4;
    pub const EXT_COMMAND_LINE: usize = 0xc8;
    pub const E820_ENTRIES: usize = 0x1e8;
    pub const BOOT_FLAG: usize = 0x1fe;
    pub const HEADER: usize = 0x202;
    pub const RAMDISK_IMAGE: usize = 0x218;
    pub const RAMDISK_SIZE: usize = 0x21c;
    pub const COMMAND_LINE: usize = 0x228;
    pub const E820_TABLE: usize = 0x2d0;
    pub const LEN: usize = 4096;
}

/// `setup_header.boot_flag` and `setup_header.header`.
const BOOT_FLAG: u16 = 0xaa55;
const HEADER: u32 = u32::from_le_bytes(*b"HdrS");

/// Length of `boot_e820_entry`, in bytes.
const E820_ENTRY_LEN: usize = 20;

/// Reads the `boot_params` at `address`.
///
/// # Errors
///
/// [`FirmwareError`] if there are no `boot_params` of version 2.00 or later at `address`, or its memory map,
/// command line or initial RAM disk can't be read.
pub fn firmware(memory: &impl Memory, address: u64) -> Result<Firmware<'_>, FirmwareError> {
    let params = memory
        .bytes(address, boot_params::LEN)
        .filter(|params| {
            params.u16(boot_params::BOOT_FLAG) == Some(BOOT_FLAG)
                && params.u32(boot_params::HEADER) == Some(HEADER)
        })
        .ok_or(FirmwareError::BootParams)?;
    let u32 = |offset| params.u32(offset).unwrap_or(0);
    let in_parts = |low, high| u64::from(u32(low)) | u64::from(u32(high)) << 32;
    let entries = params[boot_params::E820_ENTRIES].into();
    let e820 = &params[boot_params::E820_TABLE..];
    let memory_map = Some(entries as usize * E820_ENTRY_LEN)
        .filter(|_| (1..=MAX_ENTRIES).contains(&entries))
        .and_then(|len| e820.get(..len))
        .ok_or(FirmwareError::MemoryMap(entries))?;
    let text = in_parts(boot_params::COMMAND_LINE, boot_params::EXT_COMMAND_LINE);
    let size = in_parts(boot_params::RAMDISK_SIZE, boot_params::EXT_RAMDISK_SIZE);
    let file = in_parts(boot_params::RAMDISK_IMAGE, boot_params::EXT_RAMDISK_IMAGE);
    let file = match usize::try_from(size) {
        Ok(0) => None,
        Ok(size) => Some(memory.bytes(file, size).ok_or(FirmwareError::Modules(1))?),
        Err(_) => return Err(FirmwareError::Modules(1)),
    };
    Ok(Firmware {
        memory_map: MemoryMap::new(memory_map, E820_ENTRY_LEN),
        command_line: command_line(memory, text)?,
        rsdp: params.u64(boot_params::RSDP).and_then(NonZeroU64::new),
        smbios: None,
        file,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boot::memory::fake::FakeMemory;

    const PARAMS: u64 = 0x7000;
    const TEXT: u64 = 0x2_0000;
    const FILE: u64 = 0x100_0000;

    /// As `linux-loader` and Firecracker fill it in.
    fn zero_page() -> Vec<u8> {
        let mut params = vec![0; boot_params::LEN];
        let mut put = |at: usize, bytes: &[u8]| params[at..at + bytes.len()].copy_from_slice(bytes);
        put(boot_params::BOOT_FLAG, &BOOT_FLAG.to_le_bytes());
        put(boot_params::HEADER, b"HdrS");
        put(boot_params::COMMAND_LINE, &(TEXT as u32).to_le_bytes());
        put(boot_params::RSDP, &0xe_0000_u64.to_le_bytes());
        put(boot_params::E820_ENTRIES, &[2]);
        for (index, (start, len)) in [(0, 0x9_fc00), (0x10_0000, 0x7f0_0000_u64)]
            .iter()
            .enumerate()
        {
            let at = boot_params::E820_TABLE + index * E820_ENTRY_LEN;
            put(at, &u64::to_le_bytes(*start));
            put(at + 8, &len.to_le_bytes());
            put(at + 16, &[1, 0, 0, 0]);
        }
        params
    }

    fn memory(params: &[u8]) -> FakeMemory {
        let mut memory = FakeMemory::default();
        let mut text = b"ip=172.16.0.2/30 pci=off".to_vec();
        text.resize(128, 0);
        memory
            .put(PARAMS, params)
            .put(TEXT, &text)
            .put(FILE, b"port=7");
        memory
    }

    #[test]
    fn reads_what_the_loader_left() {
        let memory = memory(&zero_page());
        let firmware = firmware(&memory, PARAMS).unwrap();
        assert_eq!(firmware.command_line, "ip=172.16.0.2/30 pci=off");
        assert_eq!(firmware.rsdp.unwrap().get(), 0xe_0000);
        assert_eq!(firmware.memory_map.end_of_ram(), 0x800_0000);
        assert_eq!(firmware.file, None);
    }

    #[test]
    fn the_initial_ram_disk_is_the_configuration_file() {
        let mut params = zero_page();
        params[boot_params::RAMDISK_IMAGE..][..4].copy_from_slice(&(FILE as u32).to_le_bytes());
        params[boot_params::RAMDISK_SIZE] = 6;
        let whole = memory(&params);
        assert_eq!(firmware(&whole, PARAMS).unwrap().file, Some(&b"port=7"[..]));
        for at in [
            boot_params::RAMDISK_SIZE + 1,
            boot_params::EXT_RAMDISK_SIZE,
            boot_params::EXT_RAMDISK_IMAGE,
        ] {
            let mut outside = params.clone();
            outside[at] = 1;
            let memory = memory(&outside);
            let error = firmware(&memory, PARAMS).unwrap_err();
            assert_eq!(error, FirmwareError::Modules(1));
        }
    }

    #[test]
    fn refuses_what_is_no_zero_page() {
        let error = |params: &[u8]| firmware(&memory(params), PARAMS).map(|_| ()).unwrap_err();
        for at in [boot_params::BOOT_FLAG, boot_params::HEADER] {
            let mut params = zero_page();
            params[at] ^= 1;
            assert_eq!(error(&params), FirmwareError::BootParams);
        }
        assert_eq!(error(&[0; 16]), FirmwareError::BootParams);
        for entries in [0, 129, 255] {
            let mut params = zero_page();
            params[boot_params::E820_ENTRIES] = entries;
            assert_eq!(error(&params), FirmwareError::MemoryMap(entries.into()));
        }
        let mut params = zero_page();
        params[boot_params::EXT_COMMAND_LINE] = 1;
        assert_eq!(error(&params), FirmwareError::CommandLineUnreadable);
    }
}
