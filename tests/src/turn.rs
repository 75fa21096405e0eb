//! One QEMU at a time: two polled guests would only slow each other down. The tests of a program take
//! turns; of the programs that measure, `make test` runs one at a time, and cargo one of all.
#![forbid(unsafe_code)]

use std::sync::{Mutex, MutexGuard, PoisonError};

static QEMU: Mutex<()> = Mutex::new(());

/// The right to run QEMU, until it is dropped.
#[derive(Debug)]
pub struct Turn {
    _guard: MutexGuard<'static, ()>,
}

/// Waits for this test's turn.
#[must_use]
pub fn turn() -> Turn {
    // The guarded value is nothing, so a test that failed while holding it broke nothing.
    Turn {
        _guard: QEMU.lock().unwrap_or_else(PoisonError::into_inner),
    }
}
