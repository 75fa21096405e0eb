//! `fathom report`: render the documents of results again, several of them in one.

use std::path::PathBuf;

use clap::Args;

use super::CliError;
use super::output::print;
use crate::files::Directory;
use crate::report::{ReportError, document};

/// `fathom report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Directories that `fathom run` wrote, such as results/latest
    #[arg(value_name = "DIR", required = true)]
    pub directories: Vec<PathBuf>,
    /// Directory for report.html and report.md [default: the first DIR]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// Reads the results, checks them against each other, and writes the documents.
///
/// # Errors
///
/// [`CliError::Report`] if results are missing or damaged, or the documents can't be written.
pub fn run(args: &ReportArgs) -> Result<(), CliError> {
    let documents = document::render(&args.directories)?;
    let path = args.out.as_ref().unwrap_or(&args.directories[0]);
    let out = Directory::create(path).map_err(ReportError::unwritable(path))?;
    documents.write_to(&out)?;
    let shown = |name| path.join(name).display().to_string();
    Ok(print(&format!(
        "report     {}\n           {}\n",
        shown(document::HTML),
        shown(document::MARKDOWN)
    ))?)
}
