//! Reasons why an experiment failed.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use super::cost::CostError;
use crate::host::assignment::NotAllowed;
use crate::host::lock::LockError;
use crate::link::LinkError;
use crate::load::{PlanError, Protocol};
use crate::machine::MachineError;
use crate::record::{RecordError, Run};
use crate::sut::SutError;

/// Reason why an experiment failed, or why its result is not to be trusted.
#[derive(Debug, thiserror::Error)]
pub enum ExperimentError {
    /// The parts of a specification don't go together.
    #[error("{0}")]
    Incompatible(&'static str),
    /// CPUs were asked for that this process may not use.
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
    /// No system of a comparison can be measured on any of its links.
    #[error("there is nothing to measure: {}", reasons.join("; "))]
    NothingToCompare {
        /// Reason for each that is left out.
        reasons: Vec<String>,
    },
    /// The load is none that can be measured.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// No address was found for the name of a service.
    #[error("no address found for {address}; give it as HOST:PORT")]
    Resolve {
        /// The name, as it was given.
        address: String,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// An address can't be used as it is.
    #[error("{address}: {problem}")]
    Address {
        /// Address as it was given.
        address: String,
        /// Problem with the address, and its remedy.
        problem: String,
    },
    /// The service speaks another protocol than the load.
    #[error("{}", other_protocol(address, *replies, *speaks))]
    OtherProtocol {
        /// The service.
        address: String,
        /// Number of replies that showed the other protocol.
        replies: u32,
        /// The protocol of those.
        speaks: Protocol,
    },
    /// The service does not reply with its status.
    #[error("{address} {problem}")]
    NoStatus {
        /// The service.
        address: String,
        /// Problem with it, and what to check.
        problem: String,
    },
    /// The image can't be read.
    #[error("the image {} can't be read; build it with `make build`, or name another with `--image PATH`", path.display())]
    Image {
        /// The path that was tried.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The image is another than in the boots before.
    #[error("the image {} was changed while it was being measured; keep both, and name each in `--targets`", path.display())]
    ImageChanged {
        /// The image.
        path: PathBuf,
    },
    /// The machine could not be booted, or failed.
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// The system under test could not be set up, or failed.
    #[error(transparent)]
    Sut(SutError),
    /// The link could not be set up, or failed.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The cost of an echo could not be counted.
    #[error(transparent)]
    Cost(#[from] CostError),
    /// Another measurement holds the host's lock.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// Results could not be written.
    #[error(transparent)]
    Report(#[from] RecordError),
    /// Something that an experiment needs of this host could not be set up.
    #[error("could not set up {what}")]
    Setup {
        /// The thing that was needed.
        what: &'static str,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The experiment was interrupted before anything was measured.
    #[error("interrupted")]
    Interrupted,
    /// The measurement was made and recorded, but is invalid.
    #[error("the measurement is invalid: `trust` in the report says why, and what to do about it")]
    Invalid {
        /// Reasons for the invalidity, which the report contains.
        reasons: Vec<String>,
    },
    /// A comparison lacks valid runs.
    #[error("the comparison is incomplete: {}", reasons.join("; "))]
    Incomplete {
        /// The parts that are missing, each with its cause if that is known.
        reasons: Vec<String>,
    },
}

/// Returns `error` and its causes as one text; of several lines if it quotes a guest or QEMU.
#[must_use]
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

/// Checks that all of `runs` are valid.
///
/// # Errors
///
/// [`ExperimentError::Invalid`] with the reasons of those that are not.
pub fn check_valid(runs: &[Run]) -> Result<(), ExperimentError> {
    let mut invalid = runs.iter().filter(|run| !run.valid).peekable();
    if invalid.peek().is_none() {
        return Ok(());
    }
    let reasons = invalid.flat_map(|run| run.invalid_because.clone());
    Err(ExperimentError::Invalid {
        reasons: reasons.collect(),
    })
}

impl From<SutError> for ExperimentError {
    fn from(error: SutError) -> Self {
        match error {
            SutError::Incompatible(problem) => Self::Incompatible(problem),
            SutError::Machine(error) => Self::Machine(error),
            SutError::Link(error) => Self::Link(error),
            SutError::Namespace(source) => Self::Setup {
                what: "the service's network namespace",
                source,
            },
            SutError::Log { path, source } => Self::Report(RecordError::unwritable(path)(source)),
            SutError::Cancelled => Self::Interrupted,
            error => Self::Sut(error),
        }
    }
}

impl ExperimentError {
    /// Returns the error and its causes as one text, as [`with_causes`].
    #[must_use]
    pub fn with_causes(&self) -> String {
        with_causes(self)
    }
}

/// Returns the message for a user who took the service at `address` for one of another protocol.
fn other_protocol(address: &str, replies: u32, speaks: Protocol) -> String {
    match speaks {
        Protocol::Echo => format!(
            "{address} answers, but is not Fathom's service: it sends requests back unchanged \
             ({replies} of {replies} replies); measure it as a plain echo with `--protocol echo`"
        ),
        Protocol::Stamp | Protocol::TwampLight => format!(
            "{address} is a STAMP reflector ({replies} of {replies} replies): give `--protocol stamp`"
        ),
        Protocol::Fathom => format!(
            "{address} is Fathom's service and no plain echo ({replies} of {replies} replies have its \
             times): leave out `--protocol echo`"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_is_named_once() {
        let error = ExperimentError::from(RecordError::Unwritable {
            path: "/results".into(),
            source: io::Error::other("read-only"),
        });
        let text = error.with_causes();
        assert!(text.starts_with("can't write /results; "), "{text}");
        assert!(text.ends_with(": read-only"), "{text}");
        assert_eq!(text.matches("can't write").count(), 1);
    }

    /// The report has the reasons: in the message they would stand a second time.
    #[test]
    fn the_message_of_an_invalid_measurement_repeats_no_reason() {
        let reasons = vec!["a".to_owned(), "b".to_owned()];
        let invalid = ExperimentError::Invalid { reasons };
        assert!(!invalid.to_string().contains("a; b"), "{invalid}");
    }
}
