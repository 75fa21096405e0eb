//! Reasons why a command failed, and the exit code for each.

use std::io;
use std::path::PathBuf;

use crate::experiment::compare::ImageProblem;
use crate::experiment::{ExperimentError, with_causes};
use crate::exporter::ServerError;
use crate::image::ImageError;
use crate::judge::diff::Refusal;
use crate::judge::history::OrderError;
use crate::judge::objectives::ObjectivesError;
use crate::link::LinkError;
use crate::load::PlanError;
use crate::machine::MachineError;
use crate::record::merge::MergeError;
use crate::record::{ObjectiveState, RecordError};
use crate::sut::SutError;

/// The exit codes and their meaning: the only list, which `--help` and `docs/results.md` repeat.
pub const EXIT_CODES: [(u8, &str); 5] = [
    (0, "done"),
    (1, "failed"),
    (2, "usage"),
    (3, "missed or regression"),
    (4, "measurement invalid or undecided"),
];

/// Reason why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// An experiment failed, or its result is not to be trusted.
    #[error(transparent)]
    Experiment(#[from] ExperimentError),
    /// Options don't go together.
    #[error("{0}")]
    Usage(&'static str),
    /// Metrics can't be served.
    #[error(transparent)]
    Exporter(#[from] ServerError),
    /// A disk image can't be made, read or changed.
    #[error(transparent)]
    DiskImage(#[from] ImageError),
    /// Results that are to be laid over each other are not of one machine.
    #[error(
        "these results are of different machines: {0}; lay them over each other all the same with `--anyway`"
    )]
    DifferentMachines(String),
    /// Results that are to be laid over each other were measured under different injected faults.
    #[error(
        "these results were measured under different injected faults ({0}): they are not compared; name those \
         with the same `--fault`"
    )]
    MixedFaults(String),
    /// Logs can't be added up.
    #[error(transparent)]
    Merge(#[from] MergeError),
    /// Objectives can't be read, or are about nothing that is measured.
    #[error(transparent)]
    Objectives(#[from] ObjectivesError),
    /// An objective was missed.
    #[error("{}", missed(because))]
    Missed {
        /// Faults of the measurement; empty if it has none.
        because: Vec<String>,
    },
    /// Results are worse than those before or beside them.
    #[error("regression: {0}")]
    Regression(String),
    /// Results don't tell what was asked.
    #[error("undecided: {0}")]
    Undecided(String),
    /// Results have no order by revision.
    #[error(transparent)]
    Order(#[from] OrderError),
    /// Two results answer different questions.
    #[error(transparent)]
    NotComparable(#[from] Refusal),
    /// A file with the content of requests or replies can't be used.
    #[error("{option} {}: {problem}", path.display())]
    Content {
        /// The option that names it.
        option: &'static str,
        /// The file.
        path: PathBuf,
        /// The problem.
        problem: String,
    },
    /// Something that a command needs of this host could not be set up.
    #[error("could not set up {what}")]
    Setup {
        /// The thing that was needed.
        what: &'static str,
        /// The system's error.
        #[source]
        source: io::Error,
    },
}

/// Converts errors of lower layers as an experiment does.
macro_rules! from_lower {
    ($($error:ty),*) => {
        $(impl From<$error> for CliError {
            fn from(error: $error) -> Self {
                Self::Experiment(error.into())
            }
        })*
    };
}

impl From<ImageProblem> for CliError {
    fn from(ImageProblem { path, problem }: ImageProblem) -> Self {
        Self::Content {
            option: "--targets",
            path,
            problem,
        }
    }
}

from_lower!(SutError, MachineError, LinkError, PlanError, RecordError);

impl CliError {
    /// Returns the error and everything that led to it as text; of several lines if it quotes a guest or
    /// QEMU.
    #[must_use]
    pub fn with_causes(&self) -> String {
        with_causes(self)
    }

    /// Returns what objectives in `state` come to.
    ///
    /// # Errors
    ///
    /// [`CliError::Missed`] and [`CliError::Undecided`], unless they are met.
    pub fn of_objectives(state: ObjectiveState) -> Result<(), Self> {
        match state {
            ObjectiveState::Met => Ok(()),
            ObjectiveState::Missed => Err(Self::Missed {
                because: Vec::new(),
            }),
            ObjectiveState::Undecided | ObjectiveState::NotMeasured => Err(Self::Undecided(
                "the measurement can't tell if the objectives are met".to_owned(),
            )),
        }
    }

    /// Returns the exit code that tells a script what kind of failure this is, one of [`EXIT_CODES`].
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Experiment(error) => experiment_exit_code(error),
            Self::DiskImage(ImageError::Arguments(_))
            | Self::Usage(_)
            | Self::Objectives(_)
            | Self::Content { .. }
            | Self::Merge(
                MergeError::Different { .. }
                | MergeError::Undescribed { .. }
                | MergeError::Nothing { .. }
                | MergeError::Input { .. },
            )
            | Self::MixedFaults(_)
            | Self::NotComparable(_)
            | Self::Order(_)
            | Self::DifferentMachines(_) => 2,
            Self::DiskImage(_) | Self::Exporter(_) | Self::Merge(_) | Self::Setup { .. } => 1,
            Self::Missed { .. } | Self::Regression(_) => 3,
            Self::Undecided(_) => 4,
        }
    }
}

/// Returns the message about objectives that were missed.
fn missed(because: &[String]) -> String {
    let mut text = "objectives missed".to_owned();
    for reason in because {
        text.push_str("; ");
        text.push_str(reason);
    }
    text
}

/// Returns the exit code for an experiment that failed.
const fn experiment_exit_code(error: &ExperimentError) -> u8 {
    match error {
        ExperimentError::Resolve { .. }
        | ExperimentError::OtherProtocol { .. }
        | ExperimentError::NoStatus { .. }
        | ExperimentError::Image { .. }
        | ExperimentError::ImageChanged { .. }
        | ExperimentError::Machine(_)
        | ExperimentError::Sut(_)
        | ExperimentError::Link(_)
        | ExperimentError::Cost(_)
        | ExperimentError::Lock(_)
        | ExperimentError::Report(_)
        | ExperimentError::Setup { .. }
        | ExperimentError::Interrupted => 1,
        ExperimentError::Incompatible(_)
        | ExperimentError::NotAllowed(_)
        | ExperimentError::Plan(_)
        | ExperimentError::Address { .. }
        | ExperimentError::NothingToCompare { .. } => 2,
        ExperimentError::Invalid { .. } | ExperimentError::Incomplete { .. } => 4,
    }
}

#[cfg(test)]
mod tests;
