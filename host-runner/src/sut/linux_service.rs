//! The service on Linux, `fathom-responder`, wherever it runs: in a guest or as a process on this host.

use std::path::{Path, PathBuf};

use wire::mode::NotAMode;

use super::{Responder, SystemSpec};

/// The program's name among built things.
pub(super) const RESPONDER: &str = "fathom-responder";

/// The mode that bypasses the kernel's stack, where it can't.
pub(super) const AF_XDP_NEEDS_A_WIRE: &str =
    "af_xdp takes frames from one end of a wire: use `--target linux-host --link tap`";

/// Returns the path of the program under `built`, the directory of built things.
#[must_use]
pub fn program(built: &Path) -> PathBuf {
    built.join(RESPONDER)
}

/// Returns the mode of the service on Linux that is called `name`.
pub(super) fn responder_named(name: &str) -> Result<Responder, String> {
    let mode = name.parse().map_err(|error: NotAMode| error.to_string())?;
    Ok(Responder::Linux(mode))
}

/// Returns the problem with options for Linux of a system that has none; `None` if there are no such options.
pub(super) fn problem_without_linux(spec: &SystemSpec) -> Option<&'static str> {
    let has_options = spec.linux.kernel.is_some() || spec.linux.modules.is_some();
    has_options.then_some(NO_LINUX)
}

/// Problem with options for Linux where there is none.
pub(super) const NO_LINUX: &str = "this target has no Linux: use `--responder`, `--kernel` and `--modules` with a target that has one";
