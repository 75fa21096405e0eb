//! Ctrl-C: the first sets a flag that every loop looks at, the second ends the program at once.
//! The kernel ends QEMU with the program, however that ends.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use super::CliError;

/// What the program exits with on the second Ctrl-C.
const EXIT_CODE: i32 = 1;

/// Whether the user wants an end of it.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Watches for SIGINT and SIGTERM from now on.
    ///
    /// # Errors
    ///
    /// [`CliError::Setup`] if the system refuses.
    pub fn watch() -> Result<Self, CliError> {
        let flag = Arc::new(AtomicBool::new(false));
        watch(&flag).map_err(|source| CliError::Setup {
            what: "the handling of Ctrl-C",
            source,
        })?;
        Ok(Self(flag))
    }

    /// Whether it came.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// The flag itself.
    #[must_use]
    pub fn flag(&self) -> &AtomicBool {
        &self.0
    }
}

fn watch(interrupted: &Arc<AtomicBool>) -> io::Result<()> {
    for signal in [SIGINT, SIGTERM] {
        // In this order: the first signal finds the flag unset, and then sets it.
        flag::register_conditional_shutdown(signal, EXIT_CODE, Arc::clone(interrupted))?;
        flag::register(signal, Arc::clone(interrupted))?;
    }
    Ok(())
}
