//! Changes the arguments of an image that is there already.
//!
//! The new image is written beside the old one and takes its name: until then nothing has changed, and a
//! machine that runs from the old one keeps it. Only the configuration file's cluster and length differ
//! between the two disks.

use std::io;
use std::path::Path;

use super::contents::{self, DiskImage, Format, not_ours};
use super::{ImageError, qcow2};
use crate::files::NamedFile;

/// Writes `config` as the configuration file of the disk image at `path`.
///
/// # Errors
///
/// [`ImageError`] if it is no disk image of Fathom's or can't be written; then nothing has changed.
pub fn set(path: &Path, config: &[u8]) -> Result<(), ImageError> {
    let (format, bytes) = contents::read(path)?;
    if matches!(format, Format::Elf | Format::Efi) {
        let path = path.to_owned();
        return Err(ImageError::NoConfig { path });
    }
    let changed = changed(format, bytes, config).map_err(|error| not_ours(path, &error))?;
    let unwritable = ImageError::unwritable(path);
    let file = NamedFile::prepare(path).map_err(&unwritable)?;
    file.write(&changed).map_err(&unwritable)
}

/// Returns the image with `config` in it.
fn changed(format: Format, bytes: Vec<u8>, config: &[u8]) -> io::Result<Vec<u8>> {
    let mut image = DiskImage::open(format, &bytes)?;
    image
        .volume
        .replace(&mut image.disk, &image.config, config)?;
    let mut changed = Vec::with_capacity(bytes.len());
    match format {
        Format::Qcow2 => qcow2::write(&image.disk, &mut changed)?,
        _ => image.disk.copy_to(0, image.disk.len(), &mut changed)?,
    }
    Ok(changed)
}

#[cfg(test)]
mod tests;
