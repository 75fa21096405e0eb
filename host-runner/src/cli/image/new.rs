//! `fathom image new`: the files of a release.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::super::CliError;
use super::super::output::print;
use crate::files::{self, Directory};
use crate::image::dist::{self, Made, Package};
use crate::image::kernel::{self, Elf};
use crate::image::layout::Parts;
use crate::image::{ImageError, MAX_KEPT_BYTES, config};
use crate::quantity;
use crate::record::environment::GIT_REVISION;
use crate::sut::built;

/// Directory of the loaders among what is built.
const LOADERS: &str = "loaders";

/// Names of the BIOS loader's parts.
const BOOT_SECTOR: &str = "bios-mbr.bin";
const SECOND_STAGE: &str = "bios-stage2.bin";

/// `fathom image new`.
#[derive(Debug, Args)]
pub struct NewArgs {
    /// Directory for the files, made if it is not there
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// The unikernel [default: target/fathom.elf]
    #[arg(long, value_name = "FILE")]
    pub elf: Option<PathBuf>,
    /// The EFI program that holds it [default: target/loaders/fathom.efi]
    #[arg(long, value_name = "FILE")]
    pub efi: Option<PathBuf>,
    /// Directory of the BIOS loader: bios-mbr.bin and bios-stage2.bin [default: target/loaders]
    #[arg(long, value_name = "DIR")]
    pub bios: Option<PathBuf>,
    /// Boot arguments in the disk images, such as "ip=dhcp port=9001" (repeatable)
    #[arg(long = "arg", value_name = "ARG")]
    pub arguments: Vec<String>,
    /// Formats beside the ELF file and the EFI program
    #[arg(
        long,
        value_enum,
        value_name = "LIST",
        value_delimiter = ',',
        default_value = "all"
    )]
    pub format: Vec<FormatName>,
}

/// Formats to choose from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
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
    const fn packages(self) -> &'static [Package] {
        match self {
            Self::Raw => &[Package::Raw],
            Self::Qcow2 => &[Package::Qcow2],
            Self::Gce => &[Package::Gce],
            Self::Oci => &[Package::Oci],
            Self::All => &Package::ALL,
        }
    }
}

/// Makes the files and says what each is for.
///
/// # Errors
///
/// [`CliError::DiskImage`] if a part can't be read, the arguments can't be used, or there is no room.
pub fn run(args: &NewArgs) -> Result<(), CliError> {
    let config = config::from_arguments(args.arguments.iter().map(String::as_str))?;
    let elf = elf(args)?;
    let efi = efi(args)?;
    let boot_sector = loader(args.bios.as_deref(), BOOT_SECTOR)?;
    let second_stage = loader(args.bios.as_deref(), SECOND_STAGE)?;
    let parts = Parts {
        elf: &elf,
        efi: &efi,
        boot_sector: &boot_sector,
        second_stage: &second_stage,
        config: config.as_bytes(),
    };
    let packages: Vec<Package> = args
        .format
        .iter()
        .flat_map(|it| it.packages())
        .copied()
        .collect();
    let directory = Directory::create(&args.out).map_err(ImageError::unwritable(&args.out))?;
    let made = dist::write(&directory, &parts, &packages, GIT_REVISION)?;
    Ok(print(&listed(&args.out, &made))?)
}

fn elf(args: &NewArgs) -> Result<Vec<u8>, CliError> {
    let path = match &args.elf {
        Some(path) => path.clone(),
        None => built(dist::ELF)?.join(dist::ELF),
    };
    let bytes = part(&path, "--elf FILE")?;
    match Elf::read(&bytes) {
        Ok(_) => Ok(bytes),
        Err(problem) => Err(not_a_part(path, "unikernel", problem)),
    }
}

fn efi(args: &NewArgs) -> Result<Vec<u8>, CliError> {
    let path = match &args.efi {
        Some(path) => path.clone(),
        None => loader_path(dist::EFI)?,
    };
    let bytes = part(&path, "--efi FILE")?;
    match kernel::check_efi(&bytes) {
        Ok(()) => Ok(bytes),
        Err(problem) => Err(not_a_part(path, "EFI loader", problem)),
    }
}

fn loader(directory: Option<&Path>, name: &str) -> Result<Vec<u8>, CliError> {
    let path = match directory {
        Some(directory) => directory.join(name),
        None => loader_path(name)?,
    };
    part(&path, "--bios DIR")
}

/// Returns the path of the built loader `name`.
fn loader_path(name: &str) -> Result<PathBuf, CliError> {
    let name = Path::new(LOADERS).join(name);
    let shown = name.to_string_lossy();
    Ok(built(&shown)?.join(&name))
}

fn part(path: &Path, option: &'static str) -> Result<Vec<u8>, CliError> {
    let read = files::read(path, MAX_KEPT_BYTES as u64);
    Ok(read.map_err(|source| ImageError::Part {
        path: path.to_owned(),
        option,
        source,
    })?)
}

fn not_a_part(path: PathBuf, expected: &'static str, problem: &'static str) -> CliError {
    CliError::DiskImage(ImageError::NotAPart {
        path,
        expected,
        problem: problem.to_owned(),
    })
}

/// Lists what was made: each file, its size, and how it is booted.
fn listed(out: &Path, made: &[Made]) -> String {
    let mut text = format!("made       {}\n", out.display());
    for file in made {
        let size = quantity::bytes(file.bytes);
        let line = format!("  {:<18} {size:>9}   {}", file.name, purpose(file.name));
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Says in a line how the file `name` is used.
fn purpose(name: &str) -> &'static str {
    match name {
        dist::ELF => {
            "qemu-system-x86_64 -m 32 -nographic -nic user,model=virtio-net-pci -kernel fathom.elf -append ip=dhcp"
        }
        dist::EFI => {
            "for UEFI: as EFI/BOOT/BOOTX64.EFI on a FAT file system, or by its boot manager"
        }
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
        dist::MANIFEST => "version, arguments, sizes and digests",
        dist::SUMS => "sha256sum --check SHA256SUMS",
        _ => "",
    }
}
