//! A disk in memory, of which only the blocks that hold something take room: a disk of a GiB with a
//! megabyte in it takes a megabyte.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom, Write};

/// Length of a block in bytes: that of a page, and of a cluster of the images made here.
pub const BLOCK: usize = 4096;

/// Zeros, for what is not there.
const ZEROS: [u8; BLOCK] = [0; BLOCK];

/// The most bytes that a disk keeps: sixteen times what FAT12 with clusters of a block can hold is none of
/// ours.
pub const MAX_KEPT_BYTES: usize = 64 << 20;

/// A disk in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    len: u64,
    blocks: BTreeMap<u64, Box<[u8; BLOCK]>>,
    position: u64,
}

impl Disk {
    /// Makes a disk of `len` bytes, all zero.
    #[must_use]
    pub const fn new(len: u64) -> Self {
        Self {
            len,
            blocks: BTreeMap::new(),
            position: 0,
        }
    }

    /// Makes a disk that holds `bytes`.
    ///
    /// # Errors
    ///
    /// If more than [`MAX_KEPT_BYTES`] of them are not zero.
    pub fn from_bytes(bytes: &[u8]) -> io::Result<Self> {
        let mut disk = Self::new(bytes.len() as u64);
        disk.write_at(0, bytes)?;
        Ok(disk)
    }

    /// Returns the length in bytes.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Says that the disk has no room for anything.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Reads the bytes from `offset` on.
    ///
    /// # Errors
    ///
    /// If they are not all on the disk.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.check(offset, buffer.len(), io::ErrorKind::UnexpectedEof)?;
        let mut rest = buffer;
        let mut offset = offset;
        while !rest.is_empty() {
            let (index, start, len) = piece(offset, rest.len());
            let (piece, later) = rest.split_at_mut(len);
            let block = self.blocks.get(&index).map_or(&ZEROS, |block| block);
            piece.copy_from_slice(&block[start..start + len]);
            offset += len as u64;
            rest = later;
        }
        Ok(())
    }

    /// Returns the `len` bytes from `offset` on.
    ///
    /// # Errors
    ///
    /// If they are not all on the disk, or are more than [`MAX_KEPT_BYTES`].
    pub fn bytes_at(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        self.check(offset, len, io::ErrorKind::UnexpectedEof)?;
        if len > MAX_KEPT_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let mut bytes = vec![0; len];
        self.read_at(offset, &mut bytes)?;
        Ok(bytes)
    }

    /// Writes `bytes` from `offset` on.
    ///
    /// # Errors
    ///
    /// If the disk ends before, or keeps [`MAX_KEPT_BYTES`].
    pub fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.check(offset, bytes.len(), io::ErrorKind::StorageFull)?;
        let mut rest = bytes;
        let mut offset = offset;
        while !rest.is_empty() {
            let (index, start, len) = piece(offset, rest.len());
            let (piece, later) = rest.split_at(len);
            let is_zero = piece.iter().all(|&byte| byte == 0);
            if !is_zero || self.blocks.contains_key(&index) {
                if self.blocks.len() >= MAX_KEPT_BYTES / BLOCK && !self.blocks.contains_key(&index)
                {
                    return Err(io::ErrorKind::FileTooLarge.into());
                }
                let block = self.blocks.entry(index).or_insert_with(|| Box::new(ZEROS));
                block[start..start + len].copy_from_slice(piece);
            }
            offset += len as u64;
            rest = later;
        }
        Ok(())
    }

    /// Returns the blocks that hold something, in order, each with its index.
    pub fn blocks(&self) -> impl Iterator<Item = (u64, &[u8; BLOCK])> {
        let is_used = |(_, block): &(u64, &[u8; BLOCK])| **block != ZEROS;
        self.blocks
            .iter()
            .map(|(&index, block)| (index, &**block))
            .filter(is_used)
    }

    /// Writes the bytes from `offset` on, `len` of them, to `output`, block by block.
    ///
    /// # Errors
    ///
    /// Those of `output`, or if the disk ends before.
    pub fn copy_to(&self, offset: u64, len: u64, output: &mut impl Write) -> io::Result<()> {
        let mut buffer = [0; BLOCK];
        let end = offset + len;
        let mut offset = offset;
        while offset < end {
            let len = (end - offset).min(BLOCK as u64);
            let piece = &mut buffer[..usize::try_from(len).unwrap_or(BLOCK)];
            self.read_at(offset, piece)?;
            output.write_all(piece)?;
            offset += len;
        }
        Ok(())
    }

    fn check(&self, offset: u64, len: usize, kind: io::ErrorKind) -> io::Result<()> {
        match offset.checked_add(len as u64) {
            Some(end) if end <= self.len => Ok(()),
            _ => Err(kind.into()),
        }
    }
}

/// Returns the block that `offset` is in, the offset in there, and how many of `len` bytes are in it.
fn piece(offset: u64, len: usize) -> (u64, usize, usize) {
    let start = usize::try_from(offset % BLOCK as u64).unwrap_or(0);
    (offset / BLOCK as u64, start, len.min(BLOCK - start))
}

impl Read for Disk {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.len.saturating_sub(self.position);
        let len = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        self.read_at(self.position, &mut buffer[..len])?;
        self.position += len as u64;
        Ok(len)
    }
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_at(self.position, bytes)?;
        self.position += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Disk {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(by) => self.len.checked_add_signed(by),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_can_be_read_across_blocks() {
        let mut disk = Disk::new(1 << 30);
        let text: Vec<u8> = (1..=255).cycle().take(3 * BLOCK).collect();
        disk.write_at(5000, &text).unwrap();
        assert_eq!(disk.bytes_at(5000, text.len()).unwrap(), text);
        assert_eq!(disk.bytes_at(4096, 904).unwrap(), vec![0; 904]);
        let indices: Vec<u64> = disk.blocks().map(|(index, _)| index).collect();
        assert_eq!(indices, [1, 2, 3, 4]);
        disk.write_at(0, &vec![0; 1 << 20]).unwrap();
        assert_eq!(disk.blocks().count(), 0, "zeros take no room");
    }

    #[test]
    fn the_end_is_the_end() {
        let mut disk = Disk::new(1000);
        assert!(disk.write_at(999, b"ab").is_err());
        assert!(disk.read_at(u64::MAX, &mut [0]).is_err());
        disk.seek(SeekFrom::End(-1)).unwrap();
        assert_eq!(disk.write(b"z").unwrap(), 1);
        disk.seek(SeekFrom::Current(-2)).unwrap();
        let mut rest = Vec::new();
        disk.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, b"\0z");
        assert!(disk.seek(SeekFrom::Current(-1001)).is_err());
    }

    #[test]
    fn nobody_fills_the_memory() {
        let mut disk = Disk::new(1 << 40);
        let error = (0..1 << 20).find_map(|index| disk.write_at(index << 13, b"x").err());
        assert_eq!(error.unwrap().kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(disk.blocks().count(), MAX_KEPT_BYTES / BLOCK);
    }
}
