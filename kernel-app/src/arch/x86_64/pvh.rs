//! Reads what a PVH loader hands over: memory map, command line, ACPI root pointer, modules.
//!
//! Layouts from the Xen x86/HVM direct boot ABI (`hvm_start_info`, version 1). The loaders of this project
//! end here as well, and tell the rest by modules, each of which is known by its command line:
//!
//! | command line | the module is |
//! |---|---|
//! | `fathom.cfg`, or none | the text of the configuration file: QEMU's `-initrd FILE` is one |
//! | `smbios` | the SMBIOS entry point, in place: its address is what counts |
//!
//! Others are left alone. No unsafe code: all is read through [`Memory`].
#![forbid(unsafe_code)]

use crate::boot::firmware::{Firmware, FirmwareError, MAX_ENTRIES, MemoryMap, command_line};
use crate::boot::memory::{Fields, Memory};

/// `hvm_start_info.magic`.
const MAGIC: u32 = 0x336e_c578;

/// Offsets in `hvm_start_info`, and its length in bytes.
mod start_info {
    pub const MAGIC: usize = 0;
    pub const VERSION: usize = 4;
    pub const MODULE_COUNT: usize = 12;
    pub const MODULES: usize = 16;
    pub const COMMAND_LINE: usize = 24;
    pub const RSDP: usize = 32;
    pub const MEMORY_MAP: usize = 40;
    pub const MEMORY_MAP_ENTRIES: usize = 48;
    pub const LEN: usize = 56;
}

/// Length of `hvm_memmap_table_entry`, in bytes.
const MEMORY_MAP_ENTRY_LEN: usize = 24;

/// Offsets in `hvm_modlist_entry`, and its length in bytes.
mod module {
    pub const ADDRESS: usize = 0;
    pub const SIZE: usize = 8;
    pub const COMMAND_LINE: usize = 16;
    pub const LEN: usize = 32;
}

/// More modules than any loader has.
const MAX_MODULES: u32 = 16;

/// Reads the start info at `address`.
///
/// # Errors
///
/// [`FirmwareError`] if there is no `hvm_start_info` of version 1 or later at `address`, or its memory map, command
/// line or modules can't be read.
pub fn firmware(memory: &impl Memory, address: u64) -> Result<Firmware<'_>, FirmwareError> {
    let info = memory
        .bytes(address, start_info::LEN)
        .filter(|info| info.u32(start_info::MAGIC) == Some(MAGIC))
        .ok_or(FirmwareError::Magic)?;
    let u32 = |offset| info.u32(offset).unwrap_or(0);
    let u64 = |offset| info.u64(offset).unwrap_or(0);
    let version = u32(start_info::VERSION);
    if version < 1 {
        return Err(FirmwareError::Version(version));
    }
    let entries = u32(start_info::MEMORY_MAP_ENTRIES);
    let len = entries as usize * MEMORY_MAP_ENTRY_LEN;
    let memory_map = Some(u64(start_info::MEMORY_MAP))
        .filter(|_| (1..=MAX_ENTRIES).contains(&entries))
        .and_then(|address| memory.bytes(address, len))
        .ok_or(FirmwareError::MemoryMap(entries))?;
    let mut firmware = Firmware {
        memory_map: MemoryMap::new(memory_map, MEMORY_MAP_ENTRY_LEN),
        command_line: command_line(memory, u64(start_info::COMMAND_LINE))?,
        rsdp: core::num::NonZeroU64::new(u64(start_info::RSDP)),
        smbios: None,
        file: None,
    };
    let count = u32(start_info::MODULE_COUNT);
    if count > 0 {
        let len = count as usize * module::LEN;
        let modules = Some(u64(start_info::MODULES))
            .filter(|_| count <= MAX_MODULES)
            .and_then(|address| memory.bytes(address, len))
            .ok_or(FirmwareError::Modules(count))?;
        for entry in modules.chunks_exact(module::LEN) {
            take_module(memory, entry, &mut firmware).ok_or(FirmwareError::Modules(count))?;
        }
    }
    Ok(firmware)
}

/// Enters what a module is into `firmware`; `None` if it can't be read.
fn take_module<'m, M: Memory>(
    memory: &'m M,
    entry: &[u8],
    firmware: &mut Firmware<'m>,
) -> Option<()> {
    let address = entry.u64(module::ADDRESS)?;
    let name = match entry.u64(module::COMMAND_LINE)? {
        0 => &[][..],
        address => memory.text(address)?,
    };
    match name {
        b"" | b"fathom.cfg" => {
            let size = usize::try_from(entry.u64(module::SIZE)?).ok()?;
            let file = if size == 0 {
                &[][..]
            } else {
                memory.bytes(address, size)?
            };
            // The first one counts.
            firmware.file.get_or_insert(file);
        }
        b"smbios" => firmware.smbios = Some(address),
        _ => {}
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boot::memory::fake::FakeMemory;

    const INFO: u64 = 0x1000;
    const MAP: u64 = 0x2000;
    const TEXT: u64 = 0x3000;
    const MODULES: u64 = 0x5000;
    const NAMES: u64 = 0x6000;
    const FILE: u64 = 0x1000_0000;

    fn page(bytes: &[u8]) -> Vec<u8> {
        let mut page = bytes.to_vec();
        page.resize(4096, 0);
        page
    }

    fn start_info(magic: u32, version: u32, entries: u32, modules: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        for word in [magic, version, 0, modules] {
            bytes.extend(word.to_le_bytes());
        }
        for address in [MODULES, TEXT, 0xf_5ad0, MAP] {
            bytes.extend(address.to_le_bytes());
        }
        bytes.extend(entries.to_le_bytes());
        bytes.extend([0; 4]);
        bytes
    }

    fn memory(info: &[u8]) -> FakeMemory {
        let mut map = Vec::new();
        for (start, size, kind) in [
            (0, 0x9_fc00, 1),
            (0x10_0000, 0x1f0_0000, 1),
            (0xf000_0000, 0x1000_0000, 2_u64),
        ] {
            for word in [start, size, kind] {
                map.extend(u64::to_le_bytes(word));
            }
        }
        let mut memory = FakeMemory::default();
        memory
            .put(INFO, info)
            .put(MAP, &map)
            .put(TEXT, &page(b"ip=10.0.2.15/24"));
        memory
    }

    fn error(info: &[u8]) -> FirmwareError {
        firmware(&memory(info), INFO).unwrap_err()
    }

    #[test]
    fn reads_what_the_loader_left() {
        let memory = memory(&start_info(MAGIC, 1, 3, 0));
        let firmware = firmware(&memory, INFO).unwrap();
        assert_eq!(firmware.command_line, "ip=10.0.2.15/24");
        assert_eq!(firmware.memory_map.end_of_ram(), 0x200_0000);
        assert_eq!(firmware.rsdp.unwrap().get(), 0xf_5ad0);
        assert_eq!((firmware.file, firmware.smbios), (None, None));
    }

    #[test]
    fn refuses_what_is_no_start_info() {
        assert_eq!(error(&start_info(1, 1, 3, 0)), FirmwareError::Magic);
        assert_eq!(
            error(&start_info(MAGIC, 0, 3, 0)),
            FirmwareError::Version(0)
        );
        for entries in [0, 4, 129, u32::MAX] {
            let info = start_info(MAGIC, 1, entries, 0);
            assert_eq!(error(&info), FirmwareError::MemoryMap(entries));
        }
        let nothing = FakeMemory::default();
        for address in [0, 1, u64::MAX] {
            assert_eq!(
                firmware(&nothing, address).unwrap_err(),
                FirmwareError::Magic
            );
        }
    }

    #[test]
    fn refuses_arguments_that_cannot_be_read() {
        let info = start_info(MAGIC, 1, 3, 0);
        let with = |text: &[u8]| {
            let mut memory = memory(&info);
            *memory.piece(TEXT) = text.to_vec();
            firmware(&memory, INFO).map(|_| ()).unwrap_err()
        };
        assert_eq!(with(&page(b"ip=\xff")), FirmwareError::CommandLineEncoding);
        assert_eq!(with(&[b'x'; 8192]), FirmwareError::CommandLineUnreadable);
        assert_eq!(with(b"no end"), FirmwareError::CommandLineUnreadable);
    }

    fn with_modules(modules: &[(u64, u64, u64)]) -> FakeMemory {
        let mut memory = memory(&start_info(MAGIC, 1, 3, modules.len() as u32));
        let mut entries = Vec::new();
        for (address, size, name) in modules {
            for word in [*address, *size, *name, 0] {
                entries.extend(word.to_le_bytes());
            }
        }
        memory.put(MODULES, &entries).put(FILE, b"port=7\n");
        for (index, name) in [&b"fathom.cfg"[..], b"smbios", b"initrd", b""]
            .iter()
            .enumerate()
        {
            memory.put(NAMES + 0x1000 * index as u64, &page(name));
        }
        memory
    }

    #[test]
    fn modules_are_known_by_their_command_line() {
        const NAMED: [u64; 4] = [NAMES, NAMES + 0x1000, NAMES + 0x2000, NAMES + 0x3000];
        let [config, smbios, other, empty] = NAMED;
        let file = &b"port=7\n"[..];
        for (modules, expected) in [
            (&[(FILE, 7, config)][..], (Some(file), None)),
            (&[(FILE, 7, 0)], (Some(file), None)),
            (&[(FILE, 7, empty)], (Some(file), None)),
            (&[(FILE, 6, config), (FILE, 7, 0)], (Some(&file[..6]), None)),
            (&[(0, 0, config)], (Some(&[]), None)),
            (&[(FILE, 7, other)], (None, None)),
            (
                &[(0x7f00, 0x18, smbios), (FILE, 7, config)],
                (Some(file), Some(0x7f00)),
            ),
        ] {
            let memory = with_modules(modules);
            let firmware = firmware(&memory, INFO).unwrap();
            assert_eq!((firmware.file, firmware.smbios), expected, "{modules:x?}");
        }
    }

    #[test]
    fn modules_outside_of_memory_are_refused() {
        for (module, count) in [
            ((FILE, 8, NAMES), 1),
            ((u64::MAX, 2, NAMES), 1),
            ((FILE, u64::MAX, NAMES), 1),
            ((FILE, 7, 0x9999_9999), 1),
            ((FILE, 7, NAMES), 17),
        ] {
            let memory = with_modules(&vec![module; count]);
            let error = firmware(&memory, INFO).unwrap_err();
            assert_eq!(error, FirmwareError::Modules(count as u32), "{module:x?}");
        }
    }
}
