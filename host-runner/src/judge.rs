//! Judgements of results that exist. Knows records and statistics; measures nothing and prints nothing.
//!
//! - [`fingerprint`]: fields in which two results must agree to be held against each other.
#![forbid(unsafe_code)]

pub mod fingerprint;
