//! One QEMU at a time: two polled guests would only slow each other down. The tests of a program take
//! turns; of the programs that measure, `make test` runs one at a time, and cargo one of all.
#![forbid(unsafe_code)]

use std::sync::{Mutex, MutexGuard, PoisonError};

static QEMU: Mutex<()> = Mutex::new(());

/// The right to run QEMU, until it is dropped.
#[derive(Debug)]
pub struct QemuLock {
    _guard: MutexGuard<'static, ()>,
}

/// Waits until no other test of this program runs QEMU.
#[must_use]
pub fn lock_qemu() -> QemuLock {
    // The guarded value is nothing, so a test that failed while holding it broke nothing.
    QemuLock {
        _guard: QEMU.lock().unwrap_or_else(PoisonError::into_inner),
    }
}
