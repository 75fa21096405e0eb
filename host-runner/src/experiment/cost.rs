//! The cost of an echo to a guest, counted and not timed.
//!
//! - [`echo_client`]: single requests, and the guest's own time of each reply;
//! - [`instructions`]: instructions per echo at full load;
//! - [`notifications`]: doorbells and interrupts per isolated echo;
//! - [`trace`]: the same as QEMU traces them, on links whose device is QEMU's;
//! - [`instrumented_guest`]: a boot in which an instrument counts; [`run_cost`]: the boots after one measurement.

use crate::link::LinkError;

pub mod echo_client;
pub mod instructions;
pub mod instrumented_guest;
pub mod notifications;
pub mod run_cost;
pub mod trace;

pub use echo_client::EchoClient;
pub use notifications::{NotificationSource, NotificationsPerEcho};

/// Reason why a cost could not be counted.
#[derive(Debug, thiserror::Error)]
pub enum CostError {
    /// The link failed.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The service did not answer, or too slowly.
    #[error("the guest has not answered enough requests within the time for it")]
    OutOfTime,
    /// The caller cancelled the count.
    #[error("cancelled")]
    Cancelled,
    /// A time stamp of the guest's is earlier than the one before it.
    #[error("the guest's time stamps are not in order")]
    ClockWentBackwards,
    /// The link counts neither doorbells nor interrupts.
    #[error("this link sees no doorbells")]
    NoCounters,
    /// QEMU's trace can't be read.
    #[error("QEMU's trace can't be read")]
    Trace(#[source] std::io::Error),
    /// Doorbells or interrupts went on although no request was in flight.
    #[error("the guest does not come to rest")]
    NotQuiescent,
}
