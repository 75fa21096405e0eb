//! Sums of a continuous measurement as metrics, over HTTP, for Prometheus and what reads its formats.
//!
//! - [`buckets`]: classic and native buckets of a distribution;
//! - [`exposition`]: metrics as text (version 0.0.4) or protobuf;
//! - [`negotiation`]: which of the two a client takes;
//! - [`http_request`]: a request, bounded; [`http_server`]: connections, bounded.
//!
//! Knows [`crate::stats`], and not how anything is measured. No percentile is exported: those can't be added up, buckets can.
#![forbid(unsafe_code)]

pub mod buckets;
pub mod exposition;
pub mod http_request;
pub mod http_server;
pub mod negotiation;

pub use exposition::{Exposition, Label, LabelError};
pub use http_server::{Server, ServerError};
