//! The request to end an experiment before its time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Caller;
use super::progress::Monitor;

/// A flag that ends an experiment once it is set, by a signal handler or by another thread. All clones share
/// the flag.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Returns the interrupt that is set with `flag`.
    #[must_use]
    pub const fn by(flag: Arc<AtomicBool>) -> Self {
        Self(flag)
    }

    /// Returns true once the flag is set.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Returns the caller of an experiment that this ends, with `monitor` for its messages and progress.
    #[must_use]
    pub fn caller_with<'a>(&'a self, monitor: &'a dyn Monitor) -> Caller<'a> {
        Caller {
            interrupt: self,
            monitor,
        }
    }

    /// Returns the flag.
    #[must_use]
    pub fn flag(&self) -> &AtomicBool {
        &self.0
    }
}
