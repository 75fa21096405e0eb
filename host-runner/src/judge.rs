//! Judgements of results that exist. Knows records and statistics; measures nothing and prints nothing.
//!
//! - [`fingerprint`]: fields in which two results must agree to be held against each other;
//! - [`objectives`]: limits that a result is held against, from a file or the command line.
#![forbid(unsafe_code)]

pub mod fingerprint;
pub mod objectives;
