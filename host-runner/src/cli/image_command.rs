//! `fathom image`: disk images and packages of the unikernel, made, shown and configured.

use clap::{Args, Subcommand};

use super::CliError;
use super::help;

mod new;
mod set;
mod show;

/// `fathom image`.
#[derive(Debug, Args)]
pub struct ImageArgs {
    /// Command for images.
    #[command(subcommand)]
    pub command: ImageCommand,
}

/// Commands for images.
#[derive(Debug, Subcommand)]
pub enum ImageCommand {
    /// Make disk images and packages of the unikernel
    #[command(after_help = help::IMAGE_NEW)]
    New(new::NewArgs),
    /// Show what an image holds: partition, files, boot arguments, digests
    #[command(after_help = help::IMAGE_SHOW)]
    Show(show::ShowArgs),
    /// Change the boot arguments in a disk image
    #[command(after_help = help::IMAGE_SET)]
    Set(set::SetArgs),
}

/// Does what was asked for.
///
/// # Errors
///
/// [`CliError::DiskImage`] if it can't be done; then nothing has changed.
pub fn run(args: &ImageArgs) -> Result<(), CliError> {
    match &args.command {
        ImageCommand::New(args) => new::run(args),
        ImageCommand::Show(args) => show::run(args),
        ImageCommand::Set(args) => set::run(args),
    }
}
