//! Reasons why a command failed, and the exit code for each.

use std::io;
use std::path::PathBuf;

use crate::experiment::{ExperimentError, with_causes};
use crate::image::ImageError;
use crate::link::LinkError;
use crate::load::PlanError;
use crate::machine::MachineError;
use crate::record::RecordError;
use crate::sut::SutError;

/// The exit codes and their meaning: the only list, which `--help` and `docs/results.md` repeat.
pub const EXIT_CODES: [(u8, &str); 4] = [
    (0, "done"),
    (1, "failed"),
    (2, "usage"),
    (4, "measurement invalid"),
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
    /// A disk image can't be made, read or changed.
    #[error(transparent)]
    DiskImage(#[from] ImageError),
    /// Results that are to be laid over each other are not of one machine.
    #[error(
        "these results are of different machines: {differences}; lay them over each other all the same \
         with `--anyway`"
    )]
    DifferentMachines {
        /// The differences.
        differences: String,
    },
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

from_lower!(SutError, MachineError, LinkError, PlanError, RecordError);

impl CliError {
    /// Returns the error and everything that led to it as text; of several lines if it quotes a guest or
    /// QEMU.
    #[must_use]
    pub fn with_causes(&self) -> String {
        with_causes(self)
    }

    /// Returns the exit code that tells a script what kind of failure this is, one of [`EXIT_CODES`].
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Experiment(error) => experiment_exit_code(error),
            Self::DiskImage(ImageError::Arguments(_))
            | Self::Usage(_)
            | Self::Content { .. }
            | Self::DifferentMachines { .. } => 2,
            Self::DiskImage(_) | Self::Setup { .. } => 1,
        }
    }
}

/// Returns the exit code for an experiment that failed.
const fn experiment_exit_code(error: &ExperimentError) -> u8 {
    match error {
        ExperimentError::Resolve { .. }
        | ExperimentError::OtherProtocol { .. }
        | ExperimentError::NoStatus { .. }
        | ExperimentError::Image { .. }
        | ExperimentError::Untrusted { .. }
        | ExperimentError::Machine(_)
        | ExperimentError::NoVhost(_)
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
mod tests {
    use super::*;
    use crate::load::PlanError;
    use crate::load::Protocol;

    #[test]
    fn causes_are_told_once_each() {
        let error = CliError::from(RecordError::Unwritable {
            path: "/results".into(),
            source: io::Error::other("read-only"),
        });
        let text = error.with_causes();
        assert!(text.starts_with("can't write /results; "), "{text}");
        assert!(text.ends_with(": read-only"), "{text}");
        assert_eq!(text.matches("can't write").count(), 1);
    }

    #[test]
    fn exit_codes_are_the_documented_ones() {
        let (address, problem) = (String::new(), String::new());
        for (error, code) in [
            (ExperimentError::Incompatible("not both"), 2),
            (ExperimentError::Plan(PlanError::NoTimeout), 2),
            (
                ExperimentError::Resolve {
                    address: address.clone(),
                    source: io::Error::other("no"),
                },
                1,
            ),
            (
                ExperimentError::Address {
                    address: address.clone(),
                    problem: problem.clone(),
                },
                2,
            ),
            (
                ExperimentError::OtherProtocol {
                    address: address.clone(),
                    replies: 3,
                    speaks: Protocol::Echo,
                },
                1,
            ),
            (ExperimentError::NoStatus { address, problem }, 1),
            (ExperimentError::Interrupted, 1),
            (ExperimentError::Invalid { reasons: vec![] }, 4),
            (ExperimentError::Incomplete { reasons: vec![] }, 4),
            (ExperimentError::NothingToCompare { reasons: vec![] }, 2),
        ] {
            assert_eq!(CliError::from(error).exit_code(), code);
        }
    }
}
