//! A FAT12 volume that others may have written, read and changed in one place.
//!
//! Every number is checked before it is used, and every chain of clusters ends after as many steps as
//! there are clusters, so nothing here trusts the volume. New volumes are made by the crate `fatfs`, which
//! does trust it. [Microsoft's FAT specification, 2000]

use std::io;

use super::Disk;
use super::partition::{Place, SECTOR};

/// Length of a directory's entry in bytes.
const ENTRY: usize = 32;

/// First byte of the name of an entry that is free, and of all after the last.
const FREE: u8 = 0xe5;
const END: u8 = 0;

/// Attributes of an entry: a volume's label (or, with others, part of a long name), and a directory.
const LABEL: u8 = 0x08;
const DIRECTORY: u8 = 0x10;

/// Numbers of the first cluster, and of the first that stands for the end of a chain.
const FIRST_CLUSTER: u16 = 2;
const LAST: u16 = 0xff8;

/// Entry that ends a chain.
const END_OF_CHAIN: u16 = 0xfff;

/// The most clusters of a FAT12 volume.
const MAX_CLUSTERS: u64 = 4084;

/// Layout of a FAT12 volume, checked; sectors are counted from the disk's beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Volume {
    /// First sector of the file allocation table, number of sectors in it, and number of its copies.
    fat_lba: u64,
    fat_sectors: u64,
    fats: u64,
    /// First sector of the root directory.
    pub root_lba: u64,
    /// Number of sectors of the root directory.
    pub root_sectors: u64,
    /// First sector of the first cluster.
    pub data_lba: u64,
    /// Number of sectors in a cluster.
    pub sectors_per_cluster: u64,
    /// Number of clusters.
    clusters: u64,
}

/// A file or directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Place of the directory's entry on the disk, in bytes.
    offset: u64,
    /// Name, as in `BOOTX64.EFI`.
    pub name: String,
    /// Says that it is a directory.
    pub is_directory: bool,
    /// Length in bytes; a directory's is 0.
    pub len: u32,
    first_cluster: u16,
}

impl Volume {
    /// Reads the layout of the volume at `place`.
    ///
    /// # Errors
    ///
    /// If it is no FAT12 volume within its partition.
    pub fn open(disk: &Disk, place: &Place) -> io::Result<Self> {
        let boot = disk.bytes_at(place.first_lba * SECTOR as u64, SECTOR)?;
        let u16_at = |at: usize| u64::from(u16::from_le_bytes([boot[at], boot[at + 1]]));
        let u32_at = |at: usize| u16_at(at) | u16_at(at + 2) << 16;
        let sectors_per_cluster = u64::from(boot[13]);
        let (reserved, fats, root_entries) = (u16_at(14), u64::from(boot[16]), u16_at(17));
        let total = match u16_at(19) {
            0 => u32_at(32),
            total => total,
        };
        let fat_sectors = u16_at(22);
        let root_sectors = (root_entries * ENTRY as u64).div_ceil(SECTOR as u64);
        let before_data = reserved + fats * fat_sectors + root_sectors;
        let is_plausible = u16_at(11) == SECTOR as u64
            && sectors_per_cluster.is_power_of_two()
            && reserved > 0
            && (1..=2).contains(&fats)
            && fat_sectors > 0
            && root_entries > 0
            && total <= place.sectors
            && before_data < total;
        if !is_plausible {
            return Err(invalid(
                "its EFI system partition holds no FAT12 file system",
            ));
        }
        let clusters = (total - before_data) / sectors_per_cluster;
        let fat_room = fat_sectors * SECTOR as u64 * 2 / 3;
        if clusters > MAX_CLUSTERS || clusters + u64::from(FIRST_CLUSTER) > fat_room {
            return Err(invalid(
                "its EFI system partition holds no FAT12 file system",
            ));
        }
        let root_lba = place.first_lba + reserved + fats * fat_sectors;
        Ok(Self {
            fat_lba: place.first_lba + reserved,
            fat_sectors,
            fats,
            root_lba,
            root_sectors,
            data_lba: root_lba + root_sectors,
            sectors_per_cluster,
            clusters,
        })
    }

    /// Returns the length of a cluster in bytes.
    #[must_use]
    pub const fn cluster_bytes(&self) -> usize {
        self.sectors_per_cluster as usize * SECTOR
    }

    /// Returns what is in the root directory, or in the directory `within`.
    ///
    /// # Errors
    ///
    /// If the directory's clusters can't be followed.
    pub fn entries(&self, disk: &Disk, within: Option<&Entry>) -> io::Result<Vec<Entry>> {
        let pieces: Vec<(u64, usize)> = match within {
            None => vec![(
                self.root_lba * SECTOR as u64,
                self.root_sectors as usize * SECTOR,
            )],
            Some(directory) => self
                .chain(disk, directory.first_cluster)?
                .into_iter()
                .map(|cluster| (self.offset_of(cluster), self.cluster_bytes()))
                .collect(),
        };
        let mut entries = Vec::new();
        for (offset, len) in pieces {
            let bytes = disk.bytes_at(offset, len)?;
            for (index, raw) in bytes.chunks_exact(ENTRY).enumerate() {
                match raw[0] {
                    END => return Ok(entries),
                    FREE | b'.' => continue,
                    _ if raw[11] & LABEL != 0 => continue,
                    _ => {}
                }
                entries.push(Entry {
                    offset: offset + (index * ENTRY) as u64,
                    name: short_name(raw),
                    is_directory: raw[11] & DIRECTORY != 0,
                    len: u32::from_le_bytes([raw[28], raw[29], raw[30], raw[31]]),
                    first_cluster: u16::from_le_bytes([raw[26], raw[27]]),
                });
            }
        }
        Ok(entries)
    }

    /// Finds the file or directory at `path`, such as `EFI/BOOT/BOOTX64.EFI`.
    ///
    /// # Errors
    ///
    /// If a directory's clusters can't be followed.
    pub fn find(&self, disk: &Disk, path: &str) -> io::Result<Option<Entry>> {
        let mut found: Option<Entry> = None;
        for name in path.split('/') {
            let entries = self.entries(disk, found.as_ref())?;
            let entry = entries
                .into_iter()
                .find(|entry| entry.name.eq_ignore_ascii_case(name));
            let Some(entry) = entry else {
                return Ok(None);
            };
            found = Some(entry);
        }
        Ok(found)
    }

    /// Reads a file.
    ///
    /// # Errors
    ///
    /// If its clusters can't be followed, or are too few.
    pub fn read(&self, disk: &Disk, file: &Entry) -> io::Result<Vec<u8>> {
        let len = file.len as usize;
        if len == 0 {
            return Ok(Vec::new());
        }
        let mut content = Vec::new();
        for cluster in self.chain(disk, file.first_cluster)? {
            content.extend(disk.bytes_at(self.offset_of(cluster), self.cluster_bytes())?);
            if content.len() >= len {
                content.truncate(len);
                return Ok(content);
            }
        }
        Err(damaged(&file.name))
    }

    /// Returns the first sector of a file whose clusters follow each other; `None` if they don't.
    ///
    /// # Errors
    ///
    /// If its clusters can't be followed.
    pub fn first_sector(&self, disk: &Disk, file: &Entry) -> io::Result<Option<u64>> {
        let chain = self.chain(disk, file.first_cluster)?;
        let follows = chain.windows(2).all(|pair| pair[1] == pair[0] + 1);
        let is_whole = chain.len() * self.cluster_bytes() >= file.len as usize;
        Ok((follows && is_whole).then(|| self.offset_of(file.first_cluster) / SECTOR as u64))
    }

    /// Puts `content`, of one cluster at most, in the place of a file's. The file keeps its first cluster, or
    /// gets one if it has none; clusters after that are free then.
    ///
    /// # Errors
    ///
    /// If `content` does not fit, or there is no cluster for it.
    pub fn replace(&self, disk: &mut Disk, file: &Entry, content: &[u8]) -> io::Result<()> {
        let room = self.cluster_bytes();
        if content.len() > room || content.is_empty() {
            return Err(invalid("it does not fit into one cluster"));
        }
        if file.is_directory {
            let what = format!("{} on its EFI system partition is a directory", file.name);
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        let cluster = match file.first_cluster {
            0 => self.free_cluster(disk)?,
            first => {
                let chain = self.chain(disk, first)?;
                let (&first, later) = chain.split_first().ok_or_else(|| damaged(&file.name))?;
                for &cluster in later {
                    self.link(disk, cluster, 0)?;
                }
                first
            }
        };
        self.link(disk, cluster, END_OF_CHAIN)?;
        let mut bytes = content.to_vec();
        bytes.resize(room, 0);
        disk.write_at(self.offset_of(cluster), &bytes)?;
        let len = u32::try_from(content.len()).map_err(io::Error::other)?;
        disk.write_at(file.offset + 26, &cluster.to_le_bytes())?;
        disk.write_at(file.offset + 28, &len.to_le_bytes())
    }

    /// Finds a cluster that no file has.
    fn free_cluster(&self, disk: &Disk) -> io::Result<u16> {
        for index in 0..self.clusters {
            let cluster = u16::try_from(index).map_err(io::Error::other)? + FIRST_CLUSTER;
            if self.next(disk, cluster)? == 0 {
                return Ok(cluster);
            }
        }
        Err(invalid("its EFI system partition is full"))
    }

    /// Makes `next` the entry of the file allocation table for `cluster`, in each copy.
    fn link(&self, disk: &mut Disk, cluster: u16, next: u16) -> io::Result<()> {
        for copy in 0..self.fats {
            let offset = self.entry_of(cluster) + copy * self.fat_sectors * SECTOR as u64;
            let mut bytes = [0; 2];
            disk.read_at(offset, &mut bytes)?;
            let both = u16::from_le_bytes(bytes);
            let both = match cluster % 2 {
                0 => (both & 0xf000) | next,
                _ => (both & 0x000f) | (next << 4),
            };
            disk.write_at(offset, &both.to_le_bytes())?;
        }
        Ok(())
    }

    /// Returns the clusters from `first` to the end of the chain.
    fn chain(&self, disk: &Disk, first: u16) -> io::Result<Vec<u16>> {
        let mut chain = Vec::new();
        let mut cluster = first;
        while cluster < LAST {
            let index = cluster.checked_sub(FIRST_CLUSTER).map(u64::from);
            let is_cluster = index.is_some_and(|index| index < self.clusters);
            if !is_cluster || chain.len() as u64 >= self.clusters {
                return Err(invalid("its file allocation table is damaged"));
            }
            chain.push(cluster);
            cluster = self.next(disk, cluster)?;
        }
        Ok(chain)
    }

    /// Returns the entry of the file allocation table for `cluster`: twelve bits, the lower first.
    fn next(&self, disk: &Disk, cluster: u16) -> io::Result<u16> {
        let mut bytes = [0; 2];
        disk.read_at(self.entry_of(cluster), &mut bytes)?;
        let both = u16::from_le_bytes(bytes);
        Ok(match cluster % 2 {
            0 => both & 0xfff,
            _ => both >> 4,
        })
    }

    /// Returns the place of the entry for `cluster` in the first file allocation table, in bytes.
    fn entry_of(&self, cluster: u16) -> u64 {
        self.fat_lba * SECTOR as u64 + u64::from(cluster) * 3 / 2
    }

    fn offset_of(&self, cluster: u16) -> u64 {
        let index = u64::from(cluster - FIRST_CLUSTER);
        (self.data_lba + index * self.sectors_per_cluster) * SECTOR as u64
    }
}

/// Returns a name that takes eight bytes and three as it is written by people.
fn short_name(raw: &[u8]) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    let (stem, extension) = (text(&raw[..8]), text(&raw[8..11]));
    match extension.is_empty() {
        true => stem,
        false => format!("{stem}.{extension}"),
    }
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn damaged(name: &str) -> io::Error {
    let what = format!("{name} on its EFI system partition is damaged");
    io::Error::new(io::ErrorKind::InvalidData, what)
}
