//! Other activity on this host: other processes, and other measurements.
//!
//! - [`process`]: what `/proc` says of a process;
//! - [`lock`]: one measurement at a time.
#![forbid(unsafe_code)]

pub mod lock;
pub mod process;
