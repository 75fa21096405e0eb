//! The disk: what a machine boots from, under BIOS and UEFI.
//!
//! One EFI system partition, FAT12 with clusters of 4 KiB, holds `EFI/BOOT/BOOTX64.EFI`, which has the ELF
//! file in it, and `FATHOM.CFG`, the arguments. The BIOS loader reads the same two from there: it is told
//! where they are by a patch area in its second stage.

use std::io::{self, Write as _};

use fatfs::{
    Date, DateTime, FatType, FileSystem, FormatVolumeOptions, FsOptions, Time, TimeProvider,
};

use super::fat::Volume;
use super::identity::Identity;
use super::partition::{
    self, BACKUP_SECTORS, BOOT_CODE, PARTITION_LBA, Place, SECOND_STAGE_LBA, SECTOR,
};
use super::{BOOT_FILE, CONFIG_FILE, Disk, VERSION};

/// Length of a cluster in bytes: the longest configuration file.
pub const CLUSTER: usize = 4096;

/// Disks are made in steps of this many bytes, as clouds and virtual machine monitors want them.
pub const STEP: u64 = 1 << 20;

/// Number of entries of the root directory: five sectors, which puts the first cluster at a multiple of
/// 4 KiB.
const ROOT_ENTRIES: u16 = 80;

/// Name of the volume.
const LABEL: [u8; 11] = *b"FATHOM     ";

/// Marks the patch area in the second stage of the BIOS loader.
pub const PATCH_MAGIC: [u8; 8] = *b"FTHMBOOT";

/// Number of little-endian 32-bit fields in the patch area.
const PATCH_FIELDS: usize = 7;

/// Offset of the number of hidden sectors in a FAT volume's first sector: those before the volume.
const HIDDEN_SECTORS: u64 = 28;

/// The parts that a disk is made of.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// `fathom.elf`
    pub elf: &'a [u8],
    /// `fathom.efi`, which holds the same.
    pub efi: &'a [u8],
    /// Code of the boot sector.
    pub boot_sector: &'a [u8],
    /// Second stage of the BIOS loader.
    pub second_stage: &'a [u8],
    /// Content of `FATHOM.CFG`.
    pub config: &'a [u8],
}

/// Reason why no disk can be made of some parts.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// The EFI program was built with another ELF file.
    #[error(
        "the EFI program does not hold this ELF file at a multiple of 512 bytes: build both of the same \
         sources with `make image`"
    )]
    OtherElf,
    /// The boot sector's code is too long.
    #[error("the boot sector's code has {0} bytes; there is room for {BOOT_CODE}")]
    BootSector(usize),
    /// The second stage is too long, or has no patch area.
    #[error(
        "the BIOS loader's second stage is none: it has to hold FTHMBOOT once, and at most {} bytes",
        second_stage_room()
    )]
    SecondStage,
    /// The configuration file is empty or too long.
    #[error("the configuration has {0} bytes; there is room for {CLUSTER}")]
    Config(usize),
    /// FAT12 ends at 4084 clusters.
    #[error("the EFI program has {0} bytes: too many for FAT12")]
    TooLong(usize),
    /// The file system was not as it was made.
    #[error("the file system can't be made")]
    FileSystem(#[from] io::Error),
}

/// Returns the room for the second stage in bytes.
const fn second_stage_room() -> usize {
    (PARTITION_LBA - SECOND_STAGE_LBA) as usize * SECTOR
}

/// Makes the disk of `parts`: of as many MiB as they need, or of `len` bytes if that is more.
///
/// # Errors
///
/// [`LayoutError`] if the parts don't suit each other or don't fit.
pub fn build(parts: &Parts<'_>, len: Option<u64>) -> Result<Disk, LayoutError> {
    if parts.boot_sector.len() > BOOT_CODE {
        return Err(LayoutError::BootSector(parts.boot_sector.len()));
    }
    if parts.config.is_empty() || parts.config.len() > CLUSTER {
        return Err(LayoutError::Config(parts.config.len()));
    }
    let elf_offset = offset_of(parts.elf, parts.efi).ok_or(LayoutError::OtherElf)?;
    let needed = needed_bytes(parts);
    if needed > 15 * STEP {
        return Err(LayoutError::TooLong(parts.efi.len()));
    }
    let end_lba = needed / SECTOR as u64 - BACKUP_SECTORS;
    let mut disk = Disk::new(needed.max(len.unwrap_or(0)));
    let identity = Identity::of(parts.elf);
    let mut code = [0; BOOT_CODE];
    code[..parts.boot_sector.len()].copy_from_slice(parts.boot_sector);
    partition::write(
        &mut disk,
        &identity,
        end_lba,
        &format!("Fathom {VERSION}"),
        code,
    )?;
    let place = Place {
        first_lba: PARTITION_LBA,
        sectors: end_lba - PARTITION_LBA,
        name: String::new(),
    };
    let volume = file_system(parts, &identity, place.sectors)?;
    for (index, block) in volume.blocks() {
        let offset = PARTITION_LBA * SECTOR as u64 + index * block.len() as u64;
        // The volume may end within a block.
        let len = (volume.len() - index * block.len() as u64).min(block.len() as u64);
        disk.write_at(
            offset,
            &block[..usize::try_from(len).unwrap_or(block.len())],
        )?;
    }
    let patch = patch(&disk, &place, elf_offset, parts.elf.len())?;
    let second_stage = patched(parts.second_stage, &patch).ok_or(LayoutError::SecondStage)?;
    disk.write_at(SECOND_STAGE_LBA * SECTOR as u64, &second_stage)?;
    Ok(disk)
}

/// Returns the length in bytes of a disk that `parts` fit into.
fn needed_bytes(parts: &Parts<'_>) -> u64 {
    // Two directories, and the configuration.
    let clusters = parts.efi.len().div_ceil(CLUSTER) as u64 + 3;
    let fat_sectors = (clusters * 3 / 2).div_ceil(SECTOR as u64) + 1;
    let sectors = PARTITION_LBA + 1 + 2 * fat_sectors + 5 + BACKUP_SECTORS;
    (sectors * SECTOR as u64 + clusters * CLUSTER as u64).next_multiple_of(STEP)
}

/// Finds `elf` in `efi`, at a multiple of 512 bytes.
#[must_use]
pub fn offset_of(elf: &[u8], efi: &[u8]) -> Option<usize> {
    let last = efi.len().checked_sub(elf.len())?;
    let mut offsets = (0..=last).step_by(SECTOR);
    offsets.find(|&offset| efi[offset..].starts_with(elf))
}

/// Makes the file system of the EFI system partition.
fn file_system(parts: &Parts<'_>, identity: &Identity, sectors: u64) -> io::Result<Disk> {
    let mut volume = Disk::new(sectors * SECTOR as u64);
    let options = FormatVolumeOptions::new()
        .fat_type(FatType::Fat12)
        .bytes_per_cluster(CLUSTER as u32)
        .max_root_dir_entries(ROOT_ENTRIES)
        .drive_num(0x80)
        .volume_id(identity.volume)
        .volume_label(LABEL);
    fatfs::format_volume(&mut volume, options)?;
    let options = FsOptions::new().time_provider(&FirstDay);
    let files = FileSystem::new(&mut volume, options)?;
    let mut made = String::new();
    let (directories, _) = BOOT_FILE.rsplit_once('/').unwrap_or_default();
    for name in directories.split('/') {
        made = [&made, name].join(if made.is_empty() { "" } else { "/" });
        files.root_dir().create_dir(&made)?;
    }
    for (path, content) in [(CONFIG_FILE, parts.config), (BOOT_FILE, parts.efi)] {
        files.root_dir().create_file(path)?.write_all(content)?;
    }
    files.unmount()?;
    let hidden = u32::try_from(PARTITION_LBA).map_err(io::Error::other)?;
    volume.write_at(HIDDEN_SECTORS, &hidden.to_le_bytes())?;
    Ok(volume)
}

/// The first day that FAT knows, 1 January 1980, whatever day it is.
#[derive(Debug)]
struct FirstDay;

impl TimeProvider for FirstDay {
    fn get_current_date(&self) -> Date {
        Date {
            year: 1980,
            month: 1,
            day: 1,
        }
    }

    fn get_current_date_time(&self) -> DateTime {
        let time = Time {
            hour: 0,
            min: 0,
            sec: 0,
            millis: 0,
        };
        DateTime {
            date: self.get_current_date(),
            time,
        }
    }
}

/// Returns what the second stage needs to know, as it stands in the patch area.
fn patch(
    disk: &Disk,
    place: &Place,
    elf_offset: usize,
    elf_len: usize,
) -> io::Result<[u64; PATCH_FIELDS]> {
    let volume = Volume::open(disk, place)?;
    let file = volume.find(disk, BOOT_FILE)?;
    let file = file.ok_or(io::ErrorKind::NotFound)?;
    let first_lba = volume.first_sector(disk, &file)?;
    let first_lba = first_lba.ok_or_else(|| io::Error::other("the EFI program is in pieces"))?;
    Ok([
        first_lba + (elf_offset / SECTOR) as u64,
        (elf_offset % SECTOR) as u64,
        elf_len as u64,
        volume.root_lba,
        volume.root_sectors,
        volume.data_lba,
        volume.sectors_per_cluster,
    ])
}

/// Returns the second stage with its patch area filled in.
fn patched(second_stage: &[u8], fields: &[u64; PATCH_FIELDS]) -> Option<Vec<u8>> {
    let mut code = second_stage.to_vec();
    let is_magic = |at: &usize| code[*at..].starts_with(&PATCH_MAGIC);
    let mut places = (0..code.len()).filter(is_magic);
    let (Some(place), None) = (places.next(), places.next()) else {
        return None;
    };
    let start = place + PATCH_MAGIC.len();
    let area = code.get_mut(start..start + PATCH_FIELDS * 4)?;
    for (bytes, &field) in area.chunks_exact_mut(4).zip(fields) {
        bytes.copy_from_slice(&u32::try_from(field).ok()?.to_le_bytes());
    }
    (code.len() <= second_stage_room()).then_some(code)
}

#[cfg(test)]
mod tests;
