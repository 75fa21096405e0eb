//! What a PVH firmware tells the image: memory map, command line, ACPI root pointer.
//!
//! Layouts from the Xen x86/HVM direct boot ABI (`hvm_start_info`, version 1).
//! Unsafe here: the structures are read where the firmware says they are.

use core::ffi::{CStr, c_char};
use core::fmt;

/// `hvm_start_info.magic`.
const MAGIC: u32 = 0x336e_c578;

/// `hvm_memmap_table_entry.type` of usable memory.
const TYPE_RAM: u32 = 1;

/// More entries than any firmware reports; a larger number is not believed.
const MAX_ENTRIES: u32 = 128;

/// `hvm_start_info`, version 1.
#[repr(C)]
struct StartInfo {
    magic: u32,
    version: u32,
    flags: u32,
    module_count: u32,
    modules_address: u64,
    command_line_address: u64,
    rsdp_address: u64,
    memory_map_address: u64,
    memory_map_entries: u32,
    reserved: u32,
}

/// `hvm_memmap_table_entry`: one range of physical memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct MemoryMapEntry {
    /// First byte.
    pub address: u64,
    /// Length in bytes.
    pub size: u64,
    kind: u32,
    reserved: u32,
}

impl MemoryMapEntry {
    /// Whether this is memory that the system may use.
    #[must_use]
    pub const fn is_ram(&self) -> bool {
        self.kind == TYPE_RAM
    }
}

/// What the firmware left for the image, borrowed from where it lies.
#[derive(Clone, Copy, Debug)]
pub struct Firmware {
    /// The physical memory map.
    pub memory_map: &'static [MemoryMapEntry],
    /// The kernel command line, without its terminating zero.
    pub command_line: &'static str,
    /// Physical address of the ACPI root pointer, if there is one.
    pub rsdp: Option<core::num::NonZeroU64>,
}

/// Why the start info can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartInfoError {
    /// Null, or not the magic number.
    Magic,
    /// Version 0 has no memory map.
    Version(u32),
    /// No memory map, or an absurdly long one.
    MemoryMap(u32),
    /// The command line is not UTF-8.
    CommandLine,
}

impl fmt::Display for StartInfoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Magic => f.write_str("not booted by PVH: ebx points to no hvm_start_info"),
            Self::Version(version) => {
                write!(f, "PVH start info version {version} has no memory map")
            }
            Self::MemoryMap(entries) => write!(f, "PVH memory map of {entries} entries"),
            Self::CommandLine => f.write_str("the boot arguments are not UTF-8"),
        }
    }
}

impl Firmware {
    /// Reads the start info at `address`.
    ///
    /// # Errors
    ///
    /// [`StartInfoError`] if it is not one that this image can use.
    ///
    /// # Safety
    ///
    /// `address` is zero or points to readable memory that, if it holds the magic number, is an
    /// `hvm_start_info` whose pointers are valid, and all of it stays unchanged for ever.
    pub unsafe fn from_start_info(address: u64) -> Result<Self, StartInfoError> {
        // SAFETY: the caller's contract; the ABI aligns the structure, and any bits are valid.
        let info = unsafe { pointer::<StartInfo>(address).as_ref() }
            .filter(|info| info.magic == MAGIC)
            .ok_or(StartInfoError::Magic)?;
        if info.version < 1 {
            return Err(StartInfoError::Version(info.version));
        }
        if info.memory_map_address == 0 || !(1..=MAX_ENTRIES).contains(&info.memory_map_entries) {
            return Err(StartInfoError::MemoryMap(info.memory_map_entries));
        }
        // SAFETY: the caller's contract.
        let memory_map = unsafe {
            core::slice::from_raw_parts(
                pointer::<MemoryMapEntry>(info.memory_map_address),
                info.memory_map_entries as usize,
            )
        };
        let command_line = if info.command_line_address == 0 {
            ""
        } else {
            // SAFETY: the caller's contract: a NUL-terminated string.
            unsafe { CStr::from_ptr(pointer::<c_char>(info.command_line_address)) }
                .to_str()
                .map_err(|_| StartInfoError::CommandLine)?
        };
        Ok(Self {
            memory_map,
            command_line,
            rsdp: core::num::NonZeroU64::new(info.rsdp_address),
        })
    }

    /// The first address after the highest usable memory.
    #[must_use]
    pub fn end_of_ram(&self) -> u64 {
        let ends = self.memory_map.iter().filter(|entry| entry.is_ram());
        ends.map(|entry| entry.address.saturating_add(entry.size))
            .max()
            .unwrap_or(0)
    }
}

/// Physical addresses are virtual addresses while the image boots.
fn pointer<T>(address: u64) -> *const T {
    core::ptr::with_exposed_provenance(address as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address<T>(value: &T) -> u64 {
        core::ptr::from_ref(value).expose_provenance() as u64
    }

    fn leak_start_info(magic: u32, version: u32, entries: u32) -> u64 {
        let ram = |address, size| MemoryMapEntry {
            address,
            size,
            kind: TYPE_RAM,
            reserved: 0,
        };
        let reserved = MemoryMapEntry {
            kind: 2,
            ..ram(0xf000_0000, 0x1000_0000)
        };
        let map = Box::leak(Box::new([
            ram(0, 0x9_fc00),
            ram(0x10_0000, 0x1f0_0000),
            reserved,
        ]));
        let command_line: &'static CStr = c"ip=10.0.2.15/24";
        address(Box::leak(Box::new(StartInfo {
            magic,
            version,
            flags: 0,
            module_count: 0,
            modules_address: 0,
            command_line_address: command_line.as_ptr().expose_provenance() as u64,
            rsdp_address: 0xf_5ad0,
            memory_map_address: address(map),
            memory_map_entries: entries,
            reserved: 0,
        })))
    }

    fn read(address: u64) -> Result<Firmware, StartInfoError> {
        // SAFETY: zero, or leaked by `leak_start_info`.
        unsafe { Firmware::from_start_info(address) }
    }

    #[test]
    fn reads_what_the_firmware_left() {
        let firmware = read(leak_start_info(MAGIC, 1, 3)).unwrap();
        assert_eq!(firmware.command_line, "ip=10.0.2.15/24");
        assert_eq!(firmware.memory_map.len(), 3);
        assert_eq!(firmware.end_of_ram(), 0x200_0000);
        assert_eq!(firmware.rsdp.unwrap().get(), 0xf_5ad0);
    }

    #[test]
    fn refuses_what_is_no_start_info() {
        assert_eq!(read(0).unwrap_err(), StartInfoError::Magic);
        assert_eq!(
            read(leak_start_info(1, 1, 3)).unwrap_err(),
            StartInfoError::Magic
        );
        assert_eq!(
            read(leak_start_info(MAGIC, 0, 3)).unwrap_err(),
            StartInfoError::Version(0)
        );
        let no_map = read(leak_start_info(MAGIC, 1, 0));
        assert_eq!(no_map.unwrap_err(), StartInfoError::MemoryMap(0));
        let long_map = read(leak_start_info(MAGIC, 1, 129));
        assert_eq!(long_map.unwrap_err(), StartInfoError::MemoryMap(129));
    }
}
