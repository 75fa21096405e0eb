//! The files of a release, made of its parts: all of them or none.

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::layout::{self, LayoutError, Parts};
use super::{ImageError, VERSION, config_file, gce, oci, qcow2};
use crate::digest::hex;
use crate::files::{Directory, Unfinished};
use crate::quantity;

/// Kinds of files that can be made beside `fathom.elf` and `fathom.efi`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Package {
    /// `fathom.img`
    Raw,
    /// `fathom.qcow2`
    Qcow2,
    /// `fathom-gce.tar.gz`
    Gce,
    /// `fathom-oci.tar`
    Oci,
}

impl Package {
    /// All of them, in the order in which they are made.
    pub const ALL: [Self; 4] = [Self::Raw, Self::Qcow2, Self::Gce, Self::Oci];

    /// Returns the name of its file.
    #[must_use]
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::Raw => "fathom.img",
            Self::Qcow2 => "fathom.qcow2",
            Self::Gce => "fathom-gce.tar.gz",
            Self::Oci => "fathom-oci.tar",
        }
    }

    /// Returns the code of its format, and those of the protocols that it boots by.
    const fn facts(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Self::Raw => ("raw", &["bios", "uefi"]),
            Self::Qcow2 => ("qcow2", &["bios", "uefi"]),
            Self::Gce => ("gce", &["bios", "uefi"]),
            Self::Oci => ("oci", &["bios", "uefi", "pvh"]),
        }
    }
}

/// Choice of packages. Docs of variants are `--help` text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum FormatName {
    /// fathom.img, a raw disk image
    Raw,
    /// fathom.qcow2, the same for QEMU
    Qcow2,
    /// fathom-gce.tar.gz, for Google Compute Engine
    Gce,
    /// fathom-oci.tar, for KubeVirt: containerDisk and kernelBoot
    Oci,
    /// All of them
    All,
}

impl FormatName {
    /// Returns the packages that are chosen.
    #[must_use]
    pub const fn packages(self) -> &'static [Package] {
        match self {
            Self::Raw => &[Package::Raw],
            Self::Qcow2 => &[Package::Qcow2],
            Self::Gce => &[Package::Gce],
            Self::Oci => &[Package::Oci],
            Self::All => &Package::ALL,
        }
    }
}

/// Name of the ELF file among the files.
pub const ELF: &str = "fathom.elf";

/// Name of the EFI program among the files.
pub const EFI: &str = "fathom.efi";

/// Name of the list of digests, as `sha256sum --check` reads it.
pub const SUMS: &str = "SHA256SUMS";

/// Name of the description of the files.
pub const MANIFEST: &str = "manifest.json";

/// A file that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Made {
    /// Name.
    pub name: &'static str,
    /// Length in bytes.
    pub bytes: u64,
    /// SHA-256 digest.
    pub sha256: String,
    /// Code of its format.
    pub format: &'static str,
    /// Codes of the protocols that it boots by.
    pub boot: &'static [&'static str],
}

/// Description of the files.
#[derive(Debug, Serialize)]
struct Manifest<'a> {
    name: &'static str,
    version: &'static str,
    /// Revision of the program that made them, if that was built in a repository.
    commit: Option<&'a str>,
    /// Words of the configuration file.
    arguments: Vec<&'a str>,
    files: &'a [Made],
}

/// Makes the files of `parts` in `directory`.
///
/// # Errors
///
/// [`ImageError`] if the parts make no disk or something can't be written; then nothing has changed.
pub fn write(
    directory: &Directory,
    parts: &Parts<'_>,
    packages: &[Package],
    commit: Option<&str>,
) -> Result<Vec<Made>, ImageError> {
    let disk = layout::build(parts, None)?;
    let mut qcow2 = Vec::new();
    qcow2::write(&disk, &mut qcow2).map_err(LayoutError::from)?;
    let mut release = Release {
        directory,
        unfinished: Vec::new(),
        made: Vec::new(),
    };
    release.add(ELF, ("elf", &["pvh"]), |file| file.write_all(parts.elf))?;
    release.add(EFI, ("efi", &["uefi"]), |file| file.write_all(parts.efi))?;
    for package in Package::ALL
        .into_iter()
        .filter(|package| packages.contains(package))
    {
        release.add(package.file_name(), package.facts(), |file| match package {
            Package::Raw => disk.copy_to(0, disk.len(), file),
            Package::Qcow2 => file.write_all(&qcow2),
            Package::Gce => {
                let large = layout::build(parts, Some(gce::DISK_LEN)).map_err(io::Error::other)?;
                gce::write(&large, disk.len(), file)
            }
            Package::Oci => oci::write(&qcow2, parts.elf, file),
        })?;
    }
    let manifest = Manifest {
        name: "fathom",
        version: VERSION,
        commit,
        arguments: std::str::from_utf8(parts.config)
            .map(|text| config_file::words(text).collect())
            .unwrap_or_default(),
        files: &release.made,
    };
    let manifest = serde_json::to_string_pretty(&manifest)
        .map_err(|error| LayoutError::from(io::Error::from(error)))?;
    release.add(MANIFEST, ("json", &[]), |file| writeln!(file, "{manifest}"))?;
    let lines = release
        .made
        .iter()
        .map(|file| format!("{}  {}\n", file.sha256, file.name));
    let sums: String = lines.collect();
    release.add(SUMS, ("text", &[]), |file| file.write_all(sums.as_bytes()))?;
    release.finish()
}

/// Files that are written but don't have their names yet.
struct Release<'a> {
    directory: &'a Directory,
    unfinished: Vec<Unfinished<'a>>,
    made: Vec<Made>,
}

impl Release<'_> {
    fn add(
        &mut self,
        name: &'static str,
        (format, boot): (&'static str, &'static [&'static str]),
        write: impl FnOnce(&mut Digesting<Unfinished<'_>>) -> io::Result<()>,
    ) -> Result<(), ImageError> {
        let path = self.directory.path().join(name);
        let unwritable = ImageError::unwritable(&path);
        let mut file = Digesting {
            inner: self.directory.begin(name).map_err(&unwritable)?,
            digest: Sha256::new(),
            len: 0,
        };
        write(&mut file).map_err(&unwritable)?;
        self.made.push(Made {
            name,
            bytes: file.len,
            sha256: hex(&file.digest.finalize()),
            format,
            boot,
        });
        self.unfinished.push(file.inner);
        Ok(())
    }

    fn finish(self) -> Result<Vec<Made>, ImageError> {
        let path = self.directory.path();
        for file in self.unfinished {
            file.finish().map_err(ImageError::unwritable(path))?;
        }
        Ok(self.made)
    }
}

/// Takes the digest of what is written.
struct Digesting<W> {
    inner: W,
    digest: Sha256,
    len: u64,
}

impl<W: Write> Write for Digesting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = self.inner.write(bytes)?;
        self.digest.update(&bytes[..len]);
        self.len += len as u64;
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Returns a list of what was made: each file, its size, and how it is booted.
#[must_use]
pub fn listing(out: &Path, made: &[Made]) -> String {
    let mut text = format!("made       {}\n", out.display());
    for file in made {
        let size = quantity::bytes(file.bytes);
        let line = format!("  {:<18} {size:>9}   {}", file.name, purpose(file.name));
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Returns how the file `name` is used, in a line.
fn purpose(name: &str) -> &'static str {
    match name {
        ELF => {
            "qemu-system-x86_64 -m 32 -nographic -nic user,model=virtio-net-pci -kernel fathom.elf -append ip=dhcp"
        }
        EFI => "for UEFI: as EFI/BOOT/BOOTX64.EFI on a FAT file system, or by its boot manager",
        "fathom.img" => {
            "qemu-system-x86_64 -m 32 -nographic -nic user,model=virtio-net-pci -drive file=fathom.img,format=raw,if=virtio"
        }
        "fathom.qcow2" => {
            "qemu-system-x86_64 -m 32 -nographic -nic user,model=virtio-net-pci -drive file=fathom.qcow2,if=virtio"
        }
        "fathom-gce.tar.gz" => {
            "gcloud compute images create fathom --source-uri gs://BUCKET/fathom-gce.tar.gz"
        }
        "fathom-oci.tar" => {
            "skopeo copy oci-archive:fathom-oci.tar docker://REGISTRY/fathom, then a KubeVirt containerDisk or kernelBoot"
        }
        MANIFEST => "version, arguments, sizes and digests",
        SUMS => "sha256sum --check SHA256SUMS",
        _ => "",
    }
}

#[cfg(test)]
mod tests;
