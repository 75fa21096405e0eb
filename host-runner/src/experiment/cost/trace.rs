//! Doorbells and interrupts as QEMU traces them, by two of its trace points: `virtio_queue_notify` for
//! each doorbell, and `virtio_notify` for each interrupt.
//!
//! The statistics of the interrupt controllers (`info irq`) are no substitute: they do not count
//! message-signalled interrupts. QEMU does not implement a vhost-user device, and traces nothing of one.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::link::Signals;

/// QEMU's names of the trace points.
const DOORBELL: &str = "virtio_queue_notify";
const INTERRUPT: &str = "virtio_notify";

/// Returns QEMU's arguments that have it write both trace points to the file `path`.
#[must_use]
pub fn arguments(path: &Path) -> Vec<OsString> {
    let events = format!("trace:{DOORBELL},trace:{INTERRUPT}");
    vec!["-D".into(), path.into(), "-d".into(), events.into()]
}

/// Reader of a trace that QEMU is still writing.
#[derive(Debug)]
pub struct Trace {
    path: PathBuf,
    file: Option<File>,
    /// Beginning of a line whose end QEMU has not written yet.
    partial: Vec<u8>,
    seen: Signals,
}

impl Trace {
    /// Returns a reader of the file `path`, which is opened by the first [`Self::read`].
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

    /// Reads what QEMU has written since the last call, and returns the counts since QEMU's start.
    ///
    /// # Errors
    ///
    /// The error of opening or reading the file.
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
    fn each_line_is_counted_once_and_when_it_is_complete() {
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
    fn a_missing_trace_is_an_error() {
        assert!(Trace::at("/nonexistent/trace".into()).read().is_err());
    }
}
