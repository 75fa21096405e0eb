//! QEMU's image format, as far as an image of Fathom's needs it. [QEMU docs/interop/qcow2.txt]
//!
//! [`write`] makes version 3 with clusters of 4 KiB, of which those that hold nothing are left out; [`read`]
//! takes both versions and any cluster size. Snapshots, backing files, encryption, compressed clusters and
//! external data are refused: an image that has them was made by somebody else, and `qemu-img convert` makes
//! a plain one of it.

use std::io::{self, Write};

use super::{BLOCK, Disk};

/// Magic of the format.
pub const MAGIC: [u8; 4] = *b"QFI\xfb";

/// The largest disk that is read, in bytes: no loop over its clusters takes long.
const MAX_DISK: u64 = 64 << 30;

/// Bits of a table's entry: offset of a cluster, its reference count is 1, it is compressed, it reads as
/// zeros.
const OFFSET: u64 = 0x00ff_ffff_ffff_fe00;
const COPIED: u64 = 1 << 63;
const COMPRESSED: u64 = 1 << 62;
const ZERO: u64 = 1;

/// Length of the header of version 3, and of 2.
const HEADER: usize = 104;
const HEADER_2: usize = 72;

/// Length of a cluster of the images made here, its logarithm, and the number of a table's entries in it.
const CLUSTER: u64 = BLOCK as u64;
const CLUSTER_BITS: u32 = CLUSTER.trailing_zeros();
const TABLE_ENTRIES: u64 = CLUSTER / 8;

/// Number of reference counts, of 16 bits, in a cluster; and the logarithm of their width.
const COUNTS: u64 = CLUSTER / 2;
const COUNT_ORDER: u32 = 4;

/// Numbers of clusters of each kind, in the order in which they stand in the file after the header's.
struct Clusters {
    count_tables: u64,
    count_blocks: u64,
    first_tables: u64,
    second_tables: u64,
    data: u64,
}

impl Clusters {
    /// Counts the clusters of `disk`, given the indices of the second-level tables.
    fn of(disk: &Disk, second_tables: u64) -> Self {
        let entries = disk.len().div_ceil(CLUSTER * TABLE_ENTRIES).max(1);
        let mut clusters = Self {
            count_tables: 1,
            count_blocks: 1,
            first_tables: entries.div_ceil(TABLE_ENTRIES),
            second_tables,
            data: disk.blocks().count() as u64,
        };
        // Reference counts have clusters, which are counted.
        loop {
            let count_blocks = clusters.total().div_ceil(COUNTS);
            let count_tables = count_blocks.div_ceil(TABLE_ENTRIES);
            if (count_blocks, count_tables) == (clusters.count_blocks, clusters.count_tables) {
                return clusters;
            }
            (clusters.count_blocks, clusters.count_tables) = (count_blocks, count_tables);
        }
    }

    const fn total(&self) -> u64 {
        1 + self.count_tables
            + self.count_blocks
            + self.first_tables
            + self.second_tables
            + self.data
    }
}

/// Writes `disk` to `output`.
///
/// # Errors
///
/// Those of `output`.
pub fn write(disk: &Disk, output: &mut impl Write) -> io::Result<()> {
    let mut tables: Vec<u64> = disk.blocks().map(|block| block.0 / TABLE_ENTRIES).collect();
    tables.dedup();
    let clusters = Clusters::of(disk, tables.len() as u64);
    let count_blocks_at = 1 + clusters.count_tables;
    let first_at = count_blocks_at + clusters.count_blocks;
    let second_at = first_at + clusters.first_tables;
    let data_at = second_at + clusters.second_tables;

    let first_entries = disk.len().div_ceil(CLUSTER * TABLE_ENTRIES);
    output.write_all(&header(
        disk.len(),
        first_entries,
        first_at,
        clusters.count_tables,
    ))?;
    let count_blocks = (0..clusters.count_blocks).map(|index| (count_blocks_at + index) * CLUSTER);
    write_entries(output, count_blocks, clusters.count_tables)?;
    let mut counts = vec![0; usize::try_from(clusters.count_blocks * CLUSTER).unwrap_or(0)];
    for count in counts.chunks_exact_mut(2).take(clusters.total() as usize) {
        count.copy_from_slice(&1_u16.to_be_bytes());
    }
    output.write_all(&counts)?;

    let mut first = vec![0; usize::try_from(first_entries).map_err(io::Error::other)?];
    for (&table, at) in tables.iter().zip(second_at..) {
        first[table as usize] = (at * CLUSTER) | COPIED;
    }
    write_entries(output, first.into_iter(), clusters.first_tables)?;
    let mut blocks = disk.blocks().zip(data_at..).peekable();
    for &table in &tables {
        let mut second = [0; TABLE_ENTRIES as usize];
        while let Some(((index, _), at)) =
            blocks.next_if(|((index, _), _)| index / TABLE_ENTRIES == table)
        {
            second[(index % TABLE_ENTRIES) as usize] = (at * CLUSTER) | COPIED;
        }
        write_entries(output, second.into_iter(), 1)?;
    }
    for (_, block) in disk.blocks() {
        output.write_all(block)?;
    }
    Ok(())
}

/// Returns the header's cluster.
fn header(len: u64, first_entries: u64, first_at: u64, count_tables: u64) -> Vec<u8> {
    let entries = u32::try_from(first_entries).unwrap_or(u32::MAX);
    let tables = u32::try_from(count_tables).unwrap_or(u32::MAX);
    let mut bytes = Vec::with_capacity(BLOCK);
    bytes.extend(MAGIC);
    bytes.extend(3_u32.to_be_bytes());
    // No backing file: no offset, no length.
    bytes.extend([0; 12]);
    bytes.extend(CLUSTER_BITS.to_be_bytes());
    bytes.extend(len.to_be_bytes());
    // Not encrypted.
    bytes.extend([0; 4]);
    bytes.extend(entries.to_be_bytes());
    bytes.extend((first_at * CLUSTER).to_be_bytes());
    bytes.extend(CLUSTER.to_be_bytes());
    bytes.extend(tables.to_be_bytes());
    // No snapshots; no features, incompatible, compatible, or to be cleared.
    bytes.extend([0; 12]);
    bytes.extend([0; 24]);
    bytes.extend(COUNT_ORDER.to_be_bytes());
    bytes.extend((HEADER as u32).to_be_bytes());
    bytes.resize(BLOCK, 0);
    bytes
}

/// Writes `entries`, and zeros up to the end of `clusters` clusters.
fn write_entries(
    output: &mut impl Write,
    entries: impl Iterator<Item = u64>,
    clusters: u64,
) -> io::Result<()> {
    let mut bytes: Vec<u8> = entries.flat_map(u64::to_be_bytes).collect();
    bytes.resize(usize::try_from(clusters * CLUSTER).unwrap_or(0), 0);
    output.write_all(&bytes)
}

/// Reads the disk in `file`.
///
/// # Errors
///
/// If it is truncated, damaged, or has what no image of Fathom's has.
pub fn read(file: &[u8]) -> io::Result<Disk> {
    let header = Header::read(file)?;
    let cluster = 1_u64 << header.cluster_bits;
    let entries = cluster / 8;
    let mut disk = Disk::new(header.len);
    let first_len = header.len.div_ceil(cluster * entries);
    if u64::from(header.first_entries) < first_len {
        return Err(damaged());
    }
    for table in 0..first_len {
        let second_at = word(file, header.first_at.checked_add(table * 8))? & OFFSET;
        if second_at == 0 {
            continue;
        }
        if !second_at.is_multiple_of(cluster) {
            return Err(damaged());
        }
        for index in 0..entries {
            let offset = (table * entries + index) * cluster;
            if offset >= header.len {
                break;
            }
            let entry = word(file, second_at.checked_add(index * 8))?;
            if entry & COMPRESSED != 0 {
                return Err(other("it has compressed clusters"));
            }
            let data_at = entry & OFFSET;
            if entry & ZERO != 0 || data_at == 0 {
                continue;
            }
            let len = cluster.min(header.len - offset);
            let data = piece(
                file,
                Some(data_at),
                usize::try_from(len).unwrap_or(usize::MAX),
            )?;
            disk.write_at(offset, data)?;
        }
    }
    Ok(disk)
}

/// Fields of the header that are needed.
struct Header {
    cluster_bits: u32,
    len: u64,
    first_entries: u32,
    first_at: u64,
}

impl Header {
    fn read(file: &[u8]) -> io::Result<Self> {
        let bytes = piece(file, Some(0), HEADER_2)?;
        let u32_at = |at: usize| u32::from_be_bytes(std::array::from_fn(|i| bytes[at + i]));
        let u64_at = |at: usize| u64::from(u32_at(at)) << 32 | u64::from(u32_at(at + 4));
        let version = u32_at(4);
        if bytes[..4] != MAGIC || !(2..=3).contains(&version) {
            return Err(other("it is no qcow2 image of version 2 or 3"));
        }
        let refused = [
            (u64_at(8) != 0, "it has a backing file"),
            (u32_at(32) != 0, "it is encrypted"),
            (u32_at(60) != 0, "it has snapshots"),
        ];
        if let Some((_, why)) = refused.iter().find(|(is_so, _)| *is_so) {
            return Err(other(why));
        }
        if version == 3 && word(file, Some(HEADER_2 as u64))? != 0 {
            return Err(other("it uses features that not every image has"));
        }
        let header = Self {
            cluster_bits: u32_at(20),
            len: u64_at(24),
            first_entries: u32_at(36),
            first_at: u64_at(40),
        };
        if !(9..=21).contains(&header.cluster_bits) {
            return Err(damaged());
        }
        if header.len > MAX_DISK {
            return Err(other("its disk is larger than 64 GiB"));
        }
        Ok(header)
    }
}

/// Returns the big-endian word at `at`.
fn word(file: &[u8], at: Option<u64>) -> io::Result<u64> {
    let bytes = piece(file, at, 8)?;
    Ok(u64::from_be_bytes(std::array::from_fn(|index| {
        bytes[index]
    })))
}

/// Returns `len` bytes at `at`.
fn piece(file: &[u8], at: Option<u64>, len: usize) -> io::Result<&[u8]> {
    let start = at.and_then(|at| usize::try_from(at).ok());
    start
        .and_then(|start| file.get(start..start.checked_add(len)?))
        .ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, "it is truncated"))
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "its tables are damaged")
}

/// Returns the error for an image that has `what`.
fn other(what: &str) -> io::Error {
    let what = format!("{what}; make a plain image of it with `qemu-img convert -O raw`");
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests;
