//! Locking this process's memory: what is locked is there before it is touched, and stays (mlockall(2)).

use std::io;

use rustix::mm::{MlockAllFlags, mlockall};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rights;
use super::tree::Tree;

/// The memory of a measurement that is locked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Locked {
    /// True if the guest's memory is locked; null if there is no guest.
    pub guest: Option<bool>,
    /// True if this program's memory is locked: rings, histograms, stacks.
    pub instrument: bool,
    /// Reason why one of them is not.
    pub obstacle: Option<String>,
}

impl Locked {
    /// Returns what is locked, where `guest` and `instrument` have the reasons why not.
    #[must_use]
    pub fn new(guest: Option<Result<(), String>>, instrument: Result<(), String>) -> Self {
        Self {
            guest: guest.as_ref().map(Result::is_ok),
            instrument: instrument.is_ok(),
            obstacle: guest.and_then(Result::err).or(instrument.err()),
        }
    }
}

/// Locks all memory that this process has and will have.
///
/// Under a limit nothing is locked: every allocation beyond the limit would fail then.
///
/// # Errors
///
/// The reason why nothing is locked, in words.
pub fn lock_this_process() -> Result<(), String> {
    let status = rights::status(&Tree::default());
    let may = rights::has(status.as_deref(), rights::IPC_LOCK) == Some(true);
    if !may && rights::memory_lock_limit().is_some() {
        return Err(explained(&io::Error::from_raw_os_error(
            rustix::io::Errno::PERM.raw_os_error(),
        )));
    }
    mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE)
        .map_err(|error| explained(&error.into()))
}

/// Returns an error of locking memory with what to do.
#[must_use]
pub fn explained(error: &io::Error) -> String {
    let limit = rights::memory_lock_limit().map_or_else(
        || "there is no limit".to_owned(),
        |bytes| format!("the limit is {} KiB", bytes / 1024),
    );
    format!(
        "memory can't be locked: {error}; {limit}: run as root, give CAP_IPC_LOCK, or `ulimit -l \
         unlimited`"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_obstacle_is_reported() {
        let no = |why: &str| Err(why.to_owned());
        let locked = Locked::new(Some(no("guest")), no("instrument"));
        assert_eq!((locked.guest, locked.instrument), (Some(false), false));
        assert_eq!(locked.obstacle.as_deref(), Some("guest"));
        let locked = Locked::new(None, no("instrument"));
        assert_eq!(locked.guest, None);
        assert_eq!(locked.obstacle.as_deref(), Some("instrument"));
        assert_eq!(Locked::new(Some(Ok(())), Ok(())).obstacle, None);
    }

    #[test]
    fn an_error_says_what_to_do() {
        let error = explained(&io::Error::from_raw_os_error(11));
        assert!(error.contains("ulimit -l"), "{error}");
    }
}
