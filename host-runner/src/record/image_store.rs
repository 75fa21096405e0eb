//! Images that were measured, kept beside the results under the digest of their bytes, so that they can be measured
//! again: `results/images/SHA256.elf`, each once, the newest [`KEPT`].

use std::fs;
use std::io;
use std::path::Path;
use std::time::SystemTime;

use super::Image;
use crate::digest;
use crate::files::{self, Directory};

/// Name of the directory beside the results.
pub const DIRECTORY: &str = "images";

/// Number of images that are kept; older ones are removed.
pub const KEPT: usize = 32;

/// Longest image that is kept, in bytes.
const IMAGE_BYTES: u64 = 16 << 20;

/// Ending of a kept image's name.
const ENDING: &str = ".elf";

/// Number of digits of a SHA-256 digest.
const DIGITS: usize = 64;

/// Least number of digits that name an image.
pub const DIGITS_MIN: usize = 6;

/// Keeps the image at `path` in the directory of images under `base`, which is made if it is not there, and removes
/// the oldest of more than [`KEPT`]. An image that is kept already counts as new.
///
/// # Errors
///
/// If the image can't be read or is longer than 16 MiB, or if nothing can be written under `base` or other users can
/// change what is there.
pub(super) fn keep(base: &Directory, path: &Path) -> io::Result<()> {
    let bytes = files::read(path, IMAGE_BYTES)?;
    match base.create_new(DIRECTORY) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let directory = Directory::open(&base.path().join(DIRECTORY))?;
    if let Some(how) = directory.exposure()? {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, how));
    }
    directory.replace(digest::sha256(&bytes) + ENDING, &bytes)?;
    for name in outdated(images(directory.path())?) {
        directory.remove(name);
    }
    Ok(())
}

/// Reads the kept image under `base` whose digest begins with `digits`.
///
/// # Errors
///
/// The reason in words: too few digits, or others than hexadecimal ones; no such image, or several; one whose bytes
/// have another digest than its name.
pub fn find(base: &Path, digits: &str) -> Result<Image, String> {
    let digits = digits.to_ascii_lowercase();
    let is_digest = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if !is_digest || !(DIGITS_MIN..=DIGITS).contains(&digits.len()) {
        return Err(format!(
            "an image is named by {DIGITS_MIN} to {DIGITS} hexadecimal digits"
        ));
    }
    let directory = base.join(DIRECTORY);
    let none = || format!("no image in {} has this digest", directory.display());
    let images = images(&directory).map_err(|_| none())?;
    let mut names =
        (images.into_iter().map(|(_, name)| name)).filter(|name| name.starts_with(&digits));
    let name = names.next().ok_or_else(none)?;
    if names.next().is_some() {
        return Err(format!(
            "several images in {} have a digest that begins so",
            directory.display()
        ));
    }
    let image = Image::read(&directory.join(&name)).map_err(|error| error.to_string())?;
    if image.sha256.clone() + ENDING != name {
        return Err(format!(
            "{} has been changed since it was kept",
            image.path.display()
        ));
    }
    Ok(image)
}

/// Returns the names of the images in `directory`, with the times at which they were last kept.
fn images(directory: &Path) -> io::Result<Vec<(SystemTime, String)>> {
    let mut images = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let kept_at = entry.metadata().and_then(|metadata| metadata.modified());
        if let (true, Ok(kept_at)) = (is_image(&name), kept_at) {
            images.push((kept_at, name));
        }
    }
    Ok(images)
}

/// Returns true for the names of kept images: what others put into the directory is not touched.
fn is_image(name: &str) -> bool {
    let digits = name.strip_suffix(ENDING).unwrap_or_default();
    let is_digit = |digit: u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
    digits.len() == DIGITS && digits.bytes().all(is_digit)
}

/// Returns the names of all but the newest [`KEPT`].
fn outdated(mut images: Vec<(SystemTime, String)>) -> Vec<String> {
    images.sort_by(|one, other| other.cmp(one));
    let outdated = images.into_iter().skip(KEPT);
    outdated.map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_image_is_kept_once_and_found_by_its_digest() {
        let scratch = tempfile::tempdir().unwrap();
        let base = Directory::open(scratch.path()).unwrap();
        let image = scratch.path().join("fathom.elf");
        let digests = ["one", "two", "one"].map(|content| {
            fs::write(&image, content).unwrap();
            keep(&base, &image).unwrap();
            digest::sha256(content.as_bytes())
        });
        let kept = scratch.path().join(DIRECTORY);
        assert_eq!(fs::read_dir(&kept).unwrap().count(), 2);
        for digest in &digests {
            let expected = kept.join(format!("{digest}.elf"));
            for digits in [
                digest.as_str(),
                &digest[..DIGITS_MIN],
                &digest.to_uppercase(),
            ] {
                let found = find(scratch.path(), digits).unwrap();
                assert_eq!((&found.path, &found.sha256), (&expected, digest));
            }
        }
        for (digits, complaint) in [
            ("123", "6 to 64"),
            ("../../etc", "6 to 64"),
            ("000000", "no image"),
        ] {
            let error = find(scratch.path(), digits).unwrap_err();
            assert!(error.contains(complaint), "{error}");
        }
        fs::write(kept.join(format!("{}.elf", digests[0])), "three").unwrap();
        let error = find(scratch.path(), &digests[0]).unwrap_err();
        assert!(error.contains("changed"), "{error}");
        assert!(find(&scratch.path().join("none"), &digests[0]).is_err());
    }

    #[test]
    fn the_newest_are_kept_and_nothing_else_is_touched() {
        let name = |number: usize| format!("{number:064x}.elf");
        let at = |number: usize| SystemTime::UNIX_EPOCH + Duration::from_secs(number as u64);
        let images: Vec<_> = (0..KEPT + 2).rev().map(|n| (at(n), name(n))).collect();
        assert_eq!(outdated(images), [name(1), name(0)]);
        assert_eq!(outdated(vec![(at(0), name(0))]), [""; 0]);

        let scratch = tempfile::tempdir().unwrap();
        let base = Directory::open(scratch.path()).unwrap();
        let kept = scratch.path().join(DIRECTORY);
        fs::create_dir(&kept).unwrap();
        fs::write(kept.join("mine.elf"), "mine").unwrap();
        let image = scratch.path().join("fathom.elf");
        for number in 0..KEPT + 3 {
            fs::write(&image, number.to_string()).unwrap();
            keep(&base, &image).unwrap();
        }
        assert_eq!(fs::read_dir(&kept).unwrap().count(), KEPT + 1);
        assert!(kept.join("mine.elf").exists());
        let last = digest::sha256((KEPT + 2).to_string().as_bytes());
        assert!(find(scratch.path(), &last).is_ok());
    }

    #[test]
    fn a_directory_that_others_can_change_keeps_nothing() {
        use std::os::unix::fs::PermissionsExt as _;

        let scratch = tempfile::tempdir().unwrap();
        let kept = scratch.path().join(DIRECTORY);
        fs::create_dir(&kept).unwrap();
        fs::set_permissions(&kept, fs::Permissions::from_mode(0o777)).unwrap();
        let image = scratch.path().join("fathom.elf");
        fs::write(&image, "image").unwrap();
        let base = Directory::open(scratch.path()).unwrap();
        let error = keep(&base, &image).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(fs::read_dir(&kept).unwrap().count(), 0);
    }
}
