//! A check of a run so far, on the measuring thread every few milliseconds and between two requests: nothing of it is on
//! the path of a request.
#![forbid(unsafe_code)]

use std::fmt;

use super::RunRecorder;
use crate::load::Tally;

/// A check of a run so far.
pub trait RunCheck: fmt::Debug + Send {
    /// Receives the counts at `at_ns`, in nanoseconds of the host's clock, and the distributions of exactly those
    /// requests. Has to be short: requests that come meanwhile wait.
    fn run_so_far(&mut self, at_ns: u64, tally: &Tally, recorder: &RunRecorder);
}
