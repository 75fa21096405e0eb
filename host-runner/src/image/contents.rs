//! Content of a file: a raw disk image, one in QEMU's format, an EFI program or an ELF file.

use std::io;
use std::path::Path;

use super::fat::{Entry, Volume};
use super::kernel::{self, Elf};
use super::partition::{self, Place, SECTOR};
use super::{BOOT_FILE, CONFIG_FILE, Disk, ImageError, MAX_KEPT_BYTES, qcow2};
use crate::digest::sha256;
use crate::files;

pub mod image_listing;

/// The most directories deep that files are listed.
const DEPTH: usize = 4;

/// The most files that are listed.
const MAX_FILES: usize = 100;

/// Format of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A disk, byte for byte.
    Raw,
    /// A disk in QEMU's format.
    Qcow2,
    /// An EFI program.
    Efi,
    /// An ELF file.
    Elf,
}

impl Format {
    /// Returns the format that `bytes` begin like.
    ///
    /// # Errors
    ///
    /// A message with what they look like instead, if they are no image's.
    pub fn of(bytes: &[u8]) -> Result<Self, &'static str> {
        let is_disk = bytes.get(SECTOR - 2..SECTOR) == Some(&[0x55, 0xaa]);
        match bytes {
            [0x7f, b'E', b'L', b'F', ..] => Ok(Self::Elf),
            [b'Q', b'F', b'I', 0xfb, ..] => Ok(Self::Qcow2),
            [0x1f, 0x8b, ..] => Err("it is compressed; unpack it first"),
            // A boot sector may begin with these letters as well.
            [b'M', b'Z', ..] if kernel::check_efi(bytes).is_ok() => Ok(Self::Efi),
            _ if is_disk => Ok(Self::Raw),
            _ => Err("it is neither a disk image (raw or qcow2) nor an EFI program or ELF file"),
        }
    }

    /// Returns what a file of this format is called.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw disk image",
            Self::Qcow2 => "qcow2 disk image",
            Self::Efi => "EFI program",
            Self::Elf => "ELF file",
        }
    }
}

/// A disk image, opened.
#[derive(Debug)]
pub struct DiskImage {
    /// The disk.
    pub disk: Disk,
    /// EFI system partition.
    pub place: Place,
    /// The file system there.
    pub volume: Volume,
    /// `FATHOM.CFG`
    pub config: Entry,
}

impl DiskImage {
    /// Opens the image in `bytes`.
    ///
    /// # Errors
    ///
    /// If it is none of Fathom's.
    pub fn open(format: Format, bytes: &[u8]) -> io::Result<Self> {
        let mut disk = match format {
            Format::Qcow2 => qcow2::read(bytes)?,
            _ => Disk::from_bytes(bytes)?,
        };
        let place = partition::find(&mut disk)?;
        let volume = Volume::open(&disk, &place)?;
        let missing = |what: &str| {
            let what = format!("there is no {what} on its EFI system partition");
            io::Error::new(io::ErrorKind::InvalidData, what)
        };
        if volume.find(&disk, BOOT_FILE)?.is_none() {
            return Err(missing(BOOT_FILE));
        }
        let config = volume.find(&disk, CONFIG_FILE)?;
        Ok(Self {
            config: config.ok_or_else(|| missing(CONFIG_FILE))?,
            disk,
            place,
            volume,
        })
    }

    /// Returns the text of the configuration file.
    ///
    /// # Errors
    ///
    /// If the file is damaged.
    pub fn config(&self) -> io::Result<String> {
        let bytes = self.volume.read(&self.disk, &self.config)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Lists the files of the file system, each with its path and content.
    ///
    /// # Errors
    ///
    /// If the file system is damaged.
    pub fn files(&self) -> io::Result<Vec<(String, Vec<u8>)>> {
        let mut files = Vec::new();
        let mut directories: Vec<(String, Option<Entry>)> = vec![(String::new(), None)];
        while let Some((path, directory)) = directories.pop() {
            for entry in self.volume.entries(&self.disk, directory.as_ref())? {
                let path = format!("{path}{}", entry.name);
                if files.len() + directories.len() >= MAX_FILES {
                    return Ok(files);
                }
                if !entry.is_directory {
                    let content = self.volume.read(&self.disk, &entry)?;
                    files.push((path, content));
                } else if path.split('/').count() < DEPTH {
                    directories.push((path + "/", Some(entry)));
                }
            }
        }
        Ok(files)
    }
}

/// Facts about a file on an EFI system partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileFacts {
    /// Path.
    pub path: String,
    /// Length in bytes.
    pub len: u64,
    /// SHA-256 digest.
    pub sha256: String,
}

/// Facts about a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskFacts {
    /// Length in bytes.
    pub len: u64,
    /// EFI system partition.
    pub place: Place,
    /// Length of a cluster of the file system there, in bytes.
    pub cluster_bytes: usize,
    /// The files there.
    pub files: Vec<FileFacts>,
    /// Text of the configuration file.
    pub config: String,
}

/// Facts about a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// Format.
    pub format: Format,
    /// Length in bytes.
    pub len: u64,
    /// SHA-256 digest.
    pub sha256: String,
    /// The ELF file that it is or holds: facts, and its SHA-256 digest.
    pub elf: Option<(Elf, String)>,
    /// The disk that it is.
    pub disk: Option<DiskFacts>,
}

/// Reads the file at `path`, which is an image or none.
///
/// # Errors
///
/// [`ImageError::Unreadable`] if it can't be read or is too long, [`ImageError::NotOurs`] if it is something
/// else.
pub fn read(path: &Path) -> Result<(Format, Vec<u8>), ImageError> {
    let bytes = files::read(path, MAX_KEPT_BYTES as u64).map_err(ImageError::unreadable(path))?;
    let format = Format::of(&bytes).map_err(|problem| not_ours(path, &problem))?;
    Ok((format, bytes))
}

/// Finds out what the file at `path` holds.
///
/// # Errors
///
/// As [`read`], and [`ImageError::NotOurs`] if the image lacks what Fathom's have.
pub fn of(path: &Path) -> Result<Contents, ImageError> {
    let (format, bytes) = read(path)?;
    let mut contents = Contents {
        format,
        len: bytes.len() as u64,
        sha256: sha256(&bytes),
        elf: None,
        disk: None,
    };
    match format {
        Format::Elf => {
            let elf = Elf::read(&bytes).map_err(|problem| not_ours(path, &problem))?;
            contents.elf = Some((elf, contents.sha256.clone()));
        }
        Format::Efi => {
            contents.elf = Some(elf_within(&bytes).ok_or_else(|| {
                let problem = "no ELF file with a PVH entry is in it";
                not_ours(path, &problem)
            })?);
        }
        Format::Raw | Format::Qcow2 => {
            let damaged = |error: io::Error| not_ours(path, &error);
            let image = DiskImage::open(format, &bytes).map_err(damaged)?;
            let files = image.files().map_err(damaged)?;
            contents.elf = files
                .iter()
                .find(|(path, _)| path.eq_ignore_ascii_case(BOOT_FILE))
                .and_then(|(_, efi)| elf_within(efi));
            contents.disk = Some(DiskFacts {
                len: image.disk.len(),
                cluster_bytes: image.volume.cluster_bytes(),
                config: image.config().map_err(damaged)?,
                place: image.place,
                files: files
                    .into_iter()
                    .map(|(path, content)| FileFacts {
                        path,
                        len: content.len() as u64,
                        sha256: sha256(&content),
                    })
                    .collect(),
            });
        }
    }
    Ok(contents)
}

fn elf_within(efi: &[u8]) -> Option<(Elf, String)> {
    let (offset, elf) = kernel::within(efi)?;
    let digest = sha256(&efi[offset..offset + elf.len]);
    Some((elf, digest))
}

/// Returns the error for the file at `path`, which has this problem.
pub fn not_ours(path: &Path, problem: &dyn std::fmt::Display) -> ImageError {
    ImageError::NotOurs {
        path: path.to_owned(),
        problem: problem.to_string(),
    }
}

#[cfg(test)]
mod tests;
