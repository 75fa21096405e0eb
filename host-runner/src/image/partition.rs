//! The partition table: GPT with a protective MBR (UEFI 2.10 §5), one EFI system partition.
//!
//! ```text
//! LBA 0         protective MBR, with the boot sector's code
//! LBA 1 to 33   GPT header and entries
//! LBA 34 to 63  the BIOS loader's second stage
//! LBA 64 …      EFI system partition
//! the last 33   the copy of the GPT's entries and header
//! ```

use std::collections::BTreeMap;
use std::io;

use gpt::disk::LogicalBlockSize;
use gpt::mbr::ProtectiveMBR;
use gpt::partition::Partition;
use gpt::{GptConfig, GptError, header, partition, partition_types};

use super::Disk;
use super::identity::Identity;

/// Length of a sector in bytes.
pub const SECTOR: usize = 512;

/// The first sector of the second stage: the first that the partition table leaves.
pub const SECOND_STAGE_LBA: u64 = 34;

/// The first sector of the partition.
pub const PARTITION_LBA: u64 = 64;

/// Number of sectors at the end that the copy of the partition table takes.
pub const BACKUP_SECTORS: u64 = 33;

/// Length of the code in the boot sector, in bytes: what is left before the partition table.
pub const BOOT_CODE: usize = 440;

/// Number and length of a partition table's entries as nearly everybody writes them.
const ENTRIES: (u32, u32) = (128, 128);

/// Place of an EFI system partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// First sector.
    pub first_lba: u64,
    /// Number of sectors.
    pub sectors: u64,
    /// The partition's name.
    pub name: String,
}

/// Writes the partition table of `disk`, whose partition ends with the last sector before `end_lba`, and the boot sector with `code`.
///
/// # Errors
///
/// If `disk` is too small.
pub fn write(
    disk: &mut Disk,
    identity: &Identity,
    end_lba: u64,
    name: &str,
    code: [u8; BOOT_CODE],
) -> io::Result<()> {
    let sectors = disk.len() / SECTOR as u64;
    let mut boot_sector =
        ProtectiveMBR::with_lb_size(u32::try_from(sectors - 1).unwrap_or(u32::MAX));
    boot_sector.set_bootcode(code);
    boot_sector.overwrite_lba0(disk).map_err(io::Error::other)?;
    let config = GptConfig::new().writable(true);
    let mut table = config
        .create_from_device(&mut *disk, Some(identity.disk))
        .map_err(from_gpt)?;
    let partition = Partition {
        part_type_guid: partition_types::EFI,
        part_guid: identity.partition,
        first_lba: PARTITION_LBA,
        last_lba: end_lba - 1,
        flags: 0,
        name: name.to_owned(),
    };
    table
        .update_partitions(BTreeMap::from([(1, partition)]))
        .map_err(from_gpt)?;
    table.write_inplace().map_err(from_gpt)
}

/// Finds the EFI system partition of `disk`.
///
/// # Errors
///
/// If `disk` has no valid partition table, or none with such a partition within the disk.
pub fn find(disk: &mut Disk) -> io::Result<Place> {
    let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what);
    let size = LogicalBlockSize::Lb512;
    let table = header::read_header_from_arbitrary_device(disk, size)
        .map_err(|_| invalid("it has no valid GPT partition table"))?;
    if table.num_parts > ENTRIES.0 || table.part_size != ENTRIES.1 {
        return Err(invalid(
            "its GPT partition table has entries of another kind",
        ));
    }
    let partitions = partition::file_read_partitions(disk, &table, size)
        .map_err(|_| invalid("its GPT partition table is damaged"))?;
    let sectors = disk.len() / SECTOR as u64;
    let found = partitions
        .into_values()
        .find(|partition| partition.part_type_guid == partition_types::EFI)
        .ok_or_else(|| invalid("it has no EFI system partition"))?;
    if found.first_lba > found.last_lba || found.last_lba >= sectors {
        return Err(invalid("its EFI system partition ends beyond the disk"));
    }
    Ok(Place {
        first_lba: found.first_lba,
        sectors: found.last_lba - found.first_lba + 1,
        name: found.name,
    })
}

fn from_gpt(error: GptError) -> io::Error {
    match error {
        GptError::Io(error) => error,
        other => io::Error::other(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(len: u64) -> Disk {
        let mut disk = Disk::new(len);
        let end = len / 512 - BACKUP_SECTORS;
        let code = std::array::from_fn(|index| index as u8);
        write(&mut disk, &Identity::of(b"elf"), end, "Name", code).unwrap();
        disk
    }

    #[test]
    fn partitions_are_found_and_reproducible() {
        let mut disk = written(1 << 20);
        assert_eq!(
            disk.bytes_at(0, 1 << 20).unwrap(),
            written(1 << 20).bytes_at(0, 1 << 20).unwrap()
        );
        let place = find(&mut disk).unwrap();
        assert_eq!((place.first_lba, place.sectors), (64, 2048 - 33 - 64));
        assert_eq!(place.name, "Name");
        let boot_sector = disk.bytes_at(0, SECTOR).unwrap();
        assert_eq!(boot_sector[439], 439_u16 as u8);
        // One record of type 0xee from LBA 1 to the end, and the signature.
        assert_eq!(boot_sector[450], 0xee);
        assert_eq!(boot_sector[454..462], [1, 0, 0, 0, 0xff, 7, 0, 0]);
        assert_eq!(boot_sector[510..], [0x55, 0xaa]);
    }

    #[test]
    fn the_copy_at_the_end_stands_for_itself() {
        let mut disk = written(1 << 30);
        let header = disk.bytes_at((1 << 30) - 512, 512).unwrap();
        disk.write_at(512, &[0; 512]).unwrap();
        assert_eq!(&header[..8], b"EFI PART");
        let table = GptConfig::new().open_from_device(disk).unwrap();
        assert_eq!(table.partitions().len(), 1);
    }

    #[test]
    fn a_damaged_table_is_refused() {
        for offset in [512, 512 + 72, 1024, 1024 + 40] {
            let mut disk = written(1 << 20);
            let byte = disk.bytes_at(offset, 1).unwrap()[0];
            disk.write_at(offset, &[!byte]).unwrap();
            assert!(find(&mut disk).is_err(), "{offset}");
        }
        assert!(find(&mut Disk::new(100)).is_err());
    }
}
