//! `fathom report`: render the documents of results again, several of them in one.

use std::fs;
use std::path::PathBuf;

use clap::Args;

use super::CliError;
use super::output::print;
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
    let out = match &args.out {
        Some(out) => {
            fs::create_dir_all(out).map_err(ReportError::unwritable(out))?;
            out
        }
        None => &args.directories[0],
    };
    documents.write_to(out)?;
    let shown = |name| out.join(name).display().to_string();
    Ok(print(&format!(
        "report     {}\n           {}\n",
        shown(document::HTML),
        shown(document::MARKDOWN)
    ))?)
}
