//! Options for the objectives that a result is held against.

use std::path::PathBuf;

use clap::Args;

use super::option_file::from_file;
use crate::cli::CliError;
use crate::judge::objectives::Objectives;
use crate::judge::objectives::prepared_gate::PreparedGate;
use crate::record::{ObjectiveLevel, RecordError};

/// Largest file of objectives, in bytes.
const MOST_BYTES: u64 = 1 << 20;

/// Options for the objectives that a result is held against.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Results")]
pub struct ObjectiveArgs {
    /// Limit to keep to, such as 'p99 <= 2us'; may be repeated
    #[arg(long, value_name = "EXPR")]
    pub require: Vec<String>,
    /// Limit that is warned of
    #[arg(long, value_name = "EXPR", hide_short_help = true)]
    pub warn_at: Vec<String>,
    /// File of objectives (TOML, schema fathom-objectives/1)
    #[arg(long, value_name = "FILE")]
    pub objectives: Option<PathBuf>,
    /// Result that limits such as '+5% of baseline' are relative to
    #[arg(long, value_name = "DIR", hide_short_help = true)]
    pub baseline: Option<PathBuf>,
}

impl ObjectiveArgs {
    /// Returns true if no objective is named.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.require.is_empty() && self.warn_at.is_empty() && self.objectives.is_none()
    }

    /// Returns the objectives, with what they are relative to.
    ///
    /// # Errors
    ///
    /// [`CliError::Objectives`] if they can't be read, [`CliError::Content`] if their file can't be,
    /// [`CliError::Experiment`] if the baseline can't be.
    pub fn gate(&self) -> Result<PreparedGate, CliError> {
        let mut objectives = match &self.objectives {
            None => Objectives::none(),
            Some(path) => {
                let bytes = from_file("--objectives", path, MOST_BYTES, Ok::<_, String>)?;
                Objectives::read(&bytes, &path.display().to_string())?
            }
        };
        for text in &self.require {
            objectives.add("--require", text, ObjectiveLevel::Pass)?;
        }
        for text in &self.warn_at {
            objectives.add("--warn-at", text, ObjectiveLevel::Warn)?;
        }
        let gate = PreparedGate::new(objectives, self.baseline.as_deref());
        Ok(gate.map_err(RecordError::from)?)
    }
}
