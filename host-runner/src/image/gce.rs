//! The archive that Google Compute Engine makes an image of: a gzip-compressed tar file of the old GNU
//! format that holds `disk.raw`, of whole GiB. [Google Cloud, "Import a boot disk image", manual import]
//!
//! The disk is one sparse entry, as `tar --sparse` writes it: its GiB of zeros are neither in memory nor in
//! the file.

use std::io::{self, Read, Write};

use flate2::{Compression, GzBuilder};
use tar::{Builder, EntryType, GnuSparseHeader, Header};

use super::Disk;
use super::partition::{BACKUP_SECTORS, SECTOR};

/// Length of the disk in bytes: the least that Compute Engine takes.
pub const DISK_LEN: u64 = 1 << 30;

/// Name of the disk in the archive.
const NAME: &str = "disk.raw";

/// Writes the archive of `disk`, of which the first `used` bytes and the copy of the partition table at the
/// end hold something.
///
/// # Errors
///
/// Those of `output`.
pub fn write(disk: &Disk, used: u64, output: &mut impl Write) -> io::Result<()> {
    let tail = BACKUP_SECTORS * SECTOR as u64;
    let extents = [(0, used), (disk.len() - tail, tail)];
    let mut header = Header::new_gnu();
    header.set_path(NAME)?;
    header.set_mode(0o644);
    header.set_entry_type(EntryType::GNUSparse);
    header.set_size(used + tail);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    if let Some(gnu) = header.as_gnu_mut() {
        set_octal(&mut gnu.realsize, disk.len());
        for (place, (offset, len)) in gnu.sparse.iter_mut().zip(extents) {
            set_extent(place, offset, len);
        }
    }
    header.set_cksum();
    let compressed = GzBuilder::new().mtime(0).write(output, Compression::best());
    let mut archive = Builder::new(compressed);
    archive.append(&header, Extents::new(disk, &extents))?;
    archive.into_inner()?.finish()?.flush()
}

fn set_extent(place: &mut GnuSparseHeader, offset: u64, len: u64) {
    set_octal(&mut place.offset, offset);
    set_octal(&mut place.numbytes, len);
}

/// Writes a number as tar has them: octal digits and a zero byte.
fn set_octal(place: &mut [u8; 12], number: u64) {
    let digits = format!("{number:011o}\0");
    if digits.len() == place.len() {
        place.copy_from_slice(digits.as_bytes());
    }
}

/// Parts of a disk, one after the other.
struct Extents<'a> {
    disk: &'a Disk,
    left: Vec<(u64, u64)>,
}

impl<'a> Extents<'a> {
    fn new(disk: &'a Disk, extents: &[(u64, u64)]) -> Self {
        let left = extents.iter().rev().copied().collect();
        Self { disk, left }
    }
}

impl Read for Extents<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some((offset, len)) = self.left.last_mut().filter(|_| !buffer.is_empty()) else {
            return Ok(0);
        };
        let piece = usize::try_from(*len).map_or(buffer.len(), |len| len.min(buffer.len()));
        self.disk.read_at(*offset, &mut buffer[..piece])?;
        *offset += piece as u64;
        *len -= piece as u64;
        if *len == 0 {
            self.left.pop();
        }
        Ok(piece)
    }
}

#[cfg(test)]
mod tests {
    use flate2::read::GzDecoder;
    use tar::Archive;

    use super::super::{layout, sample_parts};
    use super::*;

    #[test]
    fn the_disk_comes_out_whole_and_goes_in_small() {
        let parts = sample_parts::parts();
        let small = layout::build(&parts.borrowed(), None).unwrap();
        let disk = layout::build(&parts.borrowed(), Some(DISK_LEN)).unwrap();
        let mut file = Vec::new();
        write(&disk, small.len(), &mut file).unwrap();
        assert!(file.len() < 1 << 20, "{}", file.len());
        assert_eq!(file[4..8], [0; 4], "no time of compression");

        let mut archive = Archive::new(GzDecoder::new(&file[..]));
        let mut entries = archive.entries().unwrap();
        let mut entry = entries.next().unwrap().unwrap();
        assert_eq!(entry.path().unwrap().to_str(), Some("disk.raw"));
        // The magic of the old GNU format.
        assert_eq!(&entry.header().as_bytes()[257..265], b"ustar  \0");
        assert_eq!(entry.header().mtime().unwrap(), 0);
        let mut offset = 0;
        let mut buffer = vec![0; 1 << 20];
        loop {
            let len = entry.read(&mut buffer).unwrap();
            if len == 0 {
                break;
            }
            assert!(disk.bytes_at(offset, len).unwrap() == buffer[..len]);
            offset += len as u64;
        }
        assert_eq!(offset, DISK_LEN);
        drop(entry);
        assert!(entries.next().is_none());
    }
}
