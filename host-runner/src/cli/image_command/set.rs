//! `fathom image set`: other boot arguments for a disk image.

use std::path::PathBuf;

use clap::Args;

use super::super::CliError;
use super::super::output::print;
use crate::files;
use crate::image::contents::image_listing;
use crate::image::layout::CLUSTER;
use crate::image::{ImageError, config_file, edit};

/// The ways to call it: clap puts alternatives before the file that they are for.
const USAGE: &str = "\
fathom image set <IMAGE> <ARG>...
       fathom image set <IMAGE> --file <FILE>
       fathom image set <IMAGE> --clear";

/// `fathom image set`.
#[derive(Debug, Args)]
#[command(override_usage = USAGE, group = clap::ArgGroup::new("what").required(true).multiple(false))]
pub struct SetArgs {
    /// A disk image, raw or qcow2
    #[arg(value_name = "IMAGE")]
    pub image: PathBuf,
    /// The boot arguments, such as ip=192.0.2.5/24 port=9001; they replace all that were there
    #[arg(value_name = "ARG", group = "what")]
    pub arguments: Vec<String>,
    /// Take the boot arguments from this file, as it is
    #[arg(long, value_name = "FILE", group = "what")]
    pub file: Option<PathBuf>,
    /// Leave none: the service asks a DHCP server for its address
    #[arg(long, group = "what")]
    pub clear: bool,
}

/// Changes the arguments, and says what they are now.
///
/// # Errors
///
/// [`CliError::DiskImage`] if the file is no disk image of Fathom's, the arguments can't be used, or there
/// is no room; then nothing has changed.
pub fn run(args: &SetArgs) -> Result<(), CliError> {
    let text = match &args.file {
        Some(path) => {
            let content =
                files::read(path, CLUSTER as u64).map_err(ImageError::unreadable(path))?;
            config_file::from_file(content)?
        }
        None => config_file::from_arguments(args.arguments.iter().map(String::as_str))?,
    };
    edit::set(&args.image, text.as_bytes())?;
    let name = args.image.display().to_string();
    Ok(print(&image_listing::of_arguments(&name, &text))?)
}
