//! The error that leaves no network device to serve on. No unsafe code.
#![forbid(unsafe_code)]

use super::driver::SetupError;
use super::inventory::{ChoiceError, Location};
use super::mmio::MalformedWord;
use super::registers::RegisterProblem;

/// Reason that there is no network device to serve on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NicError {
    /// None of the machine's is the one.
    #[error("{0}")]
    Choice(#[from] ChoiceError),
    /// The command line does not say where a device is, but seems to.
    #[error("{0}")]
    Word(#[from] MalformedWord),
    /// The device's registers cannot be used.
    #[error("network device at {at}: {problem}")]
    Registers {
        /// Location of the device.
        at: Location,
        /// The cause.
        #[source]
        problem: RegisterProblem,
    },
    /// The device was found, but does not work with this driver.
    #[error("network device at {at}: {problem}")]
    Setup {
        /// Location of the device.
        at: Location,
        /// The cause.
        #[source]
        problem: SetupError,
    },
}
