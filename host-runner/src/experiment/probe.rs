//! A service that is already running, wherever it runs.
//!
//! - [`endpoint`]: addresses of the service and of its client;
//! - [`contact`]: the protocol that the service speaks;
//! - [`status_query`]: what the service reports of itself.

pub mod contact;
pub mod endpoint;
pub mod status_query;
