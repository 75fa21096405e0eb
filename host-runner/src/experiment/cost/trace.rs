//! Doorbells and interrupts as QEMU sees them, by two of its trace points: `virtio_queue_notify` for
//! each doorbell, and `virtio_notify` for each interrupt.
//!
//! The interrupt controllers' statistics (`info irq`) would not do: they know nothing of interrupts
//! by message. A vhost-user device is not QEMU's, and shows nothing here.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::link::Signals;

/// What QEMU calls them.
const DOORBELL: &str = "virtio_queue_notify";
const INTERRUPT: &str = "virtio_notify";

/// QEMU's arguments that have it write both to the file `path`.
#[must_use]
pub fn arguments(path: &Path) -> Vec<OsString> {
    let events = format!("trace:{DOORBELL},trace:{INTERRUPT}");
    vec!["-D".into(), path.into(), "-d".into(), events.into()]
}

/// What QEMU has written so far.
#[derive(Debug)]
pub struct Trace {
    path: PathBuf,
    file: Option<File>,
    /// The beginning of a line whose end is not there yet.
    partial: Vec<u8>,
    seen: Signals,
}

impl Trace {
    /// The trace in the file `path`, of which nothing is read yet.
    #[must_use]
    pub const fn at(path: PathBuf) -> Self {
        Self {
            path,
            file: None,
            partial: Vec::new(),
            seen: Signals {
                doorbells: 0,
                interrupts: 0,
            },
        }
    }

    /// Everything that QEMU has seen so far.
    ///
    /// # Errors
    ///
    /// What the system says if the file can't be read.
    pub fn read(&mut self) -> io::Result<Signals> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(File::open(&self.path)?),
        };
        file.read_to_end(&mut self.partial)?;
        let whole = self.partial.iter().rposition(|&byte| byte == b'\n');
        let rest = self.partial.split_off(whole.map_or(0, |end| end + 1));
        for line in String::from_utf8_lossy(&self.partial).lines() {
            self.seen.doorbells += u64::from(line.contains(DOORBELL));
            self.seen.interrupts += u64::from(line.contains(INTERRUPT));
        }
        self.partial = rest;
        Ok(self.seen)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn lines_are_counted_once_each_and_when_they_are_whole() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let mut trace = Trace::at(file.path().to_owned());
        let mut count = |text: &str| {
            file.write_all(text.as_bytes()).unwrap();
            let Signals {
                doorbells,
                interrupts,
            } = trace.read().unwrap();
            (doorbells, interrupts)
        };
        assert_eq!(count(""), (0, 0));
        assert_eq!(
            count("virtio_queue_notify vdev 0x1 n 1 vq 0x2\nvirt"),
            (1, 0)
        );
        assert_eq!(count("io_notify vdev 0x1 vq 0x2"), (1, 0));
        assert_eq!(count("\nvirtio_notify vdev 0x1 vq 0x2\n"), (1, 2));
    }

    #[test]
    fn a_trace_that_is_not_there_is_an_error() {
        assert!(Trace::at("/nonexistent/trace".into()).read().is_err());
    }
}
