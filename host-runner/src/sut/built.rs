//! Built things: images, kernels and programs of this project.

use std::path::{Path, PathBuf};

use super::SutError;
use crate::files::is_trusted;

/// Directory of built things, under the working directory.
const BUILT: &str = "target";

/// Directory in which an installation has what the program boots, beside the program's own.
const INSTALLED: &str = "share/fathom";

/// Returns the directory of built things that holds `name`: the one that this program itself was built or
/// installed in, else the one under the working directory, which may be anybody's: what is there is taken
/// only if nobody else can have put it there.
///
/// # Errors
///
/// [`SutError::Untrusted`] if another user can have put it there.
pub fn built(name: &str) -> Result<PathBuf, SutError> {
    let program = std::env::current_exe().ok();
    let parent = program
        .as_deref()
        .and_then(|program| program.parent()?.parent());
    built_in(parent, Path::new(BUILT), name)
}

/// Returns the path of the built file `name`, as [`built`] finds its directory.
///
/// # Errors
///
/// As [`built`].
pub fn built_file(name: &str) -> Result<PathBuf, SutError> {
    Ok(built(name)?.join(name))
}

/// Returns the first directory with `name` in it: `parent`, that of the directory which the program is in
/// (`target` of `target/release/fathom`), what is installed below it (`PREFIX/share/fathom` of
/// `PREFIX/bin/fathom`), and `here`.
fn built_in(parent: Option<&Path>, here: &Path, name: &str) -> Result<PathBuf, SutError> {
    let installed = parent.map(|parent| parent.join(INSTALLED));
    let mut ours = parent.into_iter().chain(installed.as_deref());
    if let Some(directory) = ours.find(|directory| directory.join(name).exists()) {
        return Ok(directory.to_owned());
    }
    let path = here.join(name);
    if path.exists() && !is_trusted(&path) {
        return Err(SutError::Untrusted { path });
    }
    // What is not there will be missed by its name.
    Ok(here.to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_working_directory_is_searched_last_and_must_be_writable_by_nobody_else() {
        let dir = tempfile::tempdir().unwrap();
        let (ours, here) = (dir.path().join("ours"), dir.path().join("here"));
        let installed = ours.join("share/fathom");
        for directory in [&installed, &here] {
            fs::create_dir_all(directory).unwrap();
            fs::write(directory.join("installed"), "").unwrap();
        }
        for directory in [&ours, &installed, &here] {
            fs::write(directory.join("both"), "").unwrap();
        }
        fs::write(here.join("only"), "").unwrap();
        let found = |name| built_in(Some(&ours), &here, name);
        assert_eq!(found("both").unwrap(), ours);
        assert_eq!(found("installed").unwrap(), installed);
        assert_eq!(found("only").unwrap(), here);
        assert_eq!(found("neither").unwrap(), here);
        fs::set_permissions(&here, Permissions::from_mode(0o777)).unwrap();
        assert_eq!(found("both").unwrap(), ours);
        let error = found("only").unwrap_err().to_string();
        assert!(error.contains("here/only"), "{error}");
    }
}
