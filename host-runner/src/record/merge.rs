//! Addition of what several nodes measured: interval logs into one, exactly.
//!
//! Histograms of the same slots add up without loss, whoever recorded them; percentiles do not. A sum has the samples of
//! all nodes to the count, keeps those of each under its name, and is refused where it would be of different quantities:
//! another unit, timeout, load, protocol, target or method.
//!
//! Logs are read one entry at a time: memory grows with the number of nodes (some 100 KB each), not with the length of
//! their logs.
//!
//! - [`inputs`]: the logs that paths lead to, each with what it is of;
//! - `log_stream`: a log, entry by entry;
//! - `agreement`: whether two logs add up;
//! - `node_sum`: all logs of one node; `timeline`: all nodes over time;
//! - `summed_run`: the record of the sum; `combined_states`: states of its percentiles; `common_environment`: the hosts of
//!   all nodes.

use std::io;
use std::path::PathBuf;

use common_environment::common_environment;

use super::{ReadError, Record};

mod agreement;
mod combined_states;
mod common_environment;
pub mod inputs;
mod log_stream;
mod node_sum;
mod summed_run;
mod timeline;

pub use inputs::{Input, InputPath, check_outside, find};
pub use summed_run::{Sum, add_up};

/// Most nodes in one sum.
pub const MOST_NODES: usize = 500;

/// Reason why logs can't be added up.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// A file is missing, or not for us.
    #[error("can't read {}; name `.hlog` files, or directories that hold them", path.display())]
    Unreadable {
        /// Path of the file.
        path: PathBuf,
        /// Error of the system.
        #[source]
        source: io::Error,
    },
    /// A record beside a log can't be read.
    #[error(transparent)]
    Record(#[from] ReadError),
    /// A path leads to no log.
    #[error("{} holds no interval log", path.display())]
    Nothing {
        /// Path that was named.
        path: PathBuf,
    },
    /// A log is damaged, or says nothing that can be added.
    #[error("{}, line {line}: {problem}", path.display())]
    Log {
        /// Path of the log.
        path: PathBuf,
        /// Number of the line, from 1 on.
        line: u64,
        /// The problem.
        problem: String,
    },
    /// A log does not say what it is of.
    #[error("{}: field `{field}` is missing: {remedy}", path.display())]
    Undescribed {
        /// Path of the log.
        path: PathBuf,
        /// Name of the field.
        field: &'static str,
        /// Remedy.
        remedy: &'static str,
    },
    /// Two logs are of different quantities.
    #[error("these do not add up: field `{field}` is {value} in {}, and {first_value} in {}", path.display(), first.display())]
    Different {
        /// Path of the second.
        path: PathBuf,
        /// Name of the field.
        field: String,
        /// Value in the second.
        value: String,
        /// Path of the first.
        first: PathBuf,
        /// Value in the first.
        first_value: String,
    },
    /// A log and its record, or parts of a log, contradict each other.
    #[error("{} contradicts itself: {what}", path.display())]
    Contradiction {
        /// Path of the log.
        path: PathBuf,
        /// In what.
        what: String,
    },
    /// Paths can't be taken as they are.
    #[error("{}: {problem}", path.display())]
    Input {
        /// Path that was named, or found.
        path: PathBuf,
        /// The problem.
        problem: String,
    },
}

/// Returns the record of the `sums` of `groups`.
#[must_use]
pub fn record(groups: &[Vec<Input>], sums: Vec<Sum>) -> Record {
    let inputs: Vec<&Input> = groups.iter().flatten().collect();
    let methods = sums.first().and_then(|sum| sum.methods.clone());
    let runs = sums.into_iter().map(|sum| sum.run).collect();
    Record {
        methods,
        ..Record::new(common_environment(&inputs), runs)
    }
}

#[cfg(test)]
mod tests;
