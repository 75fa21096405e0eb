//! Options for requests to a service of somebody's own.

use std::path::PathBuf;

use clap::Args;

use super::option_file::from_file;
use crate::cli::CliError;
use crate::load::{Content, Plan};

/// The most that is read of a file, in bytes: more than fits a datagram, so that the message names its length.
const LIMIT: u64 = wire::MAX_JUMBO_PAYLOAD as u64 * 1024;

/// Options for the requests' content.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Load")]
pub struct RequestArgs {
    /// File with what every request carries after its header, 1 to 1428 bytes: for an image with a service
    /// of your own
    #[arg(long, value_name = "FILE", conflicts_with = "payload")]
    pub request: Option<PathBuf>,
    /// File with what every reply must carry after its header; another reply counts as corrupted
    /// [default: replies are not compared]
    #[arg(long, value_name = "FILE", requires = "request")]
    pub expect: Option<PathBuf>,
}

impl RequestArgs {
    /// Returns `plan` with the requests that these options ask for.
    ///
    /// # Errors
    ///
    /// [`CliError::Content`] if a file can't be read, if the request's is empty or does not fit a datagram, or if
    /// the expected reply is longer than the request.
    pub fn fill(&self, plan: Plan) -> Result<Plan, CliError> {
        let Some(path) = &self.request else {
            return Ok(plan);
        };
        let content = from_file("--request", path, LIMIT, Content::new)?;
        let content = match &self.expect {
            None => content,
            Some(path) => from_file("--expect", path, LIMIT, |reply| content.expecting(reply))?,
        };
        Ok(plan.carrying(content))
    }
}

#[cfg(test)]
mod tests;
