//! The PVH start info (Xen x86/HVM direct boot ABI, `hvm_start_info` version 1) and what it points to.
//!
//! Written as bytes for a given address, so that it need not lie there while it is made: the UEFI program
//! knows its address long before it may write there. All addresses are below 4 GiB, for the entry point gets a
//! 32-bit register.
//!
//! Two modules carry what the ABI has no field for, each named by its command line: `fathom.cfg` is the text
//! of the configuration file; `smbios` is the SMBIOS entry point where the firmware left it.

use crate::memory_map::MemoryMap;

const MAGIC: u32 = 0x336e_c578;
const VERSION: u32 = 1;
const START_INFO_LEN: usize = 56;
const MODULE_LEN: usize = 32;
const MEMORY_MAP_ENTRY_LEN: usize = 24;

/// Name of the module that is the configuration file.
const CONFIG: &[u8] = b"fathom.cfg";

/// Name of the module that is the SMBIOS entry point.
const SMBIOS: &[u8] = b"smbios";

/// Longest configuration file that the unikernel takes, in bytes.
pub const MAX_CONFIG_LEN: usize = 4096;

/// Longest command line, in bytes.
pub const MAX_COMMAND_LINE_LEN: usize = 2048;

/// Bytes that a start info may take with all that it points to.
pub const MAX_LEN: usize = 0x3000;

/// Something in memory that the firmware made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    /// Physical address.
    pub address: u64,
    /// Length in bytes.
    pub len: u64,
}

/// A loader's knowledge of the machine.
#[derive(Clone, Copy, Debug)]
pub struct Handover<'a> {
    /// The memory.
    pub memory_map: &'a MemoryMap,
    /// The arguments that came with the boot itself; may be empty.
    pub command_line: &'a [u8],
    /// The text of the configuration file, if there is one.
    pub config: Option<&'a [u8]>,
    /// Address of the ACPI root pointer; 0 if it is not known.
    pub rsdp: u64,
    /// The SMBIOS entry point, if the firmware says where it is.
    pub smbios: Option<Table>,
}

impl Handover<'_> {
    /// Writes the start info to the beginning of `buffer`, as it is to be at the physical address `base`.
    /// Returns how many bytes were written; `None` if the buffer is too small.
    #[must_use]
    pub fn write(&self, buffer: &mut [u8], base: u32) -> Option<usize> {
        let mut out = Writer {
            buffer,
            base,
            len: START_INFO_LEN,
        };
        let command_line = out.text(self.command_line)?;
        let mut modules = [[0u64; 4]; 2];
        let mut module_count = 0;
        if let Some(config) = self.config {
            let address = out.text(config)?;
            modules[module_count] = [address, config.len() as u64, out.text(CONFIG)?, 0];
            module_count += 1;
        }
        if let Some(table) = self.smbios {
            modules[module_count] = [table.address, table.len, out.text(SMBIOS)?, 0];
            module_count += 1;
        }
        let module_list = out.align()?;
        for fields in modules.get(..module_count)? {
            let module = out.reserve(MODULE_LEN)?;
            for (field, bytes) in fields.iter().zip(module.chunks_exact_mut(8)) {
                bytes.copy_from_slice(&field.to_le_bytes());
            }
        }
        let memory_map = out.align()?;
        for range in self.memory_map.entries() {
            let entry = out.reserve(MEMORY_MAP_ENTRY_LEN)?;
            entry[..8].copy_from_slice(&range.start.to_le_bytes());
            entry[8..16].copy_from_slice(&(range.end - range.start).to_le_bytes());
            entry[16..20].copy_from_slice(&(range.kind as u32).to_le_bytes());
            entry[20..].fill(0);
        }
        let len = out.len;
        let start_info = buffer.get_mut(..START_INFO_LEN)?;
        start_info.fill(0);
        let mut word = |at: usize, value: u32| {
            start_info[at..at + 4].copy_from_slice(&value.to_le_bytes());
        };
        word(0, MAGIC);
        word(4, VERSION);
        word(12, module_count as u32);
        word(48, self.memory_map.entries().len() as u32);
        let mut address = |at: usize, value: u64| {
            start_info[at..at + 8].copy_from_slice(&value.to_le_bytes());
        };
        address(16, if module_count == 0 { 0 } else { module_list });
        address(24, command_line);
        address(32, self.rsdp);
        address(40, memory_map);
        Some(len)
    }
}

/// Appends to a buffer that is to lie at an address.
struct Writer<'a> {
    buffer: &'a mut [u8],
    base: u32,
    len: usize,
}

impl Writer<'_> {
    /// Returns the next `len` bytes, to be filled.
    fn reserve(&mut self, len: usize) -> Option<&mut [u8]> {
        let start = self.len;
        let end = start.checked_add(len)?;
        let reserved = self.buffer.get_mut(start..end)?;
        self.len = end;
        Some(reserved)
    }

    fn address(&self) -> Option<u64> {
        u64::from(self.base).checked_add(self.len as u64)
    }

    /// Appends `text` with a zero behind it; returns its address.
    fn text(&mut self, text: &[u8]) -> Option<u64> {
        let address = self.address()?;
        let (last, rest) = self.reserve(text.len().checked_add(1)?)?.split_last_mut()?;
        rest.copy_from_slice(text);
        *last = 0;
        Some(address)
    }

    /// Goes on at the next multiple of eight; returns its address. The base is one itself.
    fn align(&mut self) -> Option<u64> {
        let padding = self.len.checked_next_multiple_of(8)? - self.len;
        self.reserve(padding)?.fill(0);
        self.address()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory_map::{Kind, MAX_RANGES};

    const BASE: u32 = 0x1234_5000;

    fn word(bytes: &[u8], at: usize) -> u32 {
        u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
    }

    fn address(bytes: &[u8], at: usize) -> u64 {
        u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
    }

    /// The bytes from what the address at `at` points to.
    fn pointed(bytes: &[u8], at: usize) -> &[u8] {
        &bytes[(address(bytes, at) - u64::from(BASE)) as usize..]
    }

    fn memory_map() -> MemoryMap {
        let mut map = MemoryMap::EMPTY;
        map.add(0..0x9_fc00, Kind::Ram);
        map.add(0x10_0000..0x200_0000, Kind::Ram);
        map.add(0xf_0000..0x10_0000, Kind::Reserved);
        map
    }

    #[test]
    fn everything_is_where_the_start_info_says() {
        let mut bytes = [0xaa; MAX_LEN];
        let written = Handover {
            memory_map: &memory_map(),
            command_line: b"ip=10.0.2.15/24",
            config: Some(b"gw=10.0.2.2\n"),
            rsdp: 0x7fb7_e014,
            smbios: Some(Table {
                address: 0x7f92_c000,
                len: 24,
            }),
        }
        .write(&mut bytes, BASE)
        .unwrap();
        assert!(bytes[written..].iter().all(|&byte| byte == 0xaa));
        assert_eq!((word(&bytes, 0), word(&bytes, 4)), (0x336e_c578, 1));
        assert_eq!(word(&bytes, 8), 0, "flags");
        assert!(pointed(&bytes, 24).starts_with(b"ip=10.0.2.15/24\0"));
        assert_eq!(address(&bytes, 32), 0x7fb7_e014);
        assert_eq!(word(&bytes, 48), 3);
        let map = pointed(&bytes, 40);
        assert_eq!((address(map, 0), address(map, 8)), (0, 0x9_fc00));
        assert_eq!((word(map, 16), word(map, 20)), (1, 0));
        assert_eq!((address(map, 24), address(map, 32)), (0xf_0000, 0x1_0000));
        assert_eq!(word(map, 40), 2);
        assert_eq!(word(&bytes, 12), 2);
        let modules = pointed(&bytes, 16);
        assert_eq!(address(modules, 8), 12);
        let list = (address(&bytes, 16) - u64::from(BASE)) as usize;
        assert!(pointed(&bytes, list).starts_with(b"gw=10.0.2.2\n"));
        assert!(pointed(&bytes, list + 16).starts_with(b"fathom.cfg\0"));
        assert_eq!(
            (address(modules, 32), address(modules, 40)),
            (0x7f92_c000, 24)
        );
        assert!(pointed(&bytes, list + 48).starts_with(b"smbios\0"));
    }

    #[test]
    fn without_modules_there_is_no_list() {
        let mut bytes = [0xaa; MAX_LEN];
        let nothing = Handover {
            memory_map: &memory_map(),
            command_line: b"",
            config: None,
            rsdp: 0,
            smbios: None,
        };
        let len = nothing.write(&mut bytes, BASE).unwrap();
        assert_eq!((word(&bytes, 12), address(&bytes, 16)), (0, 0));
        assert_eq!(pointed(&bytes, 24)[0], 0);
        for short in 0..len {
            assert_eq!(nothing.write(&mut bytes[..short], BASE), None);
        }
    }

    #[test]
    fn the_largest_fits_into_the_room_for_it() {
        let mut map = MemoryMap::EMPTY;
        for index in 0..MAX_RANGES as u64 {
            map.add(index * 0x2000..index * 0x2000 + 0x1000, Kind::Ram);
        }
        let largest = Handover {
            memory_map: &map,
            command_line: &[b'c'; MAX_COMMAND_LINE_LEN],
            config: Some(&[b'f'; MAX_CONFIG_LEN]),
            rsdp: 1,
            smbios: Some(Table { address: 1, len: 1 }),
        };
        assert!(largest.write(&mut [0; MAX_LEN], BASE).is_some());
    }
}
