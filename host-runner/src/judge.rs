//! Judgements of results that exist. Knows records and statistics; measures nothing and prints nothing.
//!
//! - [`fingerprints`]: fields in which two results must agree to be held against each other;
//! - [`diff`](mod@diff): differences between two results, by what is counted and by latency;
//! - [`history`]: changes over many results, and what else changed there;
//! - [`objectives`]: limits that a result is held against, from a file or the command line.
#![forbid(unsafe_code)]

pub mod diff;
pub mod fingerprints;
pub mod history;
pub mod objectives;
