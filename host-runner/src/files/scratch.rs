//! Directories for what only one run of the program needs.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;

use tempfile::{Builder, TempDir};

/// Makes a directory that only this user can enter, whatever the umask; it goes when it is dropped.
///
/// # Errors
///
/// If there is no room for it, or the temporary folder can't be written to.
pub fn scratch() -> io::Result<TempDir> {
    Builder::new()
        .prefix("fathom-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_else_can_enter() {
        let mode = scratch().unwrap().path().metadata().unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o700);
    }
}
