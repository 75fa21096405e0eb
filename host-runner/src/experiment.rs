//! Experiments: measurements that are carried out by plain specifications.
//!
//! - [`cost`]: instructions, doorbells and interrupts per echo;
//! - [`probe`]: a service that is already running;
//! - [`progress`]: messages and progress, for whoever watches an experiment;
//! - [`Results`]: the destination of what one measures;
//! - [`Interrupt`]: the request to end one early;
//! - [`ExperimentError`]: the reason why one failed.
#![forbid(unsafe_code)]

pub mod cost;
mod error;
mod interrupt;
pub mod probe;
pub mod progress;
mod results;
mod spec;

pub use error::{ExperimentError, with_causes};
pub use interrupt::Interrupt;
#[cfg(test)]
pub use results::InDirectory;
pub use results::Results;
pub use spec::{HostSpec, RunSpec, Validity};
