//! `fathom image new`: the files of a release.

use std::path::PathBuf;

use clap::Args;

use super::super::CliError;
use super::super::output::print;
use crate::files::Directory;
use crate::image::dist::{self, FormatName, Package};
use crate::image::sources::{BOOT_SECTOR, SECOND_STAGE, SourcePaths, Sources};
use crate::image::{ImageError, config_file};
use crate::record::environment::GIT_REVISION;
use crate::sut::{SutError, built_file};

/// Directory of the loaders among what is built.
const LOADERS: &str = "loaders";

/// `fathom image new`.
#[derive(Debug, Args)]
pub struct NewArgs {
    /// Directory for the files, made if it is not there
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// The unikernel [default: fathom.elf, built or installed with this command]
    #[arg(long, value_name = "FILE")]
    pub elf: Option<PathBuf>,
    /// The EFI program that holds the unikernel [default: loaders/fathom.efi, likewise]
    #[arg(long, value_name = "FILE")]
    pub efi: Option<PathBuf>,
    /// Directory of the BIOS loader: bios-mbr.bin and bios-stage2.bin [default: loaders, likewise]
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

/// Makes the files and says what each is for.
///
/// # Errors
///
/// [`CliError::DiskImage`] if a part can't be read, the arguments can't be used, or there is no room.
pub fn run(args: &NewArgs) -> Result<(), CliError> {
    let config = config_file::from_arguments(args.arguments.iter().map(String::as_str))?;
    let sources = Sources::read(&paths(args)?)?;
    let parts = sources.parts(&config);
    let packages: Vec<Package> = args
        .format
        .iter()
        .flat_map(|format| format.packages())
        .copied()
        .collect();
    let directory = Directory::create(&args.out).map_err(ImageError::unwritable(&args.out))?;
    let made = dist::write(&directory, &parts, &packages, GIT_REVISION)?;
    Ok(print(&dist::listing(&args.out, &made))?)
}

/// Returns the paths of the parts: those in the options, else those of built things.
fn paths(args: &NewArgs) -> Result<SourcePaths, SutError> {
    let loader = |name: &str| match &args.bios {
        Some(directory) => Ok(directory.join(name)),
        None => built_file(&format!("{LOADERS}/{name}")),
    };
    Ok(SourcePaths {
        elf: match &args.elf {
            Some(path) => path.clone(),
            None => built_file(dist::ELF)?,
        },
        efi: match &args.efi {
            Some(path) => path.clone(),
            None => built_file(&format!("{LOADERS}/{}", dist::EFI))?,
        },
        boot_sector: loader(BOOT_SECTOR)?,
        second_stage: loader(SECOND_STAGE)?,
    })
}
