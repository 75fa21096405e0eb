//! A file of results is there as a whole or not at all: what stood there before stays until the new
//! content is written, and a full disk leaves no half of it behind.

use std::fs;
use std::path::Path;

use super::ReportError;

/// Writes `content` to `path`.
///
/// # Errors
///
/// [`ReportError::Unwritable`] or [`ReportError::Full`].
pub fn write(path: &Path, content: &[u8]) -> Result<(), ReportError> {
    let is_special = |path: &Path| fs::metadata(path).is_ok_and(|it| !it.is_file());
    if is_special(path) {
        // A pipe or a device: nothing can take its place.
        return fs::write(path, content).map_err(ReportError::unwritable(path));
    }
    // Where a link leads, so that it goes on leading there.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let new = target.with_file_name(format!(".{name}-{}", std::process::id()));
    let written = fs::write(&new, content).and_then(|()| fs::rename(&new, &target));
    if written.is_err() {
        // Half a file helps nobody, and may be what fills the disk.
        let _ = fs::remove_file(&new);
    }
    written.map_err(ReportError::unwritable(path))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn takes_the_place_of_what_was_there_and_leaves_nothing_beside_it() {
        let place = tempfile::tempdir().unwrap();
        let (file, link) = (place.path().join("a.json"), place.path().join("link"));
        symlink("a.json", &link).unwrap();
        for (path, content) in [(&file, "first"), (&file, "second"), (&link, "third")] {
            write(path, content.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), content);
        }
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 2);
    }

    #[test]
    fn what_fails_changes_nothing() {
        let place = tempfile::tempdir().unwrap();
        // A directory stands where the file is to be.
        fs::create_dir(place.path().join("file")).unwrap();
        assert!(write(&place.path().join("file"), b"new").is_err());
        assert!(write(&place.path().join("none/file"), b"new").is_err());
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_full_device_is_named_with_what_to_do() {
        let error = write(Path::new("/dev/full"), b"new")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("/dev/full") && error.contains("room"),
            "{error}"
        );
    }
}
