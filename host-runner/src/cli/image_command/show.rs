//! `fathom image show`: what an image holds.

use std::path::PathBuf;

use clap::Args;

use super::super::CliError;
use super::super::output::print;
use crate::image::contents::{self, image_listing};
use crate::terminal::one_line;

/// `fathom image show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// A disk image (raw or qcow2), an EFI program or an ELF file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// Shows what the file holds.
///
/// # Errors
///
/// [`CliError::DiskImage`] if it can't be read or is no image of Fathom's.
pub fn run(args: &ShowArgs) -> Result<(), CliError> {
    let contents = contents::of(&args.file)?;
    let name = one_line(&args.file.display().to_string());
    Ok(print(&image_listing::of(&name, &contents))?)
}
