//! The firmware's knowledge of the machine and of the program's start.

use core::ffi::c_void;

use handover::memory_map::{Kind, MemoryMap};
use handover::start_info::{MAX_CONFIG_LEN, Table};
use handover::text::{CommandLine, trimmed};
use uefi::boot::{self, MemoryDescriptor, MemoryType, PAGE_SIZE};
use uefi::proto::loaded_image::LoadedImage;
use uefi::proto::media::file::{File, FileAttribute, FileMode};
use uefi::table::cfg::ConfigTableEntry;
use uefi::{Status, cstr16, system};

use crate::LoadError;

/// Lengths of the SMBIOS entry points (DMTF DSP0134, 5.2.1 and 5.2.2), in bytes.
const SMBIOS3_LEN: u64 = 0x18;
const SMBIOS_LEN: u64 = 0x1f;

/// Knowledge that the unikernel gets.
#[derive(Debug)]
pub struct Machine {
    /// The program's load options.
    pub command_line: CommandLine,
    /// Address of the ACPI root pointer, or 0.
    pub rsdp: u64,
    /// The SMBIOS entry point.
    pub smbios: Option<Table>,
    config: Option<([u8; MAX_CONFIG_LEN], usize)>,
}

impl Machine {
    /// Asks the firmware.
    ///
    /// # Errors
    ///
    /// [`LoadError::Config`] if there is a configuration file that is too long or can't be read.
    pub fn read() -> Result<Self, LoadError> {
        let (rsdp, smbios) = system::with_config_table(tables);
        Ok(Self {
            command_line: command_line(),
            rsdp,
            smbios,
            config: read_config()?,
        })
    }

    /// The text of the configuration file.
    #[must_use]
    pub fn config(&self) -> Option<&[u8]> {
        let (bytes, len) = self.config.as_ref()?;
        Some(trimmed(bytes.get(..*len).unwrap_or_default()))
    }
}

fn command_line() -> CommandLine {
    // The protocol is open while the text is read, and then closed.
    let image = boot::open_protocol_exclusive::<LoadedImage>(boot::image_handle());
    let options = image
        .as_ref()
        .ok()
        .and_then(|image| image.load_options_as_bytes());
    options.map_or(CommandLine::EMPTY, CommandLine::of_load_options)
}

/// Finds the tables of ACPI and SMBIOS, the newer of two versions first (UEFI 2.10, 4.6).
fn tables(entries: &[ConfigTableEntry]) -> (u64, Option<Table>) {
    let address = |guid| {
        let mut all = entries.iter();
        all.find(|entry| entry.guid == guid)
            .map(|entry| entry.address.cast::<c_void>().addr() as u64)
    };
    let rsdp =
        address(ConfigTableEntry::ACPI2_GUID).or_else(|| address(ConfigTableEntry::ACPI_GUID));
    let table = |guid, len| address(guid).map(|address| Table { address, len });
    let smbios = table(ConfigTableEntry::SMBIOS3_GUID, SMBIOS3_LEN)
        .or_else(|| table(ConfigTableEntry::SMBIOS_GUID, SMBIOS_LEN));
    (rsdp.unwrap_or(0), smbios)
}

/// Reads `\FATHOM.CFG` from the volume that the program came from; `None` if there is no such volume (started over
/// the network) or no such file.
fn read_config() -> Result<Option<([u8; MAX_CONFIG_LEN], usize)>, LoadError> {
    const UNREADABLE: LoadError = LoadError::Config("FATHOM.CFG can't be read");
    let Ok(mut volume) = boot::get_image_file_system(boot::image_handle()) else {
        return Ok(None);
    };
    let mut root = volume.open_volume().map_err(|_| UNREADABLE)?;
    let file = root.open(
        cstr16!("FATHOM.CFG"),
        FileMode::Read,
        FileAttribute::empty(),
    );
    let file = match file {
        Ok(file) => file,
        Err(error) if error.status() == Status::NOT_FOUND => return Ok(None),
        Err(_) => return Err(UNREADABLE),
    };
    let mut file = file.into_regular_file().ok_or(UNREADABLE)?;
    let mut bytes = [0; MAX_CONFIG_LEN];
    let len = file.read(&mut bytes).map_err(|_| UNREADABLE)?;
    if len == MAX_CONFIG_LEN && file.read(&mut [0]).map_err(|_| UNREADABLE)? != 0 {
        return Err(LoadError::Config("FATHOM.CFG is longer than 4096 bytes"));
    }
    Ok(Some((bytes, len)))
}

/// Makes a memory map of the firmware's (UEFI 2.10, 7.2.3).
pub fn memory_map<'a>(
    descriptors: impl Iterator<Item = &'a MemoryDescriptor>,
    kind: fn(MemoryType) -> Kind,
) -> MemoryMap {
    let mut map = MemoryMap::EMPTY;
    for descriptor in descriptors {
        let start = descriptor.phys_start;
        let len = descriptor.page_count.saturating_mul(PAGE_SIZE as u64);
        map.add(start..start.saturating_add(len), kind(descriptor.ty));
    }
    map
}

/// Returns the use that may be made of memory when the boot services have ended.
#[must_use]
pub fn kind_after_exit(of: MemoryType) -> Kind {
    match of {
        MemoryType::CONVENTIONAL
        | MemoryType::LOADER_CODE
        | MemoryType::LOADER_DATA
        | MemoryType::BOOT_SERVICES_CODE
        | MemoryType::BOOT_SERVICES_DATA => Kind::Ram,
        MemoryType::ACPI_RECLAIM => Kind::Acpi,
        MemoryType::ACPI_NON_VOLATILE => Kind::Nvs,
        MemoryType::UNUSABLE => Kind::Unusable,
        _ => Kind::Reserved,
    }
}

/// Returns the use that may be made of memory while the boot services run: only what is nobody's counts as memory.
#[must_use]
pub fn kind_before_exit(of: MemoryType) -> Kind {
    match of {
        MemoryType::CONVENTIONAL => Kind::Ram,
        _ => Kind::Reserved,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn descriptor(ty: MemoryType, phys_start: u64, page_count: u64) -> MemoryDescriptor {
        MemoryDescriptor {
            ty,
            phys_start,
            page_count,
            ..MemoryDescriptor::default()
        }
    }

    #[test]
    fn the_firmwares_own_memory_is_free_after_its_exit_only() {
        let descriptors = [
            descriptor(MemoryType::BOOT_SERVICES_CODE, 0, 1),
            descriptor(MemoryType::CONVENTIONAL, 0x1000, 0x9f),
            descriptor(MemoryType::CONVENTIONAL, 0x10_0000, 0x700),
            descriptor(MemoryType::ACPI_NON_VOLATILE, 0x80_0000, 8),
            descriptor(MemoryType::BOOT_SERVICES_DATA, 0x80_8000, 8),
            descriptor(MemoryType::RUNTIME_SERVICES_DATA, 0x81_0000, 0x10),
            descriptor(MemoryType::RESERVED, u64::MAX - 0xfff, 0x10),
        ];
        let after = memory_map(descriptors.iter(), kind_after_exit);
        assert!(after.is_ram(&(0..0xa_0000)));
        assert!(after.is_ram(&(0x80_8000..0x81_0000)));
        assert!(!after.is_ram(&(0x80_0000..0x80_1000)));
        assert!(!after.is_ram(&(0x81_0000..0x81_1000)));
        let before = memory_map(descriptors.iter(), kind_before_exit);
        assert!(!before.is_ram(&(0..0x1000)));
        assert!(!before.is_ram(&(0x80_8000..0x80_9000)));
        assert!(before.is_ram(&(0x10_0000..0x80_0000)));
    }

    #[test]
    fn the_newer_version_of_a_table_is_taken() {
        let entry = |guid, address: usize| ConfigTableEntry {
            guid,
            address: core::ptr::without_provenance(address),
        };
        let old = [
            entry(ConfigTableEntry::ACPI_GUID, 1),
            entry(ConfigTableEntry::SMBIOS_GUID, 2),
        ];
        let (rsdp, smbios) = tables(&old);
        assert_eq!((rsdp, smbios.unwrap().address), (1, 2));
        let both = [
            entry(ConfigTableEntry::ACPI_GUID, 1),
            entry(ConfigTableEntry::SMBIOS_GUID, 2),
            entry(ConfigTableEntry::SMBIOS3_GUID, 3),
            entry(ConfigTableEntry::ACPI2_GUID, 4),
        ];
        let (rsdp, smbios) = tables(&both);
        assert_eq!((rsdp, smbios.unwrap().address), (4, 3));
        assert_eq!(tables(&[]), (0, None));
    }
}
