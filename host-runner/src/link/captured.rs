//! An Ethernet of which every frame is also written to a capture file, if one is wanted.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::ethernet::Frames;
use super::{LinkError, Received, Sent, pcap};
use crate::files::Destination;

/// A capture file that is being written.
#[derive(Debug)]
pub struct Capture {
    path: PathBuf,
    writer: pcap::Writer<BufWriter<File>>,
}

impl Capture {
    /// Starts a capture; a file that exists is replaced.
    ///
    /// # Errors
    ///
    /// [`LinkError::Capture`] if the file can't be made, or its header can't be written.
    pub fn create(path: &Path) -> Result<Self, LinkError> {
        let path = path.to_owned();
        let file = Destination::from(&path).create();
        match file.and_then(|file| pcap::Writer::new(BufWriter::new(file))) {
            Ok(writer) => Ok(Self { path, writer }),
            Err(source) => Err(LinkError::Capture { path, source }),
        }
    }

    fn record(&mut self, frame: &[u8]) -> Result<(), LinkError> {
        // A clock set before 1970 gives captures of 1970.
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        self.writer
            .frame(now.unwrap_or_default(), frame)
            .map_err(|source| LinkError::Capture {
                path: self.path.clone(),
                source,
            })
    }
}

/// `inner`, captured.
#[derive(Debug)]
pub struct Captured<F> {
    inner: F,
    capture: Option<Capture>,
}

impl<F> Captured<F> {
    /// Captures what passes through `inner`, if there is a capture to write.
    pub const fn new(inner: F, capture: Option<Capture>) -> Self {
        Self { inner, capture }
    }

    fn record(&mut self, frame: &[u8]) -> Result<(), LinkError> {
        match &mut self.capture {
            None => Ok(()),
            Some(capture) => capture.record(frame),
        }
    }
}

impl<F: Frames> Frames for Captured<F> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn send(&mut self, frame: &[u8]) -> Result<Sent, LinkError> {
        let sent = self.inner.send(frame)?;
        // What is refused is not on the wire, and comes here again.
        if sent == Sent::Out {
            self.record(frame)?;
        }
        Ok(sent)
    }

    fn receive(
        &mut self,
        frame: &mut [u8],
        deadline_ns: u64,
    ) -> Result<Option<Received>, LinkError> {
        let received = self.inner.receive(frame, deadline_ns)?;
        if let Some(Received { len, .. }) = received {
            self.record(&frame[..len])?;
        }
        Ok(received)
    }

    fn signals(&self) -> Option<super::Signals> {
        self.inner.signals()
    }

    fn clock_was_read(&mut self, at_ns: u64) {
        self.inner.clock_was_read(at_ns);
    }

    fn take_gaps(&mut self) -> Option<super::Gaps> {
        self.inner.take_gaps()
    }

    fn drop_waiting(&mut self) -> u64 {
        self.inner.drop_waiting()
    }

    fn take_too_long(&mut self) -> u64 {
        self.inner.take_too_long()
    }

    fn capacity(&self) -> Option<u64> {
        self.inner.capacity()
    }

    fn is_polled(&self) -> bool {
        self.inner.is_polled()
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame::MAX_FRAME;
    use super::super::unix::FrameSocket;
    use super::*;

    #[test]
    fn both_directions_are_captured() {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("link.pcap");
        let (frames, theirs) = FrameSocket::pair(crate::link::Mtu::ETHERNET).unwrap();
        let mut frames = Captured::new(frames, Some(Capture::create(&path).unwrap()));
        frames.send(&[1; 60]).unwrap();
        rustix::net::send(&theirs, &[2; 90], rustix::net::SendFlags::empty()).unwrap();
        frames.receive(&mut [0; MAX_FRAME], 0).unwrap().unwrap();
        drop(frames);
        let capture = std::fs::read(path).unwrap();
        assert_eq!(capture.len(), 24 + 16 + 60 + 16 + 90);
        assert_eq!(capture[40..100], [1; 60]);
        assert_eq!(capture[116..], [2; 90]);
    }
}
