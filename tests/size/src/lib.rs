//! Contents of the unikernel's image: its sections, from the ELF file, and the crates that each section's bytes come
//! from, from the linker's map, for the image itself has no symbols.
//!
//! A function counts for the crate that defines it: what a generic one of `core` takes is `core`'s, whoever uses it.
//! Constants without a name are nobody's.
//!
//! - [`map`]: reads the linker's map.
#![forbid(unsafe_code)]

pub mod map;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

use object::elf::{FileHeader64, PT_LOAD};
use object::read::elf::{FileHeader as _, ProgramHeader as _};
use object::{Endianness, Object as _, ObjectSection as _, SectionKind};

/// Sizes of an image and its parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// The file's, in bytes.
    pub file_bytes: u64,
    /// Memory that is loaded or zeroed for it, in bytes.
    pub memory_bytes: u64,
    /// Bytes in the file by section, those without any left out.
    pub sections: BTreeMap<String, u64>,
    /// Bytes in the file by crate.
    pub crates: BTreeMap<String, u64>,
}

/// The image, and the map that the linker wrote beside the program that the image is a copy of; both from the root.
const IMAGE: &str = "target/fathom.elf";
const MAP: &str = "target/kernel-app/x86_64-unknown-none/release/fathom-image.map";

impl Sizes {
    /// Reads those of the image that `make image` built in the checkout at `root`.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    pub fn of_built(root: &Path) -> Result<Self, String> {
        Self::read(&root.join(IMAGE), &root.join(MAP))
    }

    /// Reads the image at `image` and its linker's map at `map`.
    ///
    /// # Errors
    ///
    /// A file that can't be read, or is not what it is to be, or if the two are not of one build.
    pub fn read(image: &Path, map: &Path) -> Result<Self, String> {
        let bytes = fs::read(image).map_err(|error| format!("{}: {error}", image.display()))?;
        let text =
            fs::read_to_string(map).map_err(|error| format!("{}: {error}", map.display()))?;
        Self::of(&bytes, &text).map_err(|error| format!("{}: {error}", image.display()))
    }

    fn of(image: &[u8], map: &str) -> Result<Self, String> {
        let file = object::File::parse(image).map_err(|error| error.to_string())?;
        let mut sizes = Self {
            file_bytes: image.len() as u64,
            memory_bytes: memory_bytes(image).map_err(|error| error.to_string())?,
            ..Self::default()
        };
        let mapped = map::Map::parse(map);
        for section in file.sections() {
            let name = section.name().map_err(|error| error.to_string())?;
            if section.address() == 0 || section.kind() == SectionKind::UninitializedData {
                continue;
            }
            if mapped.section_bytes(name) != Some(section.size()) {
                return Err(format!(
                    "the linker's map is of another build: {name} has {} bytes, and in the map {:?}; run: make image",
                    section.size(),
                    mapped.section_bytes(name)
                ));
            }
            sizes.sections.insert(name.to_owned(), section.size());
            for (name, bytes) in mapped.crates(name) {
                *sizes.crates.entry(name.to_owned()).or_default() += bytes;
            }
        }
        Ok(sizes)
    }

    /// Returns the bytes that are neither in a section nor in a crate's part of one: headers, and gaps for alignment.
    #[must_use]
    pub fn rest_bytes(&self) -> u64 {
        self.file_bytes - self.crates.values().sum::<u64>()
    }
}

fn memory_bytes(image: &[u8]) -> object::Result<u64> {
    let header = FileHeader64::<Endianness>::parse(image)?;
    let endian = header.endian()?;
    let headers = header.program_headers(endian, image)?;
    let loaded = headers
        .iter()
        .filter(|header| header.p_type(endian) == PT_LOAD)
        .map(|header| header.p_memsz(endian));
    Ok(loaded.sum())
}

impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = |f: &mut fmt::Formatter<'_>, name: &str, bytes: u64| {
            let share = 100.0 * bytes as f64 / self.file_bytes as f64;
            writeln!(f, "{name:24}  {bytes:>8}  {share:>5.1} %")
        };
        let descending = |sizes: &BTreeMap<String, u64>| {
            let mut rows: Vec<_> = sizes
                .iter()
                .map(|(name, &bytes)| (name.clone(), bytes))
                .collect();
            rows.sort_by_key(|&(_, bytes)| std::cmp::Reverse(bytes));
            rows
        };
        writeln!(f, "{:24}  {:>8}", "section", "bytes")?;
        for (name, bytes) in descending(&self.sections) {
            row(f, &name, bytes)?;
        }
        writeln!(f, "\n{:24}  {:>8}", "crate", "bytes")?;
        for (name, bytes) in descending(&self.crates) {
            row(f, &name, bytes)?;
        }
        row(f, "(headers, alignment)", self.rest_bytes())?;
        writeln!(
            f,
            "\nfathom.elf: {} bytes, {:.0} KiB; in memory {:.0} KiB",
            self.file_bytes,
            self.file_bytes as f64 / 1024.0,
            self.memory_bytes as f64 / 1024.0
        )
    }
}
