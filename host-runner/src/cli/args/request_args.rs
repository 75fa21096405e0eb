//! Options for requests to a service of somebody's own.

use std::path::{Path, PathBuf};

use clap::Args;
use wire::{HEADER_LEN, MAX_PAYLOAD};

use crate::cli::CliError;
use crate::files;
use crate::load::{Content, Plan};

/// Most bytes that fit behind the header.
const MAX_LEN: usize = MAX_PAYLOAD - HEADER_LEN;

/// Options for the requests' content.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Load")]
pub struct RequestArgs {
    /// File with what every request carries behind its header, 1 to 1428 bytes: for an image with a service
    /// of your own
    #[arg(long, value_name = "FILE", conflicts_with = "payload")]
    pub request: Option<PathBuf>,
    /// File with what every reply must carry behind its header; another reply counts as corrupted
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
        let request = read("--request", path)?;
        if request.is_empty() {
            return Err(problem("--request", path, "the file is empty"));
        }
        let reply = match &self.expect {
            None => None,
            Some(path) => {
                let reply = read("--expect", path)?;
                if reply.len() > request.len() {
                    let longer = "a reply is never longer than its request";
                    return Err(problem("--expect", path, longer));
                }
                Some(reply)
            }
        };
        Ok(Plan {
            payload_len: HEADER_LEN + request.len(),
            content: Some(Content { request, reply }),
            ..plan
        })
    }
}

/// Reads what an option names. It is needed to the end of the program, and read once.
fn read(option: &'static str, path: &Path) -> Result<&'static [u8], CliError> {
    let bytes = files::read(path, MAX_PAYLOAD as u64 * 1024);
    let bytes = bytes.map_err(|error| problem(option, path, error))?;
    if bytes.len() > MAX_LEN {
        let too_long = format!(
            "{} bytes do not fit a datagram: at most {MAX_LEN} do, behind the header of {HEADER_LEN}",
            bytes.len()
        );
        return Err(problem(option, path, too_long));
    }
    Ok(bytes.leak())
}

fn problem(option: &'static str, path: &Path, problem: impl ToString) -> CliError {
    CliError::Content {
        option,
        path: path.to_owned(),
        problem: problem.to_string(),
    }
}

#[cfg(test)]
mod tests;
