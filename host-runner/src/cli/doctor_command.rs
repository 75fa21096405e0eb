//! `fathom doctor`: what on this host spoils a measurement.

use std::io;

use clap::Args;

use super::CliError;
use super::output::print;
use crate::host::doctor::{self, Depth, finding_list};
use crate::record::to_json;

/// `fathom doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Print the findings as JSON: an array of {name, verdict, fact, advice}
    #[arg(long)]
    pub json: bool,
}

/// Looks at the host and prints what it found. That something is bad is no failure.
///
/// # Errors
///
/// [`CliError`] if there is nothing to look at, or nobody to tell.
pub fn run(args: &DoctorArgs) -> Result<(), CliError> {
    if !doctor::can_look() {
        return Err(CliError::Setup {
            what: "a look at this host: mount /proc",
            source: io::Error::from(io::ErrorKind::NotFound),
        });
    }
    let findings = doctor::examine(Depth::Full);
    let text = if args.json {
        to_json(&findings)?
    } else {
        finding_list::render(&findings)
    };
    Ok(print(&text)?)
}
