//! Common parts of the tests of hostile input: results to be spoilt, a reader with little memory, and
//! what holds of all that is printed.
#![forbid(unsafe_code)]

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::fathom::{Call, Outcome};
use crate::qemu_lock::QemuLock;

/// Memory limit of a reader of hostile results, in KiB of address space.
const MEMORY_KIB: u32 = 256 << 10;

/// The log of the run in [`results`].
pub const LOG: &str = "null-unix-closed.hlog";

/// A directory with results of a short measurement that needs no guest.
///
/// # Panics
///
/// If it is not as it should be.
#[must_use]
pub fn results(lock: &QemuLock) -> TempDir {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let outcome = Call::new("run --target null --link unix --count 200 --warmup 0s --timeout 20s")
        .with("--out", dir.path())
        .finish(lock);
    let _ = outcome.completed(dir.path());
    assert!(dir.path().join(LOG).exists(), "{outcome:#?}");
    dir
}

/// Returns the `result.json` in `directory`.
///
/// # Panics
///
/// If it can't be read.
#[must_use]
pub fn read(directory: &Path) -> Value {
    let bytes = fs::read(directory.join("result.json")).expect("it is there");
    serde_json::from_slice(&bytes).expect("it is JSON")
}

/// Writes `result` as the `result.json` in `directory`.
///
/// # Panics
///
/// If it can't be written.
pub fn write(directory: &Path, result: &Value) {
    fs::write(directory.join("result.json"), result.to_string()).expect("it is our directory");
}

/// `fathom report` of `directory`, with little memory.
///
/// # Panics
///
/// If it is not as it should be.
#[must_use]
pub fn report(lock: &QemuLock, directory: &Path) -> Outcome {
    let limit = format!("ulimit -v {MEMORY_KIB}; exec \"$@\"");
    let call = Call::new("report").with_argument(directory);
    let outcome = call.wrapped_in(&["sh", "-c", &limit, "sh"]).finish(lock);
    assert!(
        !outcome.stderr.contains("panicked") && outcome.code.is_some(),
        "{outcome:#?}"
    );
    is_harmless(&outcome);
    outcome
}

/// Asserts that a terminal obeys nothing that was printed.
///
/// # Panics
///
/// If it is not as it should be.
pub fn is_harmless(outcome: &Outcome) {
    for text in [&outcome.stdout, &outcome.stderr] {
        let active = |character: char| character.is_control() && !"\n\t".contains(character);
        assert!(!text.contains(active), "{text:?}");
    }
}
