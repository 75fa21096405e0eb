//! A look inside a guest: what an echo costs it, counted and not timed.
//!
//! - [`echo_client`]: requests one by one, and what the guest's clock says of each;
//! - [`instructions`]: how many instructions an echo takes;
//! - [`notifications`]: how often guest and device wake each other for one that is alone;
//! - [`trace`]: the same as QEMU sees it, on links where only it does.
//!
//! Nothing here boots anything: a look is taken over the link to a guest that was booted for it, with
//! what [`instructions`] or [`trace`] adds to QEMU's command line.
#![forbid(unsafe_code)]

use crate::link::LinkError;

pub mod echo_client;
pub mod instructions;
pub mod notifications;
pub mod trace;

pub use echo_client::Asker;
pub use notifications::{PerEcho, Witness};

/// Why a look showed nothing.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// The link failed.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The service did not answer, or too slowly.
    #[error("the guest has not answered enough requests within the time for it")]
    OutOfTime,
    /// The caller gave up.
    #[error("cancelled")]
    Cancelled,
    /// The guest's clock does not go forward.
    #[error("the guest's time stamps are not in order")]
    Disorder,
    /// The link does not see who wakes whom.
    #[error("this link sees no doorbells")]
    Blind,
    /// What QEMU traces can't be read.
    #[error("QEMU's trace can't be read")]
    Trace(#[source] std::io::Error),
    /// Doorbells and interrupts go on without an end, with nothing to answer.
    #[error("the guest does not come to rest")]
    Restless,
}
