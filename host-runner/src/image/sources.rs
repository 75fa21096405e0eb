//! The parts of an image, as they are read from files.

use std::path::{Path, PathBuf};

use super::kernel::{self, Elf};
use super::layout::Parts;
use super::{ImageError, MAX_KEPT_BYTES};
use crate::files;

/// Name of the BIOS loader's boot sector.
pub const BOOT_SECTOR: &str = "bios-mbr.bin";
/// Name of its second stage.
pub const SECOND_STAGE: &str = "bios-stage2.bin";

/// Paths of the parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourcePaths {
    /// The unikernel.
    pub elf: PathBuf,
    /// The EFI program that holds it.
    pub efi: PathBuf,
    /// The BIOS loader's boot sector.
    pub boot_sector: PathBuf,
    /// The BIOS loader's second stage.
    pub second_stage: PathBuf,
}

/// Contents of the parts.
#[derive(Clone, Debug)]
pub struct Sources {
    elf: Vec<u8>,
    efi: Vec<u8>,
    boot_sector: Vec<u8>,
    second_stage: Vec<u8>,
}

impl Sources {
    /// Reads the parts.
    ///
    /// # Errors
    ///
    /// [`ImageError::Part`] if one can't be read, [`ImageError::NotAPart`] if a file is no unikernel or no EFI
    /// program.
    pub fn read(paths: &SourcePaths) -> Result<Self, ImageError> {
        let elf = part(&paths.elf, "--elf FILE")?;
        let no_elf = Elf::read(&elf).err();
        no_elf.map_or(Ok(()), |problem| {
            Err(not_a_part(&paths.elf, "unikernel", problem))
        })?;
        let efi = part(&paths.efi, "--efi FILE")?;
        kernel::check_efi(&efi).map_err(|problem| not_a_part(&paths.efi, "EFI loader", problem))?;
        Ok(Self {
            elf,
            efi,
            boot_sector: part(&paths.boot_sector, "--bios DIR")?,
            second_stage: part(&paths.second_stage, "--bios DIR")?,
        })
    }

    /// Returns the parts of an image with the boot arguments `config`.
    #[must_use]
    pub fn parts<'a>(&'a self, config: &'a str) -> Parts<'a> {
        Parts {
            elf: &self.elf,
            efi: &self.efi,
            boot_sector: &self.boot_sector,
            second_stage: &self.second_stage,
            config: config.as_bytes(),
        }
    }
}

fn part(path: &Path, option: &'static str) -> Result<Vec<u8>, ImageError> {
    let read = files::read(path, MAX_KEPT_BYTES as u64);
    read.map_err(|source| ImageError::Part {
        path: path.to_owned(),
        option,
        source,
    })
}

fn not_a_part(path: &Path, expected: &'static str, problem: &'static str) -> ImageError {
    ImageError::NotAPart {
        path: path.to_owned(),
        expected,
        problem: problem.to_owned(),
    }
}
