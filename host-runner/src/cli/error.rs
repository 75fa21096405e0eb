//! Why a command failed, and the exit code for it.

use std::io;
use std::path::PathBuf;

use crate::experiment::ExperimentError;
use crate::experiment::cost::CostError;
use crate::host::assignment::NotAllowed;
use crate::host::lock::LockError;
use crate::image::ImageError;
use crate::link::LinkError;
use crate::load::PlanError;
use crate::machine::{MachineError, NoVhost};
use crate::record::ReportError;
use crate::sut::SutError;

/// The exit codes and their meaning: the only list, which `--help` and `docs/results.md` repeat.
pub const EXIT_CODES: [(u8, &str); 4] = [
    (0, "done"),
    (1, "failed"),
    (2, "usage"),
    (4, "measurement invalid"),
];

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// An experiment failed, or its result is not to be trusted.
    #[error(transparent)]
    Experiment(#[from] ExperimentError),
    /// Options that don't go together.
    #[error("{0}")]
    Usage(&'static str),
    /// CPUs were asked for that this process may not use.
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
    /// No target can be measured on any of the links.
    #[error("there is nothing to measure: {}", reasons.join("; "))]
    NothingToCompare {
        /// Why each is left out.
        reasons: Vec<String>,
    },
    /// Options that make no measurement.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// There is no image.
    #[error("the image {} can't be read; build it with `make build`, or name another with `--image PATH`", path.display())]
    Image {
        /// Where it was looked for.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file to be used may have been put there by another user.
    #[error("{} may be another user's: its owner or its directory's is somebody else, or all may write there; go to a directory of your own, or name the file to use", path.display())]
    Untrusted {
        /// Which.
        path: PathBuf,
    },
    /// The machine could not be booted, or failed.
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// The host's kernel can't serve the guest's rings.
    #[error(transparent)]
    NoVhost(#[from] NoVhost),
    /// The service on Linux could not be set up, or failed.
    #[error(transparent)]
    Sut(#[from] SutError),
    /// The link could not be set up, or failed.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The cost of an echo could not be counted.
    #[error(transparent)]
    Cost(#[from] CostError),
    /// A disk image can't be made, read or changed.
    #[error(transparent)]
    DiskImage(#[from] ImageError),
    /// Another measurement has the host.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// Results could not be written.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// Results that are to be laid over each other are not of one machine.
    #[error(
        "these results are of different machines: {differences}; lay them over each other all the same \
         with `--anyway`"
    )]
    DifferentMachines {
        /// In what.
        differences: String,
    },
    /// Ctrl-C can't be caught, or a scratch directory can't be had.
    #[error("could not set up {what}")]
    Setup {
        /// What was wanted.
        what: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Ctrl-C before there was anything to measure.
    #[error("interrupted")]
    Interrupted,
    /// The measurement was made and written, but must not be trusted.
    #[error("the measurement is invalid: `trust` in the report says why, and what to do about it")]
    Invalid {
        /// Reasons for the invalidity, which the report has given.
        reasons: Vec<String>,
    },
    /// A comparison lacks valid runs.
    #[error("the comparison is incomplete: {}", reasons.join("; "))]
    Incomplete {
        /// List of what is missing, each with its cause if that is known.
        reasons: Vec<String>,
    },
}

impl CliError {
    /// Returns the error and everything that led to it as text; of several lines if it quotes a guest or
    /// QEMU.
    #[must_use]
    pub fn with_causes(&self) -> String {
        crate::experiment::with_causes(self)
    }

    /// The exit code that tells a script what kind of failure this is, one of [`EXIT_CODES`].
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Experiment(error) => experiment_exit_code(error),
            Self::DiskImage(ImageError::Arguments(_)) => 2,
            Self::Image { .. }
            | Self::Untrusted { .. }
            | Self::Machine(_)
            | Self::NoVhost(_)
            | Self::Sut(_)
            | Self::Link(_)
            | Self::Cost(_)
            | Self::Lock(_)
            | Self::DiskImage(_)
            | Self::Report(_)
            | Self::Setup { .. }
            | Self::Interrupted => 1,
            Self::Usage(_)
            | Self::NotAllowed(_)
            | Self::DifferentMachines { .. }
            | Self::Plan(_)
            | Self::NothingToCompare { .. } => 2,
            Self::Invalid { .. } | Self::Incomplete { .. } => 4,
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
    use crate::load::Protocol;

    #[test]
    fn causes_are_told_once_each() {
        let error = CliError::from(ReportError::Unwritable {
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
        let invalid = CliError::Invalid {
            reasons: vec!["a".to_owned(), "b".to_owned()],
        };
        // The report has given the reasons: here they would stand a second time.
        assert!(!invalid.to_string().contains("a; b"), "{invalid}");
        assert_eq!(invalid.exit_code(), 4);
        assert_eq!(CliError::Interrupted.exit_code(), 1);
        assert_eq!(CliError::Plan(PlanError::NoTimeout).exit_code(), 2);
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
